#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Argo CD and Flux make of a Rollout: the health check of docs/gitops.md, run by Lua, and the rules of kstatus, over every status that
real releases go through."""
import json
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import operator_world as support  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
check, equal, wait_for, Case = support.check, support.equal, support.wait_for, support.Case

LUA = next((path for path in map(shutil.which, ("lua5.4", "lua5.3", "lua5.1", "lua", "luajit")) if path), None)
PAUSED = [{"deploy": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100}, {"decommission": {}}]
WATCHED = [{"deploy": {}}, {"setWeight": 10}, {"monitor": {"duration": "60s", "min": "1s"}}, {"setWeight": 100}, {"decommission": {}}]
FAST = {"judge": {"type": "threshold", "failureLimit": 0, "minRequests": 10}}
SEEN = {}  # phase -> [objects]
ARGO = {"Healthy": "Healthy", "Paused": "Suspended", "RolledBack": "Degraded", "Aborted": "Degraded", "Degraded": "Degraded"}


def literal(value):
    """JSON as Lua writes it; an empty list and an empty object are the same there."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{json.dumps(key)}] = {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(map(literal, value)) + "}"
    if isinstance(value, str):
        return '"' + "".join(f"\\{byte:03d}" for byte in value.encode()) + '"'
    return "nil" if value is None else str(value).lower()


def health(*objects):
    """[(status, message)] as the page's Lua says."""
    code = re.search(r"^```lua\n(.*?)^```$", (ROOT / "docs" / "gitops.md").read_text(), re.S | re.M)[1]
    script = f"local function check(obj)\n{code}end\n" + "".join(
        f'local h = check({literal(item)})\nprint(h.status .. "\\t" .. h.message)\n' for item in objects)
    done = subprocess.run([LUA, "-"], input=script, capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, done.stderr)
    return [tuple(line.split("\t", 1)) for line in done.stdout.splitlines()]


def kstatus(item):
    """sigs.k8s.io/cli-utils/pkg/kstatus for a custom resource."""
    status = item.get("status", {})
    conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
    if item["metadata"].get("deletionTimestamp"):
        return "Terminating"
    if "observedGeneration" in status and status["observedGeneration"] != item["metadata"]["generation"]:
        return "InProgress"
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    return "InProgress" if conditions.get("Ready", "True") != "True" else "Current"


def watch(case, *phases):
    """Notes every status on the way to the last of these phases."""
    def look():
        item = case.server.get(case.path).json
        phase = item.get("status", {}).get("phase", "")
        if item not in SEEN.setdefault(phase, []):
            SEEN[phase].append(item)
        return phase == phases[-1]
    wait_for(f"phase {phases[-1]}", look, 60, 0.01)


def test_releases_of_all_ends(env):
    env.world.errors["worse", "v2"] = 1.0
    worse = Case(env, "worse", WATCHED, **FAST).begin()
    good = Case(env, "good", PAUSED).begin()
    left = Case(env, "left", PAUSED).begin()
    broken = Case(env, "broken", PAUSED)
    broken.rollout["spec"]["traffic"]["virtualService"]["name"] = "nowhere"
    broken.begin()
    watch(good, "Paused")
    equal(good.act("promote"), "Done", "promote")
    watch(good, "Healthy")
    watch(left, "Paused")
    equal(left.act("abort"), "Done", "abort")
    watch(left, "Aborted")
    watch(worse, "RolledBack")
    wait_for("it to be stalled", lambda: any(c["type"] == "Stalled" and c["status"] == "True" for c in broken.status().get("conditions", [])))
    SEEN["stalled"] = [broken.server.get(broken.path).json]
    check({"Paused", "Healthy", "Aborted", "RolledBack"} <= set(SEEN), sorted(SEEN))


def test_argo_cd_health(env):
    if not LUA:
        return "there is no lua: apt-get install lua5.4"
    new = {"metadata": {"generation": 1}, "spec": {}}
    equal(health(new)[0][0], "Progressing", "a Rollout nobody looked at")
    for phase, items in SEEN.items():
        for item, (status, message) in zip(items, health(*items)):
            is_new = item.get("status", {}).get("observedGeneration", 0) < item["metadata"]["generation"]
            stalled = any(c["type"] == "Stalled" and c["status"] == "True" for c in item.get("status", {}).get("conditions", []))
            wanted = "Progressing" if is_new else ARGO.get(phase, "Degraded" if stalled else "Progressing")
            equal(status, wanted, f"health of {phase}: {item.get('status', {}).get('conditions')}")
            check(status == "Healthy" or is_new or message, f"{phase} says nothing")
    older = json.loads(json.dumps(SEEN["Healthy"][-1]))
    older["metadata"]["generation"] += 1
    equal(health(older)[0][0], "Progressing", "one whose newest spec is not looked at")
    check("nowhere" in health(SEEN["stalled"][0])[0][1], health(SEEN["stalled"][0]))
    return None


def test_flux_reads_kstatus(env):
    wanted = {"Healthy": "Current", "RolledBack": "Failed", "Aborted": "Failed", "stalled": "Failed", "Paused": "InProgress", "Progressing": "InProgress"}
    for phase, status in wanted.items():
        for item in SEEN.get(phase, [])[-1:]:
            equal(kstatus(item), status, f"kstatus of {phase}: {item['status']['conditions']}")


def with_skip(function):
    def run(env):
        why = function(env)
        if why:
            print(f"ok - {function.__name__[5:]} in full # SKIP {why}")
    return run


if __name__ == "__main__":
    support.main({name: with_skip(item) if name == "test_argo_cd_health" else item for name, item in list(globals().items())})
