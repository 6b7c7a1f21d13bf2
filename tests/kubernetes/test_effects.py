#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the operator at its effects: a write is lost with it, or done and the operator dies before it learns of that. Every release
ends as it would have. SERIN_LONG=1: each write of a release is hit in each way, by three runs that begin the count elsewhere."""
import concurrent.futures
import os
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
from api_faults import Faults, cut_after, cut_before  # noqa: E402
from operator_world import FAST, Case, GatewayCase  # noqa: E402
from stage import Shares, Stage, check, equal, promoted_once, through, wait_for  # noqa: E402

OFFSETS = range(3) if os.environ.get("SERIN_LONG") else (0,)


class Killer(Faults):
    """Of three writes the first is lost and the second done, and the operator dies at both; the third goes through. Of the events, which a
    new operator tells again, a few are met."""

    offset, operator, writes, events, kills = 0, None, 0, 0, 0

    def choose(self, method, path):
        fault = super().choose(method, path)
        if method == "GET" or not self.operator:
            return fault
        with self.lock:
            if "/events" in path:
                self.events += 1
                turn = self.events // 5 % 2 if (self.events + self.offset) % 5 == 0 and self.events < 30 else 2
            else:
                turn = (self.writes + self.offset) % 3
                self.writes += 1
            if turn == 2 or self.operator.process.poll() is not None:
                return fault
            self.kills += 1
            self.operator.process.kill()
        return cut_after() if turn else cut_before()


class KilledStage:
    """A stage whose operator is started again whenever it was killed."""

    def __init__(self, cluster, ns, offset):
        self.faults = through(cluster, Killer)
        self.faults.offset = offset
        self.stage = Stage(cluster, ns, faults=self.faults)
        self.done, self.idle, self.over = threading.Event(), threading.Event(), threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        self.faults.operator = self.stage.operator
        return self.stage

    def run(self):
        while not self.done.wait(0.02):
            if self.stage.operator.process.poll() is not None:
                self.stage.operator.file.close()
                self.stage.operator.start()
        self.idle.set()
        self.over.wait() # what this thread started dies with it

    def __exit__(self, kind, value, trace):
        self.faults.operator = None
        self.done.set()
        self.idle.wait(30)
        try:
            self.stage.__exit__(kind, value, trace)
        finally:
            self.over.set()


def a_good_pair(cluster, ns, offset):
    with KilledStage(cluster, ns, offset) as env:
        case = Case(env, ns, FAST)
        with Shares(case) as shares:
            case.begin().wait("Healthy", 150)
            promoted_once(case)
            shares.climbed(0, 10, 50, 100)
        return env.faults.kills


def a_bad_pair(cluster, ns, offset):
    with KilledStage(cluster, ns, offset) as env:
        env.world.errors[ns, "v2"] = 1.0
        case = Case(env, ns, FAST).begin()
        case.wait("RolledBack", 150)
        equal(case.share("v2"), 0, "share of v2")
        equal(case.status()["failed"]["reason"], "AnalysisFailed", "reason")
        equal([item["result"] for item in case.status()["history"]], ["RolledBack"], "history")
        equal(case.replicas("agent-v1"), 2, "replicas of v1")
        check(env.world.largest[ns, "v2"] <= 0.1, f"v2 had {env.world.largest[ns, 'v2']}")
        return env.faults.kills


def a_good_pair_of_services(cluster, ns, offset):
    with KilledStage(cluster, ns, offset) as env:
        case = GatewayCase(env, ns, FAST).begin()
        case.wait("Healthy", 150)
        promoted_once(case, of="agent-v2")
        return env.faults.kills


def two_templates(cluster, ns, offset, kind=Case):
    with KilledStage(cluster, ns, offset) as env:
        case = kind(env, ns, FAST, template=True).begin()
        case.wait("Healthy", 150)
        first = case.status()["stable"]["deployment"]
        image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "agent:2"}]
        case.server.ok("PATCH", case.path, image, content_type="application/json-patch+json")
        wait_for("the second version to serve", lambda: case.phase() == "Healthy" and case.status()["stable"]["deployment"] != first, 150)
        second = case.status()["stable"]["deployment"]
        equal([item["result"] for item in case.status()["history"]], ["Promoted"] * 2, "history")
        equal([d["destination"]["subset"] for d in case.destinations()], [second], "destinations")
        wait_for("the first version to be scaled down", lambda: case.replicas(first) == 0, 60)
        found = cluster.get(f"/apis/apps/v1/namespaces/{ns}/deployments").json["items"]
        equal(len(found), 2, "Deployments that were made")
        return env.faults.kills


def verbs(cluster, ns, offset):
    """abort, retry and promote act once each, whatever dies."""
    steps = [{"deploy": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100}, {"decommission": {"action": "none"}}]
    with KilledStage(cluster, ns, offset) as env:
        case = Case(env, ns, steps).begin()
        case.wait("Paused", 100)
        equal(case.act("abort", 90), "Done", "abort")
        case.wait("Aborted", 100)
        equal(case.share("v2"), 0, "share of v2")
        equal(case.act("retry", 90), "Done", "retry")
        case.wait("Paused", 100)
        equal(case.act("promote", 90), "Done", "promote")
        case.wait("Healthy", 100)
        equal([item["result"] for item in case.status()["history"]], ["Promoted", "Aborted"], "history")
        return env.faults.kills


def at_each_offset(release, cluster, name):
    with concurrent.futures.ThreadPoolExecutor(len(OFFSETS)) as pool:
        kills = list(pool.map(lambda offset: release(cluster, f"{name}-{offset}", offset), OFFSETS))
    check(all(count >= 8 for count in kills), f"the operator was killed only {kills} times")
    print(f"# {name}: killed {kills} times")


def test_a_good_pair(cluster):
    at_each_offset(a_good_pair, cluster, "effects-good")


def test_a_bad_pair(cluster):
    at_each_offset(a_bad_pair, cluster, "effects-bad")


def test_two_templates(cluster):
    at_each_offset(two_templates, cluster, "effects-template")


def test_a_good_pair_through_an_httproute(cluster):
    at_each_offset(a_good_pair_of_services, cluster, "effects-services")


def test_two_templates_through_an_httproute(cluster):
    def release(cluster, ns, offset):
        kills = two_templates(cluster, ns, offset, GatewayCase)
        services = [item["metadata"]["name"] for item in cluster.get(f"/api/v1/namespaces/{ns}/services").json["items"]]
        check(len(services) <= 3 and "agent" in services, f"Services: {services}")
        return kills
    at_each_offset(release, cluster, "effects-versions")


def test_verbs(cluster):
    at_each_offset(verbs, cluster, "effects-verbs")


if __name__ == "__main__":
    support.main(globals(), long={"test_a_bad_pair", "test_two_templates_through_an_httproute"})
