# SPDX-License-Identifier: Apache-2.0
"""`serin up` on a temporary data folder, kubectl against it, and a load through its proxy. Used by tests/e2e and tests/bench.

A test file defines functions test_...(); `main()` runs them in order and prints "ok - name" or "not ok - name: why".
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

import waiting
from waiting import Failure, check

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SERIN_BIN") or ROOT / "build" / "dev" / "serin").resolve()
TOOLS = BIN.parent  # research-agent and serin-load are built beside it
# On a cluster that others use, too, each test has a namespace of its own.
NAMESPACE = os.environ.get("SERIN_NAMESPACE") or "demo"
HOST = f"research-agent.{NAMESPACE}.svc.cluster.local"
ON_CLUSTER = os.environ.get("SERIN_WORLD") == "cluster"


def wait_for(what, condition, seconds=60, every=0.1):
    return waiting.wait_for(what, condition, seconds, every)


def processes():
    """{pid: (ppid, command line)} of this machine."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                ppid = int(file.read().rsplit(b")", 1)[1].split()[1])
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                command = file.read().rstrip(b"\0").split(b"\0")
        except (OSError, ValueError, IndexError):
            continue
        if command and command[0]:
            found[int(entry)] = (ppid, [part.decode("utf-8", "replace") for part in command])
    return found


