# SPDX-License-Identifier: Apache-2.0
"""The single machine without operator and proxy: `serin apiserver` and `serin runtime` on a temporary data folder, and
kubectl against them. Used by tests/integration/test_runtime*.py and test_up*.py."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback

from waiting import Failure, check, wait_for  # noqa: F401  (for the tests)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = str(pathlib.Path(os.environ.get("SERIN_BIN") or ROOT / "build" / "dev" / "serin").resolve())
KUBECTL = os.environ.get("KUBECTL") or shutil.which("kubectl")
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable

# A small HTTP server that listens where a pod should. GET /fail makes it unready, GET /exit ends it.
SERVER = """
import http.server, os, signal, sys
state = {"code": 200}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/fail": state["code"] = 500
        if self.path == "/exit": os._exit(9)
        body = json_text().encode()
        self.send_response(state["code"] if self.path == "/health" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *rest): pass
def json_text():
    import json
    return json.dumps({"pid": os.getpid(), "version": os.environ.get("VERSION", ""), "pod": os.environ.get("POD_NAME", "")})
server = http.server.ThreadingHTTPServer((os.environ["POD_IP"], int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *rest: os._exit(0))
print("listening as", os.environ.get("VERSION", ""), flush=True)
server.serve_forever()
"""


def alive(pid):
    """Whether the process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def command_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def state_of(pid):
    """What a process that should have gone is doing."""
    said = []
    for name in ("status", "wchan", "stack", "syscall"):
        try:
            said.append(name + ": " + pathlib.Path(f"/proc/{pid}/{name}").read_text(errors="replace"))
        except OSError as error:
            said.append(f"{name}: {error}")
    for fd in sorted(os.listdir(f"/proc/{pid}/fd")) if os.path.isdir(f"/proc/{pid}/fd") else []:
        try:
            said.append(f"fd {fd}: " + os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass
    return "\n".join(said)


def pids():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


class Cluster:
    """What kubectl sees. Subclasses run something that serves DATA/kubeconfig."""

    def __init__(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="serin-machine-"))
        self.data = self.work / "data"
        self.data.mkdir(mode=0o700)
        self.server = self.work / "server.py"
        self.server.write_text(SERVER)

    def kubectl(self, *args, text=None, ok=True, timeout=60):
        environment = dict(os.environ, KUBECONFIG=str(self.data / "kubeconfig"))
        done = subprocess.run([KUBECTL, "--cache-dir", str(self.work / "cache"), *args], input=text or "", text=True, capture_output=True,
                              timeout=timeout, env=environment)
        if ok and done.returncode != 0:
            raise Failure(f"kubectl {' '.join(args)}: {done.stderr.strip()}")
        return done

    def get(self, kind, name=None, selector=None):
        args = ["get", kind, "-o", "json"] + ([name] if name else []) + (["-l", selector] if selector else [])
        found = json.loads(self.kubectl(*args).stdout)
        return found if name else found["items"]

    def apply(self, *objects):
        self.kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def deployment(self, name, replicas=1, version="v1", grace=5, probe=True, **spec):
        container = {"name": "web", "image": "example/web:" + version, "command": [PYTHON, str(self.server)],
                     "ports": [{"containerPort": 8080, "name": "http"}],
                     "env": [{"name": "VERSION", "value": version},
                             {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}
        if probe:
            container["readinessProbe"] = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
                "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, **spec,
                         "template": {"metadata": {"labels": {"app": name, "version": version}},
                                      "spec": {"terminationGracePeriodSeconds": grace, "containers": [container]}}}}

    def service(self, name):
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
                "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}}

    def pod(self, name, script=None, **spec):
        container = {"name": "c", "image": "example/x", "command": ["sh", "-c", script or "sleep 1000"]}
        container.update(spec.pop("container", {}))
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container], **spec}}

    def ready_endpoints(self, service):
        found = []
        for piece in self.get("endpointslices", selector=f"kubernetes.io/service-name={service}"):
            port = piece["ports"][0]["port"]
            found += [(end["addresses"][0], port) for end in piece["endpoints"] or [] if end["conditions"]["ready"]]
        return found

    def ask(self, address, path="/"):
        with socket.create_connection(address, timeout=5) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            reply = b""
            while piece := connection.recv(65536):
                reply += piece
        return json.loads(reply.split(b"\r\n\r\n", 1)[1])

    def workloads(self):
        """{pid} of the containers' processes, by their session's folder: all that has our work folder in its command."""
        return {pid for pid in pids() if str(self.server) in command_of(pid) and "serin" not in command_of(pid).split(" ", 1)[0]}

    def shims(self):
        return {pid for pid in pids() if command_of(pid).startswith("serin shim " + str(self.data))}

    def events(self, name):
        return [(item["reason"], item["message"]) for item in self.get("events") if item["involvedObject"]["name"] == name]

    def wait_event(self, name, reason):
        return wait_for(f"event {reason} of {name}", lambda: [m for r, m in self.events(name) if r == reason])[0]

    def left_over(self):
        return {pid: command_of(pid) for pid in pids() if str(self.work) in command_of(pid)}

    def clean(self):
        for pid in self.left_over():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        if os.environ.get("SERIN_KEEP"):
            print(f"# kept: {self.work}")
        else:
            shutil.rmtree(self.work, ignore_errors=True)


