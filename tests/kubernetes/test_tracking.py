#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ConfigMaps and Secrets of the pod template, autoscalers and disruption budgets, with the controllers of a real cluster: what pods read that
restart in the middle of a release, rights that are lacking, and who owns the number of replicas."""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
from operator_world import Case, deployment  # noqa: E402
from stage import Stage, check, equal, wait_for  # noqa: E402

HALF = [{"deploy": {}}, {"setWeight": 50}, {"pause": {}}, {"setWeight": 100}, {"decommission": {}}]
JSON, MERGE = "application/json-patch+json", "application/merge-patch+json"
SERVES = ["sh", "-c", "echo LEVEL=$LEVEL; exec sleep 600"]


def core(case, plural, name=""):
    return f"/api/v1/namespaces/{case.ns}/{plural}" + (f"/{name}" if name else "")


def apps(case, plural, name):
    return f"/apis/apps/v1/namespaces/{case.ns}/{plural}/{name}"


def reads_settings(template):
    """Its pods say what they got, in their log."""
    container = template["spec"]["containers"][0]
    container["command"], container["envFrom"] = SERVES, [{"configMapRef": {"name": "settings"}}]
    template["metadata"]["labels"] = {"app": "agent"}
    template["spec"]["terminationGracePeriodSeconds"] = 1
    return template


def config(case, text):
    """The content of ConfigMap settings."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"LEVEL": text}}
    if case.server.get(core(case, "configmaps", "settings")).status == 404:
        case.post(core(case, "configmaps"), body)
    else:
        case.server.ok("PATCH", core(case, "configmaps", "settings"), body, content_type=MERGE)


def template_case(env, ns, replicas=2):
    case = Case(env, ns, HALF, template=True)
    spec = case.rollout["spec"]
    spec.update(replicas=replicas, selector={"matchLabels": {"app": "agent"}})
    reads_settings(spec["template"])
    config(case, "one")
    return case


def workload_case(env, ns, replicas=2):
    case = Case(env, ns, HALF, template=True)
    made = deployment(ns, "agent", "1", replicas)
    made["spec"]["selector"] = {"matchLabels": {"app": "agent"}}
    reads_settings(made["spec"]["template"])
    config(case, "one")
    case.post(f"/apis/apps/v1/namespaces/{ns}/deployments", made)
    for field in ("replicas", "selector", "template"):
        del case.rollout["spec"][field]
    case.rollout["spec"]["workloadRef"] = {"name": "agent"}
    return case


def pods(case):
    """{name of a pod that lives: (its Deployment's or ReplicaSet's prefix, what it read when it started)}"""
    result = {}
    for pod in case.server.get(core(case, "pods")).json["items"]:
        name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]["name"]
        log = case.server.folder / "pods" / f"{case.ns}_{name}_{container}.log"
        if not pod["metadata"].get("deletionTimestamp") and log.exists():
            result[name] = log.read_text().strip().rpartition("=")[2]
    return result


def read_by(case, prefix):
    return sorted(level for name, level in pods(case).items() if name.startswith(prefix))


def paused_at(case, number):
    wait_for(f"release {number} to pause", lambda: case.status().get("releaseNumber") == number and case.phase() == "Paused", 60)
    return case.status()["canary"]["deployment"]


def test_the_stable_keeps_its_content_when_its_pods_restart(cluster):
    with Stage(cluster, "kept") as env:
        case = template_case(env, "kept").begin()
        case.wait("Healthy")
        stable = case.status()["stable"]["deployment"]
        equal(read_by(case, stable), ["one", "one"], "what the first version reads")
        config(case, "two")
        canary = paused_at(case, 2)
        equal(read_by(case, canary), ["two"], "what the canary reads")
        for name in pods(case):
            if name.startswith(stable):
                case.server.ok("DELETE", core(case, "pods", name))
        wait_for("new pods of the stable", lambda: read_by(case, stable) == ["one", "one"], 60)
        equal(case.act("abort"), "Done", "abort")
        case.wait("Aborted")
        case.server.ok("PATCH", apps(case, "deployments", stable) + "/scale", {"spec": {"replicas": 2}}, content_type=MERGE)
        equal(read_by(case, stable), ["one", "one"], "what serves again")
        equal(case.act("retry"), "Done", "retry")
        paused_at(case, 3)
        equal(case.act("promote"), "Done", "promote")
        case.wait("Healthy")
        equal(read_by(case, case.status()["stable"]["deployment"]), ["two", "two"], "what serves")
        equal(case.act("undo"), "Done", "undo")
        equal(paused_at(case, 4), stable, "the first version again")
        equal(read_by(case, stable), ["one"], "what it reads")