def environment_of(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return dict(item.split("=", 1) for item in file.read().decode("utf-8", "replace").split("\0") if "=" in item)
    except OSError:
        return {}


class World:
    """A home for releases: its API through kubectl and through our own commands. `data` is a folder with a kubeconfig; `ports["http"]` is
    the proxy's. Leaving it (it is a context manager) stops all that it started."""

    def environment(self):
        return {**os.environ, "KUBECONFIG": str(self.data / "kubeconfig"), "NO_COLOR": "1"}

    def kubectl(self, *arguments, input=None, fail=True, seconds=60):
        done = subprocess.run(["kubectl", "--cache-dir", str(self.data / "kubectl-cache"), *map(str, arguments)], input=input,
                              capture_output=True, text=True, env=self.environment(), timeout=seconds)
        if fail and done.returncode:
            raise Failure(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout if fail else done

    def serin(self, *arguments, fail=True, seconds=60):
        done = subprocess.run([BIN, *map(str, arguments)], capture_output=True, text=True, env=self.environment(), timeout=seconds)
        if fail and done.returncode:
            raise Failure(f"serin {' '.join(map(str, arguments))}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout if fail else done

    def restart(self, name):
        """SIGTERM to a component: it ends in an orderly way, and the next one is started."""
        pid = wait_for(f"a running {name}", lambda: self.component(name))
        os.kill(pid, signal.SIGTERM)
        wait_for(f"another {name}", lambda: self.component(name) not in (None, pid))

    def apply(self, *objects):
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        return self.kubectl("apply", "-f", "-", input=text)

    def get(self, kind, name, namespace=NAMESPACE):
        return json.loads(self.kubectl("get", kind, name, "-n", namespace, "-o", "json"))

    def rollout(self, name="research-agent", namespace=NAMESPACE):
        return self.get("rollout", name, namespace)

    def phase(self, name="research-agent", namespace=NAMESPACE):
        return self.rollout(name, namespace).get("status", {}).get("phase", "")

    def wait_phase(self, *phases, seconds=180, name="research-agent"):
        try:
            return wait_for(f"phase {' or '.join(phases)}", lambda: self.phase(name) in phases and self.phase(name), seconds, 0.25)
        except Failure as failure:
            status = self.rollout(name).get("status", {})
            status.pop("judge", None)
            raise Failure(f"{failure}; status: {json.dumps(status)[:1500]}") from None

    def wait_serving(self, host=HOST, seconds=20):
        """Until the proxy answers 200 for that host: an endpoint may be Available a moment before the proxy has heard of it."""
        def serves():
            request = urllib.request.Request(f"http://127.0.0.1:{self.ports['http']}/", headers={"Host": host})
            with urllib.request.urlopen(request, timeout=2) as reply:
                return reply.status == 200
        wait_for(f"the proxy to serve {host}", serves, seconds)

    def weights(self, name="research-agent", namespace=NAMESPACE):
        """{subset: weight} of the first http route; a missing weight is 100 when it is alone."""
        route = self.get("virtualservice", name, namespace)["spec"]["http"][0]["route"]
        return {item["destination"].get("subset", ""): item.get("weight", 100 if len(route) == 1 else 0) for item in route}


class Up(World):
    """A running `serin up`. Use it as a context manager: leaving it stops everything and checks that nothing is left."""

    COMPONENTS = ("apiserver", "runtime", "operator", "proxy")
    KILLABLE = ("operator", "operator", "apiserver", "runtime", "proxy") # by test_crash_random.py

    def __init__(self, *options, images=None, prometheus="auto"):
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="serin-e2e-"))
        self.images = images or {"research-agent": TOOLS / "research-agent"}
        self.options = [*options, "--prometheus", prometheus]
        self.process = None
        self.ready_seconds = None
        self.ready_line = ""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            self.show_logs()
        try:
            self.stop()
            left = self.left_over()
            if not kind:
                check(not left, f"processes are left after the stop: {left}")
                check(not self.refused(), f"a component asked for what its role does not allow: {self.refused()[:3]}")
        finally:
            for pid in self.left_over():
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            if not os.environ.get("SERIN_KEEP"):
                shutil.rmtree(self.data, ignore_errors=True)
            else:
                print(f"# kept: {self.data}")

    def start(self, seconds=20):
        images = [part for name, command in self.images.items() for part in ("--image", f"{name}={command}")]
        self.log = open(self.data / "up.out", "ab")
        began = time.monotonic()
        seen = self.log.tell()
        self.process = subprocess.Popen([BIN, "up", "--data", self.data, *images, *self.options], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)

        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"serin up ended with code {self.process.returncode}: {self.output()}")
            for line in self.output()[seen:].splitlines():
                if line.startswith("ready"):
                    self.ready_line = line
                    return True
            return False
        wait_for("the ready line of serin up", ready, seconds, every=0.01)
        self.ready_seconds = time.monotonic() - began
        self.ports = json.loads((self.data / "ports.json").read_text())

    def output(self):
        return (self.data / "up.out").read_text(errors="replace")

    def stop(self, seconds=40):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure(f"serin up did not stop within {seconds} s")
            check(self.process.returncode == 0, f"serin up ended with code {self.process.returncode}")
        if self.process:
            self.log.close()
            self.process = None

    def kill(self):
        """kill -9 of the supervisor."""
        self.process.kill()
        self.process.wait()
        self.log.close()
        self.process = None

    def refused(self):
        """What the API server refused to a component of ours: a row is missing in operator/standalone/auth_role.c."""
        file = self.data / "logs" / "apiserver.log"
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        return [line for line in lines if "user=system:serin:" in line and "status=403" in line]

    def left_over(self):
        """Processes that belong to this data folder."""
        mark = str(self.data)
        found = []
        for pid, (_, command) in processes().items():
            if pid == os.getpid() or (self.process and pid == self.process.pid):
                continue
            if any(mark in part for part in command) and "serin-load" not in command[0] or \
                    any(mark in value for name, value in environment_of(pid).items() if name in ("SERIN_DATA", "SERIN_POD_DIR")):
                found.append(pid)
        return found

    def component(self, name):
        """The pid of a component, or None."""
        for pid, (ppid, command) in processes().items():
            if self.process and ppid == self.process.pid and \
                    (name in command[1:2] or os.path.basename(command[0]) == name):
                return pid
        return None

    def pods(self, app="research-agent"):
        """{pid: VERSION} of the running workload processes."""
        name, mark, running = str(self.images.get(app, app)), str(self.data), processes()
        # Its shim names the pod's folder, and so whose it is: another serin up may run beside.
        return {pid: environment_of(pid).get("VERSION", "?") for pid, (ppid, command) in running.items()
                if command[0] == name and any(mark in part for part in running.get(ppid, (0, []))[1])}

    def show_logs(self, lines=6):
        for path in [self.data / "up.out", *sorted((self.data / "logs").glob("*.log"))]:
            if path.name == "prometheus.log":
                continue
            try:
                tail = path.read_text(errors="replace").splitlines()[-lines:]
            except OSError:
                continue
            print(f"# {path.name}:")
            for line in tail:
                print(f"#   {line[:240]}")


def world(*options, **more):
    """`serin up`, or with SERIN_WORLD=cluster the same on a real Kubernetes API server (tests/kubernetes/run)."""
    if not ON_CLUSTER:
        return Up(*options, **more)
    from on_cluster import OnCluster
    return OnCluster(*options, **more)


