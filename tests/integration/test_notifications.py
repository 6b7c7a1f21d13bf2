#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Notifications of `serin operator` to a real receiver that verifies signatures, is slow, away or refuses; docs/notifications.md."""
import json
import pathlib
import re
import subprocess
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import operator_world as support  # noqa: E402
from receiver import Receiver, secret  # noqa: E402

check, equal, wait_for = support.check, support.equal, support.wait_for

PAUSED = [{"deploy": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100}, {"decommission": {}}]
WATCHED = [{"deploy": {}}, {"setWeight": 10}, {"monitor": {"duration": "60s", "min": "1s"}}, {"setWeight": 100}, {"decommission": {}}]
FAST = {"judge": {"type": "threshold", "failureLimit": 0, "minRequests": 10}}
RECEIVER = Receiver()
CONDITION = "NotificationsDelivered"
TEAM = {"name": "team", "secretRef": {"name": "hook"}, "allowHTTP": True}
DEAD = {"name": "dead", "url": "http://127.0.0.1:1/x", "allowHTTP": True, "secretRef": {"name": "hook"}}
INSIDE = [{"name": name, "url": url, "secretRef": {"name": "hook"}, "allowHTTP": True} for name, url in ( # not in 127.0.0.1/32
    ("machine", "http://127.0.0.2:9/x"), ("metadata", "http://169.254.169.254/latest"), ("aws6", "https://[fd00:ec2::254]/latest"),
    ("mapped", "http://[::ffff:127.0.0.2]:9/x"), ("cluster", "https://10.96.0.1/x"), ("number", "http://2130706434:9/x"))]
CHAT = {"name": "chat", "form": "slack", "on": ["promoted"], "secretRef": {"name": "hook"}, "allowHTTP": True}


class Case(support.Case):
    def __init__(self, env, ns, steps=PAUSED, to=None, has_secret=True, **analysis):
        super().__init__(env, ns, steps, **analysis)
        env.server.let_read_secret(ns, "hook", "get")
        if has_secret:
            self.make_secret()
        self.rollout["spec"]["notifications"] = to or [TEAM]

    def make_secret(self):
        self.post(f"/api/v1/namespaces/{self.ns}/secrets", secret(self.ns, "hook", url=f"{RECEIVER.url}/{self.ns}", key=RECEIVER.key))

    def calls(self, event=None):
        return RECEIVER.of(self.ns, event)

    def condition(self):
        return next((c for c in self.status().get("conditions", []) if c["type"] == CONDITION), {})

    def told(self, event, count=1, seconds=30):
        wait_for(f"{count} x {event}", lambda: len([c for c in self.calls(event) if 200 <= c["answer"] < 300]) >= count, seconds)
        return self.calls(event)


CASES = {}


def case_of(env, name):
    """All releases run at once, each in its namespace; a test looks at its own."""
    if not CASES:
        RECEIVER.answers = {"crowd": [-2] * 8, "slow": [-60] * 8, "again": [500, 503], "refused": [404], "moved": [307], "died": [500] * 50}
        for bad in ("numbers", "slow"):
            env.world.errors[bad, "v2"] = 1.0
            CASES[bad] = Case(env, bad, WATCHED, to=[TEAM, DEAD] if bad == "slow" else None, **FAST)
        RECEIVER.answers["last-word"] = [204, 503] # paused, then aborted twice
        CASES["crowd"] = Case(env, "crowd", to=[{**TEAM, "name": f"team-{i}"} for i in range(8)])
        CASES["inside"] = Case(env, "inside", to=INSIDE)
        CASES["named"] = Case(env, "named", to=[{**TEAM, "url": f"http://localhost:{RECEIVER.port}/named"}])
        for other in ("again", "refused", "moved", "died", "last-word"):
            CASES[other] = Case(env, other)
        CASES["wanted"] = Case(env, "wanted", to=[{**TEAM, "name": "all"}, CHAT])
        CASES["plain"] = Case(env, "plain", to=[{"name": "team", "secretRef": {"name": "hook"}}])
        CASES["later"] = Case(env, "later", has_secret=False)
        for case in CASES.values():
            case.begin()
    return CASES[name]


def test_signed_with_the_numbers_and_once(env):
    case = case_of(env, "numbers")
    case.wait("RolledBack")
    call = case.told("rolledBack")[0]
    check(call["signed"], "the signature does not verify")
    check(call["age"] < 300 and call["type"] == "application/json", call)
    body = call["body"]
    equal((body["namespace"], body["rollout"], body["event"], body["reason"]), ("numbers", "agent", "rolledBack", "AnalysisFailed"), "body")
    equal((body["version"], body["stableVersion"], body["weight"]), ("v2", "v1", "10"), "versions and weight")
    metric = body["metrics"][0]
    equal(metric["name"], "error-rate", "metric")
    check("canary requests failed" in body["message"] and "%" in metric["limit"], body)
    equal(call["id"], body["id"], "id")
    wait_for("status to be free of it", lambda: not case.status().get("notices"))
    equal(case.condition()["status"], "True", "condition")
    equal(len(case.calls()), len({c["id"] for c in case.calls()}), "every id was told once")


