#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How `serin operator` asks Prometheus: few queries however many Rollouts, and credentials from Secrets."""
import base64
import json
import os
import pathlib
import ssl
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import operator_world as support  # noqa: E402

check, equal, wait_for, Case = support.check, support.equal, support.wait_for, support.Case

HELD = [{"deploy": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100}, {"decommission": {"action": "none"}}]


def secret(env, ns, name, change=False, **data):
    data = {key.replace("__", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": ns}, "data": data}
    path = f"/api/v1/namespaces/{ns}/secrets"
    if change:
        env.server.ok("PUT", f"{path}/{name}", body)
    else:
        env.server.ok("POST", path, body)


def judged(case, seconds=20):
    return wait_for("a judgement", lambda: case.status().get("judge", {}).get("verdict") in ("pass", "fail", "insufficient")
                    and not case.status()["judge"].get("errorSince") and case.status()["judge"].get("state"), seconds)


def message(case):
    return case.status().get("judge", {}).get("message", "")


def nothing_leaks(env, case, *secrets):
    for text in (env.operator.text(), json.dumps(case.server.get(case.path).json), json.dumps(case.events()),
                 pathlib.Path(f"/proc/{env.operator.process.pid}/cmdline").read_text()):
        for one in secrets:
            check(one not in text, f"{one} is in {text[:2000]}")


def test_a_token_from_a_secret_that_changes(env):
    env.world.prometheus.add("unused", 1)
    guarded = support.Prometheus(token="first-s3cret")
    guarded.counters, guarded.samples, guarded.lock = (env.prometheus.counters, env.prometheus.samples, env.prometheus.lock)
    env.server.let_read_secret("token", "prom", "list", "watch")
    try:
        case = Case(env, "token", HELD, prometheus={"address": guarded.url, "secretRef": {"name": "prom"},
                                                    "headers": [{"name": "X-Scope-OrgID", "value": "team1"}]})
        case.begin()
        wait_for("status to name the missing Secret", lambda: "token/prom" in message(case) and "does not exist" in message(case))
        secret(env, "token", "prom", token="wrong-s3cret\n")
        wait_for("the refusal in status", lambda: "401" in message(case))
        secret(env, "token", "prom", change=True, token="first-s3cret\n")
        judged(case)
        equal(guarded.headers.get("X-Scope-OrgID"), "team1", "the header")
        guarded.token = "second-s3cret"
        wait_for("the refusal in status", lambda: "401" in message(case))
        secret(env, "token", "prom", change=True, token="second-s3cret")
        judged(case)
        nothing_leaks(env, case, "first-s3cret", "second-s3cret", "wrong-s3cret",
                      base64.b64encode(b"first-s3cret").decode())
    finally:
        guarded.stop()


def test_a_metric_set_is_shared_and_tracked(env):
    case = Case(env, "shared", HELD, metricSets=[{"name": "web", "args": [{"name": "queue", "value": "mail"}]}])
    path = f"{support.SERIN}/namespaces/shared/metricsets"
    spec = {"args": [{"name": "queue"}, {"name": "most", "value": "40"}],
            "metrics": [{"name": "depth", "query": 'queue_depth{q="{{ args.queue }}",v="{{ canaryVersion }}"}[60s]',
                         "limit": "{{ args.most }}"}]}
    body = {"apiVersion": "serin.dev/v1alpha1", "kind": "MetricSet", "metadata": {"name": "web", "namespace": "shared"}, "spec": spec}
    wrong = json.loads(json.dumps(body))
    wrong["spec"]["metrics"][0]["query"] = "up{a=\"{{ args.quue }}\"}"
    reply = env.server.request("POST", path, wrong)
    check(reply.status in (400, 422) and "args.quue" in reply.text, reply.text)
    env.prometheus.add("queue_depth", 12, q="mail", v="v2")
    case.begin()
    wait_for("the missing set in status", lambda: "MetricSet web does not exist" in message(case))
    env.server.ok("POST", path, body)

    def depth():
        return next((m for m in case.status().get("metrics", []) if m["name"] == "depth"), {})
    wait_for("the value of the shared metric", lambda: depth().get("canary") == "12" and depth().get("limit") == "40")
    spec["args"][1]["value"] = "35"
    env.server.ok("PATCH", f"{path}/web", {"spec": spec}, content_type="application/merge-patch+json")
    wait_for("the changed set to count", lambda: depth().get("limit") == "35")


def test_evidence_goes_on_after_a_kill(env):
    case = Case(env, "evidence", HELD)
    env.world.errors["evidence", "v2"] = 0.004 # worse, but far from a rollback within these seconds
    case.begin()

    def state():
        text = case.status().get("judge", {}).get("state")
        return json.loads(text) if text else {}
    before = wait_for("some evidence", lambda: state().get("release", [0])[0] > 800 and state())
    env.operator.kill()
    after_kill = case.status()["judge"]
    env.operator.start()
    kept = json.loads(after_kill["state"])
    wait_for("the next block of evidence", lambda: state()["until"] > kept["until"])
    after = state()
    equal(after["began"], before["began"], "the begin of the release")
    check(after["release"][0] > kept["release"][0] and after["release"][1] >= kept["release"][1], f"{kept} {after}")
    # No request is counted twice: the counts are those of the counters themselves.
    total = sum(value for (name, labels), value in env.prometheus.counters.items() if name == "istio_requests_total"
                and ("destination_version", "v2") in labels and ("destination_service", case.host) in labels)
    check(state()["release"][0] <= total, f"{state()['release']} of {total}")


def make_certificates(directory):
    def run(*command):
        subprocess.run(["openssl", *command], cwd=directory, check=True, capture_output=True)

    directory.mkdir(exist_ok=True)
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key", "-out",
        "ca.crt", "-subj", "/CN=ca", "-days", "2")
    (directory / "server.ext").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key", "-out",
            f"{name}.csr", "-subj", f"/CN={name}")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.crt",
            "-days", "2", *(["-extfile", "server.ext"] if name == "server" else []))


