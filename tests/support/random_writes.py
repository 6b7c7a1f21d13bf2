# SPDX-License-Identifier: Apache-2.0
"""Random sequences of writes by several managers on one object, from a seed: server-side applies, updates, patches of three kinds, of the
object and its status, and moves of managedFields. tests/kubernetes/test_same_writes.py sends them to two servers. The scale subresource is
not among them: a real server splits the owner of .spec.replicas into two entries there, one of them without a time."""
import copy
import json
import random

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
NAMES = ("a", "b", "c", "d")


def maybe(rng, chance=0.5):
    return rng.random() < chance


def labels(rng):
    return {name: rng.choice("xyz") for name in NAMES if maybe(rng, 0.4)}


def meta(rng, name):
    value = {"name": name}
    if maybe(rng, 0.4):
        value["labels"] = labels(rng)
    if maybe(rng, 0.3):
        value["annotations"] = {f"example.io/{n}": rng.choice("xyz") for n in NAMES if maybe(rng, 0.4)}
    if maybe(rng, 0.15):
        value["finalizers"] = [f"example.io/{n}" for n in NAMES if maybe(rng, 0.3)]
    return value


class Kind:
    dropped = ()


class Thing(Kind):
    """An object of a CustomResourceDefinition with every kind of list and map."""
    api_version, kind, plural, strategic, status = "try.example.io/v1", "Widget", "widgets", False, True
    path = "/apis/try.example.io/v1/namespaces/default/widgets"
    ignore = ()
    spec_schema = {
        "type": "object",
        "properties": {
            "replicas": {"type": "integer"},
            "text": {"type": "string"},
            "mode": {"type": "string", "default": "fast"},
            "nested": {"type": "object", "properties": {"x": {"type": "string"}, "y": {"type": "string"},
                                                        "deep": {"type": "object", "properties": {"z": {"type": "integer"}}}}},
            "plain": {"type": "array", "items": {"type": "string"}},
            "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
            "structs": {"type": "object", "additionalProperties": {"type": "object", "properties": {"v": {"type": "integer"}}}},
            "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "steps": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "port"],
                      "items": {"type": "object", "required": ["name"], "properties": {
                          "name": {"type": "string"}, "port": {"type": "integer", "default": 80}, "weight": {"type": "integer"},
                          "args": {"type": "array", "items": {"type": "string"}},
                          "inner": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {
                              "type": "object", "required": ["k"], "properties": {"k": {"type": "string"}, "v": {"type": "integer"}}}}}}},
        },
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.try.example.io"},
        "spec": {"group": "try.example.io", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"}, "versions": [{
            "name": "v1", "served": True, "storage": True,
            "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec_schema, "status": {
                "type": "object", "properties": {"replicas": {"type": "integer"}, "phase": {"type": "string"}, "conditions": {
                    "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"], "items": {
                        "type": "object", "required": ["type"],
                        "properties": {"type": {"type": "string"}, "status": {"type": "string"}}}}}}}}}}]}}

    def spec(self, rng):
        spec = {}
        if maybe(rng):
            spec["replicas"] = rng.randrange(1, 4)
        if maybe(rng):
            spec["text"] = rng.choice("xyz")
        if maybe(rng, 0.2):
            spec["mode"] = rng.choice(("fast", "slow"))
        if maybe(rng):
            spec["nested"] = {n: rng.choice("xy") for n in "xy" if maybe(rng)}
            if maybe(rng, 0.3):
                spec["nested"]["deep"] = {"z": rng.randrange(3)}
        if maybe(rng, 0.4):
            spec["plain"] = [rng.choice("xyz") for _ in range(rng.randrange(3))]
        if maybe(rng):
            spec["tags"] = rng.sample(NAMES, rng.randrange(4))
        if maybe(rng):
            spec["map"] = labels(rng)
        if maybe(rng, 0.4):
            spec["structs"] = {n: ({"v": rng.randrange(3)} if maybe(rng, 0.8) else {}) for n in NAMES if maybe(rng, 0.4)}
        if maybe(rng, 0.4):
            spec["whole"] = labels(rng)
        if maybe(rng, 0.4):
            spec["free"] = {"p": rng.randrange(3), "q": [rng.randrange(3)], "r": {"s": rng.choice("xy")}}
        if maybe(rng, 0.7):
            spec["steps"] = [self.step(rng, n) for n in rng.sample(NAMES, rng.randrange(4))]
        return spec

    @staticmethod
    def step(rng, name):
        step = {"name": name}
        if maybe(rng, 0.3):
            step["port"] = rng.choice((80, 81))
        if maybe(rng):
            step["weight"] = rng.randrange(3)
        if maybe(rng, 0.3):
            step["args"] = ["x"] * rng.randrange(1, 3)
        if maybe(rng, 0.3):
            step["inner"] = [{"k": k, "v": rng.randrange(2)} for k in rng.sample(NAMES, rng.randrange(1, 3))]
        return step

    def status_of(self, rng):
        status = {}
        if maybe(rng):
            status["replicas"] = rng.randrange(3)
        if maybe(rng):
            status["phase"] = rng.choice("xy")
        if maybe(rng):
            status["conditions"] = [{"type": t, "status": rng.choice(("True", "False"))} for t in rng.sample(NAMES, rng.randrange(3))]
        return status

    def body(self, rng, name):
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": meta(rng, name), "spec": self.spec(rng)}


