#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`serin operator` against `serin apiserver`: releases from begin to end, with a fake Prometheus and stand-ins for the
runtime, the proxy and the traffic (tests/support/operator_world.py)."""
import json
import pathlib
import re
import subprocess
import sys
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import operator_world as support  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]

check, equal, wait_for, Case = support.check, support.equal, support.wait_for, support.Case

FAST, PAUSED = support.FAST, support.PAUSED


def test_a_good_pair_is_promoted(env):
    case = Case(env, "promote", FAST).begin()
    case.wait("Healthy")
    equal(case.share("v2"), 100, "share of v2")
    equal([d["destination"]["subset"] for d in case.destinations()], ["v2"], "the stable's destination is gone")
    equal(case.replicas("agent-v1"), 0, "replicas of v1")
    status = case.status()
    equal(status["history"][0]["result"], "Promoted", "history")
    conditions = {c["type"]: c["status"] for c in status["conditions"]}
    equal((conditions["Ready"], conditions["Promoted"]), ("True", "True"), "conditions")
    reasons = [reason for reason, _ in case.events()]
    for reason in ("ReleaseStarted", "WeightSet", "StepCompleted", "Promoted"):
        check(reason in reasons, f"no event {reason} in {reasons}")
    wait_for("the finalizer to go", lambda: not case.server.get(case.path).json["metadata"].get("finalizers"))
    equal(case.server.get(case.path).json["status"]["weight"]["canary"], "0", "weight")


def test_a_bad_canary_is_put_back(env):
    env.world.errors["bad", "v2"] = 1.0
    case = Case(env, "bad", FAST).begin()
    case.wait("RolledBack")
    equal(case.share("v2"), 0, "share of v2")
    status = case.status()
    equal(status["failed"]["reason"], "AnalysisFailed", "reason")
    check("%" in status["failed"]["message"], f"no numbers in {status['failed']['message']!r}")
    check(env.world.largest["bad", "v2"] <= 0.1, f"v2 had {env.world.largest['bad', 'v2']}")
    equal(case.replicas("agent-v1"), 2, "replicas of v1")
    env.world.errors["bad", "v2"] = 0
    equal(case.act("retry"), "Done", "retry")
    case.wait("Healthy")


def test_abort(env):
    case = Case(env, "abort", PAUSED).begin()
    case.wait("Paused")
    equal(case.share("v2"), 20, "share of v2")
    equal(case.act("abort"), "Done", "abort")
    case.wait("Aborted")
    equal(case.share("v2"), 0, "share of v2")
    equal(case.act("abort"), "Refused", "a second abort")


def test_a_pause_waits_for_promote(env):
    case = Case(env, "pause", PAUSED).begin()
    case.wait("Paused")
    equal(case.status()["step"]["waitingFor"], "a person to promote", "waitingFor")
    equal(case.act("promote"), "Done", "promote")
    case.wait("Healthy")
    wait_for("v1 to be deleted", lambda: case.replicas("agent-v1") is None)


def test_no_traffic_holds(env):
    env.world.silent.add("silent")
    case = Case(env, "silent", FAST).begin()
    case.wait("Holding")
    # At first it may only be that nothing was scraped yet.
    wait_for("the reason", lambda: case.status()["reason"] == "NoTraffic", 60)
    equal(case.status()["phase"], "Holding", "phase")
    equal(case.share("v2"), 10, "share of v2")
    env.world.silent.discard("silent")
    case.wait("Healthy")


def test_prometheus_away_holds_and_goes_on(env):
    case = Case(env, "away", FAST).begin()
    wait_for("the canary's traffic", lambda: case.share("v2") == 10)
    env.prometheus.away = True
    try:
        case.wait("Holding")
        share = case.share("v2")
        check(share in (10, 50), share)
        check(any(reason == "PrometheusAway" for reason, _ in case.events()), case.events())
    finally:
        env.prometheus.away = False
    case.wait("Healthy")


def test_somebody_else_is_put_right(env):
    case = Case(env, "contended", PAUSED).begin()
    case.wait("Paused")
    for _ in range(6):
        case.rewrite(case.route)
        wait_for("the weight to be put right", lambda: case.share("v2") == 20, every=0.005)
    condition = wait_for("condition Contended",
                         lambda: [c for c in case.status()["conditions"] if c["type"] == "Contended" and c["status"] == "True"])
    check("gitops" in condition[0]["message"], condition[0]["message"])
    equal(case.act("promote"), "Done", "promote")
    case.wait("Healthy")


def test_a_canary_that_does_not_come_up(env):
    env.world.unready.add(("unready", "agent-v2"))
    steps = [{"deploy": {"timeout": "1500ms"}}] + FAST[1:]
    case = Case(env, "unready", steps).begin()
    case.wait("RolledBack")
    equal(case.status()["failed"]["reason"], "DeployTimeout", "reason")
    check(("unready", "v2") not in env.world.largest, "v2 had traffic")


def test_kill_at_every_step(env):
    case = Case(env, "killed", FAST).begin()
    changes = case.server.watch(case.path.rpartition("/")[0] + "?watch=1&resourceVersion=0")  # misses no state on a busy machine
    seen, phase = set(), None
    while phase != "Healthy":
        status = changes.next(120)["object"].get("status", {})
        phase, step = status.get("phase"), status.get("step", {})
        before, share, after = case.status(), case.share("v2"), case.status()
        if before.get("release") and after.get("release"): # what the watch tells may be long over
            asked = [float(now.get("weight", {}).get("canary") or 0) for now in (before, after)]
            check(share <= max(asked), f"share {share}, asked {asked}")
        at = (step.get("index"), step.get("name"), status.get("weight", {}).get("canary"))
        if at not in seen and phase != "Healthy":
            seen.add(at)
            env.operator.kill()
            env.operator.start()
    changes.close()
    check(len(seen) >= 8, f"killed only at {seen}")
    equal(case.share("v2"), 100, "share of v2")
    equal(len(case.status()["history"]), 1, "history")
    messages = [message for reason, message in case.events() if reason == "StepCompleted"]
    equal(len(messages), len(set(messages)), f"events told twice: {messages}")


def test_template_form(env):
    case = Case(env, "template", FAST, template=True).begin()
    case.wait("Healthy")
    first = case.status()["stable"]["deployment"]
    equal(case.share(first), 100, "share of the first version")
    image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "agent:2"}]
    case.server.ok("PATCH", case.path, image, content_type="application/json-patch+json")
    case.wait("Progressing")
    case.wait("Healthy")
    second = case.status()["stable"]["deployment"]
    check(first != second, "the same Deployment")
    equal([d["destination"]["subset"] for d in case.destinations()], [second], "destinations")
    wait_for("the first version to be scaled down", lambda: case.replicas(first) == 0)
    rule = f"{support.NETWORKING}/namespaces/template/destinationrules/agent"
    wait_for("its subset to go", lambda: [s["name"] for s in case.server.get(rule).json["spec"]["subsets"]] == [second])


def test_deletion_puts_the_traffic_back(env):
    case = Case(env, "deleted", PAUSED).begin()
    case.wait("Paused")
    equal(case.share("v2"), 20, "share of v2")
    case.server.ok("DELETE", case.path)
    wait_for("the Rollout to go", lambda: case.server.get(case.path).status == 404)
    equal(case.share("v2"), 0, "share of v2")


def test_uninstall_lets_go_without_an_operator(env):
    case = Case(env, "let-go", PAUSED).begin()
    case.wait("Paused")
    env.operator.stop()
    try:
        def uninstall(*more):
            done = subprocess.run([support.BIN, "uninstall", "--kubeconfig", str(env.server.data / "kubeconfig"), *more],
                                  capture_output=True, text=True, timeout=60)
            equal(done.returncode, 0, done.stderr)
            return done.stdout
        check("server dry run" in uninstall("--dry-run"), "a dry run")
        check(case.server.get(case.path).json["metadata"]["finalizers"], "a dry run changed something")
        said = uninstall("-n", "let-go")
        check("let-go/agent: finalizer removed; the release stops where it is: v2 keeps 20 % of the traffic, v1 the rest" in said, said)
        equal(case.share("v2"), 20, "share of v2")
        case.server.ok("DELETE", case.path)
        equal(case.server.get(case.path).status, 404, "the Rollout")
        check("1 of 1" not in uninstall("-n", "let-go"), "there is one left")
    finally:
        env.operator.start()


def test_two_operators_and_one_leader(env):
    env.operator.stop()
    pair = [support.Operator(env.server, env.prometheus, "--leader-elect", log=f"operator-{name}.log") for name in "ab"]
    try:
        case = Case(env, "elected", FAST).begin()
        wait_for("the canary's traffic", lambda: case.share("v2") == 10)
        leaders = [o for o in pair if "msg=leading" in o.text()]
        equal(len(leaders), 1, "leaders")
        leaders[0].stop()  # it gives the Lease back
        pair.remove(leaders[0])
        case.wait("Healthy")
        check("msg=leading" in pair[0].text(), "the other one never led")
        equal(len(case.status()["history"]), 1, "history")
    finally:
        for operator in pair:
            operator.stop()
        env.operator.start()


def test_metrics_and_health(env):
    port = wait_for("the metrics port", env.operator.metrics_port)
    read = lambda path: urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).read().decode()  # noqa: E731
    read("/healthz")

    def is_ready():
        try:
            return read("/readyz") is not None
        except urllib.error.HTTPError:
            return False

    wait_for("readiness", is_ready)
    text = read("/metrics")
    for name in ("serin_rollout_phase", "serin_rollout_weight_percent", "serin_rollout_last_result", "serin_operator_api_errors_total"):
        check(name in text, f"{name} is not in {text[:400]}")
    # Every metric that the dashboard asks for exists, here or (istio_*) in the proxy.
    dashboard = json.loads((ROOT / "manifests" / "install" / "grafana-dashboard.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    names = set(re.findall(r"\bserin_[a-z_]+", asked))
    check(len(names) > 15, f"the dashboard asks for {names}")
    for name in names:
        check(f"# TYPE {name} " in text, f"the dashboard asks for {name}, which the operator does not have")
    documented = (ROOT / "docs" / "metrics.md").read_text()
    for name in names | set(re.findall(r"\bistio_[a-z_]+", asked)):
        check(f"`{name}`" in documented, f"{name} is not in docs/metrics.md")


if __name__ == "__main__":
    support.main(globals())