def test_the_workload_form_takes_new_content_over(cluster):
    with Stage(cluster, "taken") as env:
        case = workload_case(env, "taken").begin()
        case.wait("Healthy")
        config(case, "two")
        canary = paused_at(case, 1)
        equal(read_by(case, canary), ["two"], "what the canary reads")
        check(any(reason == "ContentNotKept" for reason, _ in case.events()), "it does not say that the Deployment's pods keep nothing")
        equal(case.act("promote"), "Done", "promote")
        case.wait("Healthy", 90)
        wait_for("only pods of the Deployment, with the new content", lambda: sorted(pods(case).values()) == ["two", "two"], 60)
        template = case.server.get(apps(case, "deployments", "agent")).json["spec"]["template"]
        equal(template["spec"]["containers"][0]["envFrom"], [{"configMapRef": {"name": "settings"}}], "the Deployment's own reference")
        equal(list(template["metadata"]["annotations"]), ["serin.dev/content-hash"], "annotations")
        wait_for("the copy to go", lambda: not [item for item in case.server.get(core(case, "configmaps")).json["items"] if item.get("immutable")], 60)
        equal(case.status()["history"][0]["changed"], "ConfigMap settings", "what changed")


def content_tracked(case):
    return next((c["reason"] for c in case.status().get("conditions", []) if c["type"] == "ContentTracked"), None)


def test_rights_that_are_lacking_and_granted(cluster):
    with tempfile.NamedTemporaryFile("w") as key:
        key.write("a-key-of-the-test-0123456789\n")
        key.flush()
        with Stage(cluster, "rights", "--content-key", key.name) as env:
            case = template_case(env, "rights", 1)
            case.rollout["spec"]["configTracking"] = "all"
            case.rollout["spec"]["template"]["spec"]["containers"][0]["envFrom"].append({"secretRef": {"name": "keys"}})
            case.post(core(case, "secrets"), {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"TOKEN": "sesame-1"}})
            case.begin().wait("Healthy")
            wait_for("a word on the right", lambda: content_tracked(case) == "Forbidden", 30)
            rules = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["keys"], "verbs": ["get"]},
                     {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "delete"]}]
            cluster.grant("serin-operator-tracking", rules, "rights", account="serin-system/serin-operator")
            env.operator.kill()  # it would look again within half a minute
            env.operator.start()
            wait_for("the right to be used", lambda: content_tracked(case) == "Read", 30)
            equal(case.status()["releaseNumber"], 1, "releases")
            env.operator.kill()
            case.server.ok("PATCH", core(case, "secrets", "keys"), {"stringData": {"TOKEN": "sesame-2"}}, content_type=MERGE)
            env.operator.start()
            canary = paused_at(case, 2)
            template = case.server.get(apps(case, "deployments", canary)).json["spec"]["template"]
            name = template["spec"]["containers"][0]["envFrom"][1]["secretRef"]["name"]
            copy = case.server.get(core(case, "secrets", name)).json
            equal((copy["immutable"], copy["metadata"]["ownerReferences"][0]["kind"]), (True, "Rollout"), f"copy {name}")
            check("sesame" not in env.operator.text() and "sesame" not in str(case.status()), "the content is shown")


# ---- autoscalers and disruption budgets

def scale(case, path, replicas):
    """As a HorizontalPodAutoscaler writes it."""
    case.server.ok("PATCH", path + "/scale", {"spec": {"replicas": replicas}}, content_type=MERGE)


