# SPDX-License-Identifier: Apache-2.0
"""What an API server refuses, case by case: tests/golden/apiserver/refusals.txt. Its answers are those of a real kube-apiserver
(tests/kubernetes/test_same_refusals.py compares them, and writes them anew with REFRESH=1); tests/integration/test_apiserver_refusals.py
asks the embedded server the same.

    # Deployment /apis/apps/v1/namespaces/refusals/deployments     a kind, and where its objects are made
    {...}                                                          one that is good
    -spec/replicas => 201                                          created without this field, as a dry run: the answer
    spec/replicas=-1 => 422 spec.replicas:FieldValueInvalid        with this value
    ~{"spec":{"replicas":-1}} => 422 ...                           a merge patch of the good one, after those before it
"""
import copy
import json
import os

from apiserver import ROOT, Failure

FILE = ROOT / "tests" / "golden" / "apiserver" / "refusals.txt"
MERGE = "application/merge-patch+json"
# What the embedded server is known to answer otherwise, and why.
NO_IMAGE = "what has no image is run by its command"
NO_WARNING = "advice that nothing here depends on"
TWICE = "where each Pod is on one machine, addresses are loopback ones"
OURS = {
    "Deployment -spec/template/spec/containers/0/image": NO_IMAGE,
    "Pod -spec/containers/0/image": NO_IMAGE,
    'Deployment metadata/name="a.b"': NO_WARNING,
    "Pod spec/imagePullSecrets=[{}]": NO_WARNING,
    'Service spec/externalName="a.b"': NO_WARNING,
    'Service ~{"spec":{"type":"NodePort"}}': NO_WARNING,
    'Service ~{"spec":{"sessionAffinity":"ClientIP"}}': NO_WARNING,
    'Service ~{"spec":{"clusterIP":"10.96.7.7"}}': "no addresses are given out, so none was there before",
    "Pod spec/terminationGracePeriodSeconds=-1": "refused rather than taken for 1",
    'Pod spec/serviceAccountName="A B"': "there need be no ServiceAccount, so that it is not looked for",
    'Pod ~{"spec":{"nodeName":"x"}}': "there is no binding: who runs it writes its node",
    'CronJob spec/timeZone="Nowhere/X"': "no database of time zones is at hand",
    "Lease spec/leaseDurationSeconds=0": "taken for none",
    'Lease spec/renewTime="2026-01-01T00:00:00Z"': "microseconds may be left out",
    'EndpointSlice endpoints=[{"addresses":["127.0.0.1"]}]': TWICE,
    'Endpoints subsets=[{"addresses":[{"ip":"127.0.0.1"}],"ports":[{"port":80}]}]': TWICE,
    f'Namespace metadata/name="{"a" * 64}"': "its label is not complained of, too",
    'Job ~{"spec":{"selector":{"matchLabels":{"x":"y"}}}}': "nobody gives Jobs a selector here",
}


class Kind:
    def __init__(self, name, path):
        self.name, self.path, self.base, self.lines = name, path, None, []


def load():
    kinds = []
    for line in FILE.read_text().splitlines():
        if line.startswith("# "):
            kinds.append(Kind(*line[2:].split()))
        elif line.startswith("{"):
            kinds[-1].base = json.loads(line)
        elif line:
            case, _, answer = line.partition(" => ")
            kinds[-1].lines.append((case, answer))
    return kinds


def changed(base, case):
    """The good one with one field removed or set."""
    body = copy.deepcopy(base)
    path, _, value = case.removeprefix("-").partition("=")
    *way, last = path.split("/")
    at = body
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
    last = int(last) if isinstance(at, list) else last
    if case.startswith("-"):
        del at[last]
    else:
        at[last] = long_text(json.loads(value))
    return body


def long_text(value):
    """"x*300000" stands for as many letters."""
    if isinstance(value, dict):
        return {key: long_text(item) for key, item in value.items()}
    if isinstance(value, str) and value.startswith("x*"):
        return "x" * int(value[2:])
    return value


def answer(reply):
    """The status, the fields of the causes with their reasons, and the warnings, in one line."""
    body = reply.json
    causes = {f"{c.get('field', '')}:{c.get('reason', '')}" for c in (body.get("details") or {}).get("causes", [])} if reply.status >= 300 else ()
    # Endpoints are deprecated as a whole; and ours says of some kinds that they are only kept.
    said = [w[6:] for w in reply.headers.get_all("Warning") or [] if "nothing in this server acts" not in w and "Endpoints is deprecated" not in w]
    return " ".join([str(reply.status), *sorted(causes), *sorted(said)])


def ask(server, kind):
    """[answer] to each line."""
    answers = []
    name = kind.base["metadata"]["name"]
    if any(case.startswith("~") for case, _ in kind.lines):
        reply = server.request("POST", kind.path, kind.base)
        if reply.status != 201:
            raise Failure(f"{kind.name}: {reply.text[:300]}")
    for case, _ in kind.lines:
        if case.startswith("~"):
            reply = server.request("PATCH", f"{kind.path}/{name}", case[1:], content_type=MERGE)
        else:
            body = changed(kind.base, case)
            if isinstance(body.get("metadata", {}).get("name"), str) and body["metadata"]["name"] == name:
                body["metadata"]["name"] = f"{name}-try"
            reply = server.request("POST", f"{kind.path}?dryRun=All", body)
        answers.append(answer(reply))
    return answers


def prepare(server):
    server.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "refusals"}})


def save(kinds):
    text = ""
    for kind in kinds:
        text += f"# {kind.name} {kind.path}\n{json.dumps(kind.base, separators=(',', ':'))}\n"
        text += "".join(f"{case} => {real}\n" for case, real in kind.lines)
    if os.environ.get("REFRESH"):
        FILE.write_text(text)
    elif FILE.read_text() != text:
        raise Failure(f"{FILE.name} is not what the real server answers: REFRESH=1 writes it anew")
