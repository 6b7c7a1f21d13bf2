#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`serin up` and `serin down`: start, stop, crash, adoption, ports, detaching."""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from machine import BIN, Cluster, alive, check, command_of, main, pids, wait_for  # noqa: E402
from waiting import measured  # noqa: E402


class Up(Cluster):
    """A running `serin up`; Prometheus only where a test asks for it."""

    def __init__(self, *options, prometheus="off"):
        super().__init__()
        self.options = [*options, "--prometheus", prometheus]
        self.process = None

    def begin(self, *more):
        self.out = open(self.work / "up.out", "wb")
        self.process = subprocess.Popen([BIN, "up", "--data", str(self.data), *self.options, *more], stdin=subprocess.DEVNULL, stdout=self.out,
                                        stderr=subprocess.STDOUT, cwd=self.work, start_new_session=True)
        self.out.close()

    def said(self):
        return (self.work / "up.out").read_text(errors="replace")

    def start(self):
        self.begin()
        wait_for("the ready line", lambda: [line for line in self.said().splitlines() if line.startswith("ready ")])
        return self

    def __enter__(self):
        return self.start()

    def record(self):
        return json.loads((self.data / "up.json").read_text())

    def component(self, name):
        return self.record()["components"][name]["pid"]

    def down(self, *options):
        return subprocess.run([BIN, "down", "--data", str(self.data), *options], capture_output=True, text=True, timeout=60)

    def __exit__(self, kind, value, trace):
        try:
            if kind:
                print("# " + self.said()[-3000:].replace("\n", "\n# "))
            if self.process and self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                self.process.wait(40)
                if not kind:
                    check(self.process.returncode == 0, f"serin up ended with {self.process.returncode}")
            left = self.left_over()
            if not kind:
                check(not left, f"processes are left after the stop: {left}")
        finally:
            self.clean()


def words(line):
    return dict(word.split("=", 1) for word in line.split()[1:])


def two_pods(up):
    up.apply(up.deployment("web", 2), up.service("web"))
    up.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    return up.workloads()


def test_ready_line_names_what_answers():
    with Up() as up:
        lines = [line for line in up.said().splitlines() if line.startswith("ready")]
        check(len(lines) == 1, f"lines: {lines}")
        told = words(lines[0])
        check(told["kubeconfig"] == str(up.data / "kubeconfig"), lines[0])
        ports = json.loads((up.data / "ports.json").read_text())
        check(told["api"] == f"https://127.0.0.1:{ports['api']}", lines[0])
        for name in ("admin", "operator"):
            if name in told:
                path = "/ready" if name == "admin" else "/readyz"
                with urllib.request.urlopen(told[name] + path, timeout=5) as reply:
                    check(reply.status == 200, f"{name} is not ready")
        check(oct(os.stat(up.data).st_mode & 0o777) == "0o700", "the data folder is open to others")
        two_pods(up)


def test_everything_ends_with_it():
    with Up() as up:
        workloads = two_pods(up)
        record = up.record()
        up.process.send_signal(signal.SIGINT)
        check(up.process.wait(30) == 0, f"code {up.process.returncode}")
        left = [pid for pid in workloads | {item["pid"] for item in record["components"].values()} if alive(pid)]
        check(not left, f"left: {left}")


def test_killed_supervisor_leaves_workloads_and_the_next_adopts_them():
    with Up() as up:
        before = two_pods(up)
        ports = (up.data / "ports.json").read_text()
        components = {item["pid"] for item in up.record()["components"].values()}
        up.process.kill()
        up.process.wait()
        wait_for("the components' end", lambda: not [pid for pid in components if alive(pid)])
        check(up.workloads() == before, "a workload went, too")
        up.start()
        check(up.workloads() == before, f"{before} became {up.workloads()}")
        check((up.data / "ports.json").read_text() == ports, "other ports")
        up.kubectl("scale", "deployment/web", "--replicas=1")
        wait_for("one", lambda: len(up.workloads()) == 1)
        check(up.workloads() < before, "the one that stays is new")


def test_each_component_is_restarted_and_workloads_keep_their_pids():
    with Up() as up:
        before = two_pods(up)
        for name in list(up.record()["components"]):
            pid = up.component(name)
            os.kill(pid, signal.SIGKILL)
            wait_for(f"another {name}", lambda: up.component(name) != pid and alive(up.component(name)))
        wait_for("the API", lambda: up.kubectl("get", "--raw", "/readyz", ok=False).returncode == 0)
        up.kubectl("scale", "deployment/web", "--replicas=3")
        up.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
        check(before < up.workloads(), "a workload was restarted")
        check("component=runtime signal=9" in up.said(), "nothing was said on the terminal")


