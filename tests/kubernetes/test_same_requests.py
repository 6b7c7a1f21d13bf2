#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random requests, good and bad (tests/support/random_requests.py): the embedded API server and a real one answer with the same code, reason and words,
and store the same. SERIN_LONG=1: thousands; SERIN_SEED=N: one sequence of each kind, with that seed."""
import functools
import http.client
import json
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import both  # noqa: E402
import random_kinds  # noqa: E402
import random_requests  # noqa: E402
import random_status  # noqa: E402
import refusals  # noqa: E402
from apiserver import Failure  # noqa: E402

LONG = os.environ.get("SERIN_LONG") == "1"
SEED = os.environ.get("SERIN_SEED")
SEEDS = [int(SEED)] if SEED else range(1, 60 if LONG else 4)
LENGTH = 20
SHOWN = 12 # of the differences


def filled(request, server, name, kind):
    """The body for this server."""
    text = request.text()
    if text is None or "@" not in text:
        return text
    reply = server.get(f"{kind.path}/{name}")
    meta = reply.json["metadata"] if reply.status == 200 else {}
    for mark, key in (("@rv", "resourceVersion"), ("@uid", "uid"), ("@created", "creationTimestamp"), ("@managed", "managedFields")):
        text = text.replace(json.dumps(mark), json.dumps(meta.get(key)))
    return text


def causes(body):
    return sorted({(cause.get("field", ""), cause.get("reason", "")) for cause in (body.get("details") or {}).get("causes") or []})


# Words of a real server that are Go's, or its libraries': of these only the code, the reason and the causes are compared.
GO = re.compile(r"json: |must contain only alpha|must be no more than|hides previous definition|Invalid value: \{|Invalid value: 0: must be between|failed to convert|is unrecognized|in record \(|decoding|YAML|yaml|invalid character|unexpected end|is registered for|couldn't get version|unrecognized type|is invalid: patch:|already set in map|"
                r"cannot be handled as|strconv|does not match the expected|unable to find api field|map: map\[|failed to create typed patch object|Precondition failed: UID")
# And these are known: docs/api-server.md says why.
KNOWN = re.compile(r"list element types are not identical|no new finalizers|has no apiVersion field|request to convert CR to an invalid group/version: autoscaling|\\\"null\\\"|ipFamilyPolicy|clusterIPs|image: Required value")


def compare_refusals(kind, real, ours):
    a, b = both.as_value(real.text), both.as_value(ours.text)
    if not isinstance(a, dict) or not isinstance(b, dict):
        return both.differences(a, b)
    found = both.differences(a.get("reason"), b.get("reason"), "reason")
    options = a.get("message", "").startswith(("PatchOptions", "CreateOptions", "UpdateOptions")) # of several bad ones we name the first
    fewer = False
    if not kind.own_words and not options:
        fewer = set(causes(b)) and set(causes(b)) < set(causes(a)) # of several faults we may name fewer
        found += [] if fewer else both.differences(causes(a), causes(b), "causes")
    several = (a.get("details") or {}).get("causes") or []
    twice = len({json.dumps(cause, sort_keys=True) for cause in several}) < len(several) # by two parts of a real server
    if found or twice or fewer or options or kind.own_words or GO.search(a.get("message", "")):
        return found
    return both.differences(*({**both.plain(body), "details": None} for body in (a, b)))


def compare(kind, real, ours):
    if {real.status, ours.status} <= {400, 422} and re.search("is invalid: patch|must be specified for an update", real.text + ours.text):
        return [] # of several faults each may name another first
    if real.status != ours.status or real.status < 300:
        lines = both.compare(real, ours, kind.ignore, kind.dropped)
        return [line for line in lines if not (line.startswith("Warning") and GO.search(line))]
    return compare_refusals(kind, real, ours)


def known(kind, replies, stored):
    """What differs by the nature of the two, or where a real server is not to be followed: docs/api-server.md says why."""
    real, ours = replies
    if real.status >= 400 and KNOWN.search(real.text):
        return True
    if "omits all key fields" in ours.text: # a name has the default "" there, and is then refused for being empty
        return True
    if kind.own_words and ours.status == 422 and real.status < 300: # what is checked in C is checked better
        return True
    # A real server forgets all owners when the part that is not stored does not have the types of the schema.
    owners = [reply.json["metadata"].get("managedFields") for reply in stored if reply.status == 200]
    return len(owners) == 2 and not owners[0] and bool(owners[1])


def run(servers, kind, seed, found):
    name = f"{kind.plural}-q{seed}"
    steps = random_requests.sequence(seed, kind, LENGTH, name)
    next(steps)
    live, done = None, []
    while True:
        try:
            request = steps.send(live)
        except StopIteration:
            return
        done.append(str(request))
        replies = [server.request(request.method, request.url(), filled(request, server, name, kind), request.content_type, {"User-Agent": "agent/1"})
                   for server in (servers.real, servers.ours)]
        stored = [server.get(f"{kind.path}/{name}") for server in (servers.real, servers.ours)]
        if known(kind, replies, stored):
            return
        lines = compare(kind, *replies)
        apart = both.compare(*stored, kind.ignore, kind.dropped)
        if lines or apart:
            found.append(f"seed {seed}: " + "\n      ".join(done[-(2 if apart else 1):]) + "\n    " + "\n    ".join((lines + [f"stored {line}" for line in apart])[:6]))
        if apart:
            return
        live = stored[0].json if stored[0].status == 200 else None


def all_seeds(servers, kind):
    found = []
    for seed in SEEDS:
        try:
            run(servers, kind, seed, found)
        except (http.client.RemoteDisconnected, TimeoutError): # a real server does not live through everything
            pass
    if found:
        raise Failure(f"{len(found)} answers differ\n  " + "\n  ".join(found[:SHOWN]))


def test_custom_objects(servers):
    kind = random_kinds.Thing()
    both.serve(servers, kind)
    all_seeds(servers, kind)


def test_config_maps(servers):
    all_seeds(servers, random_kinds.ConfigMap())


def test_services(servers):
    all_seeds(servers, random_kinds.Service())


def test_deployments(servers):
    all_seeds(servers, random_kinds.Deployment())


def test_rollouts(servers):
    all_seeds(servers, random_kinds.Rollout())


def test_virtual_services(servers):
    all_seeds(servers, random_kinds.VirtualService())


# Kinds whose status is not judged as on a real server (docs/api-server.md), or whose objects are not to be had without a controller.
UNJUDGED = ("Job", "PersistentVolumeClaim", "Pod")


def test_statuses(servers):
    """Random statuses of Kubernetes' own kinds, by the schema that the real server shows: judged alike."""
    documents = functools.lru_cache(lambda path: servers.real.get(path).json)
    found, tried = [], 0
    for kind in refusals.load():
        api = kind.path.partition("/namespaces/")[0] if "/namespaces/" in kind.path else kind.path.rpartition("/")[0]
        group, _, version = api.removeprefix("/apis/").removeprefix("/api/").rpartition("/")
        schemas, schema = random_status.schema_of(documents, f"/openapi/v3{api}", (group, version, kind.name))
        if not schema or kind.name in UNJUDGED:
            continue
        path = kind.path.replace("/refusals/", "/default/")
        name = kind.base["metadata"]["name"]
        for server in (servers.real, servers.ours):
            server.need("POST", path, kind.base)
        for seed in range(1, 400 if LONG else 12):
            body = {"status": random_status.Status(schemas, schema, seed).value()}
            replies = [server.request("PATCH", f"{path}/{name}/status?fieldManager=m&dryRun=All", body, "application/merge-patch+json") for server in (servers.real, servers.ours)]
            real, ours = ((reply.status, *causes(reply.json)) for reply in replies)
            tried += 1
            if real != ours and (kind.name != "HorizontalPodAutoscaler" or "patch" not in replies[0].text): # its metrics are only kept
                found.append(f"{kind.name} {seed} {json.dumps(body)[:700]}\n    real {real}\n    ours {ours}")
    if found:
        raise Failure(f"{len(found)} of {tried} differ\n  " + "\n  ".join(found[:SHOWN]))


if __name__ == "__main__":
    both.main(globals())