class Deployment(Kind):
    api_version, kind, plural, strategic, status = "apps/v1", "Deployment", "deployments", True, True
    path = "/apis/apps/v1/namespaces/default/deployments"
    ignore = ()
    # Defaults that nothing here reads: the embedded server does not fill them in.
    dropped = ("imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy", "dnsPolicy", "schedulerName", "securityContext",
               "resources", "status")
    definition = None

    def container(self, rng, name):
        container = {"name": name, "image": rng.choice(("i:1", "i:2"))}
        if maybe(rng, 0.4):
            container["args"] = ["x"] * rng.randrange(1, 3)
        if maybe(rng, 0.5):
            container["env"] = [{"name": n.upper(), "value": rng.choice("xy")} for n in rng.sample(NAMES, rng.randrange(1, 4))]
        if maybe(rng, 0.4):
            base = 100 * (1 + NAMES.index(name)) # no port twice in a Pod
            container["ports"] = [{"containerPort": base + p, "name": f"p{base + p}"} for p in rng.sample((0, 1, 2), rng.randrange(1, 3))]
        if maybe(rng, 0.3):
            container["resources"] = {"limits": {"cpu": rng.choice(("1", "2"))}}
        return container

    def spec(self, rng):
        spec = {"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}, "spec": {
            "containers": [self.container(rng, n) for n in rng.sample(NAMES, rng.randrange(1, 4))]}}}
        if maybe(rng):
            spec["replicas"] = rng.randrange(3)
        if maybe(rng, 0.3):
            spec["minReadySeconds"] = rng.randrange(1, 3)
        if maybe(rng, 0.3):
            spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": rng.choice((1, "25%")), "maxUnavailable": 0}}
        if maybe(rng, 0.3):
            spec["template"]["metadata"]["annotations"] = {"x": rng.choice("xy")}
        if maybe(rng, 0.3):
            spec["template"]["spec"]["nodeSelector"] = {"n": rng.choice("xy")}
        if maybe(rng, 0.3):
            spec["template"]["spec"]["volumes"] = [{"name": n, "emptyDir": {}} for n in rng.sample(NAMES, rng.randrange(1, 3))]
        return spec

    def status_of(self, rng):
        return {"replicas": rng.randrange(3), "conditions": [
            {"type": t, "status": rng.choice(("True", "False")), "reason": "R", "message": "m"} for t in rng.sample(("Available", "Progressing"),
                                                                                                                rng.randrange(3))]}

    def body(self, rng, name):
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": meta(rng, name), "spec": self.spec(rng)}


class Service(Kind):
    api_version, kind, plural, strategic, status = "v1", "Service", "services", True, False
    path = "/api/v1/namespaces/default/services"
    ignore = (".status",)
    dropped = ("clusterIPs", "ipFamilies", "ipFamilyPolicy") # addresses are given out by a cluster only
    definition = None

    def spec(self, rng):
        spec = {"clusterIP": "None", "selector": {n: rng.choice("xy") for n in ("app", "tier") if maybe(rng, 0.7)},
                "ports": [{"name": f"p{p}", "port": p, "targetPort": rng.choice((80, "http"))} for p in rng.sample((80, 81, 82), rng.randrange(1, 4))]}
        if maybe(rng, 0.2):
            spec["publishNotReadyAddresses"] = True
        return spec

    def body(self, rng, name):
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": meta(rng, name), "spec": self.spec(rng)}


class ConfigMap(Kind):
    api_version, kind, plural, strategic, status = "v1", "ConfigMap", "configmaps", True, False
    path = "/api/v1/namespaces/default/configmaps"
    ignore = ()
    definition = None

    def body(self, rng, name):
        body = {"apiVersion": self.api_version, "kind": self.kind, "metadata": meta(rng, name)}
        if maybe(rng, 0.9):
            body["data"] = labels(rng)
        return body


KINDS = (Thing, Deployment, Service, ConfigMap)
PATIENT = ("kubectl", "m1", "m2", "m3")


def strategic_patch(rng, kind, name):
    body = kind.body(rng, name)
    patch = {"metadata": {k: v for k, v in body["metadata"].items() if k in ("labels", "annotations")}}
    if "spec" in body:
        patch["spec"] = {k: v for k, v in body["spec"].items() if k not in ("selector", "clusterIP") and maybe(rng)}
        template = patch["spec"].get("template")
        if template and maybe(rng, 0.4):
            template["spec"]["containers"].append({"name": rng.choice(NAMES), "$patch": "delete"})
            if len({c["name"] for c in template["spec"]["containers"]}) < len(template["spec"]["containers"]):
                template["spec"]["containers"].pop()
    elif "data" in body:
        patch["data"] = {k: (None if maybe(rng, 0.3) else v) for k, v in body["data"].items()}
    return patch


