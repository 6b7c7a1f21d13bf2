#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Routers against the owners' own schemas: GRPCRoutes with the words of a gateway, tls and tcp routes, several VirtualServices; and whose name
a RolloutAction may carry. (HTTPRoutes: test_effects.py and tests/e2e/test_httproute.py.)"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
from operator_world import GATEWAY, NETWORKING, SERIN, Case, GatewayCase  # noqa: E402
from stage import Stage, check, equal, wait_for  # noqa: E402

STEPS = [{"deploy": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100}, {"decommission": {"action": "none"}}]
JSON_PATCH, MERGE = "application/json-patch+json", "application/merge-patch+json"


class GrpcCase(GatewayCase):
    """Through a GRPCRoute of a gateway that is not ours; the test says what that says."""

    def __init__(self, env, ns):
        super().__init__(env, ns, STEPS)
        self.route_path = f"{GATEWAY}/namespaces/{ns}/grpcroutes/agent"
        self.server.ok("DELETE", f"{GATEWAY}/namespaces/{ns}/httproutes/agent")
        refs = [{"name": "agent-v1", "port": 80, "filters": [
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-side", "value": "agent"}]}}]}]
        self.post(f"{GATEWAY}/namespaces/{ns}/grpcroutes", {"apiVersion": GATEWAY[6:], "kind": "GRPCRoute", "metadata": {"name": "agent"}, "spec": {
            "parentRefs": [{"name": "gateway"}], "rules": [
                {"matches": [{"method": {"service": "other.Service"}}], "backendRefs": [{"name": "other", "port": 80}]},
                {"matches": [{"method": {"service": "agent.Agent"}}], "backendRefs": refs}]}})
        traffic = self.rollout["spec"]["traffic"]
        traffic["grpcRoute"] = traffic.pop("httpRoute")

    def object(self):
        return self.server.ok("GET", self.route_path)

    def refs(self):
        return self.object()["spec"]["rules"][1]["backendRefs"]

    def weights(self):
        return {ref["name"]: ref.get("weight", 1) for ref in self.refs()}

    def say(self, accepted="True"):
        condition = {"type": "Accepted", "status": accepted, "reason": "Accepted" if accepted == "True" else "NoMatchingListenerHostname",
                     "message": "said by the test", "observedGeneration": self.object()["metadata"]["generation"],
                     "lastTransitionTime": "2026-01-01T00:00:00Z"}
        self.server.ok("PATCH", f"{self.route_path}/status", {"status": {"parents": [
            {"parentRef": {"name": "gateway"}, "controllerName": "example.com/gateway", "conditions": [condition]}]}}, content_type=MERGE)


def condition(case, kind):
    return next((item for item in case.status().get("conditions", []) if item["type"] == kind), {})


def test_a_grpcroute_and_the_words_of_its_gateway(cluster):
    with Stage(cluster, "routers-grpc") as env:
        case = GrpcCase(env, "routers-grpc")
        before = case.object()["spec"]["rules"][0]
        case.say("False")
        case.begin()
        wait_for("it to be stalled", lambda: condition(case, "Stalled").get("reason") == "RouteNotAccepted", 30)
        check("example.com/gateway" in condition(case, "Stalled")["message"], condition(case, "Stalled")["message"])
        equal(case.weights().get("agent-v2"), None, "weight of a route that nobody serves")
        case.say()
        wait_for("20 %", lambda: case.weights() == {"agent-v1": 80, "agent-v2": 20}, 30)
        wait_for("it to wait for the gateway", lambda: "parents" in case.status()["step"]["waitingFor"], 20)
        case.say()
        case.wait("Paused")
        equal(condition(case, "WeightUnverified").get("status"), "False", "WeightUnverified")
        filters = [ref.get("filters") for ref in case.refs()]
        check(filters[0] and filters[0] == filters[1], f"filters: {filters}")
        equal(case.object()["spec"]["rules"][0], before, "the rule that is not ours")
        equal(case.act("abort"), "Done", "abort")
        wait_for("the traffic to be back", lambda: case.weights().get("agent-v2", 0) == 0, 5)
        case.say()
        case.wait("Aborted", 45)


def add_l4(case):
    one = {"destination": {"host": case.host, "subset": "v1"}}
    case.server.ok("PATCH", f"{NETWORKING}/namespaces/{case.ns}/virtualservices/agent", [
        {"op": "add", "path": "/spec/tls", "value": [{"match": [{"port": 443, "sniHosts": [name]}], "route": [one]} for name in ("a.example", "b.example")]},
        {"op": "add", "path": "/spec/tcp", "value": [{"match": [{"port": 9000}], "route": [one]}]}], content_type=JSON_PATCH)


def spec_of(case, name="agent"):
    return case.server.ok("GET", f"{NETWORKING}/namespaces/{case.ns}/virtualservices/{name}")["spec"]


def share(route):
    return {item["destination"].get("subset"): item.get("weight", 100) for item in route}


def test_tls_and_tcp_routes_by_what_they_match(cluster):
    with Stage(cluster, "routers-l4") as env:
        case = Case(env, "routers-l4", STEPS)
        add_l4(case)
        case.rollout["spec"]["traffic"]["virtualService"].update(tlsRoutes=[{"sniHosts": ["b.example"]}], tcpRoutes=[{"port": 9000}])
        case.begin().wait("Paused")
        spec = spec_of(case)
        equal(share(spec["tls"][1]["route"]), {"v1": 80, "v2": 20}, "the tls route of b.example")
        equal(share(spec["tcp"][0]["route"]), {"v1": 80, "v2": 20}, "the tcp route")
        equal([share(spec["tls"][0]["route"]), share(spec["http"][0]["route"])], [{"v1": 100}] * 2, "the routes that are not named")
        equal(case.act("promote"), "Done", "promote")
        case.wait("Healthy")
        equal(share(spec_of(case)["tcp"][0]["route"]), {"v2": 100}, "the tcp route at the end")


def test_two_virtual_services_move_together(cluster):
    with Stage(cluster, "routers-two") as env:
        case = Case(env, "routers-two", STEPS)
        case.post(f"{NETWORKING}/namespaces/{case.ns}/virtualservices", {
            "apiVersion": NETWORKING[6:], "kind": "VirtualService", "metadata": {"name": "edge"}, "spec": {
                "hosts": ["agent.example.com"], "gateways": ["istio-system/edge"], "http": [{"route": case.route}]}})
        case.rollout["spec"]["traffic"] = {"virtualServices": [{"name": "agent"}, {"name": "edge"}], "destinationRule": "agent"}
        case.begin().wait("Paused")
        for name in ("agent", "edge"):
            equal(share(spec_of(case, name)["http"][0]["route"]), {"v1": 80, "v2": 20}, name)
        # Somebody writes one of them.
        case.server.ok("PATCH", f"{NETWORKING}/namespaces/{case.ns}/virtualservices/edge?fieldManager=gitops", [
            {"op": "replace", "path": "/spec/http/0/route", "value": case.route}], content_type=JSON_PATCH)
        wait_for("it to be put right", lambda: share(spec_of(case, "edge")["http"][0]["route"]) == {"v1": 80, "v2": 20}, 10)
        equal(case.act("abort"), "Done", "abort")
        wait_for("both to be back", lambda: all(share(spec_of(case, name)["http"][0]["route"]).get("v2", 0) == 0 for name in ("agent", "edge")), 10)
        case.wait("Aborted", 45)


def test_nobody_acts_in_the_name_of_another(cluster):
    ns = "routers-user"
    cluster.kubectl("apply", "-k", str(pathlib.Path(__file__).resolve().parents[2] / "manifests/install/policy"))
    with Stage(cluster, ns, "--trust-users") as env:
        config = str(cluster.user("ann"))
        cluster.grant("promotes", [{"apiGroups": ["serin.dev"], "resources": ["rolloutactions"], "verbs": ["create", "get", "patch"]}], ns, user="ann")

        def make(name, user, rollout="agent", code=None):
            action = {"apiVersion": "serin.dev/v1alpha1", "kind": "RolloutAction", "metadata": {
                "name": name, "namespace": ns, "annotations": {"serin.dev/user": user}}, "spec": {"rollout": rollout, "verb": "abort", "reason": "a test"}}
            return cluster.kubectl("--kubeconfig", config, "-n", ns, "create", "-f", "-", stdin=json.dumps(action), code=code)
        tries = iter(range(1000)) # the policy is in force some time after it is there

        def refusal():
            text = make(f"forged-{next(tries)}", "eve", rollout="nobody")
            return "expected ann or none, found eve" in text and text
        said = wait_for("a forged name to be refused", refusal, 30, 0.3)
        check("serin-rolloutaction-user" in said, said)
        case = Case(env, ns, STEPS).begin()
        case.wait("Paused")
        make("honest", "ann", code=0)
        case.wait("Aborted", 45)
        equal(case.status()["history"][0]["who"], "ann", "who aborted")
        refused = cluster.kubectl("--kubeconfig", config, "-n", ns, "patch", "rolloutaction", "honest", "--type=merge", "-p",
                                  '{"metadata":{"annotations":{"serin.dev/user":"eve"}}}', code=1)
        check("expected ann or none, found eve" in refused, refused)
        cluster.ok("GET", f"{SERIN}/namespaces/{ns}/rolloutactions/honest")


if __name__ == "__main__":
    support.main(globals(), long={"test_tls_and_tcp_routes_by_what_they_match", "test_two_virtual_services_move_together"})