class Machine(Cluster):
    """`serin apiserver` and `serin runtime`."""

    def __init__(self, *images):
        super().__init__()
        self.images = images
        self.processes = {}
        self.socket = socket.create_server(("127.0.0.1", 0))  # as the supervisor: it stays when the server is killed

    def start(self, name):
        options = [part for image in self.images for part in ("--image", image)] if name == "runtime" else ["--listen-fd", str(self.socket.fileno())]
        log = open(self.work / (name + ".out"), "ab")
        self.processes[name] = subprocess.Popen([BIN, name, "--data", str(self.data), *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                cwd=self.work, start_new_session=True, pass_fds=[self.socket.fileno()])
        log.close()

    def __enter__(self):
        self.start("apiserver")
        wait_for("the API server", lambda: self.kubectl("get", "--raw", "/readyz", ok=False).returncode == 0)
        self.start("runtime")
        return self

    def kill(self, name):
        self.processes[name].kill()
        self.processes[name].wait()

    def stop(self, name, seconds=30, with_signal=signal.SIGTERM):
        process = self.processes[name]
        if process.poll() is None:
            process.send_signal(with_signal)
            process.wait(seconds)
        return process.returncode

    def __exit__(self, kind, value, trace):
        try:
            if kind:
                for name in self.processes:
                    print(f"# {name}: " + (self.work / (name + ".out")).read_text(errors="replace")[-3000:].replace("\n", "\n# "))
            codes = [self.stop(name) for name in ("runtime", "apiserver")]
            left = self.left_over()
            if left or codes != [0, 0]:
                print("# runtime: " + (self.work / "runtime.out").read_text(errors="replace")[-6000:].replace("\n", "\n# "))
                for pid, command in left.items():
                    print(f"# left: {pid} {command}\n# " + state_of(pid).replace("\n", "\n# "))
            if not kind:
                check(codes == [0, 0], f"runtime and API server ended with {codes}")
                check(not left, f"processes are left after the stop: {left}")
        finally:
            self.socket.close()
            self.clean()


def main(tests):
    """Runs functions test_...(); with names as arguments only those."""
    if not KUBECTL:
        print("not ok - kubectl is not installed")
        return 1
    wanted = sys.argv[1:]
    failed = 0
    for name, test in tests.items():
        if not name.startswith("test_") or (wanted and name not in wanted):
            continue
        try:
            test()
            print(f"ok - {name[5:].replace('_', ' ')}", flush=True)
        except Exception as error:  # noqa: BLE001: a test must not end the run
            failed += 1
            print(f"not ok - {name[5:].replace('_', ' ')}: {error}", flush=True)
            if not isinstance(error, Failure):
                traceback.print_exc(file=sys.stdout)
    return 1 if failed else 0
