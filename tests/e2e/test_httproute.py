#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Releases through HTTPRoutes of the Gateway API: a pair behind a Service parent, and the template form behind a Gateway."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import BIN, NAMESPACE, ROOT, TOOLS, Load, check, main, rollout, service, version, wait_for, world  # noqa: E402

GROUP = "gateway.networking.k8s.io/v1"
STEPS = [{"deploy": {"timeout": "1m"}}, {"setWeight": 20}, {"monitor": {"duration": "6s", "min": "3s"}},
         {"setWeight": 100}, {"monitor": {"duration": "3s", "min": "3s"}}, {"decommission": {"action": "scaleDown"}}]


def route(parent, backend, **rule):
    return {"apiVersion": GROUP, "kind": "HTTPRoute", "metadata": {"name": "research-agent", "namespace": NAMESPACE}, "spec": {
        "parentRefs": [parent], "rules": [{"timeouts": {"request": "5s"}, "backendRefs": [{"name": backend, "port": 8080}], **rule}]}}


def service_of(name, **labels):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": {
        "selector": {"app": "research-agent", **labels}, "ports": [{"name": "http", "port": 8080, "targetPort": 8080}]}}


def backends(up):
    """{Service: weight} of the route's only rule."""
    refs = up.get("httproute", "research-agent")["spec"]["rules"][0]["backendRefs"]
    return {ref["name"]: ref.get("weight", 1) for ref in refs}


def pair(**analysis):
    made = rollout(steps=STEPS, **analysis)
    made["spec"]["stable"].pop("subset")
    made["spec"]["canary"].pop("subset")
    made["spec"]["traffic"] = {"httpRoute": {"name": "research-agent", "stableService": "research-agent-v1",
                                             "canaryService": "research-agent-v2"}}
    return made


def start_pair(up):
    mesh = {"group": "", "kind": "Service", "name": "research-agent"}
    up.apply(service()[0], service_of("research-agent"), *[service_of(f"research-agent-{v}", version=v) for v in ("v1", "v2")],
             route(mesh, "research-agent-v1"), version("v1"))
    up.kubectl("wait", "--for=condition=Available", "deployment/research-agent-v1", "-n", NAMESPACE, "--timeout=30s")
    up.wait_serving()


def test_a_pair_is_promoted_and_a_bad_one_put_back():
    with world() as up:
        start_pair(up)
        with Load(up) as load:
            load.wait_version("v1")
            up.apply(version("v2"), pair())
            wait_for("20 %", lambda: backends(up) == {"research-agent-v1": 80, "research-agent-v2": 20}, 30)
            load.wait_version("v2", 20)
            status = wait_for("the proxy's word", lambda: (lambda s: s["weight"].get("acknowledged") == "1/1" and s)(up.rollout()["status"]))
            check("WeightUnverified" not in [c["type"] for c in status["conditions"] if c["status"] == "True"], f"unverified: {status['weight']}")
            # Somebody who has the old weights in Git.
            up.kubectl("patch", "httproute", "research-agent", "-n", NAMESPACE, "--type=json", "-p", json.dumps(
                [{"op": "replace", "path": "/spec/rules/0/backendRefs", "value": [{"name": "research-agent-v1", "port": 8080}]}]))
            wait_for("the weights to be put right", lambda: backends(up).get("research-agent-v2") == 20, 10)
            up.wait_phase("Healthy")
            check(backends(up) == {"research-agent-v2": 100}, f"backends at the end: {backends(up)}")
            check(up.get("deployment", "research-agent-v1")["spec"]["replicas"] == 0, "v1 is still there")
            # The next: v3 fails every other request.
            bad = pair()
            bad["spec"]["stable"]["deployment"], bad["spec"]["canary"]["deployment"] = "research-agent-v2", "research-agent-v3"
            bad["spec"]["traffic"]["httpRoute"].update(stableService="research-agent-v2", canaryService="research-agent-v3")
            up.apply(service_of("research-agent-v3", version="v3"), version("v3", ERROR_RATE="0.5"), bad)
            up.wait_phase("RolledBack")
            check(not backends(up).get("research-agent-v3"), f"backends after the rollback: {backends(up)}")
            check(not load.lost(), f"requests were lost: {load.lost()}")


