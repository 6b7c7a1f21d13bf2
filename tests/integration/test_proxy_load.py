#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What must hold while requests are under way: no request lost to kept connections, to new tables, to a restart; memory bounded."""
import collections
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import *
from waiting import measured, settled, takes


class Load:
    """Clients that send requests one after the other, half of them on kept connections, until stopped. A kept connection that
    the proxy announced to close is opened anew; one that it closes without a word is a failure when a request was on it."""

    def __init__(self, port, clients=8, method=lambda i: "GET", body=b""):
        self.port, self.method, self.body = port, method, body
        self.failures, self.bodies = [], collections.Counter()
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(i, i % 2 == 0), daemon=True) for i in range(clients)]
        for t in self.threads:
            t.start()

    def _run(self, number, keep):
        sock = None
        count = 0
        while not self.stopped.is_set():
            count += 1
            method = self.method(count)
            fields = [] if keep else [("Connection", "close")]
            try:
                if sock is None:
                    sock = connect(self.port)
                    reader = Reader(sock)
                sock.sendall(request_bytes(method, f"/{number}/{count}", fields=fields, body=self.body if method != "GET" else b""))
                got = read_response(reader, method)
                with self.lock:
                    self.bodies[got.body] += 1
                    if got.status != 200:
                        self.failures.append(f"{method}: {got.status} {got.body[:120]!r}")
                if got.get("connection") == "close":
                    sock.close()
                    sock = None
            except (OSError, EOFError) as error:
                with self.lock:
                    self.failures.append(f"{method} on a {'kept' if keep and count > 1 else 'new'} connection: {error!r}")
                if sock:
                    sock.close()
                sock = None

    def total(self):
        with self.lock:
            return sum(self.bodies.values())

    def wait(self, more):
        goal = self.total() + more
        wait_for(f"{more} more answers", lambda: self.total() >= goal, 60)

    def stop(self):
        self.stopped.set()
        for t in self.threads:
            t.join(DEADLINE)
            check(not t.is_alive(), "a client hangs")
        check(not self.failures, f"{len(self.failures)} of {self.total()} failed: {self.failures[:5]}")


def two_versions(a, b, weights, **route):
    return [service(), endpoint("agent-v1", "v1", a.address, a.port), endpoint("agent-v2", "v2", b.address, b.port),
            destination_rule(), virtual_service(weights, **route)]


def test_a_dead_kept_connection_is_nobodys_error():
    with Backend() as b, Proxy(simple(b), workers=1) as p:
        for method in ("GET", "POST", "PUT", "DELETE"):
            for _ in range(10):
                body = b"x" * 5000 if method in ("POST", "PUT") else b""
                equal(fetch(p.port, method, body=body).status, 200, method)
                b.close_connections()
                got = fetch(p.port, method, body=body)
                equal(got.status, 200, f"{method} after the backend closed its connections")
                check(b.requests[-1].body == body, "the body")
                equal(b.requests[-1].get("x-envoy-attempt-count"), "1", "attempt count")


def test_connections_that_die_with_the_request():
    # The backend reads a request on a kept connection and closes: to us it looks like a connection that was closed before.
    def answer(r, s):
        with lock:
            served[r.connection] += 1
            return None if served[r.connection] == 3 else reply(body=r.body or b"ok")
    lock, served = threading.Lock(), collections.Counter()
    with Backend(answer=answer) as b, Proxy(simple(b), workers=1) as p:
        for method in ("GET", "PUT"):
            body = b"y" * 30000 if method == "PUT" else b""
            with connect(p.port) as s:
                reader = Reader(s)
                for i in range(30):
                    s.sendall(request_bytes(method, body=body))
                    got = read_response(reader)
                    equal((got.status, got.body), (200, body or b"ok"), f"{method} {i}")
        check(p.metric_sum("istio_requests_total", response_code="503") == 0, "503")
        # A POST that was sent may have been done: it is not sent again.
        with connect(p.port) as s:
            reader = Reader(s)
            statuses = []
            for i in range(12):
                s.sendall(request_bytes("POST", body=b"z"))
                statuses.append(read_response(reader).status)
        check(503 in statuses, f"a POST was repeated: {statuses}")
        equal(len([r for r in b.requests if r.method == "POST"]), 12, "POSTs seen by the backend")


def test_a_backend_that_closes_at_random():
    count = [0]
    def answer(r, s):
        count[0] += 1
        if count[0] % 7 == 0:
            s.sendall(reply())
            return None  # closes right after its answer, without a word
        return reply()
    with Backend(answer=answer) as b, Proxy(simple(b)) as p:
        load = Load(p.port)
        load.wait(3000)
        load.stop()


def test_connections_serve_as_often_as_allowed():
    with Backend() as b:
        objects = [service(), endpoint("agent-v1", "v1", b.address, b.port),
                   destination_rule(["v1"], policy={"connectionPool": {"http": {"maxRequestsPerConnection": 3}}})]
        with Proxy(objects, workers=1) as p, connect(p.port) as s:
            reader = Reader(s)
            for _ in range(12):
                s.sendall(request_bytes())
                equal(read_response(reader).status, 200, "status")
            equal(b.connections, 4, "connections for twelve requests")
            check(max(collections.Counter(r.connection for r in b.requests).values()) == 3, "requests of a connection")


