#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""workloadRef with a real Deployment controller beside it: the operator killed at its effects, through VirtualServices, HTTPRoutes and
GRPCRoutes; leaving while it dies; and what `serin uninstall` does with the Deployment. (Under load: tests/e2e/test_workload.py.)"""
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import cluster as support  # noqa: E402
from operator_world import BIN, GATEWAY, NETWORKING, Case, GatewayCase  # noqa: E402
from stage import Stage, check, equal, told_once, wait_for  # noqa: E402
from test_effects import at_each_offset  # noqa: E402

STEPS = [{"deploy": {}}, {"setWeight": 20}, {"pause": {"duration": "1s"}}, {"setWeight": 100}, {"decommission": {}}]
BY_HAND = [{"deploy": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100}, {"decommission": {}}]
JSON_PATCH = "application/json-patch+json"


class Original:
    """What the cases below have in common: a Deployment that is called like its Service."""

    def begin(self):
        labels = {"app": "agent"}
        self.path_of = f"/apis/apps/v1/namespaces/{self.ns}/deployments/agent"
        self.post(os.path.dirname(self.path_of), {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "agent"}, "spec": {
            "replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "agent", "image": "agent:1"}]}}}})
        for field in ("replicas", "selector", "template"):
            self.rollout["spec"].pop(field)
        self.rollout["spec"]["workloadRef"] = {"name": "agent"}
        self.found = self.weights()
        super().begin()
        self.wait("Healthy", 200)
        wait_for("the Deployment to be paused", self.is_paused, 60)
        return self

    def deployment(self, name="agent"):
        return self.server.ok("GET", f"{os.path.dirname(self.path_of)}/{name}")

    def add(self, name):
        """Another Deployment, with pods of its own, and what routes call it."""
        labels = {"app": "agent", "version": name}
        self.post(os.path.dirname(self.path_of), {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
            "replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "agent", "image": "agent:1"}]}}}})
        self.name_version(name, labels)
        wait_for(f"{name} to be ready", lambda: self.deployment(name).get("status", {}).get("readyReplicas") == 2, 60)

    def name_version(self, name, labels):
        path = f"{NETWORKING}/namespaces/{self.ns}/destinationrules/agent"
        subsets = [*self.extra(), {"name": name, "labels": labels}]
        self.server.ok("PATCH", path, {"spec": {"subsets": subsets}}, content_type="application/merge-patch+json")

    def turn_into(self, stable=None, canary=None, workload=None, template=None):
        """Another form, as somebody would apply it."""
        spec = dict.fromkeys(("stable", "canary", "workloadRef", "replicas", "selector", "template"))
        if stable:
            spec.update(self.pair(stable, canary))
        elif workload:
            spec["workloadRef"] = {"name": workload}
        else:
            spec.update(replicas=2, selector={"matchLabels": {"app": "agent"}}, template={
                "metadata": {"labels": {"app": "agent"}}, "spec": {"containers": [{"name": "agent", "image": template}]}})
        self.server.ok("PATCH", self.path, {"spec": {**spec, **self.traffic(stable, canary)}}, content_type="application/merge-patch+json")

    def pair(self, stable, canary):
        return {"stable": {"deployment": stable, "subset": stable}, "canary": {"deployment": canary, "subset": canary}}

    def traffic(self, stable, canary):
        return {}

    def serves(self, name, seconds):
        wait_for(f"{name} to serve", lambda: self.phase() == "Healthy" and self.status().get("stable", {}).get("deployment") == name, seconds)

    def is_paused(self):
        return self.deployment()["spec"].get("paused", False)

    def image(self, image):
        path = "/spec/template/spec/containers/0/image"
        self.server.ok("PATCH", self.path_of, [{"op": "replace", "path": path, "value": image}], content_type=JSON_PATCH)

    def weights(self):
        found = self.destinations()
        return {item["destination"].get("subset", ""): item.get("weight", 1) if len(found) > 1 else 100 for item in found}

    def sets(self):
        """{image: replicas} of the Deployment's own ReplicaSets."""
        items = self.server.ok("GET", f"/apis/apps/v1/namespaces/{self.ns}/replicasets")["items"]
        return {item["spec"]["template"]["spec"]["containers"][0]["image"]: item["spec"]["replicas"] for item in items
                if item["metadata"]["ownerReferences"][0]["name"] == "agent"}

    def names(self):
        return [item["metadata"]["name"] for item in self.server.ok("GET", os.path.dirname(self.path_of))["items"]]

    def extra(self):
        """What a release adds beside the route."""
        return self.server.ok("GET", f"{NETWORKING}/namespaces/{self.ns}/destinationrules/agent")["spec"].get("subsets", [])

    def as_found(self, running):
        def is_so():
            return self.weights() == self.found and self.names() == ["agent"] and not self.extra() and \
                {image: count for image, count in self.sets().items() if count} == {running: 2}
        wait_for(f"{running} alone, all else as it was found", is_so, 90)

    def history(self):
        return [item["result"] for item in self.status()["history"]]


