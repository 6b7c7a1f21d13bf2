#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the judge sees decides: only errors, no traffic, Prometheus away, a slow canary."""
import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import HOST, ON_CLUSTER, TOOLS, Failure, Load, check, main, processes, rollout, service, start_service, version, wait_for, world  # noqa: E402
from waiting import stays  # noqa: E402

WRITER = HOST.replace("research-agent", "writer-agent")


def text_of(up):
    return str(up.rollout().get("status", {}))


def test_only_errors_from_the_first_request():
    with world() as up:
        start_service(up)
        with Load(up) as load:
            load.wait_version("v1")
            up.apply(version("v2", ERROR_RATE=1), rollout())
            up.wait_phase("RolledBack")
            check(load.answers("v2") == load.failed_answers("v2") > 0, f"{load.report['versions']}")
        check("error-rate" in text_of(up) and "canary requests failed" in text_of(up), text_of(up))


def test_a_slow_canary_is_put_back():
    with world() as up:
        start_service(up)
        with Load(up, threads=32) as load:
            load.wait_version("v1")
            up.apply(version("v2", LATENCY_MS=300), rollout(metrics=[{"name": "latency-p99", "limit": "250ms"}]))
            up.wait_phase("RolledBack")
        check("latency-p99" in text_of(up), text_of(up))


def test_no_traffic_holds_and_says_so():
    with world() as up:
        start_service(up)
        up.apply(version("v2"), rollout(steps=[{"deploy": {}}, {"setWeight": 50}, {"monitor": {"duration": "3s", "min": "3s"}},
                                               {"setWeight": 100}, {"monitor": {"duration": "3s", "min": "3s"}},
                                               {"decommission": {"action": "none"}}]))
        up.wait_phase("Holding")
        wait_for("NoTraffic in status", lambda: "NoTraffic" in text_of(up) or "no requests" in text_of(up), 10)
        check(up.weights().get("v2") == 50, f"the weight moved: {up.weights()}")
        with Load(up) as load: # and goes on when there is traffic
            load.wait_version("v1")
            up.wait_phase("Healthy")


def test_prometheus_away_holds_then_goes_on():
    with world() as up:
        start_service(up)
        with Load(up) as load:
            load.wait_version("v1")
            up.apply(version("v2"), rollout(steps=[{"deploy": {}}, {"setWeight": 20}, {"monitor": {"duration": "6s", "min": "5s"}},
                                                   {"setWeight": 100}, {"monitor": {"duration": "5s", "min": "5s"}},
                                                   {"decommission": {"action": "none"}}]))
            wait_for("20 %", lambda: up.weights().get("v2") == 20, 30)
            prometheus = [pid for pid, (_, command) in processes().items()
                          if os.path.basename(command[0]) == "prometheus" and str(up.data) in " ".join(command)]
            check(len(prometheus) == 1, f"expected one prometheus, found {prometheus}")
            os.kill(prometheus[0], signal.SIGSTOP)
            try:
                up.wait_phase("Holding")
                # Until the time of the step is long over.
                stays(lambda: check(up.weights().get("v2") == 20, lambda: f"promoted blind: {up.weights()}"), 30, every=1)
                check("rometheus" in text_of(up), text_of(up))
            finally:
                os.kill(prometheus[0], signal.SIGCONT)
            up.wait_phase("Healthy")
            check(not load.lost(), f"requests were lost: {load.lost()}")


def test_a_query_of_the_user_decides():
    query = 'sum(increase(istio_requests_total{destination_service="{{ service }}",destination_version="{{ canaryVersion }}",' \
            'response_code="500"}[15s])) or vector(0)'
    with world() as up:
        start_service(up)
        with Load(up) as load:
            load.wait_version("v1")
            # A variable that does not exist is refused, and the message names the one that was meant. A real API server cannot know: the operator says it.
            up.apply(version("v2"))
            try:
                up.apply(rollout(metrics=[{"name": "bad-answers", "query": query.replace("canaryVersion", "canaryversion"), "limit": 5}]))
                check(ON_CLUSTER, "a variable that does not exist was accepted")
                wait_for("the operator to say so", lambda: "did you mean {{ canaryVersion }}" in str(up.rollout()["status"]["conditions"]))
                check(not up.weights().get("v2"), f"weights: {up.weights()}")
            except Failure as refused:
                check("did you mean {{ canaryVersion }}" in str(refused), str(refused))
            up.apply(rollout(metrics=[{"name": "bad-answers", "query": query, "limit": 5}]))
            up.wait_phase("Healthy")
            up.apply(version("v3", ERROR_RATE=0.3), rollout("v2", "v3", metrics=[{"name": "bad-answers", "query": query, "limit": 5}]))
            up.wait_phase("RolledBack")
            check("bad-answers: value" in text_of(up), text_of(up))


def other(objects):
    """The same objects of another service."""
    return json.loads(json.dumps(objects).replace("research-agent", "writer-agent"))


def test_two_releases_at_once_do_not_mix():
    images = {name: TOOLS / "research-agent" for name in ("research-agent", "writer-agent")}
    with world(images=images) as up:
        start_service(up)
        up.apply(*other([*service(), version("v1")]))
        up.wait_serving(WRITER)
        with Load(up, rate=150) as load, Load(up, rate=150, host=WRITER) as other_load:
            load.wait_version("v1")
            other_load.wait_version("v1")
            up.apply(version("v2"), rollout(), *other([version("v2", ERROR_RATE=0.4), rollout()]))
            up.wait_phase("RolledBack", name="writer-agent")
            up.wait_phase("Healthy")
            check(up.weights("writer-agent").get("v1") == 100, f"weights: {up.weights('writer-agent')}")
            check(load.failed_answers("v2") == 0 and other_load.failed_answers("v2") > 0, "the versions were mixed up")
            check(not load.lost() and not other_load.lost(), f"requests were lost: {load.lost()} {other_load.lost()}")


if __name__ == "__main__":
    main()
