# SPDX-License-Identifier: Apache-2.0
"""Random objects of several kinds, from a generator of random numbers. Used by random_writes.py and random_requests.py."""


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
    """What is made of it (body, status_of), where its objects are (path), and what of them two servers need not have in common: fields of these
    names anywhere (dropped), and these paths (ignore)."""

    dropped = ()
    ignore = ()
    definition = None
    strategic, status, scale = False, False, False
    own_words = False  # the embedded server checks it in C, with causes of its own

    def body(self, rng, name):
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": meta(rng, name), "spec": self.spec(rng)}


class Thing(Kind):
    """An object of a CustomResourceDefinition with every kind of list and map."""
    api_version, kind, plural, strategic, status = "try.example.io/v1", "Widget", "widgets", False, True
    scale = True
    path = "/apis/try.example.io/v1/namespaces/default/widgets"
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


class Deployment(Kind):
    api_version, kind, plural, strategic, status = "apps/v1", "Deployment", "deployments", True, True
    scale = True
    path = "/apis/apps/v1/namespaces/default/deployments"
    # Defaults that nothing here reads: the embedded server does not fill them in.
    dropped = ("imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy", "dnsPolicy", "schedulerName", "securityContext",
               "resources", "status")

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
        status = {"replicas": rng.randrange(1, 4)}
        for name in ("updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas", "observedGeneration", "collisionCount"):
            if maybe(rng, 0.4):
                status[name] = rng.choice((0, 1, 1, 2, 3, -1))
        if maybe(rng):
            status["conditions"] = [{"type": t, "status": rng.choice(("True", "False")), "reason": "R", "message": "m"}
                                    for t in rng.sample(("Available", "Progressing"), rng.randrange(3))]
        return status



class Service(Kind):
    api_version, kind, plural, strategic, status = "v1", "Service", "services", True, False
    path = "/api/v1/namespaces/default/services"
    ignore = (".status",)
    dropped = ("clusterIPs", "ipFamilies", "ipFamilyPolicy") # addresses are given out by a cluster only

    def spec(self, rng):
        spec = {"clusterIP": "None", "selector": {n: rng.choice("xy") for n in ("app", "tier") if maybe(rng, 0.7)},
                "ports": [{"name": f"p{p}", "port": p, "targetPort": rng.choice((80, "http"))} for p in rng.sample((80, 81, 82), rng.randrange(1, 4))]}
        if maybe(rng, 0.2):
            spec["publishNotReadyAddresses"] = True
        return spec


class ConfigMap(Kind):
    api_version, kind, plural, strategic, status = "v1", "ConfigMap", "configmaps", True, False
    path = "/api/v1/namespaces/default/configmaps"

    def body(self, rng, name):
        body = {"apiVersion": self.api_version, "kind": self.kind, "metadata": meta(rng, name)}
        if maybe(rng, 0.9):
            body["data"] = labels(rng)
        return body


class Rollout(Kind):
    api_version, kind, plural, status, scale = "serin.dev/v1alpha1", "Rollout", "rollouts", True, True
    own_words = True
    path = "/apis/serin.dev/v1alpha1/namespaces/default/rollouts"

    def spec(self, rng):
        spec = {"traffic": {"virtualService": {"name": rng.choice("xy")}, "destinationRule": "d"}}
        form = rng.randrange(3)
        if form == 0:
            spec["stable"], spec["canary"] = ({"deployment": f"{rng.choice('xy')}{n}", "subset": f"v{n}"} for n in (1, 2))
        elif form == 1:
            spec["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": rng.choice("xy")}
        else:
            spec["selector"] = {"matchLabels": {"app": "x"}}
            spec["template"] = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": rng.choice(("i:1", "i:2"))}]}}
            if maybe(rng):
                spec["replicas"] = rng.randrange(1, 4)
        if maybe(rng):
            spec["steps"] = [{"deploy": {"replicas": rng.choice((1, "proportional"))}}, {"setWeight": rng.choice((10, 20))},
                             {"monitor": {"duration": rng.choice(("10s", "1m"))}}, {"setWeight": 100}, {"decommission": {}}]
        if maybe(rng, 0.4):
            spec["analysis"] = {"interval": rng.choice(("2s", "5s")), "metrics": [{"name": n, "limit": l} for n, l in (
                ("error-rate", "1%"), ("latency-p99", "500ms")) if maybe(rng, 0.7)]}
            if not spec["analysis"]["metrics"]:
                del spec["analysis"]["metrics"]
        return spec

    def status_of(self, rng):
        return {"phase": rng.choice(("Paused", "Progressing")), "replicas": rng.randrange(3), "conditions": [
            {"type": t, "status": rng.choice(("True", "False")), "reason": "R", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}
            for t in rng.sample(("Ready", "Stalled"), rng.randrange(3))]}


class VirtualService(Kind):
    api_version, kind, plural, status = "networking.istio.io/v1", "VirtualService", "virtualservices", False  # its status is Istio's: here anything
    own_words = True
    path = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"

    def spec(self, rng):
        spec = {"hosts": rng.sample(("a.example.com", "b.example.com"), rng.randrange(1, 3)), "http": []}
        if maybe(rng, 0.3):
            spec["gateways"] = ["mesh"]
        for _ in range(rng.randrange(1, 3)):
            first = rng.choice((0, 10, 50, 100))
            route = {"route": [{"destination": {"host": "a", "subset": s}, "weight": w} for s, w in (("v1", 100 - first), ("v2", first))]}
            if maybe(rng, 0.4):
                route["match"] = [{"uri": {rng.choice(("prefix", "exact")): "/" + rng.choice("xy")}}]
            if maybe(rng, 0.3):
                route["timeout"] = rng.choice(("1s", "2s"))
            if maybe(rng, 0.3):
                route["retries"] = {"attempts": rng.randrange(3), "perTryTimeout": "1s"}
            if maybe(rng, 0.3):
                route["name"] = rng.choice("xyz")
            spec["http"].append(route)
        return spec

    def status_of(self, rng):
        return {"observedGeneration": rng.randrange(3), "conditions": [{"type": "Reconciled", "status": rng.choice(("True", "False"))}]}