class Subsets(Original, Case):
    def __init__(self, env, ns, steps):
        super().__init__(env, ns, steps, template=True)
        self.found = None


class Services(Original, GatewayCase):
    def __init__(self, env, ns, steps):
        super().__init__(env, ns, steps, template=True)

    def name_version(self, name, labels):
        self.post(f"/api/v1/namespaces/{self.ns}/services", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {
            "selector": labels, "ports": [{"name": "http", "port": 80}]}})

    def pair(self, stable, canary):
        return {"stable": {"deployment": stable}, "canary": {"deployment": canary}}

    def traffic(self, stable, canary):
        return {"traffic": {"httpRoute": {"name": "agent", "stableService": stable or "agent", "canaryService": canary}}}

    def extra(self):
        items = self.server.ok("GET", f"/api/v1/namespaces/{self.ns}/services")["items"]
        return [item["metadata"]["name"] for item in items if item["metadata"]["name"].startswith("agent-")]


class Grpc(Services):
    """Through a GRPCRoute of a gateway that is not ours, and that accepts whatever it sees."""

    def __init__(self, env, ns, steps):
        super().__init__(env, ns, steps)
        self.server.ok("DELETE", f"{GATEWAY}/namespaces/{ns}/httproutes/agent")
        self.route_path = f"{GATEWAY}/namespaces/{ns}/grpcroutes/agent"
        self.post(os.path.dirname(self.route_path), {"apiVersion": GATEWAY[6:], "kind": "GRPCRoute", "metadata": {"name": "agent"}, "spec": {
            "parentRefs": [{"name": "gateway"}], "rules": [
                {"matches": [{"method": {"service": "agent.Agent"}}], "backendRefs": [{"name": "agent", "port": 80}]}]}})
        traffic = self.rollout["spec"]["traffic"]
        traffic["grpcRoute"] = traffic.pop("httpRoute")
        self.over = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        seen = 0
        while not self.over.wait(0.1):
            route = self.server.get(self.route_path).json
            if route.get("metadata", {}).get("generation", 0) == seen:
                continue
            seen = route["metadata"]["generation"]
            said = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "said by the test", "observedGeneration": seen,
                    "lastTransitionTime": "2026-01-01T00:00:00Z"}
            self.server.request("PATCH", f"{self.route_path}/status", {"status": {"parents": [
                {"parentRef": {"name": "gateway"}, "controllerName": "example.com/gateway", "conditions": [said]}]}}, "application/merge-patch+json")

    def destinations(self):
        refs = self.server.ok("GET", self.route_path)["spec"]["rules"][0]["backendRefs"]
        return [{"destination": {"subset": ref["name"]}, "weight": ref.get("weight", 1)} for ref in refs]