def test_weights_are_kept():
    with Backend("v1") as a, Backend("v2") as b:
        for weights, n, share in (({"v1": 90, "v2": 10}, 2000, 0.10), ({"v1": 50, "v2": 50}, 1000, 0.5), ({"v1": 0, "v2": 100}, 200, 1.0),
                                  ({"v1": 999, "v2": 1}, 4000, 0.001), ({"v1": 100, "v2": 0}, 200, 0.0)):
            with Proxy(two_versions(a, b, weights), workers=2) as p:
                seen = collections.Counter()
                with connect(p.port) as s, connect(p.port) as t:
                    readers = [(s, Reader(s)), (t, Reader(t))]
                    for i in range(n):
                        sock, reader = readers[i % 2]
                        sock.sendall(request_bytes())
                        seen[read_response(reader).body] += 1
                # Each worker is right to a request or two, whatever n is.
                check(abs(seen[b"v2"] - share * n) <= 4, f"{weights}: {seen[b'v2']} of {n} went to v2")
                p.wait_sum(seen[b"v2"], "istio_requests_total", destination_version="v2")


def test_new_tables_lose_nothing():
    with Backend("v1") as a, Backend("v2") as b, Proxy(two_versions(a, b, {"v1": 100, "v2": 0})) as p:
        load = Load(p.port, method=lambda i: "POST" if i % 3 else "GET", body=b"x" * 2000)
        for i in range(25):
            share = (i * 37) % 101
            p.configure(two_versions(a, b, {"v1": 100 - share, "v2": share} if i % 5 else {"v1": 0, "v2": 100}, timeout=f"{10 + i}s"))
            load.wait(50)
        # Endpoints come and go, connections to those that stay are kept.
        p.configure([service(), endpoint("agent-v2", "v2", b.address, b.port)])
        load.wait(100)
        before = a.connections
        load.wait(300)
        equal(a.connections, before, "connections to an endpoint that is gone")
        load.stop()
        wait_for("the connections to be closed", lambda: not a.socks)


def test_a_request_keeps_the_table_it_started_with():
    with Backend("v1", answer=lambda r, s: (takes(0.5), reply(body=b"v1"))[1]) as a, Backend("v2") as b, \
            Proxy(two_versions(a, b, {"v1": 100, "v2": 0})) as p:
        with connect(p.port) as s:
            s.sendall(request_bytes())
            wait_for("the request to arrive", lambda: a.requests)
            p.configure([service(), endpoint("agent-v2", "v2", b.address, b.port)])
            equal(fetch(p.port).body, b"v2", "a new request")
            equal(read_response(Reader(s)).body, b"v1", "the old one")


def test_a_restart_loses_nothing():
    with Backend("v1") as a, Proxy(simple(a), options=["--drain-time", "10s"]) as p:
        load = Load(p.port, method=lambda i: "POST" if i % 2 else "GET", body=b"x" * 500)
        for _ in range(4):
            load.wait(300)
            old = p.process
            p.terminate()
            equal(p.wait_ended(), 0, "exit code")
            check(old.poll() is not None, "the old process ended")
            p.start()
            p.wait_ready()
        load.wait(300)
        load.stop()


def test_old_and_new_process_side_by_side():
    with Backend("v1") as a, Proxy(simple(a)) as p:
        load = Load(p.port)
        for _ in range(3):
            load.wait(300)
            old = p.process
            p.start()
            p.wait_ready()
            old.terminate()
            equal(old.wait(DEADLINE), 0, "exit code")
        load.wait(300)
        load.stop()


def test_a_drain_lets_requests_end():
    release = threading.Event()
    def answer(r, s):
        check(release.wait(DEADLINE), "not released")
        return reply(body=b"slow")
    with Backend(answer=answer) as b, Proxy(simple(b), options=["--drain-time", "20s"]) as p:
        with connect(p.port) as busy, connect(p.port) as idle:
            busy.sendall(request_bytes())
            wait_for("the request to arrive", lambda: b.requests)
            p.terminate()
            wait_for("the drain", lambda: p.admin("/ready").status == 503)
            reader = Reader(idle)
            equal(reader.rest(), b"", "an idle connection is closed gracefully")
            release.set()
            got = read_response(Reader(busy))
            equal((got.status, got.body, got.get("connection")), (200, b"slow", "close"), "the running request")
        equal(p.wait_ended(), 0, "exit code")


def test_a_drain_has_an_end():
    with Backend(answer=lambda r, s: (takes(30), reply())[1]) as b, Proxy(simple(b), options=["--drain-time", "300ms"]) as p:
        with connect(p.port) as s:
            s.sendall(request_bytes())
            wait_for("the request to arrive", lambda: b.requests)
            p.terminate()
            equal(p.wait_ended(10), 0, "exit code")


