#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Not one request may fail while the configuration changes, while one process follows another, while one ends.
SERIN_LONG=1: a thousand changes at 1,000 requests/s, and many more generations of processes."""
import array
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import mortal  # noqa: E402
from proxy import (BIN, HOST, Backend, Proxy, Reader, check, connect, destination_rule, endpoint, equal, fetch, flatten,  # noqa: E402
                   main, read_response, reply, request_bytes, service, virtual_service, wait_for)
from streams import Events, WebSocket  # noqa: E402

LONG = os.environ.get("SERIN_LONG") == "1"
TOOLS = pathlib.Path(BIN).parent


class Load:
    """Clients that keep their connections, one request after the other, until told to stop. A connection may end only
    where the answer before said so."""

    def __init__(self, port, clients=4, rate=None):
        self.port, self.failures, self.count = port, [], 0
        self.pause = clients / rate if rate else 0
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        sock = reader = None
        done, failures = 0, []
        due = time.monotonic()
        while not self.stop.is_set():
            try:
                if sock is None:
                    sock = connect(self.port)
                    reader = Reader(sock)
                sock.sendall(request_bytes(path=f"/{done}"))
                got = read_response(reader)
                if got.status != 200:
                    failures.append(repr(got))
                if got.get("connection") == "close":
                    sock.close()
                    sock = None
                done += 1
                with self.lock:
                    self.count += 1
            except (OSError, EOFError, ValueError) as error:
                failures.append(f"request {done}: {error!r}")
                sock = None
            if self.pause:
                due += self.pause
                left = due - time.monotonic()
                if left > 0:
                    self.stop.wait(left)
        if sock:
            sock.close()
        with self.lock:
            self.failures += failures

    def more(self, count):
        want = self.count + count
        wait_for(f"{count} more requests", lambda: self.count >= want)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(20)
        check(not self.failures, f"{len(self.failures)} of {self.count} requests failed: {self.failures[:5]}")
        return self.count


def one(backend):
    return [service(), endpoint("a", "v1", backend.address, backend.port)]


def test_changes_lose_nothing():
    changes = 1000 if LONG else 50
    with Backend("v1") as a, Backend("v2") as b, Backend("v2") as c:
        first, second, third = (endpoint("a", "v1", a.address, a.port), endpoint("b", "v2", b.address, b.port),
                                endpoint("c", "v2", c.address, c.port))
        worlds = [[service(), ends, destination_rule(policy=policy), virtual_service(weights)]
                  for ends, weights, policy in (
                      ([first, second], {"v1": 90, "v2": 10}, None),
                      ([first, third], {"v1": 10, "v2": 90}, {"loadBalancer": {"simple": "ROUND_ROBIN"}}),
                      ([first, second, third], {"v1": 0, "v2": 100}, None),
                      ([first], {"v1": 100, "v2": 0}, {"loadBalancer": {"simple": "RANDOM"}}))]
        with Proxy(worlds[0], workers=2) as p:
            load = Load(p.port, 4, rate=1000 if LONG else 500)
            before = p.version()
            for i in range(changes):
                p.configure(worlds[(i + 1) % len(worlds)])
            check(p.version() - before >= changes, "some changes were not taken")
            load.more(50)
            count = load.end()
            p.wait_sum(count, "istio_requests_total", response_code="200", response_flags="-")
            print(f"# {changes} changes, {count} requests")


# ---- one process after the other ----

class Line:
    """Generations of a proxy that opens its sockets itself."""

    def __init__(self, objects, options=()):
        self.folder = tempfile.TemporaryDirectory(prefix="serin-line-")
        self.root = pathlib.Path(self.folder.name)
        self.path = self.root / "hand-over"
        self.manifests = self.root / "manifests"
        self.manifests.mkdir()
        (self.manifests / "all.yaml").write_text("\n---\n".join(json.dumps(o) for o in flatten(objects)))
        self.options = list(options)
        self.processes = []
        self.port = self.admin_port = 0

    def start(self, workers=2, source=None, listen="127.0.0.1:0"):
        log = open(self.root / f"log.{len(self.processes)}", "ab")
        source = source or ["--manifests", str(self.manifests)]
        process = subprocess.Popen(mortal([BIN, "proxy", "--listen", listen, "--admin", "127.0.0.1:0", "--hand-over", str(self.path),
                                    "--workers", str(workers), "--drain-time", "20s"] + source + self.options), stderr=log)
        self.processes.append(process)
        return process

    def log(self, number=-1):
        number = number if number >= 0 else len(self.processes) + number
        return (self.root / f"log.{number}").read_text()

    def begin(self, workers=2):
        process = self.start(workers)
        wait_for("the addresses", lambda: "msg=admin" in self.log() and self.path.exists())
        self.port = int(re.search(r"msg=listening address=127.0.0.1 port=(\d+)", self.log())[1])
        self.admin_port = int(re.search(r"msg=admin address=127.0.0.1 port=(\d+)", self.log())[1])
        return process

    def follow(self, workers=2):
        """The next generation: returns when the one before has ended."""
        old = self.processes[-1]
        new = self.start(workers)
        equal(old.wait(40), 0, "exit code of the old process")
        check(new.poll() is None, f"the new process ended: {self.log()}")
        return new

    def info(self):
        with connect(self.admin_port) as s:
            s.sendall(request_bytes(path="/server_info", host="x", fields=[("Connection", "close")]))
            return json.loads(read_response(Reader(s)).body)

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            process.wait(40)
        logs = "".join(self.log(i) for i in range(len(self.processes)))
        self.folder.cleanup()
        check("Sanitizer" not in logs and "runtime error" not in logs, f"a sanitizer spoke: {logs[-3000:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def test_generations_lose_nothing():
    with Backend() as b, Line(one(b)) as line:
        line.begin(2)
        load = Load(line.port, 4, rate=1000 if LONG else 500)
        load.more(20)
        for i in range(30 if LONG else 3):
            new = line.follow((1, 3, 2)[i % 3])  # fewer workers than sockets, and more
            load.more(50)
            equal(line.info()["concurrency"], (1, 3, 2)[i % 3], "the new process answers on the old admin port")
            check(new.poll() is None, "the new process lives")
        count = load.end()
        print(f"# {len(line.processes)} generations, {count} requests")
        check(line.path.exists(), "the path is the last one's")
        last = line.processes[-1]
        last.terminate()
        equal(last.wait(40), 0, "exit code")
        check(not line.path.exists(), "the path is left")


class Agent:
    """A backend that keeps up with a thousand requests a second."""

    def __init__(self):
        with socket.socket() as it:
            it.bind(("127.0.0.1", 0))
            self.address, self.port = it.getsockname()
        self.process = subprocess.Popen(mortal([TOOLS / "research-agent"]), env={**os.environ, "POD_IP": self.address, "PORT": str(self.port)},
                                        stdout=subprocess.DEVNULL)

    def __enter__(self):
        wait_for("the agent to listen", lambda: self.answers())
        return self

    def answers(self):
        try:
            connect(self.port).close()
            return True
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)


def test_generations_at_a_thousand_requests_a_second():
    if not LONG:
        return print("# only with SERIN_LONG=1")
    with Agent() as agent, Line(one(agent)) as line:
        line.begin(2)
        so_far = line.root / "load.json"
        load = subprocess.Popen([TOOLS / "serin-load", "--port", str(line.port), "--host", HOST, "--rate", "1000", "--threads", "8",
                                 "--duration", "600", "--report", so_far], stdout=subprocess.PIPE, text=True)
        began = time.monotonic()
        for i in range(30):
            wait_for("a thousand requests", lambda: so_far.exists() and json.loads(so_far.read_text())["sent"] >= 1000 * (i + 1), 60)
            line.follow((1, 3, 2)[i % 3])
        load.terminate()
        report = json.loads(load.communicate(timeout=30)[0])
        rate = report["sent"] / (time.monotonic() - began)
        print(f"# {len(line.processes)} generations, {report['sent']} requests, {rate:.0f} a second")
        equal({key: report[key] for key in ("refused", "reset", "timeout", "garbage")}, dict.fromkeys(("refused", "reset", "timeout", "garbage"), 0), "lost")
        equal(list(report["statuses"]), ["200"], "answers")


def test_listeners_of_gateways_are_handed_over():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with Backend() as b:
        group = "gateway.networking.k8s.io/v1"
        gateway = {"apiVersion": group, "kind": "Gateway", "metadata": {"name": "gw", "namespace": "team1"},
                   "spec": {"gatewayClassName": "serin", "listeners": [{"name": "http", "port": port, "protocol": "HTTP"}]}}
        route = {"apiVersion": group, "kind": "HTTPRoute", "metadata": {"name": "r", "namespace": "team1"},
                 "spec": {"parentRefs": [{"name": "gw"}],
                          "rules": [{"backendRefs": [{"name": "research-agent", "port": 80}]}]}}
        with Line(one(b) + [gateway, route]) as line:
            line.begin(2)
            wait_for("the Gateway's listener", lambda: f"port={port}" in line.log())
            load = Load(port, 3, rate=300)
            load.more(20)
            for workers in (1, 3):
                line.follow(workers)
                load.more(30)
            load.end()
            check("not open" not in line.log(), f"a socket was opened anew: {line.log()}")


def test_new_connections_only():
    """Each on a connection of its own: the queue of a listening socket must live on."""
    with Backend() as b, Line(one(b)) as line:
        line.begin(2)
        failures, count, stop = [], [0], threading.Event()

        def run():
            while not stop.is_set():
                try:
                    got = fetch(line.port)
                    if got.status != 200:
                        failures.append(repr(got))
                except (OSError, EOFError) as error:
                    failures.append(repr(error))
                count[0] += 1

        threads = [threading.Thread(target=run, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for workers in (1, 2) * (10 if LONG else 1):
            line.follow(workers)
        stop.set()
        for thread in threads:
            thread.join(20)
        check(not failures and count[0] > 20, f"{len(failures)} of {count[0]} failed: {failures[:5]}")


def test_a_request_may_outlive_its_process():
    begun, go = threading.Event(), threading.Event()

    def answer(request, sock):
        if request.target == "/slow":
            begun.set()
            go.wait(20)
        return reply()

    with Backend(answer=answer) as b, Line(one(b)) as line:
        old = line.begin(1)
        with connect(line.port) as s:
            s.sendall(request_bytes(path="/slow"))
            check(begun.wait(20), "the request arrives")
            line.start(1)
            wait_for("the hand-over", lambda: 'msg="handed over"' in line.log(0))
            equal(fetch(line.port).status, 200, "the new process answers")
            check(old.poll() is None, "the old one waits for its request")
            go.set()
            got = read_response(Reader(s))
            equal((got.status, got.get("connection")), (200, "close"), "the slow answer")
        equal(old.wait(40), 0, "exit code")


def test_a_successor_that_dies_half_way_changes_nothing():
    with Backend() as b, Line(one(b)) as line:
        old = line.begin(2)
        load = Load(line.port, 2, rate=300)
        load.more(5)
        # One that takes the sockets and goes.
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(20)
            s.connect(str(line.path))
            s.sendall(b"serin.1")
            text, ancillary, _, _ = s.recvmsg(4096, socket.CMSG_SPACE(64 * 4))
            equal(text, b"sockets 2 1", "the offer")
            fds = array.array("i")
            fds.frombytes(ancillary[0][2])
            equal(len(fds), 3, "descriptors")
            for fd in fds:
                os.close(fd)
        wait_for("its end to be noticed", lambda: "ended before it was ready" in line.log(0))
        # One that never gets a configuration, and is killed.
        dead = line.start(2, source=["--kube-api", "http://127.0.0.1:1"])
        wait_for("the sockets", lambda: "took listening sockets over" in line.log())
        dead.kill()
        dead.wait(20)
        wait_for("its end to be noticed", lambda: line.log(0).count("ended before it was ready") == 2)
        # One that speaks another language.
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(20)
            s.connect(str(line.path))
            s.sendall(b"hello?")
            equal(s.recv(100), b"", "refused")
        load.more(20)
        check(old.poll() is None, "the old process lives")
        line.processes.remove(dead)
        (line.root / "log.1").rename(line.root / "dead")
        line.follow(1)
        load.more(20)
        load.end()
        check((os.stat(line.path).st_mode & 0o777) == 0o600, "others may ask for the sockets")


def test_an_address_that_is_not_wanted_any_more():
    """Its waiting connections are answered by the old process, not left to nobody."""
    with Backend() as b, Line(one(b)) as line:
        old = line.begin(1)
        line.start(1, listen="127.0.0.2:0")
        equal(old.wait(40), 0, "exit code")
        wait_for("the new address", lambda: "msg=listening address=127.0.0.2" in line.log())
        try:
            connect(line.port).close()
            raise AssertionError("the old address is still open")
        except ConnectionRefusedError:
            pass


# ---- streams ----

def streaming(name):
    """/ws speaks to whoever speaks, /events says its name now and then, /download takes until told."""
    go = threading.Event()

    def answer(request, sock):
        if request.target == "/ws":
            sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
            while True:
                got = sock.recv(100)
                if not got:
                    return None
                sock.sendall(name.encode() + b":" + got)
        if request.target == "/events":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                while True:
                    event = f"data: {name}\n\n".encode()
                    sock.sendall(b"%x\r\n%s\r\n" % (len(event), event))
                    go.wait(0.02)
            except OSError:
                return None
        if request.target == "/download":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
            go.wait(20)
            sock.sendall(b"def")
            return b""
        return reply(body=name.encode())

    backend = Backend(name, answer=answer)
    backend.go = go
    return backend


def shifted(a, b, weights):
    return [service(), endpoint("a", "v1", a.address, a.port), endpoint("b", "v2", b.address, b.port), destination_rule(),
            virtual_service(weights)]


def test_streams_on_a_version_without_traffic_end_in_time():
    with streaming("v1") as a, streaming("v2") as b, tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "access.log"
        with Proxy(shifted(a, b, {"v1": 100, "v2": 0}), workers=1,
                   options=["--stream-drain-time", "500ms", "--access-log", str(log), "--access-log-format", "json"]) as p:
            socket_1, events_1 = WebSocket(p.port), Events(p.port)
            download = connect(p.port)
            download.sendall(request_bytes(path="/download"))
            wait_for("the download", lambda: any(r.target == "/download" for r in a.requests))
            equal(socket_1.say(b"one"), b"v1:one", "the stream")
            p.configure(shifted(a, b, {"v1": 0, "v2": 100}))
            wait_for("the streams to have a time", lambda: p.metric_sum("serin_proxy_streams_draining") == 2)
            socket_2, events_2 = WebSocket(p.port), Events(p.port)
            equal(socket_1.say(b"two"), b"v1:two", "within their time they go on")
            socket_1.ended()
            check(b"data: v1" in events_1.ended(), "events until the end")
            equal(p.metric_sum("serin_proxy_streams_drained_total"), 2, "counted")
            equal(p.metric_sum("serin_proxy_streams_draining"), 0, "none is left")
            equal(socket_2.say(b"three"), b"v2:three", "streams of the other version go on")
            a.go.set()  # a download has an end of its own: it is waited for
            equal(read_response(Reader(download)).body, b"abcdef", "the download")
            download.close()
            p.wait_sum(2, "istio_requests_total", response_flags="DT", destination_version="v1")
            wait_for("their lines", lambda: log.read_text().count("stream_drained") == 2)
            lines = [json.loads(line) for line in log.read_text().splitlines() if "stream_drained" in line]
            equal({line["response_flags"] for line in lines}, {"DT"}, "flags")
            # An endpoint that goes away is the same.
            p.configure([service(), endpoint("a", "v1", a.address, a.port), destination_rule(), virtual_service({"v1": 100})])
            socket_2.ended()
            events_2.ended()
            p.wait_sum(4, "serin_proxy_streams_drained_total")


def test_a_websocket_is_closed_as_its_endpoints_would():
    heard = []

    def answer(request, sock):
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi")
        while True:
            got = sock.recv(100)
            heard.append(got)
            if not got:
                return None

    with Backend(answer=answer) as a, Proxy(one(a), workers=1, options=["--drain-time", "200ms"]) as p:
        client = WebSocket(p.port)
        equal(client.reader.exactly(4), b"\x81\x02hi", "a frame of the server")
        client.sock.sendall(b"\x81\x82\0\0\0\0yo")
        wait_for("a frame of the client", lambda: b"yo" in b"".join(heard))
        p.terminate()
        equal(client.reader.exactly(4), b"\x88\x02\x03\xe9", "close, going away")
        client.ended()
        wait_for("the backend's end", lambda: heard[-1] == b"")
        equal(b"".join(heard), b"\x81\x82\0\0\0\0yo" + b"\x88\x82\0\0\0\0\x03\xe9", "the same for the backend")
        equal(p.wait_ended(), 0, "exit code")


def test_traffic_that_comes_back_keeps_its_streams():
    with streaming("v1") as a, streaming("v2") as b:
        with Proxy(shifted(a, b, {"v1": 50, "v2": 50}), workers=1, options=["--stream-drain-time", "600s"]) as p:
            streams = [WebSocket(p.port) for _ in range(8)]
            first = sum(stream.say(b"hi") == b"v1:hi" for stream in streams)
            check(0 < first < 8, f"{first} of 8 are on v1")
            p.configure(shifted(a, b, {"v1": 0, "v2": 100}))
            wait_for("a time for those", lambda: p.metric_sum("serin_proxy_streams_draining") == first)
            p.configure(shifted(a, b, {"v1": 10, "v2": 90}))
            wait_for("no time for any", lambda: p.metric_sum("serin_proxy_streams_draining") == 0)
            for stream in streams:
                check(stream.say(b"on").endswith(b":on"), "the stream goes on")
                stream.sock.close()


def test_a_stream_keeps_no_old_table():
    with streaming("v1") as a, streaming("v2") as b, tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "access.log"
        options = ["--access-log", str(log), "--access-log-format", "json"]
        with Proxy(shifted(a, b, {"v1": 100, "v2": 0}), workers=1, options=options) as p:
            streams = []
            for i in range(6):  # each begins with a table of its own
                streams.append(WebSocket(p.port))
                p.configure(shifted(a, b, {"v1": 50 + i, "v2": 0}))
            wait_for("the old tables to go", lambda: p.metric_sum("serin_proxy_tables") == 2)
            for stream in streams:
                equal(stream.say(b"still"), b"v1:still", "the stream")
                stream.sock.close()
            p.wait_sum(6, "istio_requests_total", response_code="101", destination_version="v1")
            wait_for("their lines", lambda: log.read_text().count("\n") == 6)
            line = json.loads(log.read_text().splitlines()[0])
            equal((line["upstream_host"], line["upstream_cluster"]),
                  (f"{a.address}:{a.port}", f"outbound|80|v1|{HOST}"), "line")


def test_the_end_closes_streams_in_an_orderly_way():
    with streaming("v1") as a, Proxy(one(a), workers=2, options=["--drain-time", "300ms"]) as p:
        socket_1, events = WebSocket(p.port), Events(p.port)
        equal(socket_1.say(b"one"), b"v1:one", "the stream")
        p.terminate()
        socket_1.ended()
        check(b"data: v1" in events.ended(), "events until the end")
        equal(p.wait_ended(), 0, "exit code")


# ---- the end ----

def test_the_end_waits_for_requests():
    begun, go = threading.Event(), threading.Event()

    def answer(request, sock):
        begun.set()
        go.wait(20)
        return reply(body=b"late")

    with Backend(answer=answer) as b, Proxy(one(b), workers=2) as p:
        with connect(p.port) as s, connect(p.port) as idle:
            s.sendall(request_bytes())
            check(begun.wait(20), "the request arrives")
            p.terminate()
            wait_for("readiness to fail", lambda: p.admin("/ready").status == 503)
            idle.sendall(request_bytes(path="/last"))  # it was under way: still answered
            go.set()
            got = read_response(Reader(s))
            equal((got.status, got.body, got.get("connection")), (200, b"late", "close"), "the running request")
            got = read_response(Reader(idle))
            equal((got.status, got.get("connection")), (200, "close"), "the last request")
        equal(p.wait_ended(), 0, "exit code")


def test_a_lame_duck_serves_on():
    """Told to end it is not ready any more, but whoever has not heard of that is served; a second signal ends it."""
    with Backend() as b, Proxy(one(b), workers=2, options=["--lame-duck", "10m"]) as p:
        p.terminate()
        wait_for("readiness to fail", lambda: p.admin("/ready").status == 503)
        for _ in range(20):
            got = fetch(p.port)
            equal((got.status, got.get("connection")), (200, "close"), "a new connection")
        p.terminate()
        equal(p.wait_ended(), 0, "exit code")


def test_the_end_waits_no_longer_than_the_drain_time():
    hang = threading.Event()
    with Backend(answer=lambda request, sock: hang.wait(30) and None) as b:
        with Proxy(one(b), workers=1, options=["--drain-time", "300ms"]) as p, connect(p.port) as s:
            s.sendall(request_bytes())
            wait_for("the request", lambda: b.requests)
            p.terminate()
            equal(p.wait_ended(), 0, "exit code")
            hang.set()


main(globals())
