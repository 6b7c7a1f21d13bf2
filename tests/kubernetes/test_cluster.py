#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The harness itself: a Deployment of real processes behind a Service, users with the rights that they were given, and none else."""
import json
import pathlib
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
from apiserver import check, equal, wait_for  # noqa: E402


def deployment(name, replicas):
    labels = {"app": name}
    container = {"name": "agent", "image": "research-agent:1", "ports": [{"containerPort": 8080}],
                 "env": [{"name": "VERSION", "value": "v1"}, {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                 "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 1}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 2, "containers": [container]}}}}


def endpoints(cluster, ns, service):
    """Addresses of the ready ones."""
    found = cluster.get(f"/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices?labelSelector=kubernetes.io/service-name%3D{service}").json["items"]
    return [address for piece in found for end in piece["endpoints"] or [] if end["conditions"]["ready"] for address in end["addresses"]]


def test_a_deployment_serves_and_goes(cluster):
    ns = "harness"
    cluster.namespace(ns)
    cluster.ok("POST", f"/apis/apps/v1/namespaces/{ns}/deployments", deployment("agent", 2))
    cluster.ok("POST", f"/api/v1/namespaces/{ns}/services", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "agent"}, "spec": {
        "selector": {"app": "agent"}, "ports": [{"port": 80, "targetPort": 8080}]}})
    addresses = wait_for("two endpoints", lambda: (lambda a: len(a) == 2 and a)(endpoints(cluster, ns, "agent")), 30)
    pods = set()
    for address in addresses:
        with urllib.request.urlopen(f"http://{address}:8080/", timeout=5) as reply:
            pods.add(json.loads(reply.read())["pod"])
    equal(len(pods), 2, "pods that answered")
    cluster.kubectl("-n", ns, "wait", "--for=condition=Available", "deployment/agent", "--timeout=20s")
    cluster.ok("DELETE", f"/apis/apps/v1/namespaces/{ns}/deployments/agent")
    wait_for("its pods to go", lambda: not cluster.get(f"/api/v1/namespaces/{ns}/pods").json["items"], 30)
    wait_for("its endpoints to go", lambda: not endpoints(cluster, ns, "agent"), 30)


def test_users_may_what_they_were_granted(cluster):
    ns = "harness-users"
    cluster.namespace(ns)
    config = cluster.user("viewer")
    ask = ["--kubeconfig", str(config), "-n", ns]
    check("forbidden" in cluster.kubectl(*ask, "get", "configmaps", code=1).lower(), "a user without rights reads")
    cluster.grant("reads", [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}], ns, user="viewer")
    wait_for("its rights", lambda: "kube-root-ca.crt" in cluster.kubectl(*ask, "get", "configmaps", code=None), 20)
    token = cluster.service_account(ns, "reader")
    cluster.grant("reads-too", [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}], ns, account=f"{ns}/reader")

    def status():
        return cluster.get(f"/api/v1/namespaces/{ns}/configmaps", token=False, headers={"Authorization": f"Bearer {token}"}).status
    wait_for("the account's rights", lambda: status() == 200, 20)
    equal(cluster.get("/api/v1/secrets", token=False, headers={"Authorization": f"Bearer {token}"}).status, 403, "secrets of all namespaces")


def test_the_owners_kinds_are_served(cluster):
    for path in ("networking.istio.io/v1/virtualservices", "networking.istio.io/v1/destinationrules", "gateway.networking.k8s.io/v1/httproutes",
                 "gateway.networking.k8s.io/v1/grpcroutes", "serin.dev/v1alpha1/rollouts"):
        equal(cluster.get(f"/apis/{path}?limit=1").status, 200, path)


if __name__ == "__main__":
    support.main(globals())
