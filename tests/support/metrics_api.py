# SPDX-License-Identifier: Apache-2.0
"""A stand-in for metrics-server: metrics.k8s.io/v1beta1 behind an APIService of a real kube-apiserver, so that the real
horizontal-pod-autoscaling controller has something to go by. A Pod uses its share of a load that follows the routes.

    with MetricsApi(cluster) as metrics:           # it is cluster.metrics, too
        metrics.loads["ns"] = Load(case, 400)      # 400 millicores, spread over the pods that get traffic
        metrics.loads["ns"].total = 800

On a cluster of its own: an APIService is for all, and a namespace does not go while one of them is away."""
import http.server
import json
import ssl
import threading
import time
import urllib.parse

from apiserver import equal, wait_for

GROUP = "metrics.k8s.io/v1beta1"
ADDRESS, PORT = "10.96.0.99", 4443  # a cluster IP is an address of this machine: see netns.isolate()
NETWORKING = "/apis/networking.istio.io/v1"


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


class Load:
    """`total` millicores for the ready pods of a Case, by the weights of its VirtualService."""

    def __init__(self, case, total):
        self.case, self.total = case, total

    def spread(self, pods):
        """{pod: millicores}"""
        rule = self.case.server.get(f"{NETWORKING}/namespaces/{self.case.ns}/destinationrules/agent").json
        labels = {subset["name"]: subset["labels"] for subset in rule["spec"].get("subsets") or []}
        route = self.case.destinations()
        weights = [part.get("weight", 100 if len(route) == 1 else 0) for part in route]
        used, total = {pod["metadata"]["name"]: 0 for pod in pods}, self.total
        for part, weight in zip(route, weights):
            wanted = labels.get(part["destination"].get("subset"), {})
            serving = [pod["metadata"]["name"] for pod in pods if is_ready(pod) and wanted.items() <= pod["metadata"]["labels"].items()]
            for name in serving:
                used[name] += total * weight / sum(weights) / len(serving)
        return used


class MetricsApi:
    def __init__(self, cluster):
        self.cluster, self.loads, self.asked = cluster, {}, {}
        cluster.metrics = self

    def __enter__(self):
        cert, key = self.cluster.authority.issue("metrics", f"IP:{ADDRESS}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server = http.server.ThreadingHTTPServer((ADDRESS, PORT), handler_of(self))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.register()
        return self

    def register(self):
        core, name = "/api/v1/namespaces/kube-system", "metrics"
        self.cluster.need("POST", f"{core}/services", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {
            "clusterIP": ADDRESS, "ports": [{"name": "https", "port": PORT}]}})
        self.cluster.need("POST", "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4", "ports": [{"name": "https", "port": PORT}], "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}]})
        path = "/apis/apiregistration.k8s.io/v1/apiservices"
        self.cluster.need("POST", path, {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"}, "spec": {
            "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100, "insecureSkipTLSVerify": True,
            "service": {"namespace": "kube-system", "name": name, "port": PORT}}})

        def is_available():
            conditions = self.cluster.get(f"{path}/v1beta1.metrics.k8s.io").json.get("status", {}).get("conditions", [])
            return any(c["type"] == "Available" and c["status"] == "True" for c in conditions)
        wait_for("the metrics API to be available", is_available)
        equal(self.cluster.get(f"/apis/{GROUP}").status, 200, "the metrics API through the API server")

    def __exit__(self, *_):
        self.cluster.request("DELETE", "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io")
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path, query):
        """The body for one GET, or None."""
        parts = path.strip("/").split("/")
        if path == f"/apis/{GROUP}":
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP, "resources": [
                {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}]}
        if parts[3:4] == ["namespaces"] and parts[5:] == ["pods"]:
            return self.pods(parts[4], query.get("labelSelector", [""])[0])
        return None

    def pods(self, ns, selector):
        found = self.cluster.get(f"/api/v1/namespaces/{ns}/pods?labelSelector={urllib.parse.quote(selector)}").json["items"]
        found = [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]
        used = self.loads[ns].spread(found) if ns in self.loads else {}
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        items = [{"metadata": {"name": pod["metadata"]["name"], "namespace": ns, "labels": pod["metadata"]["labels"]}, "timestamp": stamp, "window": "1s",
                  "containers": [{"name": pod["spec"]["containers"][0]["name"],
                                  "usage": {"cpu": f"{int(used[pod['metadata']['name']])}m", "memory": "10Mi"}}]} for pod in found if used]
        self.asked[ns] = self.asked.get(ns, 0) + 1
        return {"kind": "PodMetricsList", "apiVersion": GROUP, "metadata": {}, "items": items}

    def looked_at(self, ns, times=3):
        """The autoscaler has decided so often after now."""
        before = self.asked.get(ns, 0)
        wait_for("the autoscaler to look", lambda: self.asked.get(ns, 0) > before + times)


def handler_of(metrics):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):  # noqa: N802 (the name is http.server's)
            url = urllib.parse.urlsplit(self.path)
            body = metrics.answer(url.path, urllib.parse.parse_qs(url.query))
            text = json.dumps(body or {}).encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass
    return Handler