def test_requests_wait_while_the_api_server_restarts():
    with Up() as up:
        os.kill(up.component("apiserver"), signal.SIGKILL)
        done = up.kubectl("get", "namespaces", ok=False)
        check(done.returncode == 0, f"refused: {done.stderr}")


def test_second_up_and_taken_ports_are_clear_errors():
    with Up() as up:
        done = subprocess.run([BIN, "up", "--data", str(up.data)], capture_output=True, text=True, timeout=30)
        check(done.returncode == 1 and "already runs" in done.stderr and "serin down" in done.stderr, f"{done}")
        other = up.work / "other"
        port = json.loads((up.data / "ports.json").read_text())["http"]
        done = subprocess.run([BIN, "up", "--data", str(other), "--http-port", str(port)], capture_output=True, text=True, timeout=30)
        check(done.returncode == 1 and f"port {port} is taken" in done.stderr and "--http-port" in done.stderr, f"{done}")
        done = subprocess.run([BIN, "up", "--data", str(other), "--prometheus", "maybe"], capture_output=True, text=True, timeout=30)
        check(done.returncode == 2 and "auto, off or a URL" in done.stderr, f"{done}")
        done = subprocess.run([BIN, "up", "--data", str(other), "--image", "nonsense"], capture_output=True, text=True, timeout=30)
        check(done.returncode == 2 and "NAME=COMMAND" in done.stderr, f"{done}")


def test_detached_until_down():
    up = Up()
    try:
        done = subprocess.run([BIN, "up", "--data", str(up.data), *up.options, "-d"], capture_output=True, text=True, timeout=40, cwd=up.work)
        check(done.returncode == 0 and done.stdout.startswith("ready "), f"{done}")
        before = two_pods(up)
        done = up.down("--keep-workloads")
        check(done.returncode == 0 and "workloads go on" in done.stdout, f"{done}")
        check(up.workloads() == before and not [p for p in up.left_over() if "shim" not in command_of(p) and p not in before], "not only workloads are left")
        subprocess.run([BIN, "up", "--data", str(up.data), *up.options, "-d"], capture_output=True, check=True, timeout=40, cwd=up.work)
        check(up.workloads() == before, "they were not adopted")
        done = up.down()
        check(done.returncode == 0 and done.stdout == "stopped\n", f"{done}")
        check(not up.left_over(), f"left: {up.left_over()}")
        check("is not running" in up.down().stdout, "a second down")
    finally:
        up.clean()


def test_down_ends_what_a_crash_left():
    with Up() as up:
        two_pods(up)
        up.process.kill()
        up.process.wait()
        done = up.down()
        check(done.returncode == 0 and "ended 2 containers" in done.stdout, f"{done}")
        check(not up.workloads() and not up.shims(), "something is left")


def test_detached_start_that_fails_says_why():
    up = Up()
    try:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            done = subprocess.run([BIN, "up", "--data", str(up.data), "--api-port", str(taken.getsockname()[1]), "-d"], capture_output=True,
                                  text=True, timeout=30)
        check(done.returncode == 1 and "is taken" in done.stdout + done.stderr, f"{done}")
        check(not up.left_over(), f"left: {up.left_over()}")
    finally:
        up.clean()


def test_a_rolling_update_through_the_proxy_loses_nothing():
    with Up() as up:
        if "proxy" not in up.record()["components"]:
            print("# this build has no proxy")
            return
        two_pods(up)
        port = json.loads((up.data / "ports.json").read_text())["http"]
        stop, statuses, troubles = threading.Event(), [], []

        def ask(keep):
            connection = None
            while not stop.is_set():
                try:
                    connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                    connection.request("GET", "/", headers={"Host": "web.default.svc.cluster.local"})
                    reply = connection.getresponse()
                    reply.read()
                    statuses.append(reply.status)
                except (OSError, http.client.HTTPException) as error:
                    troubles.append(repr(error))
                    connection = None
                if connection and not keep:
                    connection.close()
                    connection = None
                stop.wait(0.005)
        first = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

        def served():
            first.request("GET", "/", headers={"Host": "web.default.svc.cluster.local"})
            reply = first.getresponse()
            reply.read()
            return reply.status == 200
        wait_for("the proxy to know the service", served)
        askers = [threading.Thread(target=ask, args=(keep,)) for keep in (True, True, False)]
        for asker in askers:
            asker.start()
        up.kubectl("rollout", "restart", "deployment/web")
        up.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
        up.kubectl("scale", "deployment/web", "--replicas=1")
        wait_for("one process", lambda: len(up.workloads()) == 1)
        stop.set()
        for asker in askers:
            asker.join()
        bad = [status for status in statuses if status != 200]
        check(len(statuses) > 100 and not bad and not troubles, f"{len(statuses)} answers, bad {bad[:5]}, {troubles[:5]}")


