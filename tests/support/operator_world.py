# SPDX-License-Identifier: Apache-2.0
"""What stands around a `serin operator` in tests/integration: a fake Prometheus with real counters, and a stand-in for
the process runtime (Deployments become ready), the proxy (a Lease that acknowledges) and the traffic (counters that
follow the weights of the VirtualServices)."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import apiserver
import netns
from apiserver import BIN, Failure, Server, check, equal, wait_for  # noqa: F401  (for the tests)
from fake_prometheus import Prometheus

if os.environ.get("SERIN_WORLD") == "cluster":
    with contextlib.suppress(netns.Missing):  # cluster.bare() will say what is missing
        netns.isolate()  # before there is any thread

NETWORKING = "/apis/networking.istio.io/v1"
GATEWAY = "/apis/gateway.networking.k8s.io/v1"
SERIN = "/apis/serin.dev/v1alpha1"

FAST = [{"deploy": {}}, {"setWeight": 10}, {"monitor": {"duration": "3s", "min": "1s"}}, {"setWeight": 50},
        {"monitor": {"duration": "3s", "min": "1s"}}, {"setWeight": 100}, {"monitor": {"duration": "2s", "min": "2s"}},
        {"decommission": {}}]
PAUSED = [{"deploy": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100}, {"decommission": {"action": "delete"}}]


class World:
    """The stand-in: one thread that looks at the API every few milliseconds. `ns`: at that namespace only, with the proxy's Lease in
    `system`. Without `workloads` something else makes the Deployments ready."""

    def __init__(self, server, prometheus, ns=None, system="serin-system", workloads=True):
        self.server, self.prometheus, self.workloads = server, prometheus, workloads
        self.scope = f"/namespaces/{ns}" if ns else ""
        self.leases, self.system = f"/apis/coordination.k8s.io/v1/namespaces/{system}/leases", system
        self.interval = server.LOOK  # seconds between two looks
        self.rate = 2000  # requests a second for each service
        self.errors = {}  # (namespace, version) -> share of bad answers
        self.silent = set()  # namespaces without traffic
        self.unready = set()  # (namespace, Deployment) that do not come up
        self.acknowledges = True
        self.gateway = False  # True: HTTPRoutes are served, too
        self.paused = False  # True: the stand-in only renews its Lease and scrapes
        self.largest = {}  # namespace -> largest share the canary subset ever had, by subset
        self.served = {}
        self.stopping = threading.Event()
        self.failure = None
        server.lease_namespace(system)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        connection = self.server.connect()
        last = renewed = time.monotonic()
        while not self.stopping.is_set():
            if self.paused:
                self.prometheus.scrape()
                self.stopping.wait(0.2)
                continue
            try:
                services = self.server.get(f"{NETWORKING}{self.scope}/virtualservices", connection=connection).json["items"]
                rules = self.server.get(f"{NETWORKING}{self.scope}/destinationrules", connection=connection).json["items"]
                routes = self.server.get(f"{GATEWAY}{self.scope}/httproutes", connection=connection).json["items"] if self.gateway else []
                if self.workloads:
                    self.ready(connection)
                now = time.monotonic()
                self.traffic(services, now - last)
                self.gateway_traffic(routes, now - last)
                last = now
                self.lease(connection, (("VirtualService", services), ("DestinationRule", rules), ("HTTPRoute", routes)), now - renewed > 2)
                if now - renewed > 2:
                    renewed = now
                self.prometheus.scrape()
            except (OSError, ValueError, KeyError) as error:
                self.failure = error
                connection.close()
                connection = self.server.connect()
            self.stopping.wait(self.interval)
        connection.close()

    def ready_once(self):
        connection = self.server.connect()
        self.ready(connection)
        connection.close()

    def ready(self, connection):
        deployments = self.server.get(f"/apis/apps/v1{self.scope}/deployments", connection=connection).json["items"]
        for item in deployments:
            meta, wanted = item["metadata"], item["spec"].get("replicas", 1)
            ready = 0 if (meta["namespace"], meta["name"]) in self.unready else wanted
            status = item.get("status", {})
            if (status.get("observedGeneration"), status.get("readyReplicas", 0)) == (meta["generation"], ready):
                continue
            body = {"status": {"observedGeneration": meta["generation"], "replicas": wanted, "updatedReplicas": wanted,
                               "readyReplicas": ready, "availableReplicas": ready}}
            self.server.request("PATCH",
                                f"/apis/apps/v1/namespaces/{meta['namespace']}/deployments/{meta['name']}/status", body,
                                "application/merge-patch+json", connection=connection)

    def traffic(self, services, seconds):
        for item in services:
            ns = item["metadata"]["namespace"]
            route = item["spec"]["http"][0]["route"]
            total = sum(r.get("weight", 100 if len(route) == 1 else 0) for r in route)
            for r in route:
                subset = r["destination"].get("subset", "")
                share = r.get("weight", 100 if len(route) == 1 else 0) / max(total, 1)
                self.largest[ns, subset] = max(self.largest.get((ns, subset), 0), share)
                if ns not in self.silent:
                    self.count(ns, r["destination"]["host"], subset, self.rate * share * seconds)

    def gateway_traffic(self, routes, seconds):
        for item in routes:
            ns, refs = item["metadata"]["namespace"], item["spec"]["rules"][0]["backendRefs"]
            total = sum(ref.get("weight", 1) for ref in refs)
            for ref in refs:
                name, share = ref["name"], ref.get("weight", 1) / max(total, 1)
                self.largest[ns, name] = max(self.largest.get((ns, name), 0), share)
                if ns not in self.silent:
                    self.count(ns, f"{name}.{ns}.svc.cluster.local", name, self.rate * share * seconds)

    def count(self, ns, host, version, requests):
        bad = requests * self.errors.get((ns, version), 0)
        labels = {"reporter": "source", "destination_service": host, "destination_version": version,
                  "destination_workload": version, "job": "proxy", "instance": "proxy:1"}
        if requests - bad > 0:
            self.prometheus.add("istio_requests_total", requests - bad, response_code="200", **labels)
        if bad > 0:
            self.prometheus.add("istio_requests_total", bad, response_code="500", **labels)

    def lease(self, connection, lists, due):
        serving = {}
        for kind, items in lists:
            for item in items:
                meta = item["metadata"]
                serving[f"{kind}/{meta['namespace']}/{meta['name']}"] = meta["resourceVersion"]
        if not self.acknowledges or (serving == self.served and not due):
            return
        self.served = serving
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() // 1000 % 1000000:06d}Z"
        spec = {"holderIdentity": "stand-in", "leaseDurationSeconds": 10, "renewTime": stamp}
        meta = {"name": "serin-proxy-a", "namespace": self.system, "labels": {"serin.dev/component": "proxy"},
                "annotations": {"serin.dev/serving": json.dumps(serving)}}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
        reply = self.server.request("PATCH", f"{self.leases}/serin-proxy-a", body, "application/merge-patch+json",
                                    connection=connection)
        if reply.status == 404:
            self.server.request("POST", self.leases, body, connection=connection)

    def stop(self):
        self.stopping.set()
        self.thread.join(10)


class Operator:
    def __init__(self, server, prometheus, *options, log="operator.log", kubeconfig=None, env=None, program=BIN):
        self.program = str(program)
        self.server, self.options = server, options
        self.prometheus = prometheus
        self.kubeconfig, self.env = str(kubeconfig or server.operator_kubeconfig()), env
        self.log = server.data / log
        self.process = None
        self.start()

    def start(self):
        command = [self.program, "operator", "--kubeconfig", self.kubeconfig, "--prometheus",
                   self.prometheus.url, "--scrape-interval", "200ms", "--metrics-port", "0", "--log-level", "debug",
                   *self.options]
        self.file = open(self.log, "ab")
        self.begun = len(self.text())
        self.process = subprocess.Popen(apiserver.mortal(command), stdout=self.file, stderr=self.file, env={**os.environ, **(self.env or {})})

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        self.file.close()

    def stop(self):
        # Before it listens for signals there is nothing to end cleanly.
        wait_for("the operator to start", lambda: "operator started" in self.text()[self.begun:])
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.file.close()
        check(code == 0, f"the operator ended with {code}: {self.tail()}")

    def text(self):
        return pathlib.Path(self.log).read_text()

    def tail(self):
        return self.text()[-3000:]

    def metrics_port(self):
        found = re.findall(r"msg=metrics port=(\d+)", self.text()[self.begun:])
        return int(found[-1]) if found else 0


def deployment(ns, name, version, replicas=2):
    labels = {"app": "agent", "version": version}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": ns},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels},
                                  "spec": {"containers": [{"name": "agent", "image": f"agent:{version}"}]}}}}


class Case:
    """One namespace with a pair (or a template) to release."""

    def __init__(self, env, ns, steps, template=False, **analysis):
        self.env, self.ns, self.server = env, ns, env.server
        self.host = f"agent.{ns}.svc.cluster.local"
        env.server.request("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}})
        subsets = [] if template else [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]
        self.post(f"{NETWORKING}/namespaces/{ns}/destinationrules",
                  {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
                   "metadata": {"name": "agent", "namespace": ns}, "spec": {"host": self.host, "subsets": subsets}})
        first = {"host": self.host} if template else {"host": self.host, "subset": "v1"}
        self.route = [{"destination": first, "weight": 100}]
        self.post(f"{NETWORKING}/namespaces/{ns}/virtualservices",
                  {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
                   "metadata": {"name": "agent", "namespace": ns},
                   "spec": {"hosts": [self.host], "http": [{"timeout": "1s", "route": self.route}]}})
        form = {"stable": {"deployment": "agent-v1", "subset": "v1"}, "canary": {"deployment": "agent-v2", "subset": "v2"}}
        if template:
            form = {"replicas": 2, **{k: v for k, v in deployment(ns, "", "1")["spec"].items() if k != "replicas"}}
        else:
            for version in ("v1", "v2"):
                self.post(f"/apis/apps/v1/namespaces/{ns}/deployments", deployment(ns, f"agent-{version}", version))
        self.rollout = {"apiVersion": "serin.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "agent", "namespace": ns},
                        "spec": {**form, "traffic": {"virtualService": {"name": "agent"}, "destinationRule": "agent"},
                                 "steps": steps,
                                 "analysis": {"interval": "500ms", "metrics": [{"name": "error-rate", "limit": "5%"}],
                                              **analysis}}}
        self.path = f"{SERIN}/namespaces/{ns}/rollouts/agent"

    def post(self, path, body):
        return self.server.ok("POST", path, body)

    def begin(self):
        self.post(f"{SERIN}/namespaces/{self.ns}/rollouts", self.rollout)
        return self

    def status(self):
        reply = self.server.get(self.path)
        return reply.json.get("status", {}) if reply.status == 200 else {}

    def phase(self):
        return self.status().get("phase")

    def wait(self, phase, seconds=60):
        try:
            return wait_for(f"phase {phase}", lambda: self.phase() == phase, seconds)
        except Failure as error:
            raise Failure(f"{error}; status {json.dumps(self.status())[:1500]}; log {self.env.operator.tail()[-1500:]}")

    def act(self, verb, seconds=20, **more):
        name = f"{verb.lower()}-{time.monotonic_ns()}"
        self.post(f"{SERIN}/namespaces/{self.ns}/rolloutactions",
                  {"apiVersion": "serin.dev/v1alpha1", "kind": "RolloutAction", "metadata": {"name": name, "namespace": self.ns},
                   "spec": {"rollout": "agent", "verb": verb, "reason": "a test", **more}})
        path = f"{SERIN}/namespaces/{self.ns}/rolloutactions/{name}"
        return wait_for(f"an answer to {verb}", lambda: self.server.get(path).json.get("status", {}).get("result"), seconds)

    def destinations(self):
        path = f"{NETWORKING}/namespaces/{self.ns}/virtualservices/agent"
        return self.server.get(path).json["spec"]["http"][0]["route"]

    def share(self, subset):
        route = self.destinations()
        total = sum(r.get("weight", 100 if len(route) == 1 else 0) for r in route)
        ours = sum(r.get("weight", 100 if len(route) == 1 else 0) for r in route
                   if r["destination"].get("subset") == subset)
        return 100 * ours / total

    def rewrite(self, route, manager="gitops"):
        path = f"{NETWORKING}/namespaces/{self.ns}/virtualservices/agent?fieldManager={manager}"
        self.server.ok("PATCH", path, [{"op": "replace", "path": "/spec/http/0/route", "value": route}],
                       content_type="application/json-patch+json")

    def replicas(self, name):
        reply = self.server.get(f"/apis/apps/v1/namespaces/{self.ns}/deployments/{name}")
        return reply.json["spec"]["replicas"] if reply.status == 200 else None

    def events(self):
        items = self.server.get(f"/api/v1/namespaces/{self.ns}/events").json["items"]
        return [(item["reason"], item.get("message", "")) for item in items]


class GatewayCase(Case):
    """The same through an HTTPRoute. A version is called as its Deployment: agent-v1, agent-v2."""

    def __init__(self, env, ns, steps, template=False, **analysis):
        super().__init__(env, ns, steps, template, **analysis)
        env.world.gateway = True
        self.server.ok("DELETE", f"{NETWORKING}/namespaces/{ns}/virtualservices/agent")
        self.server.ok("DELETE", f"{NETWORKING}/namespaces/{ns}/destinationrules/agent")
        for version in ("", "-v1", "-v2")[:1 if template else 3]:
            selector = {"app": "agent", **({"version": version[1:]} if version else {})}
            self.post(f"/api/v1/namespaces/{ns}/services", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"agent{version}"}, "spec": {
                "selector": selector, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}})
        first = "agent" if template else "agent-v1"
        self.post(f"{GATEWAY}/namespaces/{ns}/httproutes", {"apiVersion": GATEWAY[6:], "kind": "HTTPRoute", "metadata": {"name": "agent"}, "spec": {
            "parentRefs": [{"name": "gateway"}], "rules": [{"timeouts": {"request": "1s"}, "backendRefs": [{"name": first, "port": 80}]}]}})
        spec = self.rollout["spec"]
        spec["traffic"] = {"httpRoute": {"name": "agent", "stableService": first}}
        if not template:
            spec["traffic"]["httpRoute"]["canaryService"] = "agent-v2"
            spec["stable"].pop("subset")
            spec["canary"].pop("subset")

    def destinations(self):
        refs = self.server.get(f"{GATEWAY}/namespaces/{self.ns}/httproutes/agent").json["spec"]["rules"][0]["backendRefs"]
        return [{"destination": {"subset": ref["name"]}, "weight": ref.get("weight", 1)} for ref in refs]


class Environment:
    def __init__(self, server, *options):
        self.server = server
        self.prometheus = Prometheus()
        self.world = World(server, self.prometheus)
        self.operator = Operator(server, self.prometheus, *options)

    def close(self):
        self.operator.stop()
        self.world.stop()
        self.prometheus.stop()


def main(names, *options):
    """Runs the test_...(env) among `names` in one environment, whose operator has these options; with names as arguments only those. Its
    orderly end is a test, too."""
    environment = {}

    def with_environment(function):
        def run(server):
            if "env" not in environment:
                environment["env"] = Environment(server, *options)
            function(environment["env"])
        return run

    def end(_server):
        if "env" in environment:
            environment["env"].close()

    wanted = sys.argv[1:]
    tests = {name: with_environment(f) for name, f in names.items() if name.startswith("test_") and (not wanted or name in wanted)}
    sys.argv[1:] = []
    apiserver.main({**tests, "test_the_operator_ends_cleanly": end})
