#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The default judge in use: real workloads, the proxy and a real Prometheus. A bad version is put back by evidence and status says
why in numbers; a good one goes on before its time is up. SERIN_LONG=1: more error rates and latencies."""
import json
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import HOST, NAMESPACE, Load, check, main, rollout, start_service, version, wait_for, world  # noqa: E402

LONG = bool(os.environ.get("SERIN_LONG"))
# One step that could take its time: only evidence ends it sooner.
STEPS = [{"deploy": {"replicas": "proportional", "timeout": "1m"}}, {"setWeight": 30},
         {"monitor": {"duration": "5m", "min": "3s"}}, {"setWeight": 100}, {"monitor": {"duration": "3s", "min": "3s"}},
         {"decommission": {"action": "scaleDown"}}]
QUICK = {"type": "sequential", "minDetect": "5s", "warmup": "2s"}
ERRORS = [{"name": "error-rate"}]
BOTH = [{"name": "error-rate"}, {"name": "latency-p99"}]


def number(text):
    return float(text.rstrip("%"))


def metric(status, name):
    return next(item for item in status["metrics"] if item["name"] == name)


def check_rolled_back(up, name, word):
    """Status and explain say it with the numbers it rests on."""
    status = up.rollout()["status"]
    judged = metric(status, name)
    failed = status["failed"]
    check(failed["reason"] == "AnalysisFailed", failed)
    check(word in failed["message"] and re.search(r"\d+ of \d+ canary requests", failed["message"]), failed["message"])
    check("after canary got 30 %" in failed["message"], failed["message"])
    check(float(status["judge"]["evidence"]) >= float(status["judge"]["evidenceNeed"]) == 2, status["judge"])
    check(number(judged["canary"]) > number(judged["tolerated"]) > 0, judged)
    low, high = (number(part) for part in judged["canaryInterval"].split(".."))
    check(low <= number(judged["canary"]) <= high, judged)
    told = up.serin("explain", "research-agent", "-n", NAMESPACE)
    for wanted in ("The judge says fail", "All metrics together: evidence against", f"- {name}: fail", "tolerated"):
        check(wanted in told, f"no {wanted!r} in {told}")
    shown = up.serin("status", "research-agent", "-n", NAMESPACE, fail=False).stdout
    check("evidence against" in shown, shown)
    return judged


def backtest(up, canary, since, *options):
    """`serin analyze --prometheus` over what Prometheus has recorded of a release: (exit code, what it says)."""
    address = re.search(r"prometheus=(\S+)", up.ready_line).group(1)
    done = up.serin("analyze", "--prometheus", address, "--service", HOST, "--canary", canary, "--stable", "v1", "--start", since,
                    "--interval", "1s", "--min-detect", "5s", "--min", "3s", "--warmup", "0s", "--metrics", "error-rate", *options, fail=False)
    return done.returncode, done.stdout + done.stderr


def test_errors_are_put_back_and_a_good_version_goes_on_early():
    with world() as up:
        start_service(up)
        with Load(up, rate=300, threads=16) as load:
            load.wait_version("v1")
            up.apply(version("v2", ERROR_RATE=0.1), rollout(steps=STEPS, metrics=ERRORS, judge=QUICK))
            wait_for("evidence in status", lambda: up.rollout()["status"]["judge"].get("evidence"), 40)
            up.wait_phase("RolledBack")
            judged = check_rolled_back(up, "error-rate", "failed")
            since = next(item["time"] for item in up.rollout()["status"]["decisions"] if item["reason"] == "WeightSet")
            check(3 < number(judged["canary"]) < 25, judged)
            check(up.weights().get("v1") == 100, up.weights())
            # The same release from Prometheus' memory: what would this judge have done?
            code, told = backtest(up, "v2", since, "--stop")
            check(code == 1 and "It would have been rolled back at" in told and "canary requests failed" in told, f"{code}: {told[-800:]}")
            code, told = backtest(up, "v2", since, "-o", "json")
            looks = [json.loads(line) for line in told.splitlines()]
            check(code == 1 and any(look["decision"] == "fail" for look in looks), told[-800:])
            check(looks[-1]["metrics"][0]["requests"] > 100, looks[-1])
            def missed():
                code, told = backtest(up, "v9", since)
                check(code == 3, f"{code}: {told[-800:]}")
                return "no requests to canary v9" in told
            wait_for("v9 to be missed, later than a first scrape takes", missed, every=1)
            # The next one is good. 300 requests/s are enough for a pass long before the five minutes are over.
            wide = [{"name": "error-rate", "accept": {"ratio": 2, "points": 2}}]
            up.apply(version("v3"), rollout(canary="v3", steps=STEPS, metrics=wide, judge=QUICK))
            up.wait_phase("Healthy")
            status = up.rollout()["status"]
            done = [item for item in status["decisions"] if item["reason"] == "StepCompleted" and item.get("verdict") == "pass"]
            check(done and "canary requests failed" in done[0]["measured"], status["decisions"])
            check(not any(c["type"] == "Inconclusive" and c["status"] == "True" for c in status["conditions"]), status["conditions"])
            check(not load.lost(), f"requests were lost: {load.lost()}")


def test_a_slow_version_is_put_back():
    with world() as up:
        start_service(up)
        with Load(up, rate=200, threads=64) as load:
            load.wait_version("v1")
            up.apply(version("v2", LATENCY_MS=120), rollout(steps=STEPS, metrics=BOTH, judge=QUICK))
            up.wait_phase("RolledBack")
            check_rolled_back(up, "latency-p99", "took over")


if LONG:
    def test_many_error_rates():
        """From plainly broken to a little worse; the smaller the difference, the more requests it takes."""
        with world() as up:
            start_service(up)
            with Load(up, rate=300, threads=16) as load:
                load.wait_version("v1")
                canary = 2
                for rate, seconds in ((1, 60), (0.3, 60), (0.05, 90), (0.02, 180)):
                    up.apply(version("v2", ERROR_RATE=rate, ROUND=canary), rollout(steps=STEPS, metrics=ERRORS, judge=QUICK))
                    canary += 1
                    wait_for("the next release", lambda: up.rollout()["status"]["revision"] >= canary - 1, 60)
                    up.wait_phase("RolledBack", seconds=seconds)
                    judged = check_rolled_back(up, "error-rate", "failed")
                    check(number(judged["canary"]) > 100 * rate / 3, f"{rate}: {judged}")

    def test_limits_and_a_query_of_the_user():
        query = 'sum(increase(istio_requests_total{destination_service="{{ service }}",' \
                'destination_version="{{ canaryVersion }}",response_code="500"}[15s])) or vector(0)'
        metrics = [{"name": "error-rate", "limit": "1%"}, {"name": "latency-p99", "limit": "250ms"},
                   {"name": "bad-answers", "query": query, "limit": 1000}]
        with world() as up:
            start_service(up)
            with Load(up, rate=200, threads=64) as load:
                load.wait_version("v1")
                up.apply(version("v2", LATENCY_MS=300), rollout(steps=STEPS, metrics=metrics, judge=QUICK))
                up.wait_phase("RolledBack")
                check("latency-p99" in up.rollout()["status"]["failed"]["message"], up.rollout()["status"]["failed"])


if __name__ == "__main__":
    main()
