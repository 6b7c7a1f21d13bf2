# SPDX-License-Identifier: Apache-2.0
"""One namespace of a real cluster (or, with SERIN_WORLD=machine, of a `serin apiserver`) with a `serin operator` of its own, as the service
account of manifests/install, and the stand-ins of operator_world.py for proxy, traffic and Prometheus: what a Case needs. Used by
tests/kubernetes."""
import socket
import threading

from api_faults import Faults
from operator_world import BIN, NETWORKING, Operator, Prometheus, World, check, equal, wait_for


class Stage:
    """A context manager. `faults`: the operator speaks through this proxy (see through())."""

    def __init__(self, cluster, ns, *options, faults=None, start=True, env=None):
        self.server = self.cluster = cluster
        self.ns, self.system, self.faults = ns, f"{ns}-system", faults
        cluster.namespace(ns)
        cluster.lease_namespace(self.system)
        user = {"token": cluster.operator_token()}
        self.kubeconfig = cluster.write_kubeconfig(f"{ns}.operator", user)
        if faults:
            faults.kubeconfig(self.kubeconfig, user)
        self.prometheus = Prometheus()
        self.world = World(cluster, self.prometheus, ns, self.system, workloads=not cluster.controllers)
        self.options, self.env = ("--namespace", ns, "--lease-namespace", self.system, *options), env
        self.operator = self.another("operator") if start else None

    def another(self, name, *options, program=BIN):
        return Operator(self.server, self.prometheus, *self.options, *options, log=f"{self.ns}.{name}.log", kubeconfig=self.kubeconfig, env=self.env,
                        program=program)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind and self.operator:
            print("# operator: " + self.operator.tail()[-2500:].replace("\n", "\n# "))
        try:
            if self.operator and self.operator.process.poll() is None:
                self.operator.kill() if kind else self.operator.stop()
        finally:
            self.world.stop()
            self.prometheus.stop()
            if self.faults:
                self.faults.close()


def through(cluster, kind=Faults):
    """A fault proxy before the API server."""
    return kind(upstream=f"https://127.0.0.1:{cluster.port}", upstream_ca=cluster.data / "pki" / "ca.crt")


class Seen:
    """What `read` gave of the object `name` of a collection (None: of each), whenever that changed, from a watch: `seen`, or `each`[name]."""

    def __init__(self, case, path, name, read):
        self.case, self.path, self.name, self.read, self.each = case, path, name, read, {}

    def __enter__(self):
        first = self.case.server.get(self.path).json
        for item in first["items"]:
            self.note(item)
        self.stream = self.case.server.watch(f"{self.path}?watch=true&resourceVersion={first['metadata']['resourceVersion']}")
        threading.Thread(target=self.run, daemon=True).start()
        return self

    def run(self):
        try:
            while event := self.stream.next(600):
                if event["type"] in ("ADDED", "MODIFIED"):
                    self.note(event["object"])
        except (OSError, ValueError):
            pass # closed

    def note(self, item):
        name, value = item["metadata"]["name"], self.read(item)
        if self.name in (None, name) and self.each.setdefault(name, [value])[-1] != value:
            self.each[name].append(value)

    @property
    def seen(self):
        return self.each.get(self.name, [])

    def last(self):
        return self.seen[-1] if self.seen else None

    def __exit__(self, *_):
        self.stream.connection.sock.shutdown(socket.SHUT_RDWR) # close() would wait for the reader


class Shares(Seen):
    """Every share of the canary that the route ever had."""

    def __init__(self, case, subset="v2"):
        def share(item):
            return next((r.get("weight", 100) for r in item["spec"]["http"][0]["route"] if r["destination"].get("subset") == subset), 0)
        super().__init__(case, f"{NETWORKING}/namespaces/{case.ns}/virtualservices", "agent", share)

    def climbed(self, *allowed):
        seen = self.seen
        check(seen == sorted(seen) and set(seen) <= set(allowed), f"the canary's share went {seen}, allowed {allowed}")


def promoted_once(case, of="v2"):
    """What has to be true after a release of a pair, whatever happened during it."""
    equal(case.share(of), 100, f"share of {of}")
    status = case.status()
    equal([item["result"] for item in status["history"]], ["Promoted"], "history")
    wait_for("v1 to be scaled down", lambda: case.replicas("agent-v1") == 0)
    told_once(case)


def told_once(case):
    messages = [message for reason, message in case.events() if reason == "StepCompleted"]
    equal(len(messages), len(set(messages)), f"events told twice: {messages}")
