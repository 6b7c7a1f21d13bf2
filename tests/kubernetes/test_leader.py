#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two operators with --leader-elect: the leader is killed, the other takes over, no step is done twice. SERIN_LONG=1: the leader is killed at
each of its writes, before and after the API server has done it, and at each step with the Lease's own times."""
import concurrent.futures
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
import killed  # noqa: E402
from operator_world import Case  # noqa: E402
from stage import Shares, Stage, check, promoted_once, wait_for  # noqa: E402

STEPS = [{"deploy": {}}, {"setWeight": 10}, {"monitor": {"duration": "4s", "min": "4s"}}, {"setWeight": 50},
         {"monitor": {"duration": "4s", "min": "4s"}}, {"setWeight": 100}, {"monitor": {"duration": "4s", "min": "4s"}}, {"decommission": {}}]
LONG = bool(os.environ.get("SERIN_LONG"))
AT = (0, 10, 50, 100) if LONG else (50,)
HAND_OVER = 20  # seconds, as promised: --leader-elect-lease-duration is 15 s, and the other looks every half second


def leads(operator):
    """Whether it says that it leads, since its start."""
    said = [line for line in operator.text()[operator.begun:].splitlines() if "msg=leading" in line or "no longer leading" in line]
    return bool(said) and "msg=leading" in said[-1]


class Late:
    """By how much this machine was late, at most, with something that takes no time: what a measured time may have too much."""

    def __init__(self):
        self.most, self.last = 0, time.monotonic()

    def look(self):
        now = time.monotonic()
        self.most, self.last = max(self.most, now - self.last - 0.02), now


def test_the_leader_is_killed(cluster):
    ns = "leader"
    with Stage(cluster, ns, start=False) as env:
        pair = [env.another(name, "--leader-elect") for name in ("a", "b")]
        try:
            wait_for("a leader", lambda: any(leads(operator) for operator in pair))
            case = Case(env, ns, STEPS)
            with Shares(case) as shares:
                env.operator = pair[0]  # whose log is shown
                case.begin()
                for share in AT:
                    wait_for(f"{share} %", lambda s=share: case.status().get("release") and case.share("v2") >= s)
                    leader = next(operator for operator in pair if leads(operator))
                    other = next(operator for operator in pair if operator is not leader)
                    began, late = time.monotonic(), Late()
                    leader.kill()
                    wait_for("the other to lead", lambda o=other, l=late: l.look() or leads(o))
                    took = time.monotonic() - began
                    print(f"# hand-over took {took:.1f} s")
                    check(took < HAND_OVER + 4 * late.most, f"hand-over took {took:.1f} s on a machine that was late by {late.most:.1f} s")
                    leader.start()
                case.wait("Healthy")
                promoted_once(case)
                shares.climbed(0, 10, 50, 100)
        finally:
            for operator in pair:
                operator.stop()
            env.operator = None


def test_a_leader_that_ends_gives_the_lease_back(cluster):
    ns = "leader-ends"
    with Stage(cluster, ns, start=False) as env:
        first = env.another("a", "--leader-elect")
        wait_for("it to lead", lambda: leads(first))
        second = env.another("b", "--leader-elect")
        wait_for("the second to look on", lambda: "all kinds are synced" in second.text())
        first.stop()
        began = time.monotonic()
        wait_for("the second to lead", lambda: leads(second))
        print(f"# hand-over took {time.monotonic() - began:.1f} s")
        second.stop()


def at_each_effect(release, cluster, name):
    """Each write of the release is lost with the leader in one of three runs, and in one it is done and the leader dies; not long: the first four."""
    offsets = range(3) if LONG else (0,)

    def run(offset):
        ns = f"{name}-{offset}"
        return release(killed.LedStage(cluster, ns, offset, 10**6 if LONG else 4), ns)
    with concurrent.futures.ThreadPoolExecutor(len(offsets)) as pool:
        kills = list(pool.map(run, offsets))
    check(all(count >= (8 if LONG else 4) for count in kills), f"the leader was killed only {kills} times")
    print(f"# {name}: the leader was killed {kills} times")


def test_the_leader_is_killed_at_its_effects(cluster):
    at_each_effect(killed.a_good_pair, cluster, "leader-pair")


def test_the_leader_is_killed_at_its_effects_in_the_template_form(cluster):
    at_each_effect(killed.two_templates, cluster, "leader-template")


def test_the_leader_is_killed_at_its_effects_behind_an_httproute(cluster):
    at_each_effect(killed.two_templates_of_services, cluster, "leader-versions")


if __name__ == "__main__":
    support.main(globals(), long={"test_the_leader_is_killed", "test_the_leader_is_killed_at_its_effects_in_the_template_form",
                                  "test_the_leader_is_killed_at_its_effects_behind_an_httproute"})
