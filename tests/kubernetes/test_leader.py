#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two operators with --leader-elect: the leader is killed, the other takes over within 20 s, no step is done twice. SERIN_LONG=1: at
every step."""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
from operator_world import Case  # noqa: E402
from stage import Shares, Stage, check, promoted_once, wait_for  # noqa: E402

STEPS = [{"deploy": {}}, {"setWeight": 10}, {"monitor": {"duration": "4s", "min": "4s"}}, {"setWeight": 50},
         {"monitor": {"duration": "4s", "min": "4s"}}, {"setWeight": 100}, {"monitor": {"duration": "4s", "min": "4s"}}, {"decommission": {}}]
AT = (0, 10, 50, 100) if os.environ.get("SERIN_LONG") else (10, 100)


def leads(operator):
    """Whether it says that it leads, since its start."""
    said = [line for line in operator.text()[operator.begun:].splitlines() if "msg=leading" in line or "no longer leading" in line]
    return bool(said) and "msg=leading" in said[-1]


def test_the_leader_is_killed(cluster):
    ns = "leader"
    with Stage(cluster, ns, start=False) as env:
        pair = [env.another(name, "--leader-elect") for name in ("a", "b")]
        try:
            wait_for("a leader", lambda: any(leads(operator) for operator in pair), 40)
            case = Case(env, ns, STEPS)
            took = []
            with Shares(case) as shares:
                env.operator = pair[0]  # whose log is shown
                case.begin()
                for share in AT:
                    wait_for(f"{share} %", lambda s=share: case.status().get("release") and case.share("v2") >= s, 60)
                    leader = next(operator for operator in pair if leads(operator))
                    other = next(operator for operator in pair if operator is not leader)
                    began = time.monotonic()
                    leader.kill()
                    wait_for("the other to lead", lambda o=other: leads(o), 40)
                    took.append(time.monotonic() - began)
                    leader.start()
                case.wait("Healthy", 60)
                promoted_once(case)
                shares.climbed(0, 10, 50, 100)
            print("# hand-over took " + ", ".join(f"{seconds:.1f} s" for seconds in took))
            check(max(took) < 20, f"hand-over took {took}")
        finally:
            for operator in pair:
                operator.stop()
            env.operator = None


def test_a_leader_that_ends_gives_the_lease_back(cluster):
    ns = "leader-ends"
    with Stage(cluster, ns, start=False) as env:
        first = env.another("a", "--leader-elect")
        wait_for("it to lead", lambda: leads(first), 40)
        second = env.another("b", "--leader-elect")
        wait_for("the second to look on", lambda: "all kinds are synced" in second.text(), 20)
        first.stop()
        began = time.monotonic()
        wait_for("the second to lead", lambda: leads(second), 20)
        print(f"# hand-over took {time.monotonic() - began:.1f} s")
        second.stop()


if __name__ == "__main__":
    support.main(globals())
