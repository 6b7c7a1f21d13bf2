# SPDX-License-Identifier: Apache-2.0
"""An HTTPS proxy in front of an API server (embedded or real) that does to its client what networks, load balancers and
busy API servers do: errors, waits, cut connections, broken watches, expired tokens, a certificate of another CA.

    faults = Faults(upstream="https://127.0.0.1:6443", upstream_ca="pki/ca.crt", token="...")
    faults.kubeconfig(path)                      # a client that goes through it
    faults.add(status(503), path="/leases/", times=3)
    faults.add(cut_after(), method="PATCH", path="virtualservices", times=1)
    faults.hits, faults.log                      # what was done, and what came

A rule applies to requests whose method and path (a regular expression, with the query) match, `times` times (None: always).
The first rule that matches wins. Standard library only; the certificates are made by openssl."""
import dataclasses
import http.client
import http.server
import json
import pathlib
import re
import select
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

from waiting import takes

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "te", "upgrade", "proxy-connection"}


class Authority:
    """A CA of its own, and certificates for this machine."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = pathlib.Path(folder), name
        self.ca = self.folder / f"{name}.crt"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                      f"/CN={name}", "-keyout", self.folder / f"{name}.key", "-out", self.ca)

    @classmethod
    def of(cls, folder, name="ca"):
        """The one that was made there before."""
        found = cls.__new__(cls)
        found.folder, found.name, found.ca = pathlib.Path(folder), name, pathlib.Path(folder) / f"{name}.crt"
        return found

    def openssl(self, *args):
        done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"openssl {args[0]}: {done.stderr}")

    def issue(self, name, sans="IP:127.0.0.1,DNS:localhost", subject=None):
        """(certificate file, key file)"""
        key, request, cert = (self.folder / f"{self.name}-{name}.{ext}" for ext in ("key", "csr", "crt"))
        extensions = self.folder / f"{self.name}-{name}.ext"
        extensions.write_text(f"subjectAltName={sans}\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", subject or f"/CN={name}",
                      "-keyout", key, "-out", request)
        self.openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / f"{self.name}.key", "-CAcreateserial",
                      "-days", "2", "-extfile", extensions, "-out", cert)
        return cert, key


# --- what can be done to a request ---

@dataclasses.dataclass
class Fault:
    name: str
    status: int = 0  # answered instead of the server
    headers: tuple = ()
    body: bytes = b""
    before: float = 0  # seconds to wait before it is sent on
    after: float = 0  # seconds to wait before its answer is given
    cut: str = ""  # "before" it is sent on, "after" the server has done it, "body": in the middle of the answer
    events: int = -1  # a watch: how many events come through before ...
    then: str = ""  # ... "end", "cut", "stall", or "410" (an ERROR event, as after a compaction)


def status(code, retry_after=None, reason=""):
    """An error in the API server's own words."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": f"injected {code}"}
    headers = (("Content-Type", "application/json"),) + ((("Retry-After", str(retry_after)),) if retry_after is not None else ())
    return Fault(f"status {code}", status=code, headers=headers, body=json.dumps(body).encode())


def gateway(code):
    """An error of a load balancer: HTML, no Status."""
    return Fault(f"gateway {code}", status=code, headers=(("Content-Type", "text/html"),), body=b"<html>upstream is away</html>")


def slow(seconds):
    return Fault(f"slow {seconds}", before=seconds)


def slow_answer(seconds):
    return Fault(f"slow answer {seconds}", after=seconds)


def cut_before():
    return Fault("cut before", cut="before")


def cut_after():
    """The server has done it, the client does not learn of it."""
    return Fault("cut after", cut="after")


def cut_body():
    return Fault("cut body", cut="body")


def watch_fault(events, then):
    return Fault(f"watch {then} after {events}", events=events, then=then)


@dataclasses.dataclass
class Rule:
    fault: Fault
    method: str
    path: re.Pattern
    times: object
    hits: int = 0


