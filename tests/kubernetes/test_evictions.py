#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A node is drained in the middle of a release: every pod of both versions is evicted through the eviction API. The PodDisruptionBudget over both
lets one go at a time, and no request is lost. (SERIN_LONG=1; what a budget allows is in test_tracking.py.)"""
import os
import pathlib
import sys

os.environ["SERIN_WORLD"] = "cluster"
os.environ.setdefault("SERIN_NAMESPACE", "evictions")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import HOST, NAMESPACE, Load, check, main, service, version, wait_for, world  # noqa: E402

STEPS = [{"deploy": {}}, {"setWeight": 50}, {"pause": {}}, {"setWeight": 100}, {"pause": {}}, {"decommission": {}}]
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
LABELS = {"app": "research-agent"}


def release(name):
    template = version(name)["spec"]["template"]
    template["metadata"]["labels"] = LABELS
    return {"apiVersion": "serin.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "research-agent", "namespace": NAMESPACE}, "spec": {
        "replicas": 3, "selector": {"matchLabels": LABELS}, "template": template,
        "traffic": {"virtualService": {"name": "research-agent"}, "destinationRule": "research-agent"}, "steps": STEPS,
        "analysis": {"interval": "1s", "metrics": [{"name": "error-rate", "limit": "1%"}]}}}


def pods(up):
    return [pod for pod in up.cluster.get(PODS).json["items"] if not pod["metadata"].get("deletionTimestamp")]


def evict(up, name):
    """Whether it may go now."""
    reply = up.cluster.request("POST", f"{PODS}/{name}/eviction", {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}})
    check(reply.status in (201, 429), f"eviction of {name}: {reply.status} {reply.text[:300]}")
    check(reply.status == 201 or "disruption budget" in reply.text, f"eviction of {name}: {reply.text[:300]}")
    return reply.status == 201


def drain(up):
    """Evicts each pod that is there now; how often the budget refused."""
    refused = 0
    for name in [pod["metadata"]["name"] for pod in pods(up)]:
        def goes(name=name):
            nonlocal refused
            gone = evict(up, name)
            refused += not gone
            return gone
        wait_for(f"{name} to be evicted", goes, 90, 0.3)
    return refused


def healthy_pods(up):
    status = up.cluster.get(f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets/research-agent").json.get("status", {})
    return status.get("currentHealthy"), status.get("expectedPods")


def test_a_node_is_drained_in_a_release():
    with world() as up:
        objects = service(subsets=())
        objects[3]["spec"]["http"][0]["route"] = [{"destination": {"host": HOST}}]
        budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "research-agent", "namespace": NAMESPACE},
                  "spec": {"maxUnavailable": 1, "selector": {"matchLabels": LABELS}}}
        up.apply(*objects, release("v1"), budget)
        up.wait_phase("Healthy")
        up.wait_serving()
        wait_for("the budget over three", lambda: healthy_pods(up) == (3, 3))
        with Load(up) as load:
            load.wait_version("v1")
            up.apply(release("v2"))
            up.wait_phase("Paused")
            load.wait_version("v2")
            wait_for("the budget over both", lambda: healthy_pods(up) == (5, 5))
            check(drain(up) > 0, "the budget refused nothing")
            wait_for("all of them again", lambda: healthy_pods(up) == (5, 5), 90)
            check(up.rollout()["status"]["weight"]["canary"] == "50", f"the canary's share is {up.rollout()['status']['weight']}")
            up.serin("promote", "research-agent", "-n", NAMESPACE)
            wait_for("all traffic on v2", lambda: up.phase() == "Paused" and up.rollout()["status"]["weight"]["canary"] == "100", 90)
            wait_for("the budget over both", lambda: healthy_pods(up) == (6, 6), 90)
            drain(up)
            up.serin("abort", "research-agent", "-n", NAMESPACE)
            up.wait_phase("Aborted")
            load.wait_version("v1", load.answers("v1") + 200)
            check(not load.lost(), f"requests were lost: {load.lost()}")


if __name__ == "__main__":
    main(long={"test_a_node_is_drained_in_a_release"})
