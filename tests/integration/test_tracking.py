#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ConfigMaps and Secrets that the pod template refers to: a change of their content is released, and each version keeps its own."""
import base64
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import operator_world as support  # noqa: E402

check, equal, wait_for, Case = support.check, support.equal, support.wait_for, support.Case
STEPS = [{"deploy": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100}, {"decommission": {}}]
MERGE = "application/merge-patch+json"


def core(case, plural, name=""):
    return f"/api/v1/namespaces/{case.ns}/{plural}" + (f"/{name}" if name else "")


def configured(env, ns, tracking="all"):
    """A template that reads ConfigMap settings and Secret keys."""
    case = Case(env, ns, STEPS, template=True)
    case.rollout["spec"]["configTracking"] = tracking
    container = case.rollout["spec"]["template"]["spec"]["containers"][0]
    container["envFrom"] = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "keys"}}]
    case.post(core(case, "configmaps"), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"LEVEL": "one"}})
    case.post(core(case, "secrets"), {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"TOKEN": "sesame-1"}})
    return case


def settings(case, text):
    case.server.ok("PATCH", core(case, "configmaps", "settings"), {"data": {"LEVEL": text}}, content_type=MERGE)


def reads(case, deployment):
    """What pods of that Deployment get when they start."""
    template = case.server.get(f"/apis/apps/v1/namespaces/{case.ns}/deployments/{deployment}").json["spec"]["template"]
    names = template["spec"]["containers"][0]["envFrom"]
    level = case.server.get(core(case, "configmaps", names[0]["configMapRef"]["name"])).json
    token = case.server.get(core(case, "secrets", names[1]["secretRef"]["name"])).json
    return level["data"]["LEVEL"], base64.b64decode(token["data"]["TOKEN"]).decode(), level, token


def released(case, number):
    wait_for(f"release {number} to pause", lambda: case.status().get("releaseNumber") == number and case.phase() == "Paused", 30)
    return case.status()["canary"]["deployment"]


def finish(case):
    equal(case.act("promote"), "Done", "promote")
    case.wait("Healthy")
    return case.status()["stable"]["deployment"]


def serin(case, *words):
    command = [support.BIN, *words, "-n", case.ns, "--kubeconfig", case.env.operator.kubeconfig]
    return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout


def test_a_change_is_released_and_each_version_keeps_its_content(env):
    case = configured(env, "tracked").begin()
    case.wait("Healthy")
    first = case.status()["stable"]["deployment"]
    level, token, kept, secret = reads(case, first)
    equal((level, token), ("one", "sesame-1"), "what the first version reads")
    for copy in (kept, secret):
        check(copy["immutable"] is True, f"it can be changed: {copy}")
        equal(copy["metadata"]["ownerReferences"][0]["name"], "agent", "owner")

    settings(case, "two")
    second = released(case, 2)
    equal(reads(case, second)[:2], ("two", "sesame-1"), "what the canary reads")
    equal(reads(case, first)[:2], ("one", "sesame-1"), "what the stable reads")
    check("(ConfigMap settings changed)" in serin(case, "status", "agent"), serin(case, "status", "agent"))
    finish(case)
    check("ConfigMap settings changed" in serin(case, "history", "agent"), serin(case, "history", "agent"))

    # Secrets are looked at twice a minute; an operator that starts looks at once, and starts no release by it.
    env.operator.kill()
    case.server.ok("PATCH", core(case, "secrets", "keys"), {"stringData": {"TOKEN": "sesame-2"}}, content_type=MERGE)
    env.operator.start()
    third = released(case, 3)
    equal(reads(case, third)[:2], ("two", "sesame-2"), "what the canary reads")
    equal(case.status()["release"]["changed"], "Secret keys", "what changed")
    equal(case.act("abort"), "Done", "abort")
    case.wait("Aborted")
    equal(reads(case, second)[:2], ("two", "sesame-1"), "what serves again")

    equal(case.act("undo"), "Done", "undo")
    equal(released(case, 4), first, "the first version again")
    equal(finish(case), first, "what serves")
    equal(reads(case, first)[:2], ("one", "sesame-1"), "what it reads")
    shown = json.dumps(case.status()) + json.dumps(case.events()) + env.operator.text()
    check("sesame" not in shown and base64.b64encode(b"sesame-1").decode()[:8] not in shown, "the Secret's content is shown")


def test_a_metadata_change_or_a_restart_is_no_release(env):
    case = configured(env, "same").begin()
    case.wait("Healthy")
    case.server.ok("PATCH", core(case, "configmaps", "settings"), {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)
    env.operator.kill()
    case.server.ok("PATCH", core(case, "secrets", "keys"), {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)
    env.operator.start()
    case.server.ok("PATCH", core(case, "configmaps", "settings"), {"metadata": {"annotations": {"serin.dev/config-tracking": "disabled"}}},
                   content_type=MERGE)
    settings(case, "two")
    case.server.ok("PATCH", case.path, [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "agent:2"}],
                   content_type="application/json-patch+json")
    second = released(case, 2)  # the image's; it came after all of these
    template = case.server.get(f"/apis/apps/v1/namespaces/same/deployments/{second}").json["spec"]["template"]
    equal(template["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"], "settings", "what is left out")


def test_what_goes_takes_its_copies_along(env):
    case = configured(env, "gone", "configMaps").begin()
    case.wait("Healthy")
    copies = [item["metadata"]["name"] for item in case.server.get(core(case, "configmaps")).json["items"] if item.get("immutable")]
    equal(len(copies), 1, "copies")
    equal(len(case.server.get(core(case, "secrets")).json["items"]), 1, "Secrets are not tracked")
    case.server.ok("DELETE", case.path)
    wait_for("the copy to go", lambda: case.server.get(core(case, "configmaps", copies[0])).status == 404, 20)
    equal(case.server.get(core(case, "configmaps", "settings")).status, 200, "the user's own")


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile("w") as key:
        key.write("a-key-of-the-test-0123456789\n")
        key.flush()
        support.main(globals(), "--content-key", key.name)
