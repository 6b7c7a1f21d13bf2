#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A whole release under load: promoted, and put back. No request is lost that a backend answered."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import NAMESPACE, Load, check, main, rollout, start_service, version, wait_for, world  # noqa: E402

LONG = bool(os.environ.get("SERIN_LONG"))


def promote(keep_alive):
    with world() as up:
        start_service(up)
        with Load(up, keep_alive=keep_alive) as load:
            load.wait_version("v1")
            up.apply(version("v2"), rollout())
            up.wait_phase("Healthy")
            before = load.answers("v2")
            load.wait_version("v2", before + 400)
        report = load.stop()
        check(not load.lost(), f"requests were lost: {load.lost()}")
        check(set(report["statuses"]) == {"200"}, f"statuses: {report['statuses']}")
        check(report["versions"]["v2"]["requests"] > 400, f"v2 got {report['versions']}")
        check(up.get("deployment", "research-agent-v1")["spec"]["replicas"] == 0, "v1 was not scaled down")
        weights = up.weights()
        check(weights.get("v2") == 100 and not weights.get("v1"), f"weights: {weights}")
        wait_for("the pods of v1 to be gone", lambda: "v1" not in up.pods().values())
        up.kubectl("wait", "--for=condition=Ready", "rollout/research-agent", "-n", NAMESPACE, "--timeout=5s")
        history = up.rollout()["status"]["history"]
        check(len(history) == 1, f"history: {history}")


def test_promoted_under_load_with_keep_alive():
    promote(True)


def test_promoted_under_load_with_new_connections():
    if not LONG:
        return print("# new connections under load: SERIN_LONG=1; test_abort_promote_and_restarts_of_the_proxy_lose_nothing has some")
    return promote(False)


def test_abort_promote_and_restarts_of_the_proxy_lose_nothing():
    steps = [{"deploy": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100}, {"monitor": {"duration": "5s", "min": "5s"}},
             {"decommission": {"action": "scaleDown"}}]
    with world() as up:
        start_service(up)
        with Load(up) as load, Load(up, rate=50, keep_alive=False, threads=2) as fresh:
            load.wait_version("v1")
            up.apply(version("v2"), rollout(steps=steps))
            up.wait_phase("Paused")
            load.wait_version("v2")
            up.restart("proxy")
            load.wait_version("v2", load.answers("v2") + 50)
            up.serin("abort", "research-agent", "-n", NAMESPACE)
            up.restart("proxy")
            up.wait_phase("Aborted")
            up.serin("retry", "research-agent", "-n", NAMESPACE)
            up.wait_phase("Paused")
            up.serin("promote", "research-agent", "-n", NAMESPACE)
            wait_for("all of the traffic", lambda: up.weights().get("v2") == 100)
            up.restart("proxy")
            up.wait_phase("Healthy")
            load.wait_version("v2", load.answers("v2") + 200)
            fresh.wait_version("v2", fresh.answers("v2") + 50)
        for one in (load, fresh):
            check(not one.lost() and set(one.report["statuses"]) == {"200"}, f"requests were lost: {one.lost()} {one.report['statuses']}")


def put_back(keep_alive):
    with world() as up:
        start_service(up)
        with Load(up, keep_alive=keep_alive) as load:
            load.wait_version("v1")
            up.apply(version("v2", ERROR_RATE=0.2), rollout())
            up.wait_phase("RolledBack")
            weights = up.weights()
            check(weights.get("v1") == 100 and not weights.get("v2"), f"weights: {weights}")
            seen = load.answers("v2")
            load.wait_version("v1", load.answers("v1") + 400)
            check(load.answers("v2") <= seen + 5, f"v2 still answers after the rollback: {seen} then {load.answers('v2')}")
        check(not load.lost(), f"requests were lost: {load.lost()}")
        check(load.failed_answers("v1") == 0 and load.failed_answers("v2") > 0, f"versions: {load.final['versions']}")
        status = up.rollout()["status"]
        text = str(status)
        check("error-rate" in text, f"the reason does not name the metric: {status}")
        done = up.serin("status", "research-agent", "-n", NAMESPACE, fail=False)
        check(done.returncode == 1, f"serin status ended with {done.returncode}")


def test_put_back_under_load_with_keep_alive():
    put_back(True)


def test_put_back_under_load_with_new_connections():
    put_back(False)


if __name__ == "__main__":
    main()
