#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same commands and the same requests to a real kube-apiserver and to `serin apiserver`: what comes back must be the same, but for what
is listed here with its reason. The commands are the rows of tests/support/kubectl_rows.py."""
import concurrent.futures
import difflib
import json
import os
import pathlib
import re
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
import kubectl_rows as rows  # noqa: E402
from apiserver import Failure, Server, check  # noqa: E402

LONG = bool(os.environ.get("SERIN_LONG"))

# (row or request, what of it: a pattern in the arguments or the path, why they differ)
OWN_WORDS = "explain's texts are our own, and kinds of one process per container have fewer fields"
UNFILLED = "fields that only a kubelet, a scheduler or kube-proxy would read are not filled in"
NO_ADDRESS = "a Service has no virtual address on one machine: the proxy's listeners stand for it"
DIFFERENCES = [
    ("create_workloads", r"^get deploy made -o json|--dry-run=server -o yaml", UNFILLED),
    ("get_forms", r"^get deploy web -o (json|yaml)$", UNFILLED),
    ("set_parts", r"^get deploy web -o json$", UNFILLED + "; serviceAccount is not kept as a copy of serviceAccountName"),
    ("replace", r"^get svc web -o json$", NO_ADDRESS),
    ("get_forms", r"^get (svc|all)$", NO_ADDRESS),
    ("get_tables", r"^get svc", NO_ADDRESS),
    ("describe", r"^describe svc web", NO_ADDRESS),
    ("create_jobs", r"^describe job j$", "Jobs are only stored: nobody gives them the labels by which a controller finds their Pods"),
    ("apply_dry_run_and_strict", r"^apply -f -$", "a strict patch that fails prints what would have come out; a real one prints a strategic patch in Go's notation"),
    ("create_from_files", r"^create -f -$", "the texts of a schema's faults are our own"),
    ("our_kinds", r"^patch rolloutaction", "the rule that actions do not change is our own, not CEL's"),
    ("patch", r"\"op\":\"test\"", "we also say which operation failed and what was found"),
    ("explain", r"^explain", OWN_WORDS),
    ("api_resources", r"^api-resources --namespaced=false|^api-resources$|^api-versions$|--api-group=apps", "we serve fewer kinds, and serin.dev"),
    ("cluster_info", r"^version", "another program"),
    ("get_selections", r"^get cm -l a in \($", "says where in the selector"),
    ("get_raw", r"^get --raw /api/v1/namespaces", "spec.finalizers of a namespace, which the server sets, is in managedFields"),
    ("describe", r"^describe pod p$", UNFILLED),
    ("events", r"^describe pod p$", UNFILLED),
    ("describe", r"^describe ns", "there are no LimitRanges"),
    ("auth", r"--list|whoami", "another user, and other roles"),
    *[("request", f"^{name}$", "texts of faults are our own where no client reads them") for name in (
        "another namespace", "another kind", "another version", "not JSON", "a bad label selector", "a bad continue", "a bad limit", "a bad revision",
        "a JSON patch without its path", "a malformed JSON patch", "an event without fields", "a secret that is not base64",
        "a deployment whose selector does not match", "delete of another uid", "a patch of an unknown type", "a bad Accept")],
    *[("request", f"^{name}$", "items of lists carry apiVersion and kind, as those of custom kinds do everywhere") for name in (
        "list by label", "a page", "a page without selector")],
    *[("request", "^a (page of a table|table .*)$", "descriptions of columns are our own")],
    ("request", "^a namespace$", "spec.finalizers of a namespace, which the server sets, is in managedFields"),
    ("request", "^a patch of another uid$", "the one cause is there once"),
    ("request", "^delete of many$", "items of lists carry apiVersion and kind, as those of custom kinds do everywhere"),
    ("request", "^no token$", "there are no anonymous users: 401"),
]


def normal(text, ns):
    """Without what differs from one run to the next: times, ages, identities, addresses, the order of map entries."""
    if text.startswith("{"):
        try:
            text = json.dumps(json.loads(text), indent=1, sort_keys=True)
        except ValueError:
            pass
    # What each manager owns is compared by the tests of server-side apply.
    text = re.sub(r'"\.": \{\},?\s*', "", text)
    for pattern, put in (
            (r"(?m)^Warning: .* are stored, but nothing in this server acts on them\n", ""),
            (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
            (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", "DATE"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000", "DATE"),
            (r"(Resource Version: *)\d+", r"\1RV"),
            (r"127\.0\.0\.1:\d+|10\.96\.\d+\.\d+", "ADDRESS"),
            (r"(resourceVersion\"?: *\"?)\d+", r"\1RV"),
            (r"(?<![\w.-])\d+[smhd](\d+[smh])?(?![\w-])", "AGE"),
            (r"(\"continue\": *\")[^\"]+", r"\1TOKEN"),
            (r"(, current: )\d+", r"\1RV"),
            (r"(/gen-)[a-z0-9]{5}", r"\1XXXXX"),
            (r"\x1b\[[0-9;]*m", ""),
            (r"/tmp/\S+", "FILE"),
            (r" +", " "), (r"(?m) $", "")):
        text = re.sub(pattern, put, text)
    return text


def play(server, kubeconfig, folder, path, minor, row, ours):
    ns = f"d{minor}-{row.name.replace('_', '-')}"
    server.ok("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}})
    kubectl = rows.Kubectl(server, kubeconfig, folder, path, minor, ns, ours)
    try:
        row.run(kubectl)
    except Failure as error:
        return kubectl, f"{'ours' if ours else 'real'}: {error}"
    except Exception:
        return kubectl, traceback.format_exc().replace("\n", " | ")
    return kubectl, None


class Pair:
    """Both servers, and what was found different."""

    def __init__(self, cluster):
        self.real, self.ours = cluster, Server()
        self.used = set()

    def excused(self, name, what):
        for number, (row, pattern, _) in enumerate(DIFFERENCES):
            if row == name and re.search(pattern, what):
                self.used.add(number)
                return True
        return False

    def compare(self, name, what, real, ours):
        if real == ours or self.excused(name, what):
            return []
        lines = [line for line in difflib.unified_diff(real.splitlines(), ours.splitlines(), "real", "ours", lineterm="", n=1)]
        return [f"{what}:\n    " + "\n    ".join(lines[2:60])]

    def row(self, row, path, minor):
        sides = [play(self.real, self.real.kubeconfig, self.real.folder, path, minor, row, False),
                 play(self.ours, self.ours.data / "kubeconfig", self.ours.data, path, minor, row, True)]
        faults = [why for _, why in sides if why]
        real, ours = (side[0] for side in sides)
        for (args, code, said), (_, other_code, other_said) in zip(real.said, ours.said):
            faults += self.compare(row.name, " ".join(args), f"exit {code}\n" + normal(said, real.ns), f"exit {other_code}\n" + normal(other_said, ours.ns))
        return faults


# What the server itself words or prints, so what may differ most; all rows with SERIN_LONG=1.
SHORT = ("apply_server_side", "create_from_files", "create_workloads", "delete", "describe", "events", "get_forms", "get_selections", "get_tables", "patch")


def pair_of(cluster, kept=[]):
    if not kept:
        kept.append(Pair(cluster))
    return kept[0]


def test_kubectl(cluster):
    pair = pair_of(cluster)
    found = rows.installed()
    minors = list(found) if LONG else list(found)[-1:]
    jobs = [(row, minor) for row in rows.ROWS for minor in minors if not row.acts and minor >= row.since and (LONG or row.name in SHORT)]
    failed = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for (row, minor), faults in zip(jobs, pool.map(lambda job: pair.row(job[0], found[job[1]], job[1]), jobs)):
            failed += [f"{row.name} with 1.{minor}: {fault}" for fault in faults]
    if LONG or len(sys.argv) < 2:
        failed += [f"listed as different, but the same: {DIFFERENCES[n][:2]}" for n in set(range(len(DIFFERENCES))) - pair.used if DIFFERENCES[n][0] in {job[0].name for job in jobs}]
    check(not failed, f"{len(failed)} differences\n" + "\n".join(failed))


TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
PARTIAL = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"}
PARTIAL_ONE = {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"}
MERGE, JSON_PATCH, STRATEGIC = (f"application/{kind}+json" for kind in ("merge-patch", "json-patch", "strategic-merge-patch"))
NS = "/api/v1/namespaces/raw"
CM = NS + "/configmaps"


def numbered(name, **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **more}, "data": {"a": "1"}}


REQUESTS = [  # (name, method, path, body, content type, headers)
    ("a namespace", "POST", "/api/v1/namespaces", {"metadata": {"name": "raw"}}),
    *[(f"object {i}", "POST", CM, numbered(f"c{i}", labels={"i": str(i)})) for i in range(5)],
    ("the same again", "POST", CM, numbered("c0")),
    ("no name", "POST", CM, {"metadata": {}}),
    ("a bad name", "POST", CM, numbered("Bad_Name")),
    ("another namespace", "POST", CM, numbered("x", namespace="other")),
    ("another kind", "POST", CM, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}),
    ("another version", "POST", CM, {"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "x"}}),
    ("a revision on create", "POST", CM, numbered("x", resourceVersion="7")),
    ("not JSON", "POST", CM, "{nonsense"),
    ("an unknown content type", "POST", CM, "x", "text/plain"),
    ("a namespace that is not there", "POST", "/api/v1/namespaces/nowhere/configmaps", numbered("x")),
    ("dryRun of nonsense", "POST", CM + "?dryRun=Some", numbered("x")),
    ("a dry run", "POST", CM + "?dryRun=All", numbered("dry")),
    ("not there after it", "GET", CM + "/dry"),
    ("get", "GET", CM + "/c0"),
    ("list by label", "GET", CM + "?labelSelector=i+in+(1,2)"),
    ("a page", "GET", CM + "?limit=2&labelSelector=i"),
    ("a page without selector", "GET", CM + "?limit=2"),
    ("a page of a table", "GET", CM + "?limit=2", None, None, TABLE),
    ("a table of one", "GET", CM + "/c0", None, None, TABLE),
    ("a table with objects", "GET", CM + "?includeObject=Object&labelSelector=i=1", None, None, TABLE),
    ("a table without objects", "GET", CM + "?includeObject=None&labelSelector=i=1", None, None, TABLE),
    ("metadata of a list", "GET", CM + "?labelSelector=i=1", None, None, PARTIAL),
    ("metadata of one", "GET", CM + "/c1", None, None, PARTIAL_ONE),
    ("a bad label selector", "GET", CM + "?labelSelector=a+in+("),
    ("a bad field selector", "GET", CM + "?fieldSelector=data.a=1"),
    ("a bad continue", "GET", CM + "?continue=nonsense"),
    ("a bad limit", "GET", CM + "?limit=many"),
    ("a revision in the future", "GET", CM + "?resourceVersion=999999999"),
    ("a bad revision", "GET", CM + "?resourceVersion=x"),
    ("a merge patch", "PATCH", CM + "/c0", {"data": {"a": "2", "b": None}}, MERGE),
    ("a merge patch of nothing", "PATCH", CM + "/c0", {"data": {"a": "2"}}, MERGE),
    ("a stale patch", "PATCH", CM + "/c0", {"metadata": {"resourceVersion": "1"}, "data": {"a": "3"}}, MERGE),
    ("a patch of another uid", "PATCH", CM + "/c0", {"metadata": {"uid": "00000000-0000-4000-8000-000000000000"}}, MERGE),
    ("a JSON patch", "PATCH", CM + "/c0", [{"op": "add", "path": "/data/x", "value": "y"}], JSON_PATCH),
    ("a JSON patch without its path", "PATCH", CM + "/c0", [{"op": "remove", "path": "/data/none"}], JSON_PATCH),
    ("a malformed JSON patch", "PATCH", CM + "/c0", {"op": "add"}, JSON_PATCH),
    ("a strategic patch", "PATCH", CM + "/c0", {"data": {"x": None}}, STRATEGIC),
    ("a patch of an unknown type", "PATCH", CM + "/c0", {}, "application/json"),
    ("a patch of what is not there", "PATCH", CM + "/none", {}, MERGE),
    ("force on a merge patch", "PATCH", CM + "/c0?force=true", {}, MERGE),
    ("a put without revision", "PUT", CM + "/c0", numbered("c0")),
    ("a put of another name", "PUT", CM + "/c0", numbered("c1")),
    ("a put of what is not there", "PUT", CM + "/none", numbered("none")),
    ("a stale put", "PUT", CM + "/c0", numbered("c0", resourceVersion="1")),
    ("apply without manager", "PATCH", CM + "/s", numbered("s"), "application/apply-patch+yaml"),
    ("apply", "PATCH", CM + "/s?fieldManager=a", numbered("s"), "application/apply-patch+yaml"),
    ("apply of another", "PATCH", CM + "/s?fieldManager=b", {**numbered("s"), "data": {"a": "9"}}, "application/apply-patch+yaml"),
    ("delete", "DELETE", CM + "/c4"),
    ("delete again", "DELETE", CM + "/c4"),
    ("delete of another uid", "DELETE", CM + "/c3", {"preconditions": {"uid": "00000000-0000-4000-8000-000000000000"}}),
    ("delete of many", "DELETE", CM + "?labelSelector=i=3"),
    ("an unknown path", "GET", "/nonsense"),
    ("an unknown kind", "GET", NS + "/nonsense"),
    ("an unknown group", "GET", "/apis/nonsense.dev/v1/things"),
    ("a method that is not allowed", "PUT", CM, numbered("x")),
    ("a kind without a namespace in its path", "POST", "/api/v1/configmaps", numbered("x")),
    ("an unknown subresource", "GET", CM + "/c0/nonsense"),
    ("a bad Accept", "GET", CM + "/c0", None, None, {"Accept": "text/nonsense"}),
    ("no token", "GET", CM, None, None, {"Authorization": ""}),
    ("a bad token", "GET", CM, None, None, {"Authorization": "Bearer nonsense"}),
    ("a deployment's scale", "GET", "/apis/apps/v1/namespaces/raw/deployments/none/scale"),
    ("an event without fields", "POST", NS + "/events", {"metadata": {"name": "e"}}),
    ("a secret of text", "POST", NS + "/secrets", {"metadata": {"name": "s"}, "stringData": {"a": "b"}}),
    ("a secret that is not base64", "POST", NS + "/secrets", {"metadata": {"name": "t"}, "data": {"a": "?"}}),
    ("a deployment whose selector does not match", "POST", "/apis/apps/v1/namespaces/raw/deployments",
     {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "c"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}),
    ("a lease", "POST", "/apis/coordination.k8s.io/v1/namespaces/raw/leases", {"metadata": {"name": "l"}, "spec": {"holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"}}),
    ("the group list's version", "GET", "/apis/apps"),
    ("a group that is not there", "GET", "/apis/nonsense.dev"),
]


def ask(server, method, path, body=None, content_type=None, headers=None):
    reply = server.request(method, path, body, content_type or "application/json", headers={"User-Agent": "diff/1", **(headers or {})}, token="Authorization" not in (headers or {}))
    return f"{reply.status} {reply.headers.get('Content-Type')}\n{normal(reply.text, 'raw')}"


def test_requests(cluster):
    pair = pair_of(cluster)
    failed = []
    for name, *request in REQUESTS:
        failed += pair.compare("request", name, ask(pair.real, *request), ask(pair.ours, *request))
    check(not failed, f"{len(failed)} differences\n" + "\n".join(failed))


if __name__ == "__main__":
    support.main(globals(), needs=lambda: support.Cluster(controllers=False), long={"test_kubectl"})