def json_patch(rng, kind, live):
    """Operations on what is there; some of them must fail."""
    operations = []
    labels_now = live["metadata"].get("labels") or {}
    for _ in range(rng.randrange(1, 3)):
        choice = rng.randrange(5)
        label = rng.choice(NAMES)
        if choice == 0 and labels_now:
            operations.append({"op": "remove", "path": f"/metadata/labels/{label}"})
        elif choice == 1 and labels_now:
            operations.append({"op": "add", "path": f"/metadata/labels/{label}", "value": rng.choice("xyz")})
        elif choice == 2:
            operations.append({"op": "test", "path": "/metadata/name", "value": live["metadata"]["name"] if maybe(rng, 0.8) else "other"})
        elif choice == 3 and kind.plural == "widgets":
            operations.append({"op": "replace", "path": "/spec/text", "value": rng.choice("xyz")})
        else:
            operations.append({"op": "add", "path": "/metadata/labels", "value": labels(rng)})
    return operations


def partial(rng, kind, name):
    """An applied configuration: some of what the kind may have."""
    body = kind.body(rng, name)
    if "spec" in body and kind.plural in ("widgets",) and maybe(rng, 0.2):
        del body["spec"]
    return body


def sequence(seed, kind, length, name):
    """Yields (method, path, body, options) after being sent the live object (or None) each time."""
    rng = random.Random(seed)
    live = yield None
    for _ in range(length):
        live = yield request(rng, kind, name, live)


def request(rng, kind, name, live):
    manager = rng.choice(PATIENT)
    path = f"{kind.path}/{name}"
    choice = rng.random()
    who = f"fieldManager={manager}"
    if live is None:
        if choice < 0.5:
            return "PATCH", f"{path}?{who}", partial(rng, kind, name), {"content_type": APPLY}
        return "POST", f"{kind.path}?{who}", kind.body(rng, name), {}
    if choice < 0.45:
        force = "&force=true" if maybe(rng, 0.6) else ""
        dry = "&dryRun=All" if maybe(rng, 0.1) else ""
        return "PATCH", f"{path}?{who}{force}{dry}", partial(rng, kind, name), {"content_type": APPLY}
    if choice < 0.6:
        body = copy.deepcopy(live)
        fresh = kind.body(rng, name)
        for key in ("labels", "annotations", "finalizers"):
            if key in fresh["metadata"]:
                body["metadata"][key] = fresh["metadata"][key]
        for key in ("spec", "data"):
            if key in fresh and maybe(rng, 0.8):
                kept = {k: v for k, v in (body.get(key) or {}).items() if k in ("selector", "clusterIP", "clusterIPs", "ipFamilies",
                                                                               "ipFamilyPolicy")} if key == "spec" and kind.strategic else {}
                body[key] = {**fresh[key], **kept}
        if maybe(rng, 0.3):
            body["metadata"].pop("managedFields", None)
        return "PUT", f"{path}?{who}", body, {}
    if choice < 0.72:
        body = kind.body(rng, name)
        patch = {"metadata": {k: v for k, v in body["metadata"].items() if k != "name"}}
        for key in ("spec", "data"):
            if key in body:
                patch[key] = {k: (None if maybe(rng, 0.15) and k not in ("selector", "template", "ports", "clusterIP") else v)
                              for k, v in body[key].items() if maybe(rng, 0.6) and k not in ("selector", "clusterIP")}
        return "PATCH", f"{path}?{who}", patch, {"content_type": MERGE}
    if choice < 0.8:
        return "PATCH", f"{path}?{who}", json_patch(rng, kind, live), {"content_type": JSON_PATCH}
    if choice < 0.86 and kind.strategic:
        return "PATCH", f"{path}?{who}", strategic_patch(rng, kind, name), {"content_type": STRATEGIC}
    if choice < 0.93 and kind.status:
        status = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}, "status": kind.status_of(rng)}
        if maybe(rng):
            return "PATCH", f"{path}/status?{who}&force=true", status, {"content_type": APPLY}
        return "PATCH", f"{path}/status?{who}", {"status": status["status"]}, {"content_type": MERGE}
    if choice < 0.97:
        return "PATCH", path + f"?{who}", {"metadata": {"managedFields": [{}]}}, {"content_type": MERGE}
    return "PATCH", f"{path}?{who}", {"metadata": {"labels": labels(rng) or None}}, {"content_type": MERGE}


def text(step):
    method, path, body, options = step
    return f"{method} {path} {options.get('content_type', '')} {json.dumps(body)}"