def test_slow_readers_cost_bounded_memory():
    size = 64 << 20
    sent = collections.Counter()
    def answer(r, s):
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        piece = b"z" * 65536
        s.settimeout(DEADLINE)
        while sent[r.target] < size:
            s.sendall(piece)
            sent[r.target] += len(piece)
        return b""
    with Backend(answer=answer) as b, Proxy(simple(b), workers=1) as p:
        before = p.memory_kb()
        socks = [connect(p.port) for _ in range(8)]
        for i, s in enumerate(socks):
            s.sendall(request_bytes(path=f"/{i}"))
        settled("the backend to be held back", lambda: sum(sent.values()))
        grown = p.memory_kb() - before
        check(sum(sent.values()) < 8 * (32 << 20), "the backend was not held back")
        check(grown < 8 * 1024, f"memory grew by {grown} KiB for 8 slow readers")
        # And all of it arrives once it is read.
        reader = Reader(socks[0])
        reader.head()
        left = size - len(reader.data)
        while left:
            reader.data.clear()
            reader.more()
            left -= len(reader.data)
        for s in socks:
            s.close()


def test_slow_backends_hold_uploads_back():
    release = threading.Event()
    def on_head(line, fields, reader, sock):
        release.wait(DEADLINE)
        body = reader.body(fields)
        sock.sendall(reply(body=str(len(body)).encode()))
        return True
    size = 32 << 20
    with Backend(on_head=on_head) as b, Proxy(simple(b), workers=1) as p:
        before = p.memory_kb()
        with connect(p.port) as s:
            sent = [0]
            def send():
                s.sendall(request_bytes("POST").rstrip(b"\r\n") + f"\r\nContent-Length: {size}\r\n\r\n".encode())
                piece = b"y" * 65536
                while sent[0] < size:
                    s.sendall(piece)
                    sent[0] += len(piece)
            writer = threading.Thread(target=send, daemon=True)
            writer.start()
            settled("the upload to be held back", lambda: sent[0])
            check(sent[0] < size, "the upload was not held back")
            grown = p.memory_kb() - before
            check(grown < 4 * 1024, f"memory grew by {grown} KiB")
            release.set()
            equal(read_response(Reader(s)).body, str(size).encode(), "body length")
            writer.join()


def test_wrk_through_new_tables_and_restarts():
    import shutil
    if not shutil.which("wrk"):
        print("# SKIP wrk is not installed")
        return
    with Backend("v1") as a, Backend("v2") as b, Proxy(two_versions(a, b, {"v1": 50, "v2": 50})) as p:
        clients = [subprocess.Popen(["wrk", "-t1", "-c16", "-d4s", "-H", f"Host: {HOST}"] + more + [f"http://127.0.0.1:{p.port}/"],
                                    stdout=subprocess.PIPE, text=True) for more in ([], ["-H", "Connection: close"])]
        swaps = 0
        while clients[0].poll() is None:
            swaps += 1
            p.write(two_versions(a, b, {"v1": swaps % 101, "v2": 100 - swaps % 101}))
            if swaps % 20 == 0:
                p.terminate()
                equal(p.wait_ended(), 0, "exit code")
                p.start()
            takes(0.03)
        check(swaps > 40, f"only {swaps} tables")
        for client in clients:
            said = client.communicate(timeout=DEADLINE)[0]
            check(int(re.search(r"(\d+) requests in", said).group(1)) > 100, said)
            check("Non-2xx" not in said and "Socket errors" not in said, said)


def test_without_descriptors_it_waits():
    import resource
    with Backend() as b, Proxy(simple(b), workers=1) as p:
        resource.prlimit(p.process.pid, resource.RLIMIT_NOFILE, (40, 40))
        socks = [connect(p.port) for _ in range(60)]  # the kernel takes them all
        answered = 0
        for s in socks:
            try:
                s.sendall(request_bytes())
                answered += read_response(Reader(s)).status in (200, 503)
            except (OSError, EOFError):
                pass  # idle ones are closed for those who wait
        check(answered > 20, f"only {answered} of 60 were answered")
        for s in socks:
            s.close()
        wait_for("a good answer again", lambda: fetch(p.port).status == 200)
        cpu = lambda: sum(int(x) for x in open(f"/proc/{p.process.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])
        before = cpu()
        measured(0.5)
        check(cpu() - before < 25, "the loop spins")


def test_many_connections():
    with Backend() as b, Proxy(simple(b)) as p:
        socks = [connect(p.port) for _ in range(400)]
        for i, s in enumerate(socks):
            s.sendall(request_bytes(path=f"/{i}"))
        for s in socks:
            equal(read_response(Reader(s)).status, 200, "status")
        wait_for("the gauge", lambda: p.metric_sum("envoy_http_downstream_cx_active") == 400)
        for s in socks:
            s.close()
        wait_for("the gauge", lambda: p.metric_sum("envoy_http_downstream_cx_active") == 0)


main(globals())
