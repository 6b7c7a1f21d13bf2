# SPDX-License-Identifier: Apache-2.0
"""An operator behind a proxy of faults (api_faults.py), and a Rollout that waits for a person. Used by tests/integration/test_operator_*.py."""
import signal
import subprocess

import api_faults
import apiserver
import operator_world as world
from apiserver import BIN, check, equal, wait_for

ROLLOUTS = "/apis/serin.dev/v1alpha1"
PAUSED = [{"pause": {}}, {"deploy": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100}, {"decommission": {}}]
SECRET = "a-secret-token-that-nobody-may-see"


class Through:
    """An operator behind a proxy of faults, and one Rollout that waits for a person."""

    def __init__(self, server, name, user=None, *options):
        self.server, self.name = server, name
        self.faults = api_faults.Faults(f"https://127.0.0.1:{server.port}", server.data / "pki" / "ca.crt", server.operator_token())
        self.config = self.faults.kubeconfig(server.data / f"{name}.kubeconfig", user)
        self.log = server.data / f"{name}.log"
        self.options = options
        self.process = None

    def __enter__(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([BIN, "operator", "--kubeconfig", str(self.config), *self.options], stdout=log, stderr=log,
                                            preexec_fn=apiserver.die_with_parent)
        wait_for("the first sync", lambda: "all kinds are synced" in self.log.read_text() or self.process.poll() is not None)
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.faults.close()
        if not kind:
            equal(code, 0, f"exit code; log {self.log.read_text()[-1500:]}")
            check(SECRET not in self.log.read_text(), "the log shows a token")


def begin(server, ns):
    """A Rollout whose first step waits for a person."""
    case = world.Case.__new__(world.Case)
    case.server, case.ns, case.env = server, ns, None
    case.path = f"{ROLLOUTS}/namespaces/{ns}/rollouts/agent"
    host = f"agent.{ns}.svc.cluster.local"
    server.lease_namespace(ns)
    for version in ("v1", "v2"):
        path = f"/apis/apps/v1/namespaces/{ns}/deployments"
        case.post(path, world.deployment(ns, f"agent-{version}", version, 1))
        server.ok("PATCH", f"{path}/agent-{version}/status", {"status": {
            "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}},
            content_type="application/merge-patch+json")
    case.post(f"{world.NETWORKING}/namespaces/{ns}/destinationrules", {
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "agent", "namespace": ns},
        "spec": {"host": host, "subsets": [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]}})
    case.post(f"{world.NETWORKING}/namespaces/{ns}/virtualservices", {
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "agent", "namespace": ns},
        "spec": {"hosts": [host], "http": [{"route": [{"destination": {"host": host, "subset": "v1"}, "weight": 100}]}]}})
    case.post(f"{ROLLOUTS}/namespaces/{ns}/rollouts", {
        "apiVersion": "serin.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "agent", "namespace": ns}, "spec": {
            "stable": {"deployment": "agent-v1", "subset": "v1"}, "canary": {"deployment": "agent-v2", "subset": "v2"},
            "traffic": {"virtualService": {"name": "agent"}, "destinationRule": "agent"}, "steps": PAUSED,
            "analysis": {"metrics": [{"name": "error-rate", "limit": "5%"}]}}})
    return case


def phase(server, ns):
    return server.get(f"{ROLLOUTS}/namespaces/{ns}/rollouts/agent").json.get("status", {}).get("phase")


def reaches(server, through, ns, wanted, seconds=20):
    try:
        wait_for(f"phase {wanted}", lambda: phase(server, ns) == wanted, seconds)
    except apiserver.Failure as error:
        raise apiserver.Failure(f"{error}; {phase(server, ns)}; faults {through.faults.hits}; log {through.log.read_text()[-2000:]}")