def test_tls_with_a_client_certificate_and_a_password(env):
    certificates = env.server.data / "certificates"
    make_certificates(certificates)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    context.load_verify_locations(certificates / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    guarded = support.Prometheus(user="reader", password="pa55word", tls=context)
    guarded.counters, guarded.samples, guarded.lock = (env.prometheus.counters, env.prometheus.samples, env.prometheus.lock)
    read = {name: (certificates / name).read_text() for name in ("ca.crt", "client.crt", "client.key")}
    env.server.let_read_secret("tls", "prom", "list", "watch")
    try:
        case = Case(env, "tls", HELD, prometheus={"address": guarded.url, "secretRef": {"name": "prom"}})
        secret(env, "tls", "prom", username="reader", password="pa55word", tls__crt=read["client.crt"],
               tls__key=read["client.key"])
        case.begin()
        wait_for("an untrusted certificate in status", lambda: "certificate" in message(case))
        secret(env, "tls", "prom", change=True, username="reader", password="pa55word", ca__crt=read["ca.crt"],
               tls__crt=read["client.crt"], tls__key=read["client.key"])
        judged(case)
        nothing_leaks(env, case, "pa55word", read["client.key"].splitlines()[1])
    finally:
        guarded.stop()


def add_rollouts(env, case, numbers):
    """More Rollouts beside the case's: each with a route and two Deployments of its own, of the same versions."""
    for number in numbers:
        name = f"agent-{number}"
        env.server.ok("POST", f"{support.NETWORKING}/namespaces/{case.ns}/virtualservices",
                      {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
                       "metadata": {"name": name, "namespace": case.ns},
                       "spec": {"hosts": [f"{name}.{case.ns}.svc.cluster.local"], "http": [{"timeout": "1s", "route": case.route}]}})
        rollout = json.loads(json.dumps(case.rollout))
        rollout["metadata"]["name"] = name
        for role, version in (("stable", "v1"), ("canary", "v2")):
            rollout["spec"][role]["deployment"] = f"{name}-{version}"
            env.server.ok("POST", f"/apis/apps/v1/namespaces/{case.ns}/deployments", support.deployment(case.ns, f"{name}-{version}", version))
        rollout["spec"]["traffic"]["virtualService"]["name"] = name
        rollout["spec"]["analysis"]["interval"] = "2s"
        env.server.ok("POST", f"{support.SERIN}/namespaces/{case.ns}/rollouts", rollout)


def queries_a_look(env, counted, count, looks=2):
    """Queries per look, once so many Rollouts are judged at each look."""
    def all_judged():
        env.world.ready_once()
        items = env.server.get(f"{support.SERIN}/rollouts").json["items"]
        mine = [item for item in items if item["metadata"]["namespace"].startswith("many")]
        return sum(1 for item in mine if item.get("status", {}).get("judge", {}).get("state")) >= count
    wait_for(f"{count} judged rollouts", all_judged, 60 + 6 * count, every=1)
    began, before = time.monotonic(), counted.queries
    wait_for("some looks", lambda: time.monotonic() > began + 2 * looks, 60)
    return (counted.queries - before) / looks


def test_many_rollouts_need_no_more_queries_than_one(env):
    count = 200 if os.environ.get("SERIN_LONG") and os.environ.get("SERIN_WORLD") != "cluster" else 40
    counted = support.Prometheus() # of these Rollouts alone, with the same samples
    counted.counters, counted.samples, counted.lock = (env.prometheus.counters, env.prometheus.samples, env.prometheus.lock)
    env.world.paused = True # only the operator's queries count here; the stand-in would list all routes 20 times a second
    cases = [Case(env, f"many-{number}", HELD, prometheus={"address": counted.url}) for number in range(count // 10)]
    env.world.ready_once()
    add_rollouts(env, cases[0], range(1))
    one = queries_a_look(env, counted, 1)
    for case in cases:
        add_rollouts(env, case, range(1, 11))
    many = queries_a_look(env, counted, count)
    check(1 <= one <= 4, f"{one} queries for one rollout")
    # One round for all; a round that a busy machine made late may fall into the same time.
    check(many <= 2 * one, f"{many} queries a look for {count} rollouts, {one} for one")
    env.world.paused = False
    for case in cases: # their Prometheus is gone now
        for number in range(11):
            env.server.request("DELETE", f"{support.SERIN}/namespaces/{case.ns}/rollouts/agent-{number}")
    counted.stop()


if __name__ == "__main__":
    support.main(globals())
