#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""spec.template of a Rollout is Kubernetes' own PodTemplateSpec: our CRD against what a real API server says of Deployments; what it refuses,
keeps and merges; and the same of the embedded one. Then the status: what the operator writes is what the CRD says."""
import json
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import both  # noqa: E402
import kubectl_rows as rows  # noqa: E402
from apiserver import check, equal  # noqa: E402

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rollouts.serin.dev"
ROLLOUTS = "/apis/serin.dev/v1alpha1/namespaces/default/rollouts"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
COMPONENTS = "#/components/schemas/"
TEMPLATE = "io.k8s.api.core.v1.PodTemplateSpec"
LONG = bool(os.environ.get("SERIN_LONG"))
APPLY = "application/apply-patch+yaml"

# What our CRD says otherwise than Kubernetes: (path, what of it, why). Each must be there.
WANTED = [
    (r"\.ports$", "list", "the key protocol has a default in Kubernetes; here nothing below spec.template is defaulted, and without it DNS on "
                          "TCP and UDP would be one port twice: owned as a whole"),
    (r"\.imagePullSecrets$", "list", "the key name is defaulted in Kubernetes: owned as a whole"),
    (r"^spec$", "required", "a template without it runs nothing"),
    (r"\.metadata\.managedFields$|^metadata\.managedFields$", "type", "nobody writes it in a template: anything"),
]


# --- The two schemas

class Kubernetes:
    """Reads an OpenAPI v3 document."""

    def __init__(self, document):
        self.schemas = document["components"]["schemas"]

    def whole(self, schema):
        refs = [schema["$ref"]] if "$ref" in schema else [part["$ref"] for part in schema.get("allOf", [])]
        return self.schemas[refs[0].removeprefix(COMPONENTS)] if refs else schema

    @staticmethod
    def type_of(schema):
        kinds = [part["type"] for part in schema.get("oneOf", [])]
        if kinds == ["string", "number"]:
            return "quantity"
        return "int-or-string" if kinds else (schema["type"], schema.get("format"))


class Ours:
    """Reads a structural schema."""

    def whole(self, schema):
        return schema

    @staticmethod
    def type_of(schema):
        if schema.get("x-kubernetes-int-or-string"):
            return "int-or-string"
        if "type" not in schema:
            return "quantity" if "pattern" in schema else "anything"
        return (schema["type"], schema.get("format"))


def owned(schema):
    """How server-side apply sees a list."""
    kind = schema.get("x-kubernetes-list-type", "atomic")
    return (kind, *schema.get("x-kubernetes-list-map-keys", []))


def differences(theirs, a, ours, b, path, found):
    a, b = theirs.whole(a), ours.whole(b)
    if theirs.type_of(a) != ours.type_of(b):
        found.append((path, "type", theirs.type_of(a), ours.type_of(b)))
        return
    for what, see in (("list", owned), ("map", lambda s: s.get("x-kubernetes-map-type", "granular")), ("required", lambda s: sorted(s.get("required", [])))):
        if see(a) != see(b):
            found.append((path, what, see(a), see(b)))
    mine, other = b.get("properties", {}), a.get("properties", {})
    for name in sorted(set(mine) | set(other)):
        at = f"{path}.{name}".lstrip(".")
        if name not in mine or name not in other:
            found.append((at, "missing" if name in other else "too many", name in other, name in mine))
        else:
            differences(theirs, other[name], ours, mine[name], at, found)
    for part in ("items", "additionalProperties"):
        if isinstance(a.get(part), dict) or isinstance(b.get(part), dict):
            differences(theirs, a.get(part, {"type": "nothing"}), ours, b.get(part, {"type": "nothing"}), path, found)


def template_schema(server):
    spec = server.ok("GET", CRD)["spec"]
    return spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["template"]


def test_the_same_fields_as_in_a_deployment(servers):
    document = servers.real.ok("GET", "/openapi/v3/apis/apps/v1")
    found = []
    differences(Kubernetes(document), {"$ref": COMPONENTS + TEMPLATE}, Ours(), template_schema(servers.real), "", found)
    found = [(path or "spec", *rest) if rest[0] == "required" and not path else (path, *rest) for path, *rest in found]
    used, lines = set(), []
    for path, what, theirs, mine in found:
        reasons = [i for i, (where, part, _) in enumerate(WANTED) if part == what and re.search(where, path)]
        used |= set(reasons)
        if not reasons:
            lines.append(f"{path}: {what}: Kubernetes {theirs}, ours {mine}")
    equal(lines, [], f"differences ({len(lines)})")
    equal(set(range(len(WANTED))) - used, set(), "wanted differences that are none")


def each(schema, path=""):
    if isinstance(schema, dict):
        yield path, schema
        for key, value in schema.items():
            yield from each(value, f"{path}.{key}")


def test_nothing_is_defaulted_or_pruned(servers):
    schema = template_schema(servers.real)
    objects = [(path, part) for path, part in each(schema) if isinstance(part.get("properties"), dict) and part.get("type") == "object"]
    check(len(objects) > 250, f"only {len(objects)} objects")
    equal([path for path, part in objects if part.get("x-kubernetes-preserve-unknown-fields") is not True], [], "objects that are pruned")
    equal([path for path, part in each(schema) if "default" in part and not path.endswith(".properties")], [], "defaults")


# --- What is refused and kept

def pod(**more):
    return {"containers": [{"name": "agent", "image": "agent:1"}], **more}


def rollout(name, spec, metadata=None):
    labels = {"app": name}
    return {"apiVersion": "serin.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": name}, "spec": {
        "replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels, **(metadata or {})}, "spec": spec},
        "traffic": {"virtualService": {"name": name}, "destinationRule": name}}}


def container(**more):
    return {"name": "agent", "image": "agent:1", **more}


WRONG = { # path of the cause below spec.template: the spec
    "spec.containers[0].ports[0].containerPort": pod(containers=[container(ports=[{"containerPort": "x"}])]),
    "spec.containers[0].env[0].value": pod(containers=[container(env=[{"name": "A", "value": 1}])]),
    "spec.containers[0].env[1]": pod(containers=[container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}])]),
    "spec.containers[0].name": {"containers": [{"image": "agent:1"}]},
    "spec.containers[0].args": pod(containers=[container(args="-v")]),
    "spec.containers[0].resources.limits.cpu": pod(containers=[container(resources={"limits": {"cpu": "lots"}})]),
    "spec.containers[0].readinessProbe.httpGet.port": pod(containers=[container(readinessProbe={"httpGet": {"port": 1.5}})]),
    "spec.containers[0].securityContext.runAsUser": pod(containers=[container(securityContext={"runAsUser": "root"})]),
    "spec.volumes[0].projected.sources[0].configMap.items[0].mode": pod(volumes=[{"name": "v", "projected": {"sources": [
        {"configMap": {"name": "c", "items": [{"key": "a", "path": "a", "mode": "0644"}]}}]}}]),
    "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight": pod(affinity={"nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": "5", "preference": {}}]}}),
    "spec.tolerations[0].tolerationSeconds": pod(tolerations=[{"key": "a", "operator": "Exists", "tolerationSeconds": "5"}]),
    "spec.topologySpreadConstraints[0].topologyKey": pod(topologySpreadConstraints=[{"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}]),
    "spec.containers": {"restartPolicy": "Always"},
    "spec.terminationGracePeriodSeconds": pod(terminationGracePeriodSeconds=1.5),
}


def test_wrong_types_are_refused_with_their_place(servers):
    for path, spec in WRONG.items():
        body = rollout("wrong", spec)
        for name, server in (("real", servers.real), ("ours", servers.ours)):
            reply = server.request("POST", ROLLOUTS + "?dryRun=All", body)
            fields = [cause.get("field") for cause in reply.json.get("details", {}).get("causes", [])]
            check(reply.status == 422 and f"spec.template.{path}" in fields, f"{name} on {path}: {reply.status} {reply.text[:600]}")


# Whatever a Deployment takes, and what a newer Kubernetes may.
KEPT = pod(
    containers=[container(
        ports=[{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}, {"containerPort": 80}],
        resources={"limits": {"cpu": 0.5, "memory": "1Gi", "example.com/thing": 1}, "requests": {"cpu": "250m"}, "newer": {"a": [1]}},
        livenessProbe={"httpGet": {"port": "http"}, "timeoutSeconds": 0, "newer": True},
        env=[{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": 1}}, "newer": 1}], args=None, command=[],
        volumeMounts=None, lifecycle=None, newer="x")],
    volumes=[{"name": "a"}, {"name": "b", "emptyDir": {"sizeLimit": 1}}, {"name": "c", "newerSource": {"size": 1}}],
    affinity={"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 1, "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}, "newer": {}}}]}},
    tolerations=[{"key": "a", "operator": "Exists"}, {"key": "a", "operator": "Exists"}], imagePullSecrets=[{"name": "a"}, {"name": "a"}],
    nodeSelector=None, initContainers=None, newer={"list": [{"a": None}]}, securityContext={})


def test_a_template_is_kept_as_it_is(servers):
    made = servers.real.ok("POST", ROLLOUTS, rollout("kept", KEPT, {"creationTimestamp": None, "newer": "x"}))
    equal(made["spec"]["template"]["spec"], KEPT, "the template's spec")
    equal(made["spec"]["template"]["metadata"], {"labels": {"app": "kept"}, "creationTimestamp": None, "newer": "x"}, "its metadata")
    again = servers.real.ok("PUT", f"{ROLLOUTS}/kept", made)
    equal(again["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"], "revision after the same again")

    def without_nulls(value): # which the embedded server has never kept in its own kinds
        if isinstance(value, dict):
            return {key: without_nulls(item) for key, item in value.items() if item is not None}
        return [without_nulls(item) for item in value] if isinstance(value, list) else value
    made = servers.ours.ok("POST", ROLLOUTS, rollout("kept", KEPT, {"newer": "x"}))
    equal(made["spec"]["template"]["spec"], without_nulls(KEPT), "the embedded server's")
    for server in (servers.real, servers.ours):
        server.ok("DELETE", f"{ROLLOUTS}/kept")


# --- Server-side apply

def applied(server, path, kind, group, spec, manager, force=False):
    body = {"apiVersion": group, "kind": kind, "metadata": {"name": "merged"}, "spec": spec}
    return server.request("PATCH", f"{path}/merged?fieldManager={manager}&force={json.dumps(force)}", body, content_type=APPLY)


def merged_parts(template):
    spec = template["spec"]
    return {"containers": [{key: c.get(key) for key in ("name", "image", "env", "volumeMounts", "ports")} for c in spec["containers"]],
            "volumes": [v["name"] for v in spec.get("volumes", [])], "constraints": [c["topologyKey"] for c in spec.get("topologySpreadConstraints", [])],
            "tolerations": spec.get("tolerations"), "nodeSelector": spec.get("nodeSelector")}


def conflicts(reply):
    check(reply.status == 409, f"{reply.status} {reply.text[:400]}")
    return sorted(cause["field"] for cause in reply.json["details"]["causes"])


def spread(key):
    return {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "merged"}}}


def merge_on(server, path, kind, group, base):
    """Two managers of one template. What both made of it, and where a third one is in the way."""
    team = {**base, "template": {"metadata": {"labels": {"app": "merged"}}, "spec": pod(
        containers=[container(env=[{"name": "A", "value": "1"}], volumeMounts=[{"name": "a", "mountPath": "/a"}],
                              ports=[{"containerPort": 53, "protocol": "UDP"}])],
        volumes=[{"name": "a", "emptyDir": {}}], topologySpreadConstraints=[spread("zone")])}}
    injector = {"template": {"spec": {
        "containers": [{"name": "agent", "env": [{"name": "B", "value": "2"}], "volumeMounts": [{"name": "b", "mountPath": "/b"}]},
                       {"name": "side", "image": "side:1"}],
        "volumes": [{"name": "b", "emptyDir": {}}], "topologySpreadConstraints": [spread("node")]}}}
    other = {"template": {"spec": {"containers": [{"name": "agent", "image": "agent:2", "env": [{"name": "A", "value": "9"}]}],
                                   "topologySpreadConstraints": [{**spread("zone"), "maxSkew": 5}]}}}
    # What Kubernetes' kinds and a CRD with our schema own alike.
    seen = []
    for spec, manager in ((team, "team"), (injector, "injector"), (team, "team")):
        reply = applied(server, path, kind, group, spec, manager)
        check(reply.status in (200, 201), f"{kind} by {manager}: {reply.status} {reply.text[:600]}")
        seen.append((merged_parts(reply.json["spec"]["template"]), reply.json["metadata"]["generation"]))
    seen.append(conflicts(applied(server, path, kind, group, other, "third")))
    del injector["template"]["spec"]["containers"][1], injector["template"]["spec"]["volumes"]
    del injector["template"]["spec"]["containers"][0]["volumeMounts"]
    seen.append(merged_parts(applied(server, path, kind, group, injector, "injector").json["spec"]["template"]))
    server.ok("DELETE", f"{path}/merged")
    return seen


def test_two_managers_of_one_template(servers):
    labels = {"matchLabels": {"app": "merged"}}
    as_rollout = {key: value for key, value in rollout("merged", {})["spec"].items() if key != "template"}
    expected = merge_on(servers.real, DEPLOYMENTS, "Deployment", "apps/v1", {"selector": labels})
    equal([item["name"] for item in expected[1][0]["containers"]], ["agent", "side"], "containers of both")
    equal([item["name"] for item in expected[1][0]["containers"][0]["env"]], ["A", "B"], "variables of both")
    equal(expected[1][1], expected[2][1], "generation after the same again")
    for name, server in (("real", servers.real), ("ours", servers.ours)):
        equal(merge_on(server, ROLLOUTS, "Rollout", "serin.dev/v1alpha1", as_rollout), expected, f"of a Rollout, {name}")
    equal(merge_on(servers.ours, DEPLOYMENTS, "Deployment", "apps/v1", {"selector": labels}), expected, "of a Deployment, ours")


def test_ports_are_owned_as_a_whole(servers):
    as_rollout = {key: value for key, value in rollout("merged", {})["spec"].items() if key != "template"}

    def ports(*list_):
        return {"template": {"metadata": {"labels": {"app": "merged"}}, "spec": pod(containers=[container(ports=list(list_))])}}
    for server in (servers.real, servers.ours):
        def put(spec, manager, server=server):
            return applied(server, ROLLOUTS, "Rollout", "serin.dev/v1alpha1", spec, manager)
        dns = [{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]
        equal(put({**as_rollout, **ports(*dns)}, "team").status, 201, "two of one number")
        equal(conflicts(put(ports({"containerPort": 80}), "third")), ['.spec.template.spec.containers[name="agent"].ports'], "who else has ports")
        server.ok("DELETE", f"{ROLLOUTS}/merged")


# --- kubectl explain

def fields(text):
    """[(depth, "field <type>")] of what explain prints; descriptions are our own."""
    if "FIELDS:" not in text:
        return []
    lines = [line for line in text[text.index("FIELDS:"):].splitlines()[1:] if re.match(r"\s+[A-Za-z]\S*\t\s*<", line)]
    return [(len(line) - len(line.lstrip()), " ".join(line.split())) for line in lines]


def test_kubectl_explains_it(servers):
    found = rows.installed()
    if not found:
        print("skipped: there is no kubectl")
    for minor, path in found.items() if LONG else list(found.items())[-1:]:
        kubectls = [rows.Kubectl(servers.real, servers.real.kubeconfig, servers.real.folder, path, minor, "default", False),
                    rows.Kubectl(servers.ours, servers.ours.data / "kubeconfig", servers.ours.data, path, minor, "default", True)]
        for what, least in ((["rollout.spec.template.spec.containers"], 20), (["rollout.spec.template", "--recursive"], 1000)):
            real, ours = (fields(kubectl("explain", *what, ns=False)) for kubectl in kubectls)
            # Older ones read OpenAPI v2, where a real server leaves out the fields of what keeps unknown ones.
            check(len(real) > least if minor > 26 else not real, f"kubectl 1.{minor} explain {what}: {len(real)} fields")
            equal(ours, real, f"kubectl 1.{minor} explain {what}")


# --- The status

def recorded():
    """[(file, Rollout)] of what tests record of releases, in all phases."""
    def walk(value):
        if isinstance(value, dict) and value.get("kind") == "Rollout" and value.get("status", {}).get("phase"):
            yield value
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from walk(item)
    golden = pathlib.Path(__file__).resolve().parents[1] / "golden"
    for file in sorted([*golden.glob("cli/*.json"), *golden.glob("upgrade/*.json")]):
        yield from ((file.name, item) for item in walk(json.loads(file.read_text())))


def test_statuses_of_all_phases_are_taken(servers):
    status_schema = servers.real.ok("GET", CRD)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    phases = set(status_schema["properties"]["phase"]["enum"])
    statuses = [(name, item["status"]) for name, item in recorded()]
    fullest = max((status for _, status in statuses), key=lambda status: len(json.dumps(status)))
    statuses += [(phase, {**fullest, "phase": phase}) for phase in sorted(phases)]
    check(len(statuses) > 25, f"only {len(statuses)} statuses")
    path = f"{ROLLOUTS}/status"
    for server in (servers.real, servers.ours):
        server.ok("POST", ROLLOUTS, rollout("status", pod()))
        for name, status in statuses:
            taken = server.ok("PATCH", path + "/status?fieldValidation=Strict", [{"op": "add", "path": "/status", "value": status}],
                              content_type="application/json-patch+json")
            equal(taken["status"], status, name)
        for wrong in ({"phase": "Sleeping"}, {"step": {"index": "1"}}, {"weight": {"canary": 5}}, {"conditions": [{"status": "True"}]}):
            reply = server.request("PATCH", path + "/status", {"status": wrong}, content_type="application/merge-patch+json")
            check(reply.status == 422, f"{wrong}: {reply.status} {reply.text[:300]}")
        server.ok("DELETE", path)


if __name__ == "__main__":
    both.main(globals())