def test_paused_and_promoted_and_only_what_is_wanted(env):
    case = case_of(env, "wanted")
    case.wait("Paused")
    case.told("paused")
    equal(case.act("promote"), "Done", "promote")
    case.wait("Healthy")
    calls = case.told("promoted", 2)
    equal(sorted("blocks" in c["body"] for c in calls), [False, True], "one of them is for Slack")
    equal(len({c["id"] for c in calls}), 1, "ids of one notice")
    equal(len(case.calls("paused")), 1, "paused, to the other one only")


def test_a_slow_or_absent_receiver_is_in_nobodys_way(env):
    case = case_of(env, "slow")
    case.wait("RolledBack")
    equal(case.share("v2"), 0, "share of v2")
    check(case.calls(), "it was not called at all")
    check(all(c["answer"] < 0 for c in case.calls()), "the receiver was not slow")
    wait_for("the condition", lambda: case.condition().get("status") == "False")
    check("dead: it cannot be reached" in case.condition()["message"], case.condition())
    check(any(reason == "NotificationFailed" for reason, _ in case.events()), case.events())
    case.server.ok("DELETE", case.path)


def test_one_namespace_has_four_calls_at_once(env):
    case = case_of(env, "crowd")
    wait_for("all its receivers to be called", lambda: len(case.calls()) >= 8)
    equal(RECEIVER.most["crowd"], 4, "calls of one namespace at once")


def test_500_is_tried_again(env):
    case = case_of(env, "again")
    calls = case.told("paused")
    equal([c["answer"] for c in calls], [500, 503, 204], "answers")
    equal(len({c["id"] for c in calls}), 1, "ids")


def test_404_is_given_up(env):
    case = case_of(env, "refused")
    wait_for("the condition", lambda: case.condition().get("reason") == "GivenUp")
    check("HTTP 404" in case.condition()["message"], case.condition())
    equal(len(case.calls()), 1, "calls")
    equal(case.act("abort"), "Done", "abort")
    case.told("aborted")
    wait_for("the condition", lambda: case.condition().get("status") == "True")


def test_redirects_are_not_followed(env):
    case = case_of(env, "moved")
    wait_for("the condition", lambda: case.condition().get("reason") == "GivenUp")
    check("redirects are not followed" in case.condition()["message"], case.condition())
    check(not [c for c in RECEIVER.calls if c["path"] == "/elsewhere"], "it went elsewhere")


def test_addresses_inside_are_refused_and_said(env):
    case = case_of(env, "inside")
    wait_for("the condition", lambda: case.condition().get("reason") == "GivenUp")
    check("inside the cluster" in case.condition()["message"] and "--notify-allow" in case.condition()["message"], case.condition())
    check(any(reason == "NotificationFailed" for reason, _ in case.events()), case.events())
    log = [line for line in env.operator.text().splitlines() if "rollout=inside/" in line and "given up" in line]
    equal({name for target in INSIDE for name in [target["name"]] if any(f"receiver={name} " in line for line in log)},
          {target["name"] for target in INSIDE}, "refused")
    check(all("tries=1" in line and "inside the cluster" in line for line in log), log)
    check(not re.search(r"127\.0\.0\.2|169\.254|fd00", json.dumps(case.status()["conditions"])), "an address is shown")


def test_a_name_is_looked_at_when_it_is_resolved(env):
    case_of(env, "named").told("paused") # localhost is 127.0.0.1, which the operator's option allows


def test_a_deleted_rollouts_last_word_is_sent(env):
    case = case_of(env, "last-word")
    case.wait("Paused")
    case.told("paused")
    case.server.ok("DELETE", case.path)
    calls = case.told("aborted")
    equal([c["answer"] for c in calls], [503, 204], "answers") # tried again, with nobody left to wait for it
    equal((calls[0]["body"]["reason"], calls[0]["body"]["weight"], len({c["id"] for c in calls})), ("DeletedInRelease", "20", 1), "the notice")
    wait_for("the Rollout to be gone", lambda: case.server.request("GET", case.path).status == 404)
    equal(case.share("v2"), 0, "share of v2")
    equal(len(case.calls("paused")), 1, "paused")


