#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people change while a release runs and after it: several versions quickly or one after the other, back to the one that serves, the next
pair and undo, a canary changed in place, a restart of what serves, a spec that is wrong and then right; promoting at once."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
from operator_world import FAST, NETWORKING, PAUSED, Case, deployment  # noqa: E402
from stage import Stage, check, equal, promoted_once, wait_for  # noqa: E402

JSON = "application/json-patch+json"


def image(case, text):
    case.server.ok("PATCH", case.path, [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": text}], content_type=JSON)


def results(case):
    return [item["result"] for item in case.status().get("history", [])]


def serves(case, version):
    status = case.status()
    return status.get("phase") == "Healthy" and not status.get("release") and status["stable"]["version"] == version


def test_three_versions_quickly(cluster):
    with Stage(cluster, "quickly") as env:
        case = Case(env, "quickly", FAST, template=True)
        del case.rollout["spec"]["selector"]["matchLabels"]["version"]
        case.rollout["spec"]["template"]["metadata"]["labels"].pop("version", None)  # the image's tag names the version
        case.begin().wait("Healthy")
        for number in (2, 3, 4):
            image(case, f"agent:{number}")
            wait_for(f"version {number} to be seen", lambda n=number: (case.status().get("canary") or {}).get("version") == str(n), 60)
        wait_for("version 4 to serve", lambda: serves(case, "4"), 90)
        equal(results(case), ["Promoted", "Superseded", "Superseded", "Promoted"], "history")
        last = case.status()["stable"]["deployment"]
        equal([d["destination"]["subset"] for d in case.destinations()], [last], "destinations")
        found = cluster.get("/apis/apps/v1/namespaces/quickly/deployments").json["items"]
        wait_for("the others to be scaled down", lambda: all(case.replicas(item["metadata"]["name"]) == 0 for item in found
                                                             if item["metadata"]["name"] != last), 60)


def test_a_new_version_waits_for_the_running_release(cluster):
    with Stage(cluster, "queued") as env:
        case = Case(env, "queued", PAUSED, template=True)
        case.rollout["spec"]["onNewRevision"] = "queue"
        del case.rollout["spec"]["selector"]["matchLabels"]["version"]
        case.rollout["spec"]["template"]["metadata"]["labels"].pop("version", None)
        case.begin().wait("Healthy")
        canary = lambda: (case.status().get("canary") or {}).get("version")  # noqa: E731
        for number in (2, 3):
            image(case, f"agent:{number}")
            wait_for("the generation to be seen", lambda: case.status()["observedGeneration"] == cluster.get(case.path).json["metadata"]["generation"])
            wait_for("version 2 at its pause", lambda: case.phase() == "Paused" and canary() == "2")
        equal(case.act("promote"), "Done", "promote")
        wait_for("version 3 at its pause", lambda: case.phase() == "Paused" and canary() == "3")
        equal(results(case), ["Promoted"] * 2, "history")
        equal(case.act("promote"), "Done", "promote")
        wait_for("version 3 to serve", lambda: serves(case, "3"))
        equal(results(case), ["Promoted"] * 3, "history")


def test_the_next_pair_and_undo(cluster):
    steps = [{"deploy": {}}, {"setWeight": 50}, {"setWeight": 100}, {"decommission": {}}]
    with Stage(cluster, "next-pair") as env:
        case = Case(env, "next-pair", steps).begin()
        wait_for("v2 to serve", lambda: serves(case, "v2"))
        case.post("/apis/apps/v1/namespaces/next-pair/deployments", deployment("next-pair", "agent-v3", "v3"))
        rule = f"{NETWORKING}/namespaces/next-pair/destinationrules/agent"
        case.server.ok("PATCH", rule, [{"op": "add", "path": "/spec/subsets/-", "value": {"name": "v3", "labels": {"version": "v3"}}}], content_type=JSON)
        pair = {"stable": {"deployment": "agent-v2", "subset": "v2"}, "canary": {"deployment": "agent-v3", "subset": "v3"}}
        case.server.ok("PATCH", case.path, {"spec": pair}, content_type="application/merge-patch+json")
        wait_for("v3 to serve", lambda: serves(case, "v3"))
        promoted(case, "v3", 2)
        wait_for("v2 to be scaled down", lambda: case.replicas("agent-v2") == 0)
        equal(case.act("undo"), "Done", "undo")
        wait_for("v2 to serve again", lambda: serves(case, "v2"))
        promoted(case, "v2", 3)
        equal(case.server.get(case.path).json["spec"]["canary"]["deployment"], "agent-v2", "the canary of the undo")
        equal(case.replicas("agent-v2"), 2, "replicas of v2")


def promoted(case, version, releases):
    equal(case.share(version), 100, f"share of {version}")
    equal(results(case), ["Promoted"] * releases, "history")


def test_promoted_at_once_it_bakes_first(cluster):
    """--full goes to all of the traffic, not to the end: what fails in the bake is put back to a stable that is still there."""
    steps = [{"deploy": {}}, {"setWeight": 10}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}, {"setWeight": 100},
             {"monitor": {"duration": "5m", "min": "5m"}}, {"decommission": {}}]
    with Stage(cluster, "full") as env:
        case = Case(env, "full", steps).begin()
        case.wait("Paused")
        equal(case.act("promoteFull"), "Done", "promote --full")
        wait_for("all of the traffic", lambda: case.share("v2") == 100)
        wait_for("the bake", lambda: case.status()["step"]["name"] == "monitor")
        equal(case.replicas("agent-v1"), 2, "replicas of v1 in the bake")
        env.world.errors["full", "v2"] = 1.0
        case.wait("RolledBack")
        equal((case.share("v1"), case.share("v2")), (100, 0), "shares")
        equal(results(case), ["RolledBack"], "history")


def test_replicas_changed_while_it_waits(cluster):
    """The canary has as many as the stable by then, before it gets all of the traffic; kubectl waits for the pause and for the end."""
    steps = [{"deploy": {}}, {"setWeight": 50}, {"pause": {}}, {"setWeight": 100}, {"pause": {}}, {"decommission": {}}]
    with Stage(cluster, "scaled") as env:
        case = Case(env, "scaled", steps).begin()
        cluster.kubectl("-n", "scaled", "wait", "--for=condition=Paused", "rollout/agent", "--timeout=55s")
        cluster.kubectl("-n", "scaled", "scale", "deployment/agent-v1", "--replicas=5")
        equal(case.act("promote"), "Done", "promote")
        wait_for("all of the traffic", lambda: case.share("v2") == 100)
        equal((case.replicas("agent-v1"), case.replicas("agent-v2")), (5, 5), "replicas")
        wait_for("the second pause", lambda: case.phase() == "Paused")
        equal(case.act("promote"), "Done", "promote")
        cluster.kubectl("-n", "scaled", "wait", "--for=condition=Ready", "rollout/agent", "--timeout=55s")
        equal(results(case), ["Promoted"], "history")


def test_replicas_and_template_in_one_edit(cluster):
    with Stage(cluster, "one-edit") as env:
        case = Case(env, "one-edit", PAUSED, template=True).begin()
        case.wait("Healthy")
        first = case.status()["stable"]["deployment"]
        case.server.ok("PATCH", case.path, [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "agent:2"},
                                            {"op": "replace", "path": "/spec/replicas", "value": 4}], content_type=JSON)
        case.wait("Paused")
        equal(case.share(first), 80, "share of the first version")
        equal(case.act("promote"), "Done", "promote")
        wait_for("the second version to serve", lambda: case.phase() == "Healthy" and case.status()["stable"]["deployment"] != first)
        equal(case.replicas(case.status()["stable"]["deployment"]), 4, "replicas of the second version")
        equal(results(case), ["Promoted"] * 2, "history")