def test_an_autoscaler_of_the_rollout(cluster):
    with Stage(cluster, "scaled") as env:
        case = template_case(env, "scaled").begin()
        case.wait("Healthy")
        stable = case.status()["stable"]["deployment"]
        scale(case, case.path, 3)
        wait_for("the stable to follow", lambda: case.replicas(stable) == 3, 30)
        config(case, "two")
        canary = paused_at(case, 2)
        equal(case.replicas(canary), 2, "half of 3 and rounded up")
        scale(case, case.path, 6)
        wait_for("both to follow", lambda: (case.replicas(stable), case.replicas(canary)) == (6, 3), 30)
        seen = case.server.get(case.path + "/scale").json
        wait_for("pods of both in the scale", lambda: case.server.get(case.path + "/scale").json["status"]["replicas"] == 9, 30)
        equal((seen["spec"]["replicas"], seen["status"]["selector"]), (6, "app=agent"), "scale")
        equal(case.act("promote"), "Done", "promote")
        case.wait("Healthy", 90)
        equal(case.replicas(canary), 6, "replicas of what serves")
        scale(case, case.path, 2)
        wait_for("what serves to shrink", lambda: case.replicas(canary) == 2, 30)
        equal(case.server.get(case.path).json["spec"]["replicas"], 2, "the autoscaler's own number")


def test_an_autoscaler_of_the_deployment(cluster):
    with Stage(cluster, "grown") as env:
        case = workload_case(env, "grown").begin()
        case.wait("Healthy")
        original = apps(case, "deployments", "agent")
        case.server.ok("PATCH", original, [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "agent:2"}], content_type=JSON)
        canary = paused_at(case, 1)
        equal(case.replicas(canary), 1, "half of 2")
        scale(case, original, 6)
        wait_for("both to follow", lambda: case.replicas(canary) == 3 and
                 case.server.get(original).json["status"].get("readyReplicas") == 6, 60)
        equal(case.replicas("agent"), 6, "the autoscaler's own number")
        equal(case.act("promote"), "Done", "promote")
        case.wait("Healthy", 120)
        equal(case.replicas("agent"), 6, "replicas after the release")
        scale(case, original, 2)
        wait_for("it to shrink", lambda: case.server.get(original).json["status"].get("replicas") == 2, 60)


def budget(case, **spec):
    """One for all: where several match, the disruption controller follows the first alone."""
    path = f"/apis/policy/v1/namespaces/{case.ns}/poddisruptionbudgets"
    made = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "agent"},
            "spec": {"selector": {"matchLabels": {"app": "agent"}}, "minAvailable": None, "maxUnavailable": None, **spec}}
    if case.server.get(f"{path}/agent").status == 404:
        made["spec"] = {name: value for name, value in made["spec"].items() if value is not None}
        case.post(path, made)
    else:
        case.server.ok("PATCH", f"{path}/agent", made, content_type=MERGE)

    def status():
        found = case.server.get(f"{path}/agent").json
        if found["metadata"]["generation"] != found.get("status", {}).get("observedGeneration"):
            return None
        return tuple(found["status"][field] for field in ("expectedPods", "desiredHealthy", "disruptionsAllowed"))
    return status


def test_a_disruption_budget_over_both_versions(cluster):
    with Stage(cluster, "budget") as env:
        case = template_case(env, "budget", 4).begin()
        case.wait("Healthy")
        allows = budget(case, minAvailable="75%")
        wait_for("the budget of the stable", lambda: allows() == (4, 3, 1), 60)
        config(case, "two")
        paused_at(case, 2)
        wait_for("a share of both", lambda: allows() == (6, 5, 1), 60)
        allows = budget(case, maxUnavailable=1)
        wait_for("one of both", lambda: allows() == (6, 5, 1), 60)
        allows = budget(case, minAvailable=3)
        wait_for("a number of both", lambda: allows() == (6, 3, 3), 60)


if __name__ == "__main__":
    support.main(globals(), long={"test_rights_that_are_lacking_and_granted", "test_an_autoscaler_of_the_deployment"})
