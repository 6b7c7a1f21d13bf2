# SPDX-License-Identifier: Apache-2.0
"""Stages whose operator is killed at its effects (kill -9), and the releases that go through it. Of three writes to the API server the first is
lost and the second done, and the operator dies at both; the third goes through. With another offset the count begins elsewhere, so that
three runs hit each write in each way. Used by tests/kubernetes/test_effects.py and test_leader.py."""
import threading

from api_faults import Faults, cut_after, cut_before
from operator_world import FAST, Case, GatewayCase, Operator
from stage import Shares, Stage, check, equal, promoted_once, through, wait_for

PATIENCE = 600  # seconds for a release whose operator dies dozens of times, beside two others of that kind


def kill(operator):
    """Dead when it returns: who asks next whether it lives gets the truth."""
    operator.process.kill()
    operator.process.wait()


class Killer(Faults):
    """The operator's way to the API server. Of the events, which a new operator tells again, a few are met."""

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
            if turn == 2 or not self.operator or self.operator.process.poll() is not None:
                return fault
            self.kills += 1
            kill(self.operator)
        return cut_after() if turn else cut_before()


class KilledStage:
    """A stage whose operator is started again whenever it was killed."""

    def __init__(self, cluster, ns, offset):
        self.begin(Stage(cluster, ns, faults=self.killer(cluster, offset)))
        self.operators = [self.stage.operator]

    def killer(self, cluster, offset):
        self.faults = through(cluster, Killer)
        self.faults.offset = offset
        return self.faults

    def begin(self, stage):
        self.stage = stage
        self.done, self.idle, self.over = threading.Event(), threading.Event(), threading.Event()

    def arm(self):
        self.faults.operator = self.stage.operator

    def disarm(self):
        with self.faults.lock: # none is about to be killed
            self.faults.operator = None

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        self.arm()
        return self.stage

    def run(self):
        while not self.done.wait(0.02):
            for operator in self.operators:
                if operator.process.poll() is not None:
                    operator.file.close()
                    operator.start()
        self.idle.set()
        self.over.wait() # what this thread started dies with it

    def __exit__(self, kind, value, trace):
        self.disarm()
        self.done.set()
        self.idle.wait(30)
        try:
            self.end(kind)
            self.stage.__exit__(kind, value, trace)
        finally:
            self.over.set()

    def end(self, kind):
        """What the stage does not end itself."""


class Reign:
    """Who of several operators is killed when. `limit`: so many kills."""

    def __init__(self, offset, limit):
        self.offset, self.limit, self.writes, self.kills, self.lock = offset, limit, 0, 0, threading.Lock()
        self.ways, self.armed = {}, False

    def at(self, way):
        """What becomes of an effect that came this way."""
        with self.lock:
            turn = (self.writes + self.offset) % 3
            self.writes += 1
            alive = all(operator.process.poll() is None for operator in self.ways.values())
            if turn == 2 or not self.armed or not alive or self.kills >= self.limit:
                return None
            self.kills += 1
            kill(self.ways[way])
        return cut_after() if turn else cut_before()

    def close(self):
        for way in self.ways:
            way.close()


class Way(Faults):
    """One operator's way to the API server; its Leases and events go through."""

    reign = None

    def choose(self, method, path):
        fault = super().choose(method, path)
        is_effect = method != "GET" and "/leases" not in path and "/events" not in path
        return (self.reign.at(self) if is_effect and self.reign else None) or fault


