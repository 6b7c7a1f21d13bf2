#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An upgrade starts no release and ends none: a newer operator, a status without what it would have written, newer CRDs with more
defaults. On a cluster of its own, since the CRDs belong to all."""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
from operator_world import FAST, PAUSED, Case  # noqa: E402
from stage import Stage, check, equal, through, wait_for  # noqa: E402

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rollouts.serin.dev"
MERGE = "application/merge-patch+json"


def started_again(env):
    """The operator, stopped and started, with a pass over everything behind it."""
    if env.operator.process.poll() is None:
        env.operator.stop()
    env.operator.start()
    wait_for("it to have looked", lambda: "msg=planned" in env.operator.text()[env.operator.begun:], 30)


def no_release(case, env, since, phase):
    """Nothing moved: no write to routes, Deployments or rules since `since` writes, no release, the phase as it was."""
    case.act("pause")  # whatever the answer is: its pass comes after those before
    moved = [path for _, method, path in env.faults.log[since:] if method != "GET" and re.search("virtualservices|deployments|destinationrules", path)]
    equal(moved, [], "what was written")
    status = case.status()
    check(not status.get("release"), f"a release: {status.get('release')}")
    equal(status["phase"], phase, "phase")


def older(status):
    """As an operator would have left it that knows less."""
    kept = ("phase", "stable", "failed", "revision", "releaseNumber", "history", "observedGeneration", "conditions", "weight")
    return {key: value if key in kept else None for key, value in status.items()} | {"somethingOfAnother": {"version": 1}}


def ended(cluster, ns, phase, **more):
    faults = through(cluster)
    with Stage(cluster, ns, faults=faults) as env:
        if phase == "RolledBack":
            env.world.errors[ns, "v2"] = 1.0
        case = Case(env, ns, FAST, **more).begin()
        case.wait(phase, 60)
        wait_for("the finalizer to go", lambda: not case.server.get(case.path).json["metadata"].get("finalizers"))
        env.operator.stop()
        env.world.errors.clear()  # it would pass now
        cluster.ok("PATCH", case.path + "/status", {"status": older(case.status())}, content_type=MERGE)
        since = len(faults.log)
        started_again(env)
        no_release(case, env, since, phase)


def test_a_promoted_pair(cluster):
    ended(cluster, "upgrade-pair", "Healthy")


def test_a_pair_that_was_put_back(cluster):
    ended(cluster, "upgrade-back", "RolledBack")


def test_a_promoted_template(cluster):
    ended(cluster, "upgrade-template", "Healthy", template=True)


def without_defaults(schema):
    if isinstance(schema, dict):
        return {key: without_defaults(value) for key, value in schema.items() if key != "default"}
    return [without_defaults(item) for item in schema] if isinstance(schema, list) else schema


def test_newer_crds_in_the_middle_of_a_release(cluster):
    """The version before had fewer defaults: its Rollouts get more fields, and that is no change of anybody's."""
    newer = cluster.ok("GET", CRD)
    defaults = json.dumps(newer["spec"]).count('"default"')
    check(defaults > 10, f"only {defaults} defaults")
    older_crd = {**newer, "spec": without_defaults(newer["spec"])}
    cluster.ok("PUT", CRD, older_crd)
    with Stage(cluster, "upgrade-crd", faults=through(cluster)) as env:
        case = Case(env, "upgrade-crd", PAUSED, judge={"type": "threshold"})
        wait_for("a server without defaults", lambda: "failureLimit" not in json.dumps(
            cluster.ok("POST", case.path.rsplit("/", 1)[0] + "?dryRun=All", case.rollout)["spec"]))
        case.begin().wait("Paused")
        number = case.status()["release"]["number"]
        env.operator.stop()
        current = cluster.ok("GET", CRD)
        cluster.ok("PUT", CRD, {**current, "spec": newer["spec"]})
        wait_for("the defaults", lambda: "failureLimit" in json.dumps(cluster.get(case.path).json["spec"]))
        started_again(env)
        equal(case.act("promote"), "Done", "promote")
        case.wait("Healthy")
        equal(number, 1, "number of the release")
        equal([item["result"] for item in case.status()["history"]], ["Promoted"], "history")


if __name__ == "__main__":
    support.main(globals(), needs=lambda: support.Cluster(controllers=False, crds=("istio",)),
                 long={"test_a_promoted_pair"})
