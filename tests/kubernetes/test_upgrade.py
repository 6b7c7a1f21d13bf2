#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An upgrade starts no release and ends none: a newer operator, a status without what it would have written, newer CRDs with more
defaults. On a cluster that no other script uses meanwhile, since the CRDs belong to all. SERIN_OLDER: a folder with an older version, built in build/dev, whose
operator, CRDs and roles really come before ours."""
import json
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
from operator_world import FAST, PAUSED, Case, GatewayCase  # noqa: E402
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


def test_a_crd_that_knows_the_template(cluster):
    """The version before took any object as spec.template. What it stored is read through a full schema now, and not a byte of it changes: nulls,
    numbers where texts are usual, fields of a newer Kubernetes."""
    newer = cluster.ok("GET", CRD)
    older_crd = json.loads(json.dumps(newer))
    older_crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["template"] = {
        "type": "object", "x-kubernetes-preserve-unknown-fields": True}
    cluster.ok("PUT", CRD, older_crd)
    with Stage(cluster, "upgrade-schema", faults=through(cluster)) as env:
        case = Case(env, "upgrade-schema", PAUSED, template=True)
        pod = case.rollout["spec"]["template"]["spec"]
        pod.update({"nodeSelector": None, "volumes": None, "initContainers": None, "newerField": {"a": [None]}, "tolerations": []})
        pod["containers"][0].update({"resources": {"limits": {"cpu": 0.5}}, "volumeMounts": None, "args": None, "newerField": 1})
        case.rollout["spec"]["template"]["metadata"]["creationTimestamp"] = None
        wait_for("a server without the schema", lambda: cluster.request("POST", case.path.rsplit("/", 1)[0] + "?dryRun=All", {
            **case.rollout, "spec": {**case.rollout["spec"], "template": {**case.rollout["spec"]["template"], "spec": {"containers": [{}]}}}}).status == 201)
        case.begin().wait("Healthy")
        before, status = case.server.ok("GET", case.path)["spec"]["template"], case.status()
        env.operator.stop()
        current = cluster.ok("GET", CRD)
        cluster.ok("PUT", CRD, {**current, "spec": newer["spec"]})
        wait_for("the schema", lambda: cluster.request("PATCH", case.path + "?dryRun=All", {"spec": {"template": {"spec": {"containers": [{}]}}}},
                                                       content_type=MERGE).status == 422)
        equal(case.server.ok("GET", case.path)["spec"]["template"], before, "the template")
        since = len(env.faults.log)
        started_again(env)
        no_release(case, env, since, "Healthy")
        equal(case.status()["stable"]["hash"], status["stable"]["hash"], "hash")


def install(cluster, root):
    """The CRDs and roles of the version in that folder."""
    folder = root / "manifests" / "install"
    files = [part for file in sorted((folder / "crds").glob("*s.yaml")) for part in ("-f", str(file))]
    cluster.kubectl("apply", "--server-side", "--force-conflicts", *files)
    cluster.install_roles(folder)


def moved(cluster, ns):
    """The revisions of what carries traffic, and of the Deployments."""
    found = {}
    for path in ("networking.istio.io/v1/{}/virtualservices", "networking.istio.io/v1/{}/destinationrules", "apps/v1/{}/deployments",
                 "gateway.networking.k8s.io/v1/{}/httproutes"):
        for item in cluster.ok("GET", f"/apis/{path.format('namespaces/' + ns)}")["items"]:
            found[path, item["metadata"]["name"]] = json.dumps(item["spec"], sort_keys=True)
    return found


def image(case, text):
    case.server.ok("PATCH", case.path, [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": text}],
                   content_type="application/json-patch+json")


def older_releases(env_of):
    """namespace -> (case, phase it is left in): releases that ended and releases in the middle, of all forms that the older version has."""
    cases = {}

    def begin(case, ends):
        if case.server.request("POST", case.path.rsplit("/", 1)[0] + "?dryRun=All", case.rollout).status == 422:
            print(f"# {case.ns}: the older version does not have it")
        else:
            cases[case.ns] = case.begin(), ends
    for ns, kind, more, bad, ends in (("old-pair", Case, {}, False, "Healthy"), ("old-bad", Case, {}, True, "RolledBack"),
                                      ("old-route", GatewayCase, {}, False, "Healthy"), ("old-template", Case, {"template": True}, False, "Healthy")):
        env = env_of(ns)
        if bad:
            env.world.errors[ns, "v2"] = 1.0
        begin(kind(env, ns, FAST, **more), ends)
    for ns, kind, more in (("old-paused", Case, {}), ("old-paused-route", GatewayCase, {}), ("old-paused-template", Case, {"template": True})):
        begin(kind(env_of(ns), ns, PAUSED, **more), "Paused")
    cases["old-paused-template"][0].wait("Healthy")
    image(cases["old-paused-template"][0], "agent:2")
    for case, phase in cases.values():
        case.wait(phase)
    return cases


def test_from_an_older_version(cluster):
    root = pathlib.Path(os.environ.get("SERIN_OLDER", "/nonexistent"))
    if not (root / "build" / "dev" / "serin").exists():
        print("ok - from an older version # SKIP SERIN_OLDER names no folder with build/dev/serin")
        return
    install(cluster, root)
    stages = {}

    def env_of(ns):
        stages[ns] = Stage(cluster, ns, start=False)
        stages[ns].operator = stages[ns].another("operator", program=root / "build" / "dev" / "serin")
        return stages[ns]
    try:
        cases = older_releases(env_of)
        before = {ns: (moved(cluster, ns), case.status()) for ns, (case, _) in cases.items()}
        for stage in stages.values():
            stage.operator.stop()
        install(cluster, support.ROOT)
        for ns, stage in stages.items():
            stage.world.errors.clear()
            stage.operator = stage.another("newer")
        for ns, (case, phase) in cases.items():
            print(f"# {ns}: {case.act('resume')}")  # refused, or nothing to do: its pass comes after those before
            spec, status = before[ns]
            now = case.status()
            equal(moved(cluster, ns), spec, f"{ns}: specs")
            equal(now["phase"], phase, f"{ns}: phase")
            equal([(h["version"], h["result"]) for h in now.get("history", [])], [(h["version"], h["result"]) for h in status.get("history", [])],
                  f"{ns}: history")
            equal((now.get("release") or {}).get("number"), (status.get("release") or {}).get("number"), f"{ns}: release")
        for ns, case in [(ns, case) for ns, (case, phase) in cases.items() if phase == "Paused"]:
            equal(case.act("promote"), "Done", f"{ns}: promote")
            case.wait("Healthy")
            equal({h["result"] for h in case.status()["history"]}, {"Promoted"}, f"{ns}: history")
        equal(cases["old-bad"][0].act("retry"), "Done", "retry")
        cases["old-bad"][0].wait("Healthy")
    finally:
        for stage in stages.values():
            stage.__exit__(sys.exc_info()[0], None, None)


if __name__ == "__main__":
    support.main(globals(), needs=support.bare_here,
                 long={"test_a_promoted_pair", "test_a_pair_that_was_put_back", "test_from_an_older_version"})
