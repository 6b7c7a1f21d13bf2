# SPDX-License-Identifier: Apache-2.0
"""Many Rollouts on one API server (embedded or real), and what one operator makes of them: memory, time to be ready, and how soon it acts on
one object that changes. Used by tests/bench/scale.py and tests/integration/test_operator_scale.py."""
import pathlib
import random
import re
import statistics
import subprocess
import time
import urllib.request

import pipeline
from apiserver import BIN, Failure, check, die_with_parent, wait_for

SERIN = "/apis/serin.dev/v1alpha1"
NETWORKING = "/apis/networking.istio.io/v1"
PER_NAMESPACE = 100
# It waits for a person at once: a Rollout that is at work and stays as it is.
STEPS = [{"pause": {}}, {"deploy": {}}, {"setWeight": 50}, {"monitor": {"duration": "1m"}}, {"setWeight": 100}, {"decommission": {}}]


def labels_of(name, version):
    return {"app": name, "version": version}


def template(name, version):
    container = {"name": "agent", "image": f"registry.example.com/team/agent:{version}", "ports": [{"containerPort": 8080, "name": "http"}],
                 "env": [{"name": "VERSION", "value": version}, {"name": "LOG_LEVEL", "value": "info"}],
                 "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                 "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 5}}
    return {"metadata": {"labels": labels_of(name, version)}, "spec": {"containers": [container]}}


UNWATCHED = ("ReplicaSet", "Pod", "EndpointSlice") # by the operator


def version_objects(ns, name, version):
    """(path, object, its status or None) of one version: what the Deployment controller and the kubelet make of it is written here, for they do not run."""
    full, labels, spec = f"{name}-{version}", labels_of(name, version), template(name, version)
    meta = {"namespace": ns, "labels": labels}
    workload = {"replicas": 1, "selector": {"matchLabels": labels}, "template": spec}
    yield f"/apis/apps/v1/namespaces/{ns}/deployments", {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": full, **meta}, "spec": workload}, {
            "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    yield f"/apis/apps/v1/namespaces/{ns}/replicasets", {
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": f"{full}-7d4b9c", **meta}, "spec": workload}, None
    yield f"/api/v1/namespaces/{ns}/pods", {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"{full}-7d4b9c-x2x7q", **meta}, "spec": spec["spec"]}, {
            "phase": "Running", "podIP": "10.1.0.7", "conditions": [{"type": "Ready", "status": "True"}]}


def objects(ns, name):
    """(path, object, its status or None) of one Rollout and what it is about: eleven objects, of which the operator watches six."""
    host = f"{name}.{ns}.svc.cluster.local"
    for version in ("v1", "v2"):
        yield from version_objects(ns, name, version)
    yield f"/api/v1/namespaces/{ns}/services", {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": ns, "labels": {"app": name}},
        "spec": {"selector": {"app": name}, "clusterIP": "None", "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}, None
    yield f"/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices", {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": f"{name}-k2f9z", "namespace": ns, "labels": {"kubernetes.io/service-name": name}},
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["10.1.0.7"], "conditions": {"ready": True},
                       "targetRef": {"kind": "Pod", "namespace": ns, "name": f"{name}-{v}-7d4b9c-x2x7q"}} for v in ("v1", "v2")]}, None
    yield f"{NETWORKING}/namespaces/{ns}/destinationrules", {
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": name, "namespace": ns},
        "spec": {"host": host, "subsets": [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]}}, None
    yield f"{NETWORKING}/namespaces/{ns}/virtualservices", {
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name, "namespace": ns},
        "spec": {"hosts": [host], "http": [{"timeout": "1s", "route": [{"destination": {"host": host, "subset": "v1"}, "weight": 100}]}]}}, None
    yield f"{SERIN}/namespaces/{ns}/rollouts", {
        "apiVersion": "serin.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": name, "namespace": ns}, "spec": {
            "stable": {"deployment": f"{name}-v1", "subset": "v1"}, "canary": {"deployment": f"{name}-v2", "subset": "v2"},
            "traffic": {"virtualService": {"name": name}, "destinationRule": name}, "steps": STEPS,
            "analysis": {"metrics": [{"name": "error-rate", "limit": "5%"}]}}}, None


def places(count):
    return [(f"scale-{i // PER_NAMESPACE}", f"agent-{i}") for i in range(count)]


