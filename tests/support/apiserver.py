# SPDX-License-Identifier: Apache-2.0
"""A `serin apiserver` of its own on a temporary data folder, with a raw HTTPS client and kubectl. Used by
tests/integration/test_apiserver_*.py. A test file defines functions test_...(server) and calls main()."""
import base64
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import traceback

import waiting
from waiting import Failure, check, equal  # noqa: F401  (for the tests)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("SERIN_BIN") or str(ROOT / "build" / "dev" / "serin")
KUBECTL = os.environ.get("KUBECTL") or shutil.which("kubectl")


LIBC = ctypes.CDLL(None)  # before any fork: a child of a process with threads may not load anything


def die_with_parent():
    """A test that is killed leaves no server behind (PR_SET_PDEATHSIG)."""
    LIBC.prctl(1, signal.SIGKILL)


def mortal(command):
    """The same for a process that a program with threads starts: nothing of Python may run between its fork and its exec."""
    return ["setpriv", "--pdeathsig", "KILL", *map(str, command)]


def text_of(file):
    return base64.b64encode(file.read_bytes()).decode()


def wait_for(what, condition, seconds=60, every=0.02):
    return waiting.wait_for(what, condition, seconds, every, not_yet=())


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)


class Stream:
    """A watch: events one by one, with a deadline."""

    def __init__(self, connection, response):
        self.connection, self.response = connection, response

    def next(self, seconds=10):
        self.connection.sock.settimeout(seconds)
        line = self.response.readline()
        return json.loads(line) if line else None

    def close(self):
        self.connection.close()


