#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A GitOps client that applies all manifests again every two seconds, in the ways of Argo CD and Flux: the release goes on, the asked share
stands, the phase does not flap; and with the fields excluded as docs/gitops.md says there is no contention at all."""
import copy
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
from operator_world import NETWORKING, SERIN, Case, deployment  # noqa: E402
from stage import Stage, check, equal, wait_for  # noqa: E402

STEPS = [{"deploy": {}}, {"setWeight": 30}, {"monitor": {"duration": "5s", "min": "5s"}}, {"setWeight": 100},
         {"monitor": {"duration": "3s", "min": "3s"}}, {"decommission": {"action": "none"}}]
APPLY = "application/apply-patch+yaml"


class Client(threading.Thread):
    """Applies the manifests every two seconds until the `with` ends."""

    period = 2

    def __init__(self, case, manifests):
        super().__init__(daemon=True)
        self.server, self.manifests, self.done, self.rounds, self.trouble = case.server, manifests, threading.Event(), 0, None
        for path, manifest in manifests:
            manifest["metadata"]["namespace"] = case.ns
            self.first(path, manifest)

    def first(self, path, manifest):
        self.apply(path, manifest)

    def run(self):
        while not self.done.wait(self.period):
            try:
                for path, manifest in self.manifests:
                    self.apply(path, manifest)
                self.rounds += 1
            except Exception as error:  # noqa: BLE001: told by the test
                self.trouble = error
                return

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()

    def finished(self, rounds):
        check(self.trouble is None, f"the client: {self.trouble}")
        check(self.rounds >= rounds, f"it applied only {self.rounds} times")


class ServerSide(Client):
    """Server-side apply that takes every field of the manifest: Argo CD with ServerSideApply=true."""

    manager = "argocd-controller"

    def apply(self, path, manifest):
        self.server.ok("PATCH", f"{path}/{manifest['metadata']['name']}?fieldManager={self.manager}&force=true", manifest, content_type=APPLY)


class Flux(ServerSide):
    """kustomize-controller: a dry run first, and an apply only where that would change something."""

    manager = "kustomize-controller"

    def apply(self, path, manifest):
        one = f"{path}/{manifest['metadata']['name']}"
        live = self.server.get(one)
        would = self.server.ok("PATCH", f"{one}?fieldManager={self.manager}&force=true&dryRun=All", manifest, content_type=APPLY)
        if live.status != 200 or self.told(live.json) != self.told(would):
            super().apply(path, manifest)

    @staticmethod
    def told(thing):
        return {key: value for key, value in thing.items() if key not in ("metadata", "status")} | {
            key: thing["metadata"].get(key) for key in ("labels", "annotations")}


class ClientSide(Client):
    """Three-way merge as kubectl apply does it: Argo CD's default. A list of a custom resource is one value."""

    def first(self, path, manifest):
        self.last = getattr(self, "last", {})
        reply = self.server.request("POST", path, manifest)
        check(reply.status in (201, 409), f"{reply.status} {reply.text[:300]}")

    def apply(self, path, manifest):
        one = f"{path}/{manifest['metadata']['name']}"
        live = self.server.ok("GET", one)
        patch = self.difference(live, manifest)
        if patch:
            self.server.ok("PATCH", f"{one}?fieldManager=argocd-controller", patch, content_type="application/merge-patch+json")

    def difference(self, live, wanted):
        """What of `wanted` is not so in `live`; the manifest never changes, so nothing was removed from it."""
        patch = {}
        for key, value in wanted.items():
            if isinstance(value, dict) and isinstance(live.get(key), dict):
                deeper = self.difference(live[key], value)
                if deeper:
                    patch[key] = deeper
            elif live.get(key) != value:
                patch[key] = value
        return patch


def manifests(ns, kept=True):
    """What is in Git. `kept`: with the fields that the operator writes, else without them, as ignoreDifferences has it."""
    host = f"agent.{ns}.svc.cluster.local"
    route = [{"destination": {"host": host, "subset": "v1"}, "weight": 100}, {"destination": {"host": host, "subset": "v2"}, "weight": 0}]
    service = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "agent"},
               "spec": {"hosts": [host], "http": [{"timeout": "1s", "route": route}]}}
    if not kept:
        del service["spec"]["http"]
    found = [(f"{NETWORKING}/namespaces/{ns}/virtualservices", service),
             (f"{NETWORKING}/namespaces/{ns}/destinationrules", {
                 "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "agent"},
                 "spec": {"host": host, "subsets": [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]}})]
    for version in ("v1", "v2"):
        item = deployment(ns, f"agent-{version}", version)
        if not kept:
            del item["spec"]["replicas"]
        found.append((f"/apis/apps/v1/namespaces/{ns}/deployments", item))
    return found


def contention(case):
    """Whether it was ever told."""
    said = any(c["type"] == "Contended" and c["status"] == "True" for c in case.status()["conditions"])
    return said or any(reason == "Contended" for reason, _ in case.events())


def release(cluster, ns, client, kept, contended):
    with Stage(cluster, ns) as env:
        env.world.rate = 500
        case = Case(env, ns, STEPS)
        rollout = (f"{SERIN}/namespaces/{ns}/rollouts", copy.deepcopy(case.rollout))
        phases = []
        with client(case, [*manifests(ns, kept), rollout]) as applying:

            def healthy():
                phase = case.phase()
                if phase and (not phases or phases[-1] != phase):
                    phases.append(phase)
                return phase == "Healthy"
            wait_for("the end", healthy, 90)
            before = applying.rounds
            wait_for("three more rounds", lambda: applying.rounds >= before + 3 or applying.trouble)
            wait_for("the share to stand after them", lambda: case.share("v2") == 100)
            equal(case.phase(), "Healthy", "phase while it is applied on and on")
            if contended:
                wait_for("contention to be told", lambda: contention(case))
        applying.finished(6)
        status = case.status()
        equal([item["result"] for item in status["history"]], ["Promoted"], "history")
        equal(len(phases), len(set(phases)), f"the phase flapped: {phases}")
        if not contended:
            check(not contention(case), f"contention where nobody contends: {status['conditions']}")
            writes = sum(reason == "RoutePutRight" for reason, _ in case.events())
            equal(writes, 0, "times that the route was put right")
        served = env.world.largest
        check(served.get((ns, "v2"), 0) == 1, f"largest share of v2: {served}")


def test_argo_client_side_apply_of_everything(cluster):
    release(cluster, "gitops-argo", ClientSide, True, True)


def test_flux_of_everything(cluster):
    release(cluster, "gitops-flux", Flux, True, True)


def test_argo_with_ignored_fields_has_no_contention(cluster):
    release(cluster, "gitops-argo-ignore", ClientSide, False, False)


def test_argo_server_side_apply_of_everything(cluster):
    release(cluster, "gitops-argo-ssa", ServerSide, True, True)


def test_argo_server_side_with_ignored_fields_has_no_contention(cluster):
    release(cluster, "gitops-ssa-ignore", ServerSide, False, False)


if __name__ == "__main__":
    support.main(globals(), long={"test_flux_of_everything", "test_argo_server_side_apply_of_everything", "test_argo_server_side_with_ignored_fields_has_no_contention"})
