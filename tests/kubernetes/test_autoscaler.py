#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real horizontal-pod-autoscaling controller through releases, with a metrics API that says what the routes' weights would make of a load: the
number that it owns never flaps and is never reset, and the canary has its share of it. On a cluster of its own. (SERIN_LONG=1; what an
autoscaler writes by its bounds alone is in test_tracking.py.)"""
import contextlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
from metrics_api import Load, MetricsApi  # noqa: E402
from operator_world import Case, deployment  # noqa: E402
from stage import Seen, Stage, check, equal, wait_for  # noqa: E402

HALF = [{"deploy": {}}, {"setWeight": 50}, {"pause": {}}, {"setWeight": 100}, {"decommission": {}}]
JSON = "application/json-patch+json"
APPS = "/apis/apps/v1"
WINDOW = 10


def autoscaler(case, kind, name, least):
    """One pod for each 100 millicores. It takes replicas away when they were too many for some seconds, and not for five minutes: a fight would
    show. (None at all would be wrong: pods that go take along what was measured of them, before the others are measured with that load.)"""
    api = "serin.dev/v1alpha1" if kind == "Rollout" else "apps/v1"
    case.post(f"/apis/autoscaling/v2/namespaces/{case.ns}/horizontalpodautoscalers", {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name}, "spec": {
            "scaleTargetRef": {"apiVersion": api, "kind": kind, "name": name}, "minReplicas": least, "maxReplicas": 12,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "100m"}}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": WINDOW},
                         "scaleUp": {"policies": [{"type": "Pods", "value": 12, "periodSeconds": 1}]}}}}) # left out: at most 4 in 15 s


def size(item):
    return item["spec"]["replicas"]


def turns(sizes):
    """How often a number that rose fell, or the other way round."""
    steps = [b > a for a, b in zip(sizes, sizes[1:])]
    return sum(a != b for a, b in zip(steps, steps[1:]))


def template_case(env, ns):
    return Case(env, ns, HALF, template=True), f"/apis/serin.dev/v1alpha1/namespaces/{ns}/rollouts", "Rollout"


def workload_case(env, ns):
    case = Case(env, ns, HALF, template=True)
    case.post(f"{APPS}/namespaces/{ns}/deployments", deployment(ns, "agent", "1"))
    for field in ("replicas", "selector", "template"):
        del case.rollout["spec"][field]
    case.rollout["spec"]["workloadRef"] = {"name": "agent"}
    return case, f"{APPS}/namespaces/{ns}/deployments", "Deployment"


def canary_of(case, number):
    wait_for(f"release {number} to pause", lambda: case.status().get("releaseNumber") == number and case.phase() == "Paused", 90)
    return case.status()["canary"]["deployment"]


def put_back_and_promoted(cluster, ns, make):
    metrics = cluster.metrics
    with Stage(cluster, ns) as env:
        case, path, kind = make(env, ns)
        load = metrics.loads[ns] = Load(case, 400)
        case.begin().wait("Healthy")
        begun = case.status().get("releaseNumber", 0)  # the template form's first version is one
        with Seen(case, path, "agent", size) as sizes, Seen(case, f"{APPS}/namespaces/{ns}/deployments", None, size) as deployments:
            autoscaler(case, kind, "agent", 2)
            wait_for("four replicas", lambda: sizes.last() == 4)
            case.server.ok("PATCH", f"{path}/agent", [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "agent:2"}], content_type=JSON)
            canary = canary_of(case, begun + 1)
            equal(case.replicas(canary), 2, "half of 4")
            metrics.looked_at(ns)
            equal(sizes.last(), 4, "what is asked for with six pods that share the load")
            load.total = 800
            wait_for("eight, and half as many canaries", lambda: (sizes.last(), case.replicas(canary)) == (8, 4))
            equal(case.act("abort"), "Done", "abort")
            case.wait("Aborted")
            wait_for("the canary to go", lambda: not case.replicas(canary))
            metrics.looked_at(ns)
            equal(case.act("retry"), "Done", "retry")
            equal(canary_of(case, begun + 2), canary, "the canary")
            equal(case.replicas(canary), 4, "half of 8")
            equal(case.act("promote"), "Done", "promote")
            case.wait("Healthy", 120)
            metrics.looked_at(ns)
            equal(sizes.seen, [2, 4, 8], "the autoscaler's number")
            load.total = 200
            wait_for("two again", lambda: sizes.last() == 2)
            serves = case.status()["stable"]["deployment"]
            wait_for("two that serve", lambda: case.replicas(serves) == 2)
            equal(sizes.seen, [2, 4, 8, 2], "the autoscaler's number")
            # Up and down; the canary twice, for it was put back once.
            for name, seen in deployments.each.items():
                check(turns(seen) <= (3 if name == canary else 1), f"replicas of {name} went {seen}")


def test_an_autoscaler_of_the_rollout(cluster):
    put_back_and_promoted(cluster, "hpa-template", template_case)


def test_an_autoscaler_of_the_deployment(cluster):
    put_back_and_promoted(cluster, "hpa-workload", workload_case)


def test_autoscalers_of_a_pair(cluster):
    """Each version has one of its own, which sees its pods alone: stable shrinks as its share does."""
    ns = "hpa-pair"
    metrics = cluster.metrics
    with Stage(cluster, ns) as env:
        case = Case(env, ns, HALF)
        load = metrics.loads[ns] = Load(case, 400)
        for version in ("v1", "v2"):
            autoscaler(case, "Deployment", f"agent-{version}", 2)
        wait_for("four of stable", lambda: case.replicas("agent-v1") == 4)
        with Seen(case, f"{APPS}/namespaces/{ns}/deployments", None, size) as deployments:
            case.begin()
            canary_of(case, 1)
            wait_for("two of each", lambda: (case.replicas("agent-v1"), case.replicas("agent-v2")) == (2, 2))
            equal(case.act("abort"), "Done", "abort")
            case.wait("Aborted")
            wait_for("four of stable", lambda: case.replicas("agent-v1") == 4)
            equal(case.act("retry"), "Done", "retry")
            canary_of(case, 2)
            load.total = 800
            wait_for("four of each", lambda: (case.replicas("agent-v1"), case.replicas("agent-v2")) == (4, 4))
            equal(case.act("promote"), "Done", "promote")
            case.wait("Healthy", 120)
            wait_for("eight that serve, none that do not", lambda: (case.replicas("agent-v1"), case.replicas("agent-v2")) == (0, 8))
            metrics.looked_at(ns)
            equal((case.replicas("agent-v1"), case.replicas("agent-v2")), (0, 8), "replicas")
            print(f"# replicas went {deployments.each}")


def test_a_canary_whose_autoscaler_wants_fewer(cluster):
    """Without load it takes back what the operator added for the next weight. No fight: it is asked for again, less and less often, and said; with
    minReplicas that allow it the release goes on."""
    ns, metrics = "hpa-few", cluster.metrics
    with Stage(cluster, ns) as env:
        case = Case(env, ns, HALF)
        metrics.loads[ns] = Load(case, 800)
        gate = cluster.folder / "hpa-few.ready"  # the canary's pods come up when it is there: before the autoscaler looks they cannot
        probe = {"exec": {"command": ["test", "-e", str(gate)]}}
        case.server.ok("PATCH", f"{APPS}/namespaces/{ns}/deployments/agent-v2", [
            {"op": "add", "path": "/spec/template/spec/containers/0/command", "value": ["sleep", "600"]},
            {"op": "add", "path": "/spec/template/spec/containers/0/readinessProbe", "value": probe}], content_type=JSON)
        for version in ("v1", "v2"):
            autoscaler(case, "Deployment", f"agent-{version}", 1)
        wait_for("eight of stable, one of the canary", lambda: (case.replicas("agent-v1"), case.replicas("agent-v2")) == (8, 1))
        with Seen(case, f"{APPS}/namespaces/{ns}/deployments", None, size) as deployments:
            case.begin()
            wait_for("it to be asked for twice again", lambda: case.status().get("release", {}).get("askedAgain") == 3, 90)
            check(deployments.each["agent-v2"][:6] == [1, 4, 1, 4, 1, 4], f"replicas of the canary went {deployments.each['agent-v2']}")
            told = [message for reason, message in case.events() if reason == "ReplicasTakenBack"]
            check(len(told) == 1 and "minReplicas of at least 4" in told[0], f"events: {told}")
            check("takes added ones back" in case.status()["step"]["waitingFor"], f"it says: {case.status()['step']}")
            gate.touch()
            case.server.ok("PATCH", f"/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers/agent-v2", {"spec": {"minReplicas": 4}},
                           content_type="application/merge-patch+json")
            canary_of(case, 1)
            equal(case.act("promote"), "Done", "promote")
            case.wait("Healthy", 120)


@contextlib.contextmanager
def measured_cluster():
    with support.Cluster(crds=("istio",)) as cluster, MetricsApi(cluster):
        yield cluster


if __name__ == "__main__":
    support.main(globals(), needs=measured_cluster, long={"test_an_autoscaler_of_the_rollout", "test_an_autoscaler_of_the_deployment",
                                                          "test_autoscalers_of_a_pair", "test_a_canary_whose_autoscaler_wants_fewer"})