def requests_of(some, whole):
    """First the objects of some Rollouts, then what stands in their status."""
    makes, statuses = [], []
    for ns, name in some:
        for path, body, status in objects(ns, name):
            if not whole and body["kind"] in UNWATCHED:
                continue
            makes.append(("POST", path, body, "application/json"))
            if status:
                statuses.append(("PATCH", f"{path}/{body['metadata']['name']}/status", {"status": status}, "application/merge-patch+json"))
    yield makes
    yield statuses


def populate(server, count, threads=8, whole=True):
    """Writes `count` Rollouts with all that belongs to them, or with what the operator watches of it."""
    groups = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"scale-{i}"}} for i in range((count + PER_NAMESPACE - 1) // PER_NAMESPACE)]
    pipeline.write_all(server, [[[("POST", "/api/v1/namespaces", group, "application/json") for group in groups]]])
    everything, chunk = places(count), 25

    def part(first):
        for at in range(first * chunk, count, threads * chunk):
            yield from requests_of(everything[at:at + chunk], whole)
    pipeline.write_all(server, [part(i) for i in range(threads)])


class Operator:
    def __init__(self, kubeconfig, log, *options, binary=BIN):
        self.log = pathlib.Path(log)
        self.file = open(self.log, "wb")
        self.process = subprocess.Popen([binary, "operator", "--kubeconfig", str(kubeconfig), "--metrics-port", "0", *options],
                                        stdout=self.file, stderr=self.file, preexec_fn=die_with_parent)
        self.port = 0

    def metrics(self):
        if not self.port:
            self.port = int(wait_for("the metrics port", lambda: re.findall(r"msg=metrics port=(\d+)", self.log.read_text()))[0])
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=20) as reply:
            text = reply.read().decode()
        return text, {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line and line[0] != "#"}

    def settle(self, count, seconds=600):
        """Until every Rollout was planned, waits for a person, and nothing is in hand."""
        def settled():
            text, values = self.metrics()
            return (text.count('phase="Paused"') == count and values["serin_operator_passes_total"] >= count
                    and not values["serin_operator_passes_running"] and not values["serin_operator_queue_depth"])
        wait_for(f"{count} Rollouts to be Paused", settled, seconds, every=max(0.1, count / 5000))

    def memory_kb(self, field="VmRSS"):
        return int(re.search(rf"{field}:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text()).group(1))

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def stop(self):
        self.process.terminate()
        code = self.process.wait(30)
        self.file.close()
        check(code == 0, f"the operator ended with {code}: {self.log.read_text()[-1500:]}")


def latencies(server, count, samples, seed=1):
    """Seconds from the POST of a RolloutAction's answer to the answer in its status, seen by a watch, for Rollouts chosen at random."""
    revision = server.get(f"{SERIN}/rolloutactions?limit=1").json["metadata"]["resourceVersion"]
    stream = server.watch(f"{SERIN}/rolloutactions?watch=true&resourceVersion={revision}")
    connection, took, chance = server.connect(), [], random.Random(seed)
    everything = places(count)
    for i in range(samples):
        ns, name = chance.choice(everything)
        body = {"apiVersion": "serin.dev/v1alpha1", "kind": "RolloutAction", "metadata": {"name": f"look-{i}", "namespace": ns},
                "spec": {"rollout": name, "verb": "pause", "reason": "a measurement"}}
        began = time.perf_counter()
        reply = server.request("POST", f"{SERIN}/namespaces/{ns}/rolloutactions", body, connection=connection)
        check(reply.status == 201, reply.text)
        while True:
            event = stream.next(30)
            if event is None:
                raise Failure("the watch ended")
            if event["object"]["metadata"]["name"] == f"look-{i}" and event["object"].get("status", {}).get("result"):
                break
        took.append(time.perf_counter() - began)
    stream.close()
    connection.close()
    return sorted(took)


def list_pages(server, path, limit):
    """How many items, page by page."""
    connection, count, rest = server.connect(), 0, ""
    while True:
        page = server.ok("GET", f"{path}?limit={limit}{rest}", connection=connection)
        count += len(page["items"])
        if not page["metadata"].get("continue"):
            connection.close()
            return count
        rest = f"&continue={page['metadata']['continue']}"


def watch_all(server, path, count):
    """Until a watch that begins with everything has told it."""
    stream = server.watch(f"{path}?watch=true&resourceVersion=0")
    for _ in range(count):
        check(stream.next(60)["type"] == "ADDED", "an event that is no ADDED")
    stream.close()