def test_back_to_what_serves_is_no_release(cluster):
    with Stage(cluster, "back") as env:
        case = Case(env, "back", PAUSED, template=True).begin()
        case.wait("Healthy")
        first = case.status()["stable"]["deployment"]
        original = case.rollout["spec"]["template"]["spec"]["containers"][0]["image"]
        image(case, "agent:2")
        case.wait("Paused")
        image(case, original)
        wait_for("the first version alone", lambda: case.phase() == "Healthy" and not case.status().get("release"))
        equal(case.status()["stable"]["deployment"], first, "what serves")
        equal(case.share(first), 100, "its share")
        equal(results(case), ["Superseded", "Promoted"], "history")


def test_a_canary_changed_in_place_begins_again(cluster):
    with Stage(cluster, "in-place") as env:
        case = Case(env, "in-place", PAUSED).begin()
        case.wait("Paused")
        number = case.status()["release"]["number"]
        cluster.kubectl("-n", "in-place", "set", "image", "deployment/agent-v2", "agent=agent:v2b")
        wait_for("the next release", lambda: (case.status().get("release") or {}).get("number", 0) > number and case.phase() == "Paused", 60)
        equal(case.share("v2"), 20, "share of v2")
        equal(case.act("promote"), "Done", "promote")
        case.wait("Healthy")
        equal(results(case), ["Promoted", "Superseded"], "history")


def test_a_restart_of_what_serves_is_no_release(cluster):
    with Stage(cluster, "restart") as env:
        case = Case(env, "restart", FAST).begin()
        case.wait("Healthy")
        promoted_once(case)
        route = f"{NETWORKING}/namespaces/restart/virtualservices/agent"
        before = cluster.ok("GET", route)["metadata"]["resourceVersion"]
        cluster.kubectl("-n", "restart", "rollout", "restart", "deployment/agent-v2")
        cluster.kubectl("-n", "restart", "rollout", "status", "deployment/agent-v2", "--timeout=30s")
        wait_for("it to be told", lambda: any(reason == "ChangedInPlace" for reason, _ in case.events()), 30)
        equal(results(case), ["Promoted"], "history")
        equal(cluster.ok("GET", route)["metadata"]["resourceVersion"], before, "writes to the route")


def test_a_wrong_spec_moves_nothing_and_a_right_one_goes_on(cluster):
    """The API server takes it (its schema cannot tell): the operator says what is wrong and waits."""
    with Stage(cluster, "wrong") as env:
        case = Case(env, "wrong", PAUSED).begin()
        case.wait("Paused")
        metric = [{"op": "add", "path": "/spec/analysis/metrics/-", "value": {"name": "mine", "query": "sum({{ noSuchThing }})", "limit": 1}}]
        case.server.ok("PATCH", case.path, metric, content_type=JSON)
        wait_for("InvalidSpec", lambda: case.status().get("reason") == "InvalidSpec")
        equal(case.share("v2"), 20, "share of v2")
        check("noSuchThing" in str(case.status()["conditions"]), f"it does not say why: {case.status()['conditions']}")
        case.server.ok("PATCH", case.path, [{"op": "remove", "path": "/spec/analysis/metrics/1"}], content_type=JSON)
        case.wait("Paused")
        equal(case.act("promote"), "Done", "promote")
        case.wait("Healthy")


if __name__ == "__main__":
    support.main(globals(), long={
        "test_back_to_what_serves_is_no_release", "test_a_canary_changed_in_place_begins_again", "test_a_new_version_waits_for_the_running_release",
        "test_the_next_pair_and_undo", "test_a_restart_of_what_serves_is_no_release", "test_promoted_at_once_it_bakes_first", "test_replicas_changed_while_it_waits", "test_replicas_and_template_in_one_edit"})
