# SPDX-License-Identifier: Apache-2.0
"""The same requests to a real API server and to ours: what they answer must be the same but for what differs by nature (uids, revisions,
times, names the server made). Used by tests/kubernetes/test_same_*.py."""
import contextlib
import copy
import json

import apiserver
import cluster
from apiserver import Failure, wait_for

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NATURE = ("uid", "resourceVersion", "creationTimestamp", "selfLink", "deletionTimestamp")


@contextlib.contextmanager
def here():
    """A real server (no controllers) and one of ours."""
    with cluster.Cluster(controllers=False) as real:
        ours = apiserver.Server()
        try:
            yield Both(real, ours)
        finally:
            ours.stop()


def serve(servers, kind):
    """The kind's definition, served by both."""
    for server in (servers.real, servers.ours):
        server.ok("POST", CRDS, kind.definition)
        wait_for("the kind", lambda server=server: server.get(kind.path).status == 200)
    # A real server makes up its mind about the schema of server-side apply a moment later.
    probe = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": "probe"}, "spec": {"text": "x"}}
    wait_for("server-side apply", lambda: servers.real.request("PATCH", f"{kind.path}/probe?fieldManager=p&dryRun=All", probe,
                                                              content_type="application/apply-patch+yaml").status in (200, 201))


def main(names):
    cluster.main(names, needs=here)


def owner(entry):
    return " ".join(entry.get(key, "") for key in ("manager", "operation", "apiVersion", "subresource")) + (" timed" if "time" in entry else "")


def without_times(entry):
    return {k: v for k, v in entry.items() if k != "time"}


def plain(value):
    """An answer without what differs by nature."""
    value = copy.deepcopy(value)
    walk(value)
    return value


def walk(value):
    if isinstance(value, list):
        for item in value:
            walk(item)
    if not isinstance(value, dict):
        return
    meta = value.get("metadata")
    if isinstance(meta, dict):
        for name in NATURE:
            meta.pop(name, None)
        if "managedFields" in meta:
            # The order says when each last wrote; two that wrote within one second may stand either way.
            # And a real one leaves entries of nothing behind, which count for nothing.
            meta["managedFields"] = {owner(e): without_times(e) for e in meta["managedFields"] if e.get("fieldsV1") != {}}
    if value.get("kind") == "Status" and value.get("reason") == "Invalid" and value["message"].startswith("the server rejected"):
        value["message"] = value["message"].partition(": JSON patch")[0]  # ours says which operation
        value.pop("details", None)
    details = value.get("details")
    if isinstance(details, dict) and value.get("kind") == "Status":
        details.pop("uid", None)
        details.pop("retryAfterSeconds", None)
        causes = details.get("causes")
        if causes:
            causes.sort(key=lambda c: (c.get("field", ""), c.get("message", ""), c.get("reason", "")))
            if len(causes) > 1:
                value["message"] = value["message"].partition(":")[0]
    for item in value.values():
        walk(item)


def differences(a, b, path=""):
    """Lines that say where two values differ."""
    if type(a) is not type(b) or not isinstance(a, (dict, list)):
        return [] if a == b and type(a) is type(b) else [f"{path}: real {json.dumps(a)[:600]}, ours {json.dumps(b)[:600]}"]
    found = []
    if isinstance(a, dict):
        for key in sorted(set(a) | set(b)):
            if key not in a:
                found.append(f"{path}.{key}: only ours: {json.dumps(b[key])[:400]}")
            elif key not in b:
                found.append(f"{path}.{key}: only real: {json.dumps(a[key])[:400]}")
            else:
                found += differences(a[key], b[key], f"{path}.{key}")
        return found
    if len(a) != len(b):
        return [f"{path}: real {json.dumps(a)[:600]}, ours {json.dumps(b)[:600]}"]
    for index, (x, y) in enumerate(zip(a, b)):
        found += differences(x, y, f"{path}[{index}]")
    return found


def warnings(reply):
    return sorted(reply.headers.get_all("Warning") or [])


class Both:
    def __init__(self, real, ours):
        self.real, self.ours = real, ours

    def ask(self, method, path, body=None, ignore=(), **more):
        """Sends it to both; Failure with all differences. ignore: paths (".spec.clusterIP") that may differ. Returns the real answer."""
        replies = [server.request(method, path, body, **more) for server in (self.real, self.ours)]
        found = compare(*replies, ignore)
        if found:
            text = json.dumps(body)[:700] if not isinstance(body, str) else body[:700]
            raise Failure(f"{method} {path} {more.get('content_type', '')} {text}: " + "; ".join(found[:12]))
        return replies[0]

    def ok(self, method, path, body=None, **more):
        reply = self.ask(method, path, body, **more)
        if reply.status not in (200, 201):
            raise Failure(f"{method} {path}: {reply.status} {reply.text[:500]}")
        return reply.json


def as_value(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def drop(value, names):
    """Leaves out fields of these names, and their ownership."""
    if isinstance(value, list):
        return [drop(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: drop(item, names) for key, item in value.items() if key.removeprefix("f:") not in names}


def compare(real, ours, ignore=(), dropped=()):
    found = []
    if real.status != ours.status:
        found.append(f"status: real {real.status} {real.text[:500]}, ours {ours.status} {ours.text[:500]}")
        return found
    found += differences(warnings(real), warnings(ours), "Warning")
    lines = differences(drop(plain(as_value(real.text)), dropped), drop(plain(as_value(ours.text)), dropped))
    return found + [line for line in lines if not any(line.startswith(path) for path in ignore)]