def test_the_operator_killed_at_each_step():
    with world() as up:
        start_pair(up)
        with Load(up) as load:
            load.wait_version("v1")
            up.apply(version("v2"), pair())
            for weight in (0, 20, 100):
                wait_for(f"{weight} %", lambda w=weight: backends(up).get("research-agent-v2", 0) >= w, 60)
                pid = wait_for("the operator", lambda: up.component("operator"), 20)
                os.kill(pid, signal.SIGKILL)
                wait_for("another operator", lambda: up.component("operator") not in (None, pid), 20)
            up.wait_phase("Healthy")
            check(backends(up) == {"research-agent-v2": 100}, f"backends at the end: {backends(up)}")
            check(len(up.rollout()["status"]["history"]) == 1, f"one release, but the history is {up.rollout()['status']['history']}")
            check(not load.lost(), f"requests were lost: {load.lost()}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def template(image, **env):
    made = rollout(steps=STEPS)
    spec = version(image, **env)["spec"]
    spec["template"]["metadata"]["labels"] = {"app": "research-agent"}
    for field in ("stable", "canary"):
        made["spec"].pop(field)
    made["spec"].update(replicas=2, selector={"matchLabels": {"app": "research-agent"}}, template=spec["template"],
                        traffic={"httpRoute": {"name": "research-agent", "stableService": "research-agent"}})
    return made


def test_the_template_form_makes_a_service_for_each_version():
    port = free_port()
    with world() as up:
        gateway = {"apiVersion": GROUP, "kind": "Gateway", "metadata": {"name": "web", "namespace": NAMESPACE}, "spec": {
            "gatewayClassName": "serin", "listeners": [{"name": "http", "port": port, "protocol": "HTTP"}]}}
        up.apply(service()[0], service_of("research-agent"), gateway, route({"name": "web"}, "research-agent"), template("v1"))
        up.wait_phase("Healthy")
        first = [name for name in backends(up)]
        check(len(first) == 1 and first[0].startswith("research-agent-"), f"backends after the first version: {first}")
        check(up.get("service", first[0])["spec"]["ports"][0]["targetPort"] == 8080, "ports are not those of the user's Service")
        up.ports["http"] = port
        up.wait_serving()
        with Load(up) as load:
            load.wait_version("v1")
            up.apply(template("v2"))
            load.wait_version("v2", 20)
            up.wait_phase("Healthy")
            second = list(backends(up))
            check(len(second) == 1 and second != first, f"backends after v2: {second}")
            wait_for("the first version's Service to go", lambda: first[0] not in up.kubectl("get", "services", "-n", NAMESPACE, "-o", "name"), 60)
            check(not load.lost(), f"requests were lost: {load.lost()}")


def test_of_two_rollouts_on_one_route_the_younger_is_stalled():
    with world() as up:
        start_pair(up)
        steps = [{"deploy": {"timeout": "1m"}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 100}]
        first, second = pair(), pair()
        first["spec"]["steps"] = second["spec"]["steps"] = steps
        second["metadata"]["name"] = "twin"
        up.apply(version("v2"), first)
        up.wait_phase("Paused")
        wait_for("a later second", lambda: up.kubectl("get", "rollout", "research-agent", "-n", NAMESPACE, "--no-headers").split()[-1] not in ("0s", "<invalid>"), 10)
        up.apply(second)
        up.kubectl("wait", "--for=condition=Stalled", "rollout/twin", "-n", NAMESPACE, "--timeout=20s")
        said = [c for c in up.rollout("twin")["status"]["conditions"] if c["type"] == "Stalled"][0]
        check(said["reason"] == "RouteClaimed" and "research-agent and twin" in said["message"], f"condition: {said}")
        check(backends(up).get("research-agent-v2") == 20, f"backends: {backends(up)}")
        said = up.serin("abort", "research-agent", "--direct", "-n", NAMESPACE)
        check("is on Service research-agent-v1" in said, f"abort --direct: {said}")
        up.serin("abort", "research-agent", "-n", NAMESPACE, fail=False) # the operator would put it right again
        up.wait_phase("Aborted")
        up.kubectl("delete", "rollout", "research-agent", "-n", NAMESPACE, "--timeout=30s")
        up.wait_phase("Paused", name="twin") # it has the route now


def test_the_example_is_true():
    data, port = pathlib.Path(tempfile.mkdtemp(prefix="serin-httproute-")), str(free_port())
    folder = data / "example"
    folder.mkdir()
    for path in (ROOT / "examples" / "httproute").iterdir():
        (folder / path.name).write_text(path.read_text().replace("8088", port))
    blocks = re.findall(r"^```sh\n(.*?)^```", (folder / "README.md").read_text(), re.S | re.M)
    check(len(blocks) == 3, f"{len(blocks)} blocks of commands")
    environment = {**os.environ, "DATA": str(data / "up"), "BUILD": str(TOOLS), "PATH": f"{BIN.parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    try:
        done = subprocess.run(["bash", "-c", "set -euo pipefail\n" + "".join(blocks)], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
        check(done.returncode == 0, f"ended with {done.returncode}: {done.stderr.strip()[-600:]} {done.stdout.strip()[-300:]}")
        check("Promoted" in done.stdout, f"the history does not say so: {done.stdout[-600:]}")
    finally:
        subprocess.run([BIN, "down", "--data", data / "up"], env=environment, capture_output=True, timeout=60)
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
