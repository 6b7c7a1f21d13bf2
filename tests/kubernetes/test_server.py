#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an API server does to its clients during a release: it and etcd are killed and come back, history is compacted (410), requests fail,
watches break, clocks differ. One final result, no step twice. On a cluster of its own."""
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
from api_faults import Faults, cut_after, cut_before, slow_answer, status, watch_fault  # noqa: E402
from operator_world import FAST, PAUSED, Case  # noqa: E402
from stage import Shares, Stage, check, equal, promoted_once, through, wait_for  # noqa: E402


def reaches(case, share, seconds=60):
    wait_for(f"{share} %", lambda: answers(lambda: case.share("v2") >= share), seconds)


def answers(question):
    """As asked, but no where the server is away."""
    try:
        return question()
    except (OSError, ValueError, KeyError):
        return None


def test_the_api_server_is_killed_at_each_weight(cluster):
    with Stage(cluster, "server-killed") as env:
        case = Case(env, "server-killed", FAST).begin()
        for share in (10, 50, 100):
            reaches(case, share)
            cluster.kill("kube-apiserver")
            cluster.start_server()
        case.wait("Healthy", 90)
        promoted_once(case)


def test_etcd_is_killed(cluster):
    with Stage(cluster, "etcd-killed") as env:
        case = Case(env, "etcd-killed", FAST).begin()
        for share in (10, 100):
            reaches(case, share)
            cluster.kill("etcd")
            cluster.start_etcd()
        wait_for("the end", lambda: answers(lambda: case.phase() == "Healthy"), 90)
        promoted_once(case)


def test_what_was_missed_is_found_after_a_compaction(cluster):
    """The operator is cut off, a person promotes, history is compacted: its watches are told 410 and it lists again."""
    faults = through(cluster)
    with Stage(cluster, "compacted", faults=faults) as env:
        case = Case(env, "compacted", PAUSED).begin()
        case.wait("Paused")
        faults.down()
        name, actions = "promote-it", "/apis/serin.dev/v1alpha1/namespaces/compacted/rolloutactions"
        cluster.ok("POST", actions, {"apiVersion": "serin.dev/v1alpha1", "kind": "RolloutAction", "metadata": {"name": name},
                                     "spec": {"rollout": "agent", "verb": "promote", "reason": "a test"}})
        for number in range(5):
            cluster.need("POST", "/api/v1/namespaces/compacted/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"n{number}"}})
        cluster.compact()
        cluster.kill("kube-apiserver")
        cluster.start_server()
        lists = len(faults.seen("GET", r"rolloutactions\?(?!.*watch)"))
        faults.up()
        equal(wait_for("the answer", lambda: cluster.get(f"{actions}/{name}").json.get("status", {}).get("result"), 60), "Done", "promote")
        case.wait("Healthy")
        check(len(faults.seen("GET", r"rolloutactions\?(?!.*watch)")) > lists, "it did not list again")
        equal(len(case.status()["history"]), 1, "history")


class Bad(Faults):
    """One request in `of` fails in some way; watches end after a few events, sometimes with a 410."""

    dice, of = None, 6

    def choose(self, method, path):
        fault = super().choose(method, path)
        if fault or not self.dice or self.dice.randrange(self.of):
            return fault
        if "watch=" in path:
            return watch_fault(self.dice.randrange(4), self.dice.choice(["end", "cut", "410"]))
        return self.dice.choice([status(500), status(503), status(429, retry_after=1), cut_before(), cut_after(), slow_answer(1)])


def test_a_server_in_a_bad_way(cluster):
    faults = through(cluster, Bad)
    with Stage(cluster, "bad-way", faults=faults) as env:
        case = Case(env, "bad-way", FAST)
        faults.dice = random.Random(5)
        with Shares(case) as shares:
            case.begin().wait("Healthy", 120)
            faults.dice = None
            promoted_once(case)
            shares.climbed(0, 10, 50, 100)


def skewed(cluster, ns, by):
    """An operator whose clock is off by that much."""
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if not library:
        print(f"ok - {ns} # SKIP libfaketime is not installed (Debian package faketime)")
        return
    fake = {"LD_PRELOAD": str(library), "FAKETIME": by, "DONT_FAKE_MONOTONIC": "1"}
    with Stage(cluster, ns, "--leader-elect", start=False, env=fake) as env:
        # The test's certificates are minutes old: to a clock behind they are not valid yet.
        config = json.loads(env.kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {"server": f"https://127.0.0.1:{cluster.port}", "insecure-skip-tls-verify": True}
        env.kubeconfig.write_text(json.dumps(config))
        env.operator = env.another("operator")
        case = Case(env, ns, [step for step in PAUSED if "pause" not in step]).begin()
        case.wait("Healthy", 60)
        equal([item["result"] for item in case.status()["history"]], ["Promoted"], "history")
        env.operator.kill()
        env.operator.start()  # the Lease that the killed one left is not judged by its time stamps
        wait_for("it to lead again", lambda: "msg=leading" in env.operator.text()[env.operator.begun:], 30)


def test_an_operator_with_a_clock_ahead(cluster):
    skewed(cluster, "clock-ahead", "+1h")


def test_an_operator_with_a_clock_behind(cluster):
    skewed(cluster, "clock-behind", "-1h")


if __name__ == "__main__":
    support.main(globals(), needs=lambda: support.Cluster(controllers=False, crds=("istio",)),
                 long={"test_the_api_server_is_killed_at_each_weight", "test_etcd_is_killed", "test_an_operator_with_a_clock_behind"})