class Faults:
    def __init__(self, upstream, upstream_ca, token=None, upstream_cert=None, host="127.0.0.1"):
        self.upstream = urllib.parse.urlsplit(upstream)
        self.upstream_context = ssl.create_default_context(cafile=str(upstream_ca))
        if upstream_cert:  # (certificate, key): where the server wants one
            self.upstream_context.load_cert_chain(*map(str, upstream_cert))
        self.token = token  # sent on instead of the client's
        self.accepts = None  # None: any token; else a set of the client's tokens that are still good
        self.folder = tempfile.TemporaryDirectory(prefix="serin-faults-")
        self.lock = threading.Lock()
        self.rules, self.log, self.hits = [], [], {}
        self.connections = set()
        self.generation = 0
        self.host = host
        self.server = None
        self.port = 0
        self.rotate()

    @property
    def url(self):
        return f"https://{self.host}:{self.port}"

    # --- the listener ---

    def rotate(self):
        """A new CA and a new certificate; connections that are open are cut. `ca` is then the new one's file."""
        self.down()
        self.generation += 1
        self.authority = Authority(self.folder.name, f"ca{self.generation}")
        self.ca = self.authority.ca
        self.certificate = self.authority.issue("server", f"IP:{self.host},DNS:localhost,DNS:api.test")
        self.up()

    def up(self):
        """Listens (again, on the same port)."""
        if self.server:
            return
        faults = self

        class Handler(_Handler):
            owner = faults

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, self.certificate))

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads, allow_reuse_address, request_queue_size = True, True, 128

            def get_request(self):
                sock, address = super().get_request()
                with faults.lock:
                    faults.connections.add(sock)
                return sock, address

            def finish_request(self, request, client_address):
                tls = None
                try:
                    request.settimeout(30)
                    tls = context.wrap_socket(request, server_side=True)
                    with faults.lock:
                        faults.connections.add(tls)
                    self.RequestHandlerClass(tls, client_address, self)
                except (OSError, ssl.SSLError, ValueError):
                    pass  # a client that does not trust us, or went
                finally:
                    with faults.lock:
                        faults.connections.discard(request)
                        faults.connections.discard(tls)
                    if tls:
                        tls.close()

            def handle_error(self, request, client_address):
                pass

        self.server = Server((self.host, self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def down(self):
        """As an API server that restarts: nothing listens, what was open is cut."""
        if not self.server:
            return
        self.server.shutdown()
        self.server.server_close()
        self.server = None
        self.cut_all()

    def cut_all(self):
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except (OSError, ValueError):
                pass

    def close(self):
        self.down()
        self.folder.cleanup()

    # --- what it does ---

    def add(self, fault, method="", path="", times=1):
        rule = Rule(fault, method, re.compile(path), times)
        with self.lock:
            self.rules.append(rule)
        return rule

    def clear(self):
        with self.lock:
            self.rules.clear()

    def choose(self, method, path):
        with self.lock:
            self.log.append((time.monotonic(), method, path))
            for rule in self.rules:
                if rule.method in ("", method) and rule.path.search(path) and (rule.times is None or rule.hits < rule.times):
                    rule.hits += 1
                    self.hits[rule.fault.name] = self.hits.get(rule.fault.name, 0) + 1
                    return rule.fault
        return None

    def seen(self, method="", path=""):
        """Times at which such requests came."""
        with self.lock:
            return [at for at, m, p in self.log if method in ("", m) and re.search(path, p)]

    def kubeconfig(self, path, user=None, namespace="default", cluster=None):
        """Writes a kubeconfig through this proxy; `user`: the credentials, `cluster`: more fields of the cluster."""
        text = json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "faults",
                           "clusters": [{"name": "faults", "cluster": {"server": self.url, "certificate-authority": str(self.ca),
                                                                       **(cluster or {})}}],
                           "users": [{"name": "faults", "user": user or {"token": "any"}}],
                           "contexts": [{"name": "faults", "context": {"cluster": "faults", "user": "faults", "namespace": namespace}}]})
        path = pathlib.Path(path)
        path.touch(mode=0o600)
        path.write_text(text)
        return path


class _Cut(Exception):
    pass


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner = None

    def log_message(self, *_args):
        pass

    def setup(self):
        super().setup()
        self.upstream = None

    def finish(self):
        if self.upstream:
            self.upstream.close()
        try:
            super().finish()
        except OSError:
            pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (_Cut, OSError, http.client.HTTPException):
            self.close_connection = True
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def do(self):
        owner = self.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        fault = owner.choose(self.command, self.path)
        if owner.accepts is not None and token not in owner.accepts:
            fault = status(401, reason="Unauthorized")
        fault = fault or Fault("none")
        takes(fault.before)
        if fault.cut == "before":
            raise _Cut
        if fault.status:
            self.answer(fault.status, fault.headers, fault.body)
            return
        response = self.forward(body)
        if fault.cut == "after":
            response.read()
            raise _Cut
        takes(fault.after)
        if "watch=" in self.path and response.status == 200:
            self.stream(response, fault)
            return
        data = response.read()
        headers = [(k, v) for k, v in response.getheaders() if k.lower() not in HOP]
        if fault.cut == "body":
            self.answer(response.status, headers, data[: len(data) // 2], length=len(data))
            raise _Cut
        self.answer(response.status, headers, data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do

    def forward(self, body):
        owner = self.owner
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
        if owner.token:
            headers["Authorization"] = f"Bearer {owner.token}"
        for attempt in (0, 1):  # a kept connection may have gone
            fresh = self.upstream is None
            if fresh:
                self.upstream = http.client.HTTPSConnection(owner.upstream.hostname, owner.upstream.port, timeout=60,
                                                            context=owner.upstream_context)
            try:
                self.upstream.request(self.command, self.path, body or None, headers)
                return self.upstream.getresponse()
            except (OSError, http.client.HTTPException):
                self.upstream.close()
                self.upstream = None
                if fresh or attempt:
                    raise
        raise _Cut

    def answer(self, code, headers, body, length=None):
        self.send_response_only(code)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def stream(self, response, fault):
        self.send_response_only(200)
        self.send_header("Content-Type", response.getheader("Content-Type") or "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        left = fault.events
        upstream, self.upstream = self.upstream, None  # its rest is never read
        upstream.sock.settimeout(None)
        over = threading.Event()
        threading.Thread(target=self.follow_client, args=(upstream.sock, over), daemon=True).start()
        buffered = b""
        try:
            while left != 0:
                piece = response.read1(65536)
                if not piece:
                    break
                buffered += piece
                while b"\n" in buffered and left != 0:
                    line, buffered = buffered.split(b"\n", 1)
                    self.chunk(line + b"\n")
                    left -= left > 0
            if left == 0:
                self.end_as(fault.then)
            self.chunk(b"")
        finally:
            over.set()
            upstream.close()

    def client_spoke(self, seconds):
        """A client of a watch says nothing more: it is readable when it has gone."""
        return bool(select.select([self.connection], [], [], seconds)[0])

    def follow_client(self, upstream, over):
        """Ends a watch whose client has gone, so that reading on does not wait for the server."""
        try:
            while not over.is_set():
                if self.client_spoke(0.2):
                    upstream.shutdown(socket.SHUT_RDWR)
                    return
        except (OSError, ValueError):
            pass

    def end_as(self, then):
        if then == "cut":
            raise _Cut
        if then == "410":
            self.chunk(json.dumps({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410,
                                                               "reason": "Expired", "message": "too old resource version"}}).encode() + b"\n")
        while then == "stall" and not self.client_spoke(0.2):
            pass

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()