class Load:
    """serin-load through the proxy, for as long as the `with` lasts. `report` is what a user saw."""

    def __init__(self, up, rate=200, keep_alive=True, host=HOST, path="/", threads=8):
        self.file = up.data / f"load-{time.monotonic_ns()}.json"
        self.command = [str(TOOLS / "serin-load"), "--port", str(up.ports["http"]), "--host", host, "--path", path, "--rate", str(rate),
                        "--threads", str(threads), "--duration", "600", "--report", str(self.file)]
        if not keep_alive:
            self.command.append("--close")
        self.final = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(self, kind, value, trace):
        self.stop()

    @property
    def report(self):
        return self.final or json.loads(self.file.read_text())

    def stop(self):
        if self.process:
            self.process.terminate()
            out, err = self.process.communicate(timeout=30)
            self.process = None
            if not out:
                raise Failure(f"serin-load: {err.strip()}")
            self.final = json.loads(out)
        return self.final

    def wait_version(self, version, requests=50, seconds=120):
        return wait_for(f"{requests} answers of {version}", lambda: self.answers(version) >= requests, seconds)

    def answers(self, version):
        return self.report["versions"].get(version, {}).get("requests", 0)

    def failed_answers(self, version):
        return self.report["versions"].get(version, {}).get("failed", 0)

    def lost(self):
        """What failed without a backend having said so: resets, time-outs, and the proxy's own 5xx."""
        report = self.report
        own = {key: report[key] for key in ("refused", "reset", "timeout", "garbage") if report[key]}
        backend_failed = sum(item["failed"] for name, item in report["versions"].items() if name)
        failed = sum(count for status, count in report["statuses"].items() if int(status) >= 500)
        if failed > backend_failed:
            own["5xx of the proxy"] = failed - backend_failed
        return own


# Objects. The service is the quickstart's; versions differ by their label and environment.



def service(subsets=("v1", "v2", "v3")):
    meta = {"name": "research-agent", "namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta,
         "spec": {"selector": {"app": "research-agent"}, "ports": [{"name": "http", "port": 8080, "targetPort": 8080}]}},
        {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": meta,
         "spec": {"host": HOST, "subsets": [{"name": name, "labels": {"version": name}} for name in subsets]}},
        {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": meta, "spec": {"hosts": [HOST], "http": [
            {"timeout": "5s", "route": [{"destination": {"host": HOST, "subset": "v1"}, "weight": 100}]}]}},
    ]


def version(name, replicas=2, **env):
    labels = {"app": "research-agent", "version": name}
    variables = [{"name": key, "value": str(value)} for key, value in {"VERSION": name, **env}.items()]
    # On a cluster a pod may be asked for a moment after it was told to end.
    stop = {"lifecycle": {"preStop": {"sleep": {"seconds": 1}}}} if ON_CLUSTER else {}
    variables.append({"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}})
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"research-agent-{name}", "namespace": NAMESPACE}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "terminationGracePeriodSeconds": 10, "containers": [{
                **stop, "name": "agent", "image": f"research-agent:{name}", "ports": [{"name": "http", "containerPort": 8080}], "env": variables,
                "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 1}}]}}}}


def rollout(stable="v1", canary="v2", steps=None, metrics=None, **analysis):
    steps = steps or [{"deploy": {"replicas": "proportional", "timeout": "1m"}},
                      {"setWeight": 10}, {"monitor": {"duration": "8s", "min": "5s"}},
                      {"setWeight": 50}, {"monitor": {"duration": "6s", "min": "5s"}},
                      {"setWeight": 100}, {"monitor": {"duration": "5s", "min": "5s"}},
                      {"decommission": {"action": "scaleDown"}}]
    return {"apiVersion": "serin.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "research-agent", "namespace": NAMESPACE}, "spec": {
        "stable": {"deployment": f"research-agent-{stable}", "subset": stable},
        "canary": {"deployment": f"research-agent-{canary}", "subset": canary},
        "traffic": {"virtualService": {"name": "research-agent"}, "destinationRule": "research-agent"},
        "steps": steps,
        "analysis": {"interval": "1s", "metrics": metrics or [{"name": "error-rate", "limit": "1%"}], **analysis}}}


def start_service(up, *versions):
    """The service, and these versions of it (v1 alone by default), serving through the proxy."""
    versions = versions or (version("v1"),)
    up.apply(*service(), *versions)
    for item in versions:
        up.kubectl("wait", "--for=condition=Available", f"deployment/{item['metadata']['name']}", "-n", NAMESPACE, "--timeout=30s")
    up.wait_serving()


def main(long=()):
    """Runs the caller's test_ functions: those named on the command line, or all; those of `long` with SERIN_LONG=1 only."""
    module = sys.modules["__main__"]
    wanted = sys.argv[1:]
    failed = 0
    if not BIN.exists():
        print(f"not ok - {pathlib.Path(sys.argv[0]).stem}: there is no {BIN}: build it first, or set SERIN_BIN")
        sys.exit(1)
    for name, function in list(vars(module).items()):
        if not name.startswith("test_") or (wanted and name not in wanted) or (name in long and not wanted and not os.environ.get("SERIN_LONG")):
            continue
        began = time.monotonic()
        try:
            function()
            print(f"ok - {name[5:]} ({time.monotonic() - began:.1f} s)", flush=True)
        except (Failure, RuntimeError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            failed += 1
            if not isinstance(error, Failure):
                for line in traceback.format_exc().splitlines()[-6:]:
                    print(f"# {line}")
            print(f"not ok - {name[5:]}: {error}", flush=True)
    sys.exit(1 if failed else 0)
