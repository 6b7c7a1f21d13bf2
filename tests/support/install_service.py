# SPDX-License-Identifier: Apache-2.0
"""Services on a cluster with Serin installed (tests/kubernetes/test_install.py): one to release, one with processes behind it, and clients of the
proxies' own Service."""
import json
import threading
import time
import urllib.error
import urllib.request

from apiserver import wait_for

SERIN, APPS, ISTIO = "/apis/serin.dev/v1alpha1", "/apis/apps/v1", "/apis/networking.istio.io/v1"
GATEWAY = "/apis/gateway.networking.k8s.io/v1"
PAUSED = [{"deploy": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100}, {"decommission": {"action": "delete"}}]


class Service:
    """A pair, or a template, with a VirtualService or an HTTPRoute; its pods are pretence."""

    def __init__(self, cluster, namespace, **spec):
        self.cluster, self.namespace, self.path = cluster, namespace, f"{SERIN}/namespaces/{namespace}/rollouts/agent"
        self.host = f"agent.{namespace}.svc.cluster.local"
        cluster.namespace(namespace)
        labels = [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")] if "stable" in spec else []
        first = {"host": self.host, "subset": "v1"} if labels else {"host": self.host}
        self.post(ISTIO, "destinationrules", "DestinationRule", {"host": self.host, "subsets": labels})
        self.post(ISTIO, "virtualservices", "VirtualService", {"hosts": [self.host], "http": [{"route": [{"destination": first, "weight": 100}]}]})
        for version in ("v1", "v2") if labels else ():
            self.post(APPS, "deployments", "Deployment", self.deployment(version), f"agent-{version}")
        traffic = {"virtualService": {"name": "agent"}, "destinationRule": "agent"}
        self.post(SERIN, "rollouts", "Rollout", {"traffic": traffic, "steps": PAUSED, **spec})

    @staticmethod
    def deployment(version):
        labels = {"app": "agent", "version": version}
        return {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "containers": [{"name": "agent", "image": f"agent:{version}"}]}}}

    def post(self, group, plural, kind, spec, name="agent"):
        version = group.split("/", 2)[2]
        self.cluster.ok("POST", f"{group}/namespaces/{self.namespace}/{plural}", {
            "apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec})

    def status(self):
        return self.cluster.get(self.path).json.get("status", {})

    def wait(self, phase):
        try:
            wait_for(f"phase {phase} of {self.namespace}", lambda: self.status().get("phase") == phase, 60, 0.1)
        except Exception as error:
            raise type(error)(f"{error}: {json.dumps(self.status())[:1500]}") from None

    def act(self, verb, name=None):
        name = name or f"{verb.lower()}-{len(self.status().get('handled', []))}"
        self.cluster.ok("POST", f"{SERIN}/namespaces/{self.namespace}/rolloutactions", {
            "apiVersion": "serin.dev/v1alpha1", "kind": "RolloutAction", "metadata": {"name": name}, "spec": {"rollout": "agent", "verb": verb}})

    def weights(self):
        route = self.cluster.get(f"{ISTIO}/namespaces/{self.namespace}/virtualservices/agent").json["spec"]["http"][0]["route"]
        return {item["destination"].get("subset", ""): item.get("weight", 100 if len(route) == 1 else 0) for item in route}

    def wait_gone(self):
        wait_for(f"namespace {self.namespace} to go", lambda: self.cluster.get(f"/api/v1/namespaces/{self.namespace}").status == 404, 60, 0.2)


def agent(cluster, namespace):
    """A Service with processes behind it; its host."""
    cluster.namespace(namespace)
    spec = Service.deployment("v1")
    spec["template"]["spec"]["containers"][0].update(image="research-agent:1", ports=[{"containerPort": 8080}], readinessProbe={
        "httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 1})
    cluster.need("POST", f"{APPS}/namespaces/{namespace}/deployments", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "real"}, "spec": spec})
    cluster.need("POST", f"/api/v1/namespaces/{namespace}/services", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "real"}, "spec": {
        "selector": {"app": "agent"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}})
    return f"real.{namespace}.svc.cluster.local"


def ask(address, host):
    """The status of one request, on a connection of its own, to the proxy there; or what happened to it."""
    request = urllib.request.Request(f"http://{address}:8080/", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return repr(error)


def proxies(cluster, namespace):
    """The addresses that a client of the Service has at this moment."""
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector=kubernetes.io/service-name%3Dserin-proxy"
    return [address for piece in cluster.get(path).json["items"] for end in piece["endpoints"] or [] if end["conditions"]["ready"]
            for address in end["addresses"]]


class Clients(threading.Thread):
    """Asks, again and again, one of the proxies that the Service had up to `behind` seconds ago: nobody hears of a change at once."""

    def __init__(self, cluster, host, behind=1.0):
        super().__init__(daemon=True)
        self.cluster, self.host, self.behind = cluster, host, behind
        self.done, self.answers, self.asked = threading.Event(), {}, set()

    def run(self):
        known = []
        while not self.done.is_set():
            now = time.monotonic()
            if not known or now - known[-1][0] > self.behind / 4:
                known.append((now, proxies(self.cluster, "serin-system")))
            while len(known) > 1 and known[1][0] <= now - self.behind:
                known.pop(0)
            for address in known[0][1]:
                answer = ask(address, self.host)
                self.answers[answer] = self.answers.get(answer, 0) + 1
                self.asked.add(address)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()