def good(kind):
    def release(stage, ns):
        with stage as env:
            case = kind(env, ns, STEPS).begin()
            case.image("agent:2")
            wait_for("the release to be done", lambda: case.status().get("history") and case.phase() == "Healthy", 280)
            case.as_found("agent:2")
            equal(case.history(), ["Promoted"], "history")
            check(case.is_paused(), "the Deployment is not paused after the release")
            told_once(case)
            if kind is Grpc:
                case.over.set()
            return env.faults.kills
    return release


def put_back_and_left(kind):
    """Aborted in the middle; then another image, and the Rollout is deleted in the middle of that."""
    def release(stage, ns):
        with stage as env:
            case = kind(env, ns, BY_HAND).begin()
            case.image("agent:2")
            case.wait("Paused", 240)
            equal(case.act("abort", 90), "Done", "abort")
            case.wait("Aborted", 100)
            case.as_found("agent:1")
            check("agent:2" not in case.sets(), f"the Deployment rolled: {case.sets()}")
            case.image("agent:3")
            wait_for("the next release", lambda: case.phase() == "Paused" and case.status()["canary"]["version"] == "3", 240)
            case.server.ok("DELETE", case.path)
            wait_for("the Rollout to go", lambda: case.server.get(case.path).status == 404, 100)
            case.as_found("agent:1")
            check(case.is_paused() and case.sets() == {"agent:1": 2}, f"the Deployment rolled: {case.sets()}")
            check("(3) was not released" in case.deployment()["metadata"]["annotations"]["serin.dev/left-paused"], "it does not say why it is paused")
            return env.faults.kills
    return release


def another_form(kind):
    """In the middle of a release the Rollout is made a pair, then another workloadRef, then the template form, then the first again."""
    def change(stage, ns):
        with stage as env:
            case = kind(env, ns, BY_HAND).begin()
            for name in ("other", "agent-v1", "agent-v2"):
                case.add(name)
            case.image("agent:2")
            case.wait("Paused", 240)
            case.turn_into(stable="agent-v1", canary="agent-v2")
            wait_for("the pair's release", lambda: [case.phase(), case.status().get("canary", {}).get("deployment")] == ["Paused", "agent-v2"], 240)
            check("(2) was not released" in case.deployment()["metadata"]["annotations"]["serin.dev/left-paused"], "it does not say why it is paused")
            check(case.sets() == {"agent:1": 2}, f"the Deployment rolled: {case.sets()}")
            case.turn_into(workload="other")
            case.serves("other", 240)
            wait_for("the other to be paused", lambda: case.deployment("other")["spec"].get("paused"), 60)
            case.turn_into(template="agent:7")
            wait_for("a version of its own", lambda: case.phase() == "Healthy" and case.status()["stable"].get("version") == "7", 240)
            check(not case.deployment("other")["spec"].get("paused"), "the other stays paused")
            wait_for("the pair and the others to be left alone", lambda: {"agent", "other", "agent-v1", "agent-v2"} < set(case.names()), 20)
            case.image("agent:1")
            case.turn_into(workload="agent")
            case.serves("agent", 240)
            made = {"names": ["agent", "agent-v1", "agent-v2", "other"], "weights": case.found, "ours": [], "former": None}

            def left():
                return {"names": case.names(), "weights": case.weights(), "ours": [one for one in case.extra() if "agent-v" not in str(one) and "other" not in str(one)],
                        "former": case.status().get("former")}
            wait_for("the versions of the template form to go", lambda: left() == made, 240)
            check(case.is_paused() and "serin.dev/left-paused" not in case.deployment()["metadata"]["annotations"], "it is not taken up again")
            equal(case.history().count("Superseded"), 2, f"releases that were left, history {case.history()}")
            return env.faults.kills
    return change


def test_another_form(cluster):
    at_each_offset(another_form(Subsets), cluster, "original-form")


def test_another_form_through_an_httproute(cluster):
    at_each_offset(another_form(Services), cluster, "original-form-http")


def test_a_good_image(cluster):
    at_each_offset(good(Subsets), cluster, "original-good")


def test_a_good_image_through_an_httproute(cluster):
    at_each_offset(good(Services), cluster, "original-http")


