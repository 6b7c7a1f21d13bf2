# SPDX-License-Identifier: Apache-2.0
"""How soon a bad version is off: real workloads, our proxy and a real Prometheus, the default judge with its default parameters. The clock
starts when the route gives the canary its weight, so before its first request, and ends when the route has taken it away."""
import datetime
import statistics
import sys
import time

from machine import ROOT, check, result

sys.path.insert(0, str(ROOT / "tests" / "support"))
from serin import Load, Up, rollout, start_service, version, wait_for  # noqa: E402

RPS, WEIGHT, SHARE, BOUND_S = 500, 10, 0.05, 60
STEPS = [{"deploy": {"replicas": "proportional", "timeout": "1m"}}, {"setWeight": WEIGHT}, {"monitor": {"duration": "10m", "min": "1m"}},
         {"setWeight": 100}, {"monitor": {"duration": "5m", "min": "5m"}}, {"decommission": {"action": "scaleDown"}}]


def wall(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def one_run():
    body = rollout(steps=STEPS, metrics=[{"name": "error-rate"}, {"name": "latency-p99"}])
    body["spec"]["analysis"]["interval"] = "5s" # the default
    with Up() as up:
        start_service(up)
        with Load(up, rate=RPS, threads=32) as load:
            load.wait_version("v1", 3000, 60)
            up.apply(version("v2", ERROR_RATE=SHARE), body)
            def written():
                weight = up.rollout()["status"]["weight"]
                return weight["canary"] == str(WEIGHT) and weight.get("writtenAt")
            first = wall(wait_for("the canary's weight", written, 60, every=0.2))
            wait_for("the weight to be 0", lambda: up.weights().get("v2", 0) == 0, 300, every=0.1)
            off = time.time()
            up.wait_phase("RolledBack", seconds=30)
        return off - first, load.failed_answers("v2"), load.answers("v2"), up.rollout()["status"]["failed"]["message"]


def detection(options):
    rounds = max(3, min(options.rounds, 9))
    print(f"\n## A bad version is off\n\n{RPS} requests/s through `serin proxy`, {WEIGHT} % to the canary, {100 * SHARE:.0f} % of its answers are errors; "
          f"default judge and parameters, looks every 5 s, real Prometheus; {rounds} releases.\n")
    runs = [one_run() for _ in range(rounds)]
    print("| release | off after it got its weight | failed answers | canary's answers |\n|---|---|---|---|")
    for number, (seconds, failed, answers, _) in enumerate(runs, 1):
        print(f"| {number} | {seconds:.1f} s | {failed} | {answers} |")
    median = statistics.median(seconds for seconds, *_ in runs)
    print(f"\nMedian {median:.1f} s. Status of the last: {runs[-1][3]}\n")
    check(all("canary requests" in message for *_, message in runs), "status does not say why in numbers")
    result(f"off within {BOUND_S} s at the median", median <= BOUND_S, f"{median:.1f} s")
