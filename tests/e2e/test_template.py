#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The template form: one Rollout that holds the pod template, version after version."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import HOST, NAMESPACE, Load, check, main, service, version, wait_for, world  # noqa: E402

STEPS = [{"deploy": {}}, {"setWeight": 20}, {"monitor": {"duration": "6s", "min": "5s"}}, {"setWeight": 100},
         {"monitor": {"duration": "5s", "min": "5s"}}, {"decommission": {"action": "scaleDown"}}]


def bare_service():
    objects = service(subsets=())
    objects[3]["spec"]["http"][0]["route"] = [{"destination": {"host": HOST}}]
    return objects


def release(name, **env):
    template = version(name, **env)["spec"]["template"]
    template["metadata"]["labels"] = {"app": "research-agent"}
    return {"apiVersion": "serin.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "research-agent", "namespace": NAMESPACE}, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "research-agent"}}, "template": template,
        "traffic": {"virtualService": {"name": "research-agent"}, "destinationRule": "research-agent"}, "steps": STEPS,
        "analysis": {"interval": "1s", "metrics": [{"name": "error-rate", "limit": "1%"}], "judge": {"type": "threshold", "failureLimit": 1}}}}


def healthy_with(up, name):
    """Healthy, and all the answers come from that version."""
    def serves():
        status = up.rollout()["status"]
        return status.get("phase") == "Healthy" and status.get("observedGeneration") == up.rollout()["metadata"]["generation"] and \
            set(up.pods().values()) == {name}
    wait_for(f"{name} alone and healthy", serves, 60, 0.3)


def test_versions_follow_one_another():
    with world() as up:
        up.apply(*bare_service(), release("v1"))
        healthy_with(up, "v1")
        up.wait_serving()
        with Load(up) as load:
            load.wait_version("v1")
            up.apply(release("v2"))
            healthy_with(up, "v2")
            before = load.answers("v1")
            load.wait_version("v2", load.answers("v2") + 200)
            check(load.answers("v1") == before, "v1 still answers")
            # A bad one is put back, and its pods go.
            up.apply(release("v3", ERROR_RATE=0.5))
            up.wait_phase("RolledBack")
            load.wait_version("v2", load.answers("v2") + 200)
            wait_for("the pods of v3 to be gone", lambda: set(up.pods().values()) == {"v2"}, 60)
            # It is not tried again by itself; another version is.
            up.apply(release("v4"))
            healthy_with(up, "v4")
            check(not load.lost(), f"requests were lost: {load.lost()}")
        results = [item["result"] for item in up.rollout()["status"]["history"]]
        check(len(results) == 4, f"history: {results}")


def test_a_new_version_during_a_release_replaces_it():
    with world() as up:
        up.apply(*bare_service(), release("v1"))
        healthy_with(up, "v1")
        up.wait_serving()
        with Load(up) as load:
            load.wait_version("v1")
            up.apply(release("v2"))
            load.wait_version("v2")
            up.apply(release("v3"))
            healthy_with(up, "v3")
            check(not load.lost(), f"requests were lost: {load.lost()}")
            check(load.answers("v3") > 0, f"versions: {load.report['versions']}")
        text = str(up.rollout()["status"]["history"])
        check("Superseded" in text, f"history: {text}")


if __name__ == "__main__":
    main()