def test_a_good_image_through_a_grpcroute(cluster):
    at_each_offset(good(Grpc), cluster, "original-grpc")


def test_put_back_and_left(cluster):
    at_each_offset(put_back_and_left(Subsets), cluster, "original-left")


def test_put_back_and_left_through_an_httproute(cluster):
    at_each_offset(put_back_and_left(Services), cluster, "original-left-http")


def test_hands_off_while_it_leaves(cluster):
    """The annotation holds a Rollout that is deleted in the middle of a release, which says so; without it all is put back."""
    def hands_off(case, value):
        case.server.ok("PATCH", f"{NETWORKING}/namespaces/{case.ns}/virtualservices/agent", {"metadata": {"annotations": {"serin.dev/hands-off": value}}},
                       content_type="application/merge-patch+json")
    with Stage(cluster, "original-hands") as env:
        case = Subsets(env, "original-hands", BY_HAND).begin()
        case.image("agent:2")
        case.wait("Paused")
        before = case.weights()
        hands_off(case, "true")
        wait_for("it to look on", lambda: any(c["type"] == "HandsOff" and c["status"] == "True" for c in case.status()["conditions"]), 20)
        case.server.ok("DELETE", case.path)
        wait_for("it to say what holds it", lambda: any(c["type"] == "Stalled" and c["reason"] == "HandsOff" for c in case.status()["conditions"]), 20)
        equal(case.weights(), before, "weights with hands off")
        hands_off(case, None)
        wait_for("the Rollout to go", lambda: case.server.get(case.path).status == 404, 60)
        case.as_found("agent:1")


def test_uninstall_lets_the_deployment_go(cluster):
    with Stage(cluster, "original-gone") as env:
        case = Subsets(env, "original-gone", BY_HAND).begin()

        def uninstall(*more):
            done = subprocess.run([BIN, "uninstall", "--keep-operator", "-n", case.ns, "--kubeconfig", str(cluster.kubeconfig), *more],
                                  capture_output=True, text=True, timeout=60)
            equal(done.returncode, 0, done.stderr)
            return done.stdout
        case.image("agent:2")
        case.wait("Paused", 240)
        env.operator.stop()
        # In the middle of a release everything stays where it is, and nothing keeps the Rollout any more.
        before, pods, names = case.weights(), case.sets(), case.names()
        said = uninstall()
        check("finalizer removed; the release stops where it is: 2 keeps 20 % of the traffic, 1 the rest" in said, said)
        check("Deployment agent stays paused and runs 1, Deployment agent-" in said and "The one beside it goes with the Rollout when that is deleted" in said, said)
        check(not case.server.get(case.path).json["metadata"].get("finalizers"), "the finalizer is still there")
        equal((case.weights(), case.sets(), case.names(), case.is_paused()), (before, pods, names, True), "what was found")
        # An operator that runs again goes on where the release stood.
        env.operator.start()
        equal(case.act("promote", 90), "Done", "promote")
        case.as_found("agent:2")
        env.operator.stop()
        case.image("agent:3")  # nobody has looked at it
        said = uninstall("--dry-run")
        check("Deployment agent stays paused: its template (3) was not released, its pods run 2" in said, said)
        case.image("agent:2")
        said = uninstall()
        check("Deployment agent is resumed; nothing rolls, its pods run its template (2)" in said, said)
        check(not case.is_paused() and case.sets()["agent:2"] == 2, f"paused {case.is_paused()}, sets {case.sets()}")
        case.server.ok("DELETE", case.path)
        equal(case.server.get(case.path).status, 404, "the Rollout")


if __name__ == "__main__":
    support.main(globals(), long={"test_a_good_image", "test_a_good_image_through_an_httproute", "test_a_good_image_through_a_grpcroute", "test_put_back_and_left", "test_put_back_and_left_through_an_httproute",
                                  "test_hands_off_while_it_leaves", "test_another_form", "test_another_form_through_an_httproute"})