class LedStage(KilledStage):
    """A stage with two operators, of which the leader is killed: the other one goes on where it was."""

    QUICK = ("--leader-elect", "--leader-elect-lease-duration", "3s", "--leader-elect-renew-deadline", "2s", "--leader-elect-retry-period", "400ms")

    def __init__(self, cluster, ns, offset, limit=10**6):
        self.begin(Stage(cluster, ns, start=False))
        self.stage.faults = self.reign = Reign(offset, limit)
        self.operators = []
        for name in ("a", "b"):
            way = through(cluster, Way)
            config = way.kubeconfig(cluster.data / f"{ns}.{name}", {"token": cluster.operator_token()})
            operator = Operator(cluster, self.stage.prometheus, *self.stage.options, *self.QUICK, log=f"{ns}.{name}.log", kubeconfig=config)
            self.reign.ways[way], way.reign = operator, self.reign
            self.operators.append(operator)
        self.stage.operator = self.operators[0] # whose log is shown

    def arm(self):
        self.reign.armed = True

    def disarm(self):
        with self.reign.lock:
            self.reign.armed = False

    def end(self, kind):
        self.stage.operator = None
        for operator in self.operators:
            if operator.process.poll() is None:
                operator.kill() if kind else operator.stop()


def a_good_pair(stage, ns):
    """These return how often an operator was killed; `stage`: one of the above, to be entered."""
    with stage as env:
        case = Case(env, ns, FAST)
        with Shares(case) as shares:
            case.begin().wait("Healthy", PATIENCE)
            promoted_once(case)
            shares.climbed(0, 10, 50, 100)
        return env.faults.kills


def a_bad_pair(stage, ns):
    with stage as env:
        env.world.errors[ns, "v2"] = 1.0
        case = Case(env, ns, FAST).begin()
        case.wait("RolledBack", PATIENCE)
        equal(case.share("v2"), 0, "share of v2")
        equal(case.status()["failed"]["reason"], "AnalysisFailed", "reason")
        equal([item["result"] for item in case.status()["history"]], ["RolledBack"], "history")
        equal(case.replicas("agent-v1"), 2, "replicas of v1")
        check(env.world.largest[ns, "v2"] <= 0.1, f"v2 had {env.world.largest[ns, 'v2']}")
        return env.faults.kills


def a_good_pair_of_services(stage, ns):
    with stage as env:
        case = GatewayCase(env, ns, FAST).begin()
        case.wait("Healthy", PATIENCE)
        promoted_once(case, of="agent-v2")
        return env.faults.kills


def two_templates(stage, ns, kind=Case):
    with stage as env:
        case = kind(env, ns, FAST, template=True).begin()
        case.wait("Healthy", PATIENCE)
        first = case.status()["stable"]["deployment"]
        image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "agent:2"}]
        case.server.ok("PATCH", case.path, image, content_type="application/json-patch+json")
        wait_for("the second version to serve", lambda: case.phase() == "Healthy" and case.status()["stable"]["deployment"] != first, PATIENCE)
        second = case.status()["stable"]["deployment"]
        equal([item["result"] for item in case.status()["history"]], ["Promoted"] * 2, "history")
        equal([d["destination"]["subset"] for d in case.destinations()], [second], "destinations")
        wait_for("the first version to be scaled down", lambda: case.replicas(first) == 0)
        found = case.server.get(f"/apis/apps/v1/namespaces/{ns}/deployments").json["items"]
        equal(len(found), 2, "Deployments that were made")
        return env.faults.kills


def two_templates_of_services(stage, ns):
    kills = two_templates(stage, ns, GatewayCase)
    services = [item["metadata"]["name"] for item in stage.stage.server.get(f"/api/v1/namespaces/{ns}/services").json["items"]]
    check(len(services) <= 3 and "agent" in services, f"Services: {services}")
    return kills


def verbs(stage, ns):
    """abort, retry and promote act once each, whatever dies."""
    steps = [{"deploy": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100}, {"decommission": {"action": "none"}}]
    with stage as env:
        case = Case(env, ns, steps).begin()
        case.wait("Paused", PATIENCE)
        equal(case.act("abort", 90), "Done", "abort")
        case.wait("Aborted", PATIENCE)
        equal(case.share("v2"), 0, "share of v2")
        equal(case.act("retry", 90), "Done", "retry")
        case.wait("Paused", PATIENCE)
        equal(case.act("promote", 90), "Done", "promote")
        case.wait("Healthy", PATIENCE)
        equal([item["result"] for item in case.status()["history"]], ["Promoted", "Aborted"], "history")
        return env.faults.kills
