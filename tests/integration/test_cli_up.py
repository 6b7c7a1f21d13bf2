#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of the user on a whole `serin up`: logs, proxy-config, and status redrawn on a terminal."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import BIN, Up, check, main, rollout, service, version, wait_for  # noqa: E402

DEMO = ("-n", "demo")
SHELL = """i=0; while true; do echo "line $i of $POD_NAME"; i=$((i+1)); read -rt 0.2 <> <(:) || true; done"""


def talker(name, replicas):
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "demo"}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "terminationGracePeriodSeconds": 1, "containers": [{
                "name": "talk", "image": "none", "command": ["bash", "-c", SHELL],
                "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}]}}}}


def test_logs():
    with Up() as up:
        up.apply(*service(), talker("one", 1), talker("two", 2))
        up.serin("wait", "deployment/one", "deployment/two", "--for=condition=Available", *DEMO)
        name = up.serin("get", "pods", "-l", "app=one", "-o", "name", *DEMO).strip().split("/")[1]
        wait_for("some lines", lambda: "line 2" in up.serin("logs", name, *DEMO))
        text = up.serin("logs", f"pod/{name}", "--tail", "1", *DEMO)
        check(text.count("\n") == 1 and name in text, f"--tail 1: {text!r}")
        text = up.serin("logs", "deployment/two", "--tail", "3", *DEMO)
        pods = set(re.findall(r"^\[(\S+)/talk\] line", text, re.M))
        check(len(pods) == 2, f"lines of two pods, each with its name: {text!r}")
        follow = subprocess.Popen([BIN, "logs", name, "-f", "--tail", "1", *DEMO], stdout=subprocess.PIPE, text=True,
                                  env=up.environment())
        try:
            numbers = [int(follow.stdout.readline().split()[1]) for _ in range(4)]
            check(numbers == list(range(numbers[0], numbers[0] + 4)), f"-f gave the lines {numbers}")
        finally:
            follow.terminate()
            follow.communicate(timeout=10)
        done = up.serin("logs", "nope", *DEMO, fail=False)
        check(done.returncode == 5 and "not found" in done.stderr, f"{done}")
        done = up.serin("logs", name, "-c", "other", *DEMO, fail=False)
        check(done.returncode == 5 and "talk" in done.stderr, f"the names there are: {done.stderr}")


def screen_of(text):
    """What a terminal shows after this output; knows the few sequences that status uses."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if token == "\n":
            row += 1
            lines.extend([""] * (row + 1 - len(lines)))
        elif token == "\r":
            column = 0
        elif token[0] != "\x1b":
            lines[row] = lines[row][:column] + token + lines[row][column + len(token):]
            column += len(token)
        elif token[-1] == "A":
            row -= int(token[2:-1])
        elif token[-1] == "K":
            lines[row] = lines[row][:column]
        elif token[-1] == "J":
            lines[row] = lines[row][:column]
            del lines[row + 1:]
    return "\n".join(lines)


def run_on_terminal(up, seconds, *arguments):
    """Runs on a pseudo-terminal of 100 columns; gives the exit code and all that was written."""
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update(up.environment(), TERM="xterm", LANG="C.UTF-8")
        os.environ.pop("NO_COLOR", None)
        os.execv(BIN, [str(BIN), *arguments])
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    written, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        ready, _, _ = select.select([master], [], [], 0.2)
        try:
            data = os.read(master, 65536) if ready else None
        except OSError:
            break
        if data == b"":
            break
        written += data or b""
    else:
        os.kill(pid, 9)
    _, status = os.waitpid(pid, 0)
    os.close(master)
    return os.waitstatus_to_exitcode(status), written.decode()


def test_a_release_on_the_terminal():
    with Up() as up:
        up.apply(*service(), version("v1"))
        up.serin("wait", "deployment/research-agent-v1", "--for=condition=Available", *DEMO)
        text = up.serin("proxy-config", "routes")
        check("research-agent.demo.svc.cluster.local" in text and "VirtualService/demo/research-agent" in text, text)
        endpoints = json.loads(up.serin("proxy-config", "clusters", "-o", "json"))
        check(any(c["endpoints"] == 2 for c in endpoints["clusters"]), f"{endpoints}")
        check("healthy" in up.serin("proxy-config", "endpoints"), "endpoints")
        check("mesh" in up.serin("proxy-config", "listeners"), "listeners")
        # Without traffic there is nothing to judge: this release is one of steps only.
        steps = [{"deploy": {}}, {"setWeight": 30}, {"pause": {"duration": "2s"}}, {"setWeight": 100}, {"pause": {"duration": "1s"}},
                 {"decommission": {"action": "none"}}]
        up.apply(version("v2"), rollout(steps=steps))
        code, text = run_on_terminal(up, 60, "status", "research-agent", *DEMO, "-w")
        check(code == 0, f"exit code {code}: {text[-2000:]}")
        check("\x1b[32m" in text and "setWeight 30%" in text, "no colour")
        last = screen_of(text)
        check(last.count("research-agent in demo") == 1, f"the tree is not drawn over the last one: {last}")
        check("Healthy" in last and "Progressing" not in last, f"the last tree: {last}")
        check(all(len(line) <= 100 for line in last.splitlines()), "a line is wider than the terminal")
        text = up.serin("explain", "research-agent", *DEMO)
        check("Promoted" in text and "setWeight 30" in text, text)
        text = up.serin("history", "research-agent", *DEMO)
        check("Promoted" in text and "v2" in text, text)


def test_status_lives_through_a_restart_of_the_api_server():
    with Up() as up:
        up.apply(*service(), version("v1"))
        up.serin("wait", "deployment/research-agent-v1", "--for=condition=Available", *DEMO)
        steps = [{"deploy": {}}, {"setWeight": 30}, {"pause": {}}, {"setWeight": 100}, {"decommission": {"action": "none"}}]
        up.apply(version("v2"), rollout(steps=steps))
        live = subprocess.Popen([BIN, "status", "research-agent", *DEMO, "-w"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=up.environment())
        try:
            up.serin("wait", "rollout/research-agent", "--for=phase=Paused", "--timeout", "30s", *DEMO)
            old = up.component("apiserver")
            os.kill(old, 9)
            wait_for("a new API server", lambda: up.component("apiserver") not in (None, old))
            wait_for("its answer", lambda: "Paused" in up.serin("list", *DEMO))
            code = up.serin("status", "research-agent", *DEMO, fail=False).returncode
            check(code == 3, f"a paused rollout waits for a person: exit code {code}")
            up.serin("promote", "research-agent", *DEMO)
            out, err = live.communicate(timeout=60)
        finally:
            live.kill()
        check(live.returncode == 0, f"exit code {live.returncode}: {out}{err}")
        check("Paused" in out and "Healthy" in out, f"{out}{err}")


if __name__ == "__main__":
    main()