def test_a_missing_prometheus_is_said_with_what_to_do():
    up = Up(prometheus="auto")
    try:
        before = os.environ["PATH"]
        (up.work / "bin").mkdir()
        os.environ["PATH"] = str(up.work / "bin")
        try:
            up.start()
        finally:
            os.environ["PATH"] = before
        said = up.said()
        check(said.count("apt-get install prometheus") == 1, said)
        check("prometheus=" not in said.split("ready ", 1)[1], said)
        up.process.send_signal(signal.SIGTERM)
        check(up.process.wait(30) == 0, "code")
    finally:
        up.clean()


def test_a_killed_proxy_refuses_nobody():
    with Up() as up:
        if "proxy" not in up.record()["components"]:
            print("# this build has no proxy")
            return
        port = json.loads((up.data / "ports.json").read_text())["http"]
        for _ in range(5):
            pid = up.component("proxy")
            os.kill(pid, signal.SIGKILL)
            wait_for("its end", lambda: not alive(pid))
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: nowhere\r\nConnection: close\r\n\r\n")
                reply = connection.recv(64)
            check(reply.startswith(b"HTTP/1.1 "), f"answer: {reply!r}")


def test_a_component_that_cannot_start_ends_the_attempt():
    up = Up()
    try:
        (up.data / "store.db").write_text("this is no database, " * 500)
        up.begin()
        check(up.process.wait(40) == 1, f"code {up.process.returncode}")
        check("apiserver ends again and again" in up.said() and "apiserver.log" in up.said(), up.said())
        check(not up.left_over(), f"left: {up.left_over()}")
    finally:
        up.clean()


def test_prometheus_scrapes_what_runs():
    if not shutil.which("prometheus"):
        print("# prometheus is not installed")
        return
    with Up(prometheus="auto") as up:
        told = words([line for line in up.said().splitlines() if line.startswith("ready")][0])

        def targets():
            with urllib.request.urlopen(told["prometheus"] + "/api/v1/targets", timeout=5) as reply:
                return {t["labels"]["job"]: t["health"] for t in json.load(reply)["data"]["activeTargets"]}
        wanted = {"serin-" + name for name in ("proxy", "operator") if ("admin" if name == "proxy" else name) in told}
        wait_for("its targets", lambda: set(targets()) >= wanted and all(targets()[name] == "up" for name in wanted), seconds=40)
        web = up.deployment("web", 1)
        web["spec"]["template"]["metadata"]["annotations"] = {"prometheus.io/scrape": "true", "prometheus.io/path": "/metrics"}
        up.apply(web)
        wait_for("the pod as a target", lambda: "pods" in targets(), seconds=40)


def test_idle_costs_nothing():
    with Up() as up:
        two_pods(up)
        names = ["runtime"]
        watched = {up.record()["supervisor"]["pid"]: "supervisor", **{up.component(name): name for name in names}}
        watched.update({pid: "shim" for pid in up.shims()})

        def ticks():
            return {pid: sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) for pid in watched}

        def switches(pid):
            lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
            return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
        shims = {pid: switches(pid) for pid in up.shims()}
        before = ticks()
        measured(3)
        spent = {watched[pid]: after - before[pid] for pid, after in ticks().items()}
        check(all(value <= 3 for value in spent.values()), f"ticks of 10 ms in 3 s: {spent}")
        woken = {pid: switches(pid) - count for pid, count in shims.items()}
        check(all(count == 0 for count in woken.values()), f"shims woke up: {woken}")


if __name__ == "__main__":
    sys.exit(main(dict(globals())))
