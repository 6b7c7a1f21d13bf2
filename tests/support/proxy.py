# SPDX-License-Identifier: Apache-2.0
"""`serin proxy` on inherited sockets and a folder of manifests, backends that record, clients that speak bytes.

A test file defines functions test_...(); `main(globals())` runs them in order, each line "ok - name" or "not ok - name: why".
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback

import waiting
from apiserver import mortal
from waiting import Failure, check, equal  # noqa: F401  (for the tests)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("SERIN_BIN") or str(ROOT / "build" / "dev" / "serin")
HOST = "research-agent.team1.svc.cluster.local"
DEADLINE = 40


def wait_for(what, condition, seconds=DEADLINE):
    return waiting.wait_for(what, condition, seconds, 0.01, not_yet=())


def main(names):
    failed = 0
    only = sys.argv[1:]
    for name, function in list(names.items()):
        if not name.startswith("test_") or (only and name not in only):
            continue
        title = name[5:].replace("_", " ")
        try:
            function()
            print(f"ok - {title}", flush=True)
        except Exception as error:  # a broken test is a failed test
            failed += 1
            print(f"not ok - {title}: {error}", flush=True)
            if not isinstance(error, Failure):
                traceback.print_exc()
    sys.exit(1 if failed else 0)


# ---- bytes ----

def connect(port, address="127.0.0.1"):
    s = socket.create_connection((address, port), timeout=DEADLINE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


class Reader:
    """Reads HTTP/1 messages from a socket, strictly enough to notice what is wrong."""

    def __init__(self, sock):
        self.sock = sock
        self.data = bytearray()

    def more(self):
        got = self.sock.recv(65536)
        if not got:
            raise EOFError(f"connection closed, unread: {bytes(self.data[:200])!r}")
        self.data += got

    def until(self, mark):
        while mark not in self.data:
            self.more()
        at = self.data.index(mark)
        got = bytes(self.data[:at])
        del self.data[:at + len(mark)]
        return got

    def exactly(self, n):
        while len(self.data) < n:
            self.more()
        got = bytes(self.data[:n])
        del self.data[:n]
        return got

    def rest(self):
        try:
            while True:
                self.more()
        except EOFError:
            got = bytes(self.data)
            self.data.clear()
            return got

    def head(self):
        lines = self.until(b"\r\n\r\n").split(b"\r\n")
        fields = []
        for line in lines[1:]:
            name, value = line.split(b":", 1)
            fields.append((name.decode().lower(), value.strip().decode("latin-1")))
        return lines[0].decode("latin-1"), fields

    def chunked(self):
        body = b""
        while True:
            size = int(self.until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while self.until(b"\r\n"):
                    pass
                return body
            body += self.exactly(size)
            check(self.exactly(2) == b"\r\n", "a chunk without its end")

    def body(self, fields, is_response=False, no_body=False):
        values = dict(fields)
        if no_body:
            return b""
        if values.get("transfer-encoding") == "chunked":
            return self.chunked()
        if "content-length" in values:
            return self.exactly(int(values["content-length"]))
        return self.rest() if is_response else b""


class Response:
    def __init__(self, line, fields, body):
        self.status = int(line.split()[1])
        self.fields = fields
        self.body = body

    def get(self, name):
        values = [v for n, v in self.fields if n == name]
        check(len(values) <= 1, f"{name} came {len(values)} times")
        return values[0] if values else None

    def __repr__(self):
        return f"<{self.status} {self.fields} {self.body[:80]!r}>"


def read_response(reader, method="GET"):
    line, fields = reader.head()
    status = int(line.split()[1])
    none = method == "HEAD" or status in (204, 304) or status < 200
    return Response(line, fields, reader.body(fields, True, none))


def request_bytes(method="GET", path="/", host=HOST, fields=(), body=b""):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def fetch(port, method="GET", path="/", host=HOST, fields=(), body=b""):
    """One request on a connection of its own."""
    with connect(port) as s:
        s.sendall(request_bytes(method, path, host, fields, body))
        return read_response(Reader(s), method)


# ---- backend ----

class Request:
    def __init__(self, line, fields, body, connection):
        self.method, self.target, self.version = line.split(" ")
        self.fields, self.body, self.connection = fields, body, connection

    def get(self, name):
        values = [v for n, v in self.fields if n == name]
        check(len(values) <= 1, f"{name} came {len(values)} times")
        return values[0] if values else None


def reply(status=200, body=b"ok", fields=()):
    lines = [f"HTTP/1.1 {status} X"] + [f"{n}: {v}" for n, v in fields] + [f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Backend:
    """Records every request. `answer(request, sock)` sends the response, or None to close, or returns its bytes."""

    def __init__(self, name="v1", answer=None, address="127.0.0.1", on_head=None):
        self.name = name
        self.answer = answer or (lambda request, sock: reply(body=name.encode()))
        self.on_head = on_head  # (line, fields, reader, sock) -> True: it did all itself
        self.requests, self.faults, self.connections = [], [], 0
        self.lock = threading.Lock()
        self.socks = set()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, 0))
        self.listener.listen(1024)
        self.address, self.port = self.listener.getsockname()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                self.socks.add(sock)
                number = self.connections
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock, number):
        reader = Reader(sock)
        try:
            while True:
                line, fields = reader.head()
                if self.on_head and self.on_head(line, fields, reader, sock):
                    continue
                request = Request(line, fields, reader.body(fields), number)
                with self.lock:
                    self.requests.append(request)
                got = self.answer(request, sock)
                if got is None:
                    break
                sock.sendall(got)
        except EOFError as error:
            if "unread: b''" not in str(error):
                self.faults.append(str(error))
        except (OSError, ValueError, Failure) as error:
            if not isinstance(error, OSError):
                self.faults.append(repr(error))
        finally:
            with self.lock:
                self.socks.discard(sock)
            sock.close()

    def close_connections(self):
        """Ends every kept connection, as a server does that restarts or has had enough."""
        with self.lock:
            socks = list(self.socks)
        for sock in socks:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.close_connections()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ---- manifests ----

def service(name="research-agent", ns="team1", port=80):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": ns},
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": port, "targetPort": "http"}]}}


def endpoint(pod, version, address, port, name="research-agent", ns="team1", ready=True):
    """A Pod and an EndpointSlice that refers to it."""
    return [
        {"apiVersion": "v1", "kind": "Pod",
         "metadata": {"name": pod, "namespace": ns, "labels": {"app": name, "version": version}},
         "spec": {"containers": [{"name": "main", "image": "x"}]}},
        {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
         "metadata": {"name": pod, "namespace": ns, "labels": {"kubernetes.io/service-name": name}},
         "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
         "endpoints": [{"addresses": [address], "conditions": {"ready": ready},
                        "targetRef": {"kind": "Pod", "name": pod, "namespace": ns}}]},
    ]


def destination_rule(subsets=("v1", "v2"), name="research-agent-dr", ns="team1", policy=None):
    spec = {"host": "research-agent", "subsets": [{"name": s, "labels": {"version": s}} for s in subsets]}
    if policy:
        spec["trafficPolicy"] = policy
    return {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": name, "namespace": ns},
            "spec": spec}


def virtual_service(weights, name="research-agent-canary", ns="team1", **route):
    """weights: {"v1": 90, "v2": 10}, or an http list."""
    http = weights
    if isinstance(weights, dict):
        http = [dict(route=[{"destination": {"host": "research-agent", "subset": s}, "weight": w}
                            for s, w in weights.items()], **route)]
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name, "namespace": ns},
            "spec": {"hosts": ["research-agent"], "http": http}}


# ---- proxy ----

def listening_socket(address="127.0.0.1", port=0):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((address, port))
    s.listen(4096)
    return s


class Proxy:
    """The sockets stay ours, so that `restart` leaves connections waiting in the kernel."""

    def __init__(self, objects, workers=2, options=(), wait=True, persona=None):
        self.folder = tempfile.TemporaryDirectory(prefix="serin-proxy-")
        self.manifests = pathlib.Path(self.folder.name) / "manifests"
        self.manifests.mkdir()
        self.log_path = pathlib.Path(self.folder.name) / "log"
        self.options = list(options)
        self.workers = workers
        self.persona = persona
        self.sockets = [listening_socket()]
        self.port = self.sockets[0].getsockname()[1]
        self.sockets += [listening_socket(port=self.port) for _ in range(workers - 1)]
        self.admin_socket = listening_socket()
        self.admin_port = self.admin_socket.getsockname()[1]
        self.process = None
        self.exit_code = None
        self.write(objects)
        self.start()
        if wait:
            self.wait_ready()

    def write(self, objects):
        """Replaces the configuration in one step."""
        text = "\n---\n".join(json.dumps(o) for o in flatten(objects))
        new = self.manifests / ".new"
        new.write_text(text)
        new.rename(self.manifests / "all.yaml")

    def start(self):
        fds = [s.fileno() for s in self.sockets]
        command = [BIN, "proxy", "--manifests", str(self.manifests), "--workers", str(self.workers),
                   "--admin-fd", str(self.admin_socket.fileno())]
        for fd in fds:
            command += ["--listen-fd", f"{fd},persona={self.persona}" if self.persona else str(fd)]
        self.process = subprocess.Popen(mortal(command + self.options), pass_fds=fds + [self.admin_socket.fileno()],
                                        stderr=open(self.log_path, "ab"))

    def wait_ready(self):
        wait_for("the proxy to be ready", lambda: self.admin("/ready").body == b"LIVE\n" or self.alive())

    def alive(self):
        check(self.process.poll() is None, f"the proxy ended with {self.process.returncode}: {self.log()[-2000:]}")
        return False

    def admin(self, path, method="GET", fields=()):
        return fetch(self.admin_port, method, path, "127.0.0.1", list(fields) + [("Connection", "close")])

    def version(self):
        return int(self.admin("/stats?filter=serin_proxy.table_version").body.split()[-1])

    def configure(self, objects):
        """Writes and waits until every worker has taken it."""
        before = self.version()
        self.write(objects)
        wait_for("the new table", lambda: self.version() > before)

    def metrics(self):
        """[(name, {label: value}, number)]"""
        found = []
        for line in self.admin("/metrics").body.decode().splitlines():
            if line.startswith("#"):
                continue
            name, labels, value = re.fullmatch(r"([a-z_0-9]+)(?:\{(.*)\})? (\S+)", line).groups()
            found.append((name, dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', labels or "")), float(value)))
        return found

    def metric_sum(self, name, **labels):
        return sum(v for n, have, v in self.metrics() if n == name and labels.items() <= have.items())

    def wait_sum(self, expected, name, **labels):
        """A response may reach its client just before it is counted."""
        wait_for(f"{name}{labels} to be {expected}", lambda: self.metric_sum(name, **labels) == expected)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def memory_kb(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def terminate(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait_ended(self, seconds=40):
        self.exit_code = self.process.wait(seconds)
        return self.exit_code

    def close(self):
        if self.process.poll() is None:
            self.terminate()
            try:
                self.wait_ended()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for s in self.sockets + [self.admin_socket]:
            s.close()
        log = self.log()
        self.folder.cleanup()
        check("Sanitizer" not in log and "runtime error" not in log, f"a sanitizer spoke: {log[-3000:]}")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        try:
            self.close()
        except Failure:
            if error is None:
                raise


def flatten(objects):
    out = []
    for o in objects:
        out += flatten(o) if isinstance(o, list) else [o]
    return out


def simple(backend, **route):
    """One Service with one backend; a VirtualService when the route says anything."""
    objects = [service(), endpoint("agent-v1", "v1", backend.address, backend.port)]
    if route:
        objects += [destination_rule(["v1"]), virtual_service({"v1": 100}, **route)]
    return objects