class Rest:
    """Requests to an API server, by ourselves and by kubectl. The subclass sets `port`, `token`, `context` (TLS), `data` (the folder of
    kubeconfig and pki/ca.crt) and `cache`."""

    ADDRESS = "127.0.0.1"
    LOOK = 0.05  # seconds between two looks of a stand-in at it

    def connect(self):
        return http.client.HTTPSConnection(self.ADDRESS, self.port, timeout=20, context=self.context)

    def request(self, method, path, body=None, content_type="application/json", headers=None, token=True,
                connection=None):
        every = {"User-Agent": "test/1", "Accept": "application/json"}
        if token:
            every["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            every["Content-Type"] = content_type
            body = body if isinstance(body, (str, bytes)) else json.dumps(body)
            body = body.encode() if isinstance(body, str) else body
        every.update(headers or {})
        own = connection is None
        connection = connection or self.connect()
        connection.request(method, path, body, every)
        reply = Reply(connection.getresponse())
        if own:
            connection.close()
        return reply

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def ok(self, method, path, body=None, status=None, **more):
        reply = self.request(method, path, body, **more)
        good = reply.status == status if status else reply.status in (200, 201)
        check(good, f"{method} {path}: {reply.status} {reply.text[:500]}")
        return reply.json

    def need(self, method, path, body=None, **more):
        """As ok(), and it may be there already."""
        reply = self.request(method, path, body, **more)
        check(reply.status in (200, 201, 409), f"{method} {path}: {reply.status} {reply.text[:500]}")

    def write_kubeconfig(self, name, user, port=None, namespace="default"):
        """A kubeconfig file of that name in the server's folder; `port`: of a proxy before the API server."""
        path = self.data / name
        where = {"server": f"https://127.0.0.1:{port or self.port}", "certificate-authority-data": text_of(self.data / "pki" / "ca.crt")}
        text = {"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "c", "cluster": where}],
                "users": [{"name": "u", "user": user}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": namespace}}]}
        path.touch(mode=0o600)
        path.write_text(json.dumps(text, indent=1))
        return path

    # What the tests of the operator ask of their server; a real cluster (cluster.py) has accounts and rights to give.

    def operator_token(self):
        return self.token

    def operator_kubeconfig(self):
        return self.data / "kubeconfig"

    def lease_namespace(self, name):
        """A namespace in which the operator may have Leases."""
        self.need("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def let_read_secret(self, namespace, name, *verbs):
        """The operator may do that with this Secret."""

    def watch(self, path, accept="application/json"):
        connection = self.connect()
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}", "Accept": accept})
        response = connection.getresponse()
        check(response.status == 200, f"{path}: {response.status} {response.read()[:300] if response.status != 200 else ''}")
        return Stream(connection, response)

    def kubectl_command(self, *args):
        return [KUBECTL, "--kubeconfig", str(self.data / "kubeconfig"), "--cache-dir", str(self.cache), *args]

    def kubectl(self, *args, stdin="", code=0, env=None):
        """stdout and stderr, in one text."""
        done = subprocess.run(self.kubectl_command(*args), input=stdin, capture_output=True, text=True, timeout=60,
                              env={**os.environ, **(env or {})})
        if code is not None and done.returncode != code:
            raise Failure(f"kubectl {' '.join(args)}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def kubectl_minor(self):
        """32 for kubectl 1.32 (of the one that really runs: some installations choose one by the server's version)."""
        text = self.kubectl("version", "-o", "json").partition("WARNING")[0]
        return int(json.loads(text)["clientVersion"]["minor"].rstrip("+"))

    def kubectl_start(self, *args):
        return subprocess.Popen(self.kubectl_command(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)


class Server(Rest):
    def __init__(self, data=None, options=()):
        self.own = data is None
        self.options = list(options)
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="serin-apiserver-"))
        self.cache = self.data / "kubectl-cache"
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([BIN, "apiserver", "--data", str(self.data), *self.options], stdout=subprocess.PIPE,
                                        stderr=open(self.data / "stderr", "ab"), text=True, preexec_fn=die_with_parent)
        line = self.process.stdout.readline()
        if not line.startswith("ready https://"):
            raise Failure(f"no ready line: {line!r} {(self.data / 'stderr').read_text()[-2000:]}")
        self.port = int(line.split()[1].rsplit(":", 1)[1])
        self.token = (self.data / "token").read_text().strip()
        self.context = ssl.create_default_context(cafile=str(self.data / "pki" / "ca.crt"))

    def kill(self, sig=signal.SIGKILL):
        self.process.send_signal(sig)
        code = self.process.wait(20)
        self.process.stdout.close()
        return code

    def stop(self):
        code = self.kill(signal.SIGTERM)
        errors = (self.data / "stderr").read_text()
        if self.own:
            shutil.rmtree(self.data, ignore_errors=True)
        check(code == 0, f"exit code {code}: {errors[-3000:]}")


class Machine(Server):
    """For scripts of tests/kubernetes: what a cluster is to them. The operator has the token of its role."""

    controllers = False

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()

    def namespace(self, name):
        self.need("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def operator_token(self):
        return (self.data / "access" / "operator.token").read_text()


def home(tests):
    """The server for them: ours, or with SERIN_WORLD=cluster a real one without controllers (tests/kubernetes/run)."""
    if os.environ.get("SERIN_WORLD") != "cluster":
        return Server()
    import cluster  # it needs this module
    try:
        return cluster.bare()
    except cluster.Missing as why:
        for name in tests:
            print(f"ok - {name[5:]} # SKIP {why}")
        sys.exit(0)


def main(module_globals, needs_kubectl=False):
    if needs_kubectl and not KUBECTL:
        print("not ok - kubectl: none is installed")
        sys.exit(1)
    failed = 0
    wanted = sys.argv[1:]
    tests = {name: function for name, function in module_globals.items() if name.startswith("test_") and (not wanted or name in wanted)}
    server = home(tests)
    for name, function in tests.items():
        try:
            function(server)
            print(f"ok - {name[5:]}", flush=True)
        except Failure as error:
            failed += 1
            print(f"not ok - {name[5:]}: {error}", flush=True)
        except Exception:  # anything else is a failure of the test, shown whole
            failed += 1
            print(f"not ok - {name[5:]}: {traceback.format_exc().replace(chr(10), ' | ')}", flush=True)
    try:
        server.stop()
        print("ok - clean stop")
    except Failure as error:
        failed += 1
        print(f"not ok - clean stop: {error}")
    sys.exit(1 if failed else 0)
