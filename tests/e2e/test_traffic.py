#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who moves the traffic, and what may not stop it."""
import json
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import HOST, NAMESPACE, Load, check, main, rollout, service, start_service, version, wait_for, world  # noqa: E402


def test_an_unready_stable_pod_does_not_stop_the_rollback():
    with world() as up:
        start_service(up)
        with Load(up) as load:
            load.wait_version("v1")
            up.apply(version("v2", CONTROL_FILE=up.data / "v2.control"), rollout(steps=[
                {"deploy": {}}, {"setWeight": 20}, {"monitor": {"duration": "1m", "min": "1m"}}, {"setWeight": 100},
                {"monitor": {"duration": "5s", "min": "5s"}}, {"decommission": {"action": "none"}}]))
            load.wait_version("v2")
            # A third pod of v1 that can never become ready.
            up.kubectl("patch", "deployment", "research-agent-v1", "-n", NAMESPACE, "--type=json", "-p", json.dumps([
                {"op": "replace", "path": "/spec/replicas", "value": 3},
                {"op": "add", "path": "/spec/template/spec/containers/0/readinessProbe/httpGet/path", "value": "/no-such-page"}]))
            wait_for("an unready pod of v1", lambda: up.get("deployment", "research-agent-v1")["status"].get("unavailableReplicas"), 30)
            (up.data / "v2.control").write_text("error_rate=1\n")
            up.wait_phase("RolledBack")
            check(not up.weights().get("v2"), f"weights: {up.weights()}")
            check(not load.lost(), f"requests were lost: {load.lost()}")


def test_a_route_that_is_reapplied_every_second_keeps_the_asked_share():
    with world() as up:
        start_service(up)
        with Load(up, rate=300) as load:
            load.wait_version("v1")
            up.apply(version("v2"), rollout(steps=[{"deploy": {}}, {"setWeight": 50}, {"monitor": {"duration": "40s", "min": "40s"}},
                                                   {"setWeight": 100}, {"monitor": {"duration": "5s", "min": "5s"}},
                                                   {"decommission": {"action": "none"}}]))
            wait_for("50 %", lambda: up.weights().get("v2") == 50, 30)
            wait_for("the weight to be served", lambda: up.rollout()["status"]["step"]["name"] == "monitor", 30)
            done = threading.Event()
            route = service()[3]
            route["spec"]["http"][0]["route"] = [
                {"destination": {"host": HOST, "subset": "v1"}, "weight": 100},
                {"destination": {"host": HOST, "subset": "v2"}, "weight": 0}]

            def reapply():
                while not done.wait(1):
                    up.kubectl("replace", "-f", "-", input=json.dumps(route), fail=False)
            thread = threading.Thread(target=reapply)
            thread.start()
            try:
                first = dict(v1=load.answers("v1"), v2=load.answers("v2"))
                wait_for("3000 answers", lambda: load.answers("v1") + load.answers("v2") > first["v1"] + first["v2"] + 3000, 40, 0.5)
                last = dict(v1=load.answers("v1"), v2=load.answers("v2"))
            finally:
                done.set()
                thread.join()
            v1, v2 = last["v1"] - first["v1"], last["v2"] - first["v2"]
            share = 100 * v2 / (v1 + v2)
            check(47 <= share <= 53, f"the canary's share was {share:.1f} % of {v1 + v2}, asked 50 %")
            check("Contended" in json.dumps(up.rollout()["status"]["conditions"]), "condition Contended is missing")


def test_one_ready_replica_of_ten_is_not_given_half():
    with world() as up:
        start_service(up, version("v1", 10))
        with Load(up) as load:
            load.wait_version("v1")
            canary = version("v2", 1)
            # Only the pod that gets the lock becomes ready.
            canary["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = {
                "exec": {"command": ["/bin/sh", "-c", f'mkdir "{up.data}/ready" 2>/dev/null && touch "{up.data}/ready/$POD_NAME"; '
                                                      f'test -e "{up.data}/ready/$POD_NAME"']}, "periodSeconds": 1}
            up.apply(canary, rollout(steps=[{"deploy": {"replicas": 1, "timeout": "1m"}}, {"setWeight": 10},
                                            {"monitor": {"duration": "5s", "min": "5s"}}, {"setWeight": 50},
                                            {"monitor": {"duration": "5s", "min": "5s"}}, {"setWeight": 100},
                                            {"monitor": {"duration": "5s", "min": "5s"}}, {"decommission": {"action": "none"}}]))
            wait_for("CapacityShort in status", lambda: "CapacityShort" in str(up.rollout()["status"]), 60)
            check((up.weights().get("v2") or 0) <= 10, f"one ready replica beside ten got {up.weights()}")
            # Not forever: the rest of the lock's pods may be ready, and the release goes on.
            def let_them():
                for pod in json.loads(up.kubectl("get", "pods", "-n", NAMESPACE, "-l", "version=v2", "-o", "json"))["items"]:
                    (up.data / "ready" / pod["metadata"]["name"]).touch()
                return (up.weights().get("v2") or 0) >= 50
            wait_for("50 %", let_them, 40)


def test_a_rollout_deleted_in_the_middle_puts_the_traffic_back():
    with world() as up:
        start_service(up)
        with Load(up) as load:
            load.wait_version("v1")
            up.apply(version("v2"), rollout(steps=[{"deploy": {}}, {"setWeight": 50}, {"monitor": {"duration": "1m", "min": "1m"}},
                                                   {"setWeight": 100}, {"monitor": {"duration": "5s", "min": "5s"}},
                                                   {"decommission": {"action": "none"}}]))
            load.wait_version("v2")
            up.kubectl("delete", "rollout", "research-agent", "-n", NAMESPACE, "--timeout=30s")
            check(not up.weights().get("v2"), f"weights: {up.weights()}")
            check(not load.lost(), f"requests were lost: {load.lost()}")


def test_abort_pause_resume_and_promote_by_hand():
    with world() as up:
        start_service(up)
        with Load(up) as load:
            load.wait_version("v1")
            up.apply(version("v2"), rollout(steps=[{"deploy": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100},
                                                   {"monitor": {"duration": "5s", "min": "5s"}}, {"decommission": {"action": "none"}}]))
            up.wait_phase("Paused")
            check(up.weights().get("v2") == 20, f"weights: {up.weights()}")
            up.serin("abort", "research-agent", "-n", NAMESPACE)
            up.wait_phase("Aborted")
            check(not up.weights().get("v2"), f"weights: {up.weights()}")
            up.serin("retry", "research-agent", "-n", NAMESPACE)
            up.wait_phase("Paused")
            up.serin("promote", "research-agent", "-n", NAMESPACE)
            up.wait_phase("Healthy")
            check(not load.lost(), f"requests were lost: {load.lost()}")


if __name__ == "__main__":
    main()