def test_the_verifier_of_the_docs(env):
    """The lines in docs/notifications.md take what was sent, and nothing that was changed, or is old."""
    case_of(env, "named").told("paused")
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "notifications.md").read_text()
    code = {}
    exec(re.search(r"```python\n(.*?)```", text, re.S).group(1), code)
    headers, body = next((h, b) for h, b in RECEIVER.raw if h.get("webhook-signature"))
    now = int(headers["webhook-timestamp"])

    def takes(secret_text=RECEIVER.key.decode(), now=now, body=body, **changed):
        return code["is_genuine"](secret_text, {**headers, **{k.replace("_", "-"): v for k, v in changed.items()}}, body, now)
    check(takes() and takes(now=now + 299), "what was sent is refused")
    check(takes(secret_text="whsec_" + secret("", "", key=RECEIVER.key)["data"]["key"]), "the key in the other form is refused")
    check(takes(webhook_signature="v1,AAAA " + headers["webhook-signature"]), "one of two signatures is refused")
    for name, refused in (("body", takes(body=body + b" ")), ("id", takes(webhook_id="x")), ("replayed", takes(now=now + 301)), ("future", takes(now=now - 301)),
                          ("time", takes(webhook_timestamp=str(now + 1))), ("key", takes(secret_text="f" * 32)), ("none", takes(webhook_signature="")),
                          ("other version", takes(webhook_signature=headers["webhook-signature"].replace("v1,", "v2,")))):
        check(not refused, f"taken: {name}")


def test_http_only_where_it_is_allowed(env):
    case = case_of(env, "plain")
    wait_for("the condition", lambda: "not encrypted" in case.condition().get("message", ""), 30)
    equal(case.calls(), [], "calls")
    case.server.ok("DELETE", case.path)
    refused = {**case.rollout, "metadata": {"name": "other", "namespace": "plain"}, "spec": {**case.rollout["spec"], "notifications": [
        {"name": "team", "url": "http://example.com/x", "secretRef": {"name": "hook"}}]}}
    reply = case.server.request("POST", f"{support.SERIN}/namespaces/plain/rollouts", refused)
    equal(reply.status, 422, "status")
    check("allowHTTP" in reply.text, reply.text)


def test_the_secret_may_come_later(env):
    case = case_of(env, "later")
    case.wait("Paused")
    wait_for("the condition", lambda: "Secret later/hook: it does not exist" in case.condition().get("message", ""), 30)
    case.make_secret()
    case.told("paused")


def test_a_killed_operator_tells_it_after_all(env):
    case = case_of(env, "died")
    wait_for("a first try", lambda: case.calls("paused"))
    env.operator.kill()
    RECEIVER.answers.clear()
    env.operator.start()
    calls = case.told("paused")
    equal(len({c["id"] for c in calls}), 1, "ids")
    wait_for("status to be free of it", lambda: not case.status().get("notices"))


def test_an_operators_default(env):
    env.operator.stop()
    env.operator.options = (*env.operator.options, "--notify-secret", "serin-system/default-hook", "--notify-allow-http", "--notify-give-up", "2s")
    env.server.request("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "serin-system"}})
    env.server.let_read_secret("serin-system", "default-hook", "get")
    env.server.ok("POST", "/api/v1/namespaces/serin-system/secrets", secret("serin-system", "default-hook", url=f"{RECEIVER.url}/fallback", key=RECEIVER.key))
    env.operator.start()
    case = Case(env, "fallback")
    del case.rollout["spec"]["notifications"]
    case.begin()
    check(case.told("paused")[0]["signed"], "the signature does not verify")


def test_it_is_given_up_in_the_end(env):
    """The operator that test_an_operators_default started gives up after 2 s."""
    RECEIVER.answers["hopeless"] = [500] * 50
    case = Case(env, "hopeless")
    case.begin()
    wait_for("the condition", lambda: case.condition().get("reason") == "GivenUp")
    check(re.search(r"team: HTTP 500, the receiver asks to be tried again, \d tries", case.condition()["message"]), case.condition())
    wait_for("status to be free of it", lambda: not case.status().get("notices"))


def test_bad_rules_are_refused_at_start(env):
    for option, value, words in (("--notify-allow", "10.0.0.0", "expected a network"), ("--notify-host", "https://x", "expected a host"),
                                 ("--notify-proxy", "nothing", "expected http://HOST:PORT")):
        done = subprocess.run([support.BIN, "operator", option, value], capture_output=True, text=True, timeout=20)
        check(done.returncode == 2 and words in done.stderr, done.stderr)


def test_nothing_secret_is_written_anywhere(env):
    seen = env.operator.text() + json.dumps([env.server.get(path).json for path in (
        f"{support.SERIN}/rollouts", "/api/v1/events")])
    check("msg=notified" in seen, "no notification is in the log")
    for text in ("very-secret", RECEIVER.key.decode()):
        check(text not in seen, f"{text} was written")
    port = wait_for("the metrics port", env.operator.metrics_port)
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    for line in ('serin_operator_notifications_total{result="delivered"}', "serin_operator_notifications_waiting"):
        check(line in text, f"{line} is not in the metrics")


if __name__ == "__main__":
    support.main(globals(), "--notify-allow", "127.0.0.1/32")
