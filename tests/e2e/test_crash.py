#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of each component at each step of a release: it ends as it would have, and no request is lost."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import NAMESPACE, Failure, Load, check, main, rollout, service, start_service, version, wait_for, world  # noqa: E402


class WeightWatch:
    """All weights of the canary that the VirtualService ever had."""

    def __init__(self, up):
        self.up, self.seen, self.done = up, [], threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    def run(self):
        while not self.done.wait(0.15):
            try:
                self.seen.append(self.up.weights().get("v2") or 0)
            except (Failure, ValueError, KeyError, OSError, subprocess.SubprocessError):
                pass # the API server is the one that was killed

    def check_steps(self, allowed):
        check(set(self.seen) <= set(allowed), f"weights {sorted(set(self.seen))}, allowed {allowed}")
        check(self.seen == sorted(self.seen), f"the weight went back and forth: {self.seen}")


STEPS = [{"deploy": {"replicas": "proportional", "timeout": "1m"}}, {"setWeight": 10}, {"monitor": {"duration": "7s", "min": "5s"}},
         {"setWeight": 50}, {"monitor": {"duration": "7s", "min": "5s"}}, {"setWeight": 100}, {"monitor": {"duration": "6s", "min": "5s"}},
         {"decommission": {"action": "scaleDown"}}]


def release_with_kills(kill, may_lose=lambda lost: not lost):
    with world() as up:
        start_service(up)
        with Load(up) as load, WeightWatch(up) as watch:
            load.wait_version("v1")
            stable_pids = {pid for pid, name in up.pods().items() if name == "v1"}
            up.apply(version("v2"), rollout(steps=STEPS))
            for weight in (0, 10, 50, 100): # deploying, and each monitor
                wait_for(f"{weight} %", lambda w=weight: (up.weights().get("v2") or 0) >= w, 60)
                kill(up)
            pids = {pid for pid, name in up.pods().items() if name == "v1"}
            check(stable_pids <= pids or not pids, f"the pods of v1 were restarted: {stable_pids} then {pids}")
            up.wait_phase("Healthy")
            wait_for("v1 to be scaled down", lambda: up.get("deployment", "research-agent-v1")["spec"]["replicas"] == 0, 30)
        watch.check_steps([0, 10, 50, 100])
        lost = load.lost()
        check(may_lose(lost), f"requests were lost: {lost}")
        history = up.rollout()["status"]["history"]
        check(len(history) == 1, f"one release, but the history has {json.dumps(history)}")


def kill_component(name):
    def kill(up):
        pid = wait_for(f"a running {name}", lambda: up.component(name), 20)
        os.kill(pid, signal.SIGKILL)
        wait_for(f"another {name}", lambda: up.component(name) not in (None, pid), 20)
    return kill


def test_kill_the_operator_at_each_step():
    release_with_kills(kill_component("operator"))


def test_kill_the_api_server_at_each_step():
    release_with_kills(kill_component("apiserver"))


def test_kill_the_runtime_at_each_step():
    release_with_kills(kill_component("runtime"))


def test_kill_the_proxy_at_each_step():
    # The requests that were inside it are gone with it; the listening sockets are the supervisor's, so nothing else is.
    release_with_kills(kill_component("proxy"), lambda lost: "refused" not in lost and sum(lost.values()) <= 4 * 2 * 8)


def test_kill_the_supervisor_at_each_step():
    def kill(up):
        up.kill()
        wait_for("the components to die with it", lambda: not [pid for pid in up.left_over() if pid not in up.pods() and not is_shim(pid)], 20)
        up.start()
    release_with_kills(kill, lambda lost: True) # there is nobody to accept meanwhile


def is_shim(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"shim" in file.read().split(b"\0")[1:2]
    except OSError:
        return False


def test_an_acknowledged_write_survives():
    with world() as up:
        up.apply(*service())
        for number in range(30):
            up.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"kept-{number}", "namespace": NAMESPACE}})
            if number % 10 == 5:
                kill_component("apiserver")(up)
                wait_for("the API server", lambda: up.kubectl("get", "--raw", "/readyz"), 20)
        names = up.kubectl("get", "configmaps", "-n", NAMESPACE, "-o", "name").split()
        check({f"configmap/kept-{number}" for number in range(30)} <= set(names), f"only {names} are left")


if __name__ == "__main__":
    main(long={"test_kill_the_runtime_at_each_step", "test_kill_the_supervisor_at_each_step"})
