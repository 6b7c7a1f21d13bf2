#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a client and a backend see of one exchange through `serin proxy`, over real sockets."""
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import *
from apiserver import mortal
from waiting import takes


def test_a_request_and_its_answer_pass():
    answer = lambda r, s: reply(body=b"hello", fields=[("X-Mine", "1"), ("Connection", "x-hop"), ("X-Hop", "2"), ("Server", "theirs")])
    with Backend(answer=answer) as b, Proxy(simple(b)) as p:
        got = fetch(p.port, path="/a/../b?q=1", fields=[("X-Test", "t"), ("Connection", "x-drop"), ("X-Drop", "d"), ("TE", "trailers"),
                                                         ("Keep-Alive", "5"), ("Proxy-Connection", "x")])
        equal((got.status, got.body), (200, b"hello"), "answer")
        equal(got.get("server"), "envoy", "server")
        equal(got.get("x-mine"), "1", "x-mine")
        equal(got.get("x-hop"), None, "a header named by Connection")
        check(re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", got.get("date") or ""), f"date: {got.get('date')}")
        check((got.get("x-envoy-upstream-service-time") or "").isdigit(), "service time")
        equal(got.get("x-envoy-attempt-count"), None, "attempt count in the answer")
        request = b.requests[0]
        equal((request.method, request.target, request.version), ("GET", "/b?q=1", "HTTP/1.1"), "request line")
        equal(request.get("host"), HOST, "host")
        equal(request.get("x-test"), "t", "x-test")
        equal(request.get("te"), "trailers", "te")
        for name in ("connection", "x-drop", "keep-alive", "proxy-connection", "transfer-encoding", "content-length"):
            equal(request.get(name), None, name)
        check(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", request.get("x-request-id")), "x-request-id")
        equal(request.get("x-forwarded-proto"), "http", "x-forwarded-proto")
        equal(request.get("x-envoy-attempt-count"), "1", "attempt count")
        equal(b.faults, [], "faults seen by the backend")


def test_a_mesh_client_keeps_its_request_id():
    with Backend() as b, Proxy(simple(b)) as p:
        fetch(p.port, fields=[("X-Request-Id", "mine"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "1.2.3.4")])
        equal(b.requests[0].get("x-request-id"), "mine", "x-request-id")
        equal(b.requests[0].get("x-forwarded-proto"), "https", "x-forwarded-proto")
        equal(b.requests[0].get("x-forwarded-for"), "1.2.3.4", "x-forwarded-for")


def test_connections_are_kept_on_both_sides():
    with Backend() as b, Proxy(simple(b), workers=1) as p:
        with connect(p.port) as s:
            reader = Reader(s)
            for i in range(50):
                s.sendall(request_bytes(path=f"/{i}"))
                equal(read_response(reader).status, 200, "status")
        equal(b.connections, 1, "connections to the backend")
        equal([r.target for r in b.requests], [f"/{i}" for i in range(50)], "targets")


def test_pipelined_requests_are_answered_in_order():
    slow_first = lambda r, s: (takes(0.2) if r.target == "/0" else None, reply(body=r.target.encode()))[1]
    with Backend(answer=slow_first) as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            s.sendall(b"".join(request_bytes("POST", f"/{i}", body=b"x" * i) for i in range(40)))
            reader = Reader(s)
            for i in range(40):
                equal(read_response(reader).body, f"/{i}".encode(), "body")
        equal([len(r.body) for r in b.requests], list(range(40)), "bodies")


def test_thousands_of_pipelined_local_answers():
    with Backend() as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            count = 3000
            writer = threading.Thread(target=s.sendall, args=(request_bytes(host="nobody.example") * count,))
            writer.start()
            reader = Reader(s)
            for _ in range(count):
                equal(read_response(reader).status, 502, "status")
            writer.join()


def test_every_way_to_frame_a_body():
    echo = lambda r, s: reply(body=r.body)
    with Backend(answer=echo) as b, Proxy(simple(b)) as p:
        for size in (0, 1, 1000, 16384, 65536, 81920, 300000, 2000000):
            body = bytes(i * 7 % 251 for i in range(size % 1000)) + b"z" * (size - size % 1000)
            got = fetch(p.port, "POST", body=body)
            check(got.body == body, f"content-length body of {size} came back with {len(got.body)} bytes")
            with connect(p.port) as s:
                def send_chunked(s=s, body=body):
                    s.sendall(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
                    for at in range(0, len(body), 7001):
                        piece = body[at:at + 7001]
                        s.sendall(b"%x;ext=1\r\n" % len(piece) + piece + b"\r\n")
                    s.sendall(b"0\r\nX-Trailer: t\r\n\r\n")
                writer = threading.Thread(target=send_chunked)
                writer.start()
                got = read_response(Reader(s))
                writer.join()
                check(got.body == body, f"chunked body of {size} came back with {len(got.body)} bytes")
        equal(b.faults, [], "faults seen by the backend")


def test_every_way_to_frame_an_answer():
    def answer(r, s):
        if r.target == "/chunked":
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"5;x\r\nhello\r\n" * 3 + b"0\r\nT: 1\r\n\r\n"
        if r.target == "/close":
            s.sendall(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
            return None
        if r.target == "/204":
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        if r.target == "/304":
            return b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: e\r\n\r\n"
        if r.target == "/old":
            s.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold")
            return None
        return reply(body=b"" if r.method == "HEAD" else b"12345", fields=()) if r.method != "HEAD" else b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    with Backend(answer=answer) as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            reader = Reader(s)
            for method, path, status, body in (("GET", "/chunked", 200, b"hello" * 3), ("GET", "/close", 200, b"until the end"),
                                               ("GET", "/204", 204, b""), ("GET", "/304", 304, b""), ("HEAD", "/", 200, b""),
                                               ("GET", "/old", 200, b"old"), ("GET", "/", 200, b"12345")):
                s.sendall(request_bytes(method, path))
                got = read_response(reader, method)
                equal((got.status, got.body), (status, body), path)
                if path == "/304":
                    equal(got.get("content-length"), "77", "content-length of 304")
                if method == "HEAD":
                    equal(got.get("content-length"), "5", "content-length of HEAD")
                if path == "/204":
                    equal(got.get("content-length"), None, "content-length of 204")
        check(len(b.requests) == 7, "seven requests")


def test_old_clients_are_served():
    def answer(r, s):
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    with Backend(answer=answer) as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            s.sendall(f"GET / HTTP/1.0\r\nHost: {HOST}\r\nConnection: keep-alive\r\n\r\n".encode())
            got = read_response(Reader(s))
            equal((got.body, got.get("connection"), got.get("transfer-encoding")), (b"hi", "close", None), "an answer without length")
        b.answer = lambda r, s: reply()
        with connect(p.port) as s:
            reader = Reader(s)
            for _ in range(2):
                s.sendall(f"GET / HTTP/1.0\r\nHost: {HOST}\r\nConnection: keep-alive\r\n\r\n".encode())
                got = read_response(reader)
                equal((got.body, got.get("connection")), (b"ok", "keep-alive"), "an answer with length")
            s.sendall(f"GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
            equal(read_response(reader).get("connection"), "close", "without keep-alive")
            equal(reader.rest(), b"", "after the end")
        equal(b.requests[0].version, "HTTP/1.1", "version towards the backend")


def test_answers_stream_as_they_come():
    step = threading.Event()
    def answer(r, s):
        s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for word in (b"one", b"two", b"three"):
            s.sendall(b"%x\r\n%s\r\n" % (len(word), word))
            check(step.wait(DEADLINE), "the client did not see it")
            step.clear()
        return b"0\r\n\r\n"
    with Backend(answer=answer) as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            s.sendall(request_bytes())
            reader = Reader(s)
            reader.head()
            for word in (b"one", b"two", b"three"):
                size = int(reader.until(b"\r\n"), 16)
                equal(reader.exactly(size), word, "chunk")
                reader.exactly(2)
                step.set()
            equal(reader.until(b"\r\n\r\n"), b"0", "last chunk")


def test_requests_stream_as_they_come():
    seen = threading.Event()
    def on_head(line, fields, reader, sock):
        equal(reader.until(b"\r\n"), b"3", "chunk line")
        reader.exactly(5)
        seen.set()
        equal(reader.until(b"0\r\n\r\n"), b"2\r\nde\r\n", "rest")
        sock.sendall(reply())
        return True
    with Backend(on_head=on_head) as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            s.sendall(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n".encode())
            check(seen.wait(DEADLINE), "the backend did not see the first piece before the last was sent")
            s.sendall(b"2\r\nde\r\n0\r\n\r\n")
            equal(read_response(Reader(s)).status, 200, "status")
        equal(b.faults, [], "faults")


def test_expect_continue_is_relayed():
    def on_head(line, fields, reader, sock):
        equal(dict(fields).get("expect"), "100-continue", "expect")
        sock.sendall(b"HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n")
        body = reader.body(fields)
        sock.sendall(reply(body=body))
        return True
    with Backend(on_head=on_head) as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            s.sendall(f"PUT / HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n".encode())
            reader = Reader(s)
            equal(read_response(reader).status, 100, "interim status")
            s.sendall(b"body")
            equal(read_response(reader).body, b"body", "body")
        b.on_head = lambda line, fields, reader, sock: (sock.sendall(reply(417, b"no")), True)[1]
        with connect(p.port) as s:
            s.sendall(f"PUT / HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n".encode())
            reader = Reader(s)
            got = read_response(reader)
            equal((got.status, got.get("connection")), (417, "close"), "a final answer instead")
            equal(reader.rest(), b"", "after the end")


def test_other_interim_answers_are_relayed():
    answer = lambda r, s: b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n" + reply()
    with Backend(answer=answer) as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            s.sendall(request_bytes())
            reader = Reader(s)
            equal([read_response(reader).status for _ in range(2)], [103, 200], "statuses (100 was not asked for)")


def test_an_early_answer_reaches_the_client():
    def on_head(line, fields, reader, sock):
        sock.sendall(reply(413, b"too much"))
        return True
    with Backend(on_head=on_head) as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            s.sendall(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100000000\r\n\r\n".encode() + b"x" * 100000)
            reader = Reader(s)
            got = read_response(reader)
            equal((got.status, got.body, got.get("connection")), (413, b"too much", "close"), "answer")


def test_an_upload_after_the_answer_has_an_end():
    def on_head(line, fields, reader, sock):
        sock.sendall(reply(413, b"too much"))
        return True
    with Backend(on_head=on_head) as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            s.sendall(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100000000000\r\n\r\n".encode())
            equal(read_response(Reader(s)).status, 413, "status")
            def refused():
                try:
                    s.sendall(b"x" * 1000)
                    return False
                except OSError:
                    return True
            wait_for("the proxy to stop reading", refused)


def test_a_half_closed_client_gets_its_answer():
    with Backend(answer=lambda r, s: (takes(0.1), reply())[1]) as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            s.sendall(request_bytes())
            s.shutdown(socket.SHUT_WR)
            reader = Reader(s)
            got = read_response(reader)
            equal((got.status, got.get("connection")), (200, "close"), "answer")
            equal(reader.rest(), b"", "after the end")


def test_a_client_that_leaves_in_its_body_ends_the_exchange():
    seen, gone = threading.Event(), threading.Event()
    def on_head(line, fields, reader, sock):
        seen.set()
        try:
            reader.exactly(1000)
        except EOFError:
            gone.set()
            raise
    with Backend(on_head=on_head) as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            s.sendall(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\nabc".encode())
            check(seen.wait(DEADLINE), "the backend saw no head")
        check(gone.wait(DEADLINE), "the backend still waits")
        p.wait_sum(1, "istio_requests_total", response_code="0", response_flags="DC")


def test_timeouts_answer_504():
    with Backend(answer=lambda r, s: (takes(1), reply())[1]) as b, Proxy(simple(b, timeout="150ms")) as p:
        got = fetch(p.port)
        equal((got.status, got.body, got.get("content-type")), (504, b"upstream request timeout", "text/plain"), "answer")
        equal(b.requests[0].get("x-envoy-expected-rq-timeout-ms"), "150", "expected timeout")
        p.wait_sum(1, "istio_requests_total", response_code="504", response_flags="UT", destination_version="v1")
        equal(fetch(p.port, fields=[("x-envoy-upstream-rq-timeout-ms", "100")]).status, 504, "the client's own timeout")
        equal(b.requests[1].get("x-envoy-expected-rq-timeout-ms"), "100", "expected timeout")
        equal(b.requests[1].get("x-envoy-upstream-rq-timeout-ms"), None, "control header")


def test_a_timeout_in_the_answer_is_noticed():
    def answer(r, s):
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        takes(1)
        return b"defghij"
    with Backend(answer=answer) as b, Proxy(simple(b, timeout="150ms")) as p:
        with connect(p.port) as s:
            s.sendall(request_bytes())
            reader = Reader(s)
            try:
                read_response(reader)
                check(False, "the answer looked complete")
            except (EOFError, ConnectionError):
                pass
        p.wait_sum(1, "istio_requests_total", response_code="200", response_flags="UT")


def test_nobody_there_is_503():
    dead = listening_socket()
    address, port = dead.getsockname()
    dead.close()
    objects = [service(), endpoint("agent-v1", "v1", address, port)]
    with Proxy(objects) as p:
        got = fetch(p.port)
        equal(got.status, 503, "status")
        check(got.body.startswith(b"upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure"), f"body {got.body!r}")
        p.wait_sum(1, "istio_requests_total", response_code="503", response_flags="UF,URX")
        p.wait_sum(3, "envoy_cluster_upstream_cx_connect_fail")
        p.configure([service()])
        got = fetch(p.port)
        equal((got.status, got.body), (503, b"no healthy upstream"), "without endpoints")
        got = fetch(p.port, host="nobody.example")
        equal((got.status, got.body), (502, b""), "an unknown host")


def test_connect_failures_go_elsewhere():
    dead = listening_socket()
    address, port = dead.getsockname()
    dead.close()
    with Backend() as b:
        # Each retry picks at most six times, by chance: enough retries make a failure by chance unthinkable.
        objects = [service(), endpoint("agent-a", "v1", address, port), endpoint("agent-b", "v1", b.address, b.port), destination_rule(["v1"]),
                   virtual_service({"v1": 100}, retries={"attempts": 8, "retryOn": "connect-failure"})]
        with Proxy(objects) as p:
            for i in range(50):
                got = fetch(p.port, "POST", body=b"x" * 100)
                equal((got.status, got.body), (200, b"v1"), f"request {i}")
            check(any(r.get("x-envoy-attempt-count") == "2" for r in b.requests), "no request was retried")
            check(all(r.body == b"x" * 100 for r in b.requests), "a body was lost")
            p.wait_sum(50, "istio_requests_total", response_code="200", response_flags="-")
            check(p.metric_sum("envoy_cluster_upstream_rq_retry") > 0, "retries are counted")


def test_bad_answers_are_retried_when_asked():
    left = [0]
    def answer(r, s):
        left[0] -= 1
        return reply(500, b"bad", [("X-Try", r.get("x-envoy-attempt-count"))]) if left[0] >= 0 else reply(body=r.body)
    with Backend(answer=answer) as b, Proxy(simple(b, retries={"attempts": 2, "retryOn": "5xx"})) as p:
        left[0] = 2
        got = fetch(p.port, "POST", body=b"x" * 20000)
        equal((got.status, len(got.body)), (200, 20000), "the third try")
        equal([r.get("x-envoy-attempt-count") for r in b.requests], ["1", "2", "3"], "attempt counts")
        check(len({r.get("x-request-id") for r in b.requests}) == 1, "one request id for all tries")
        p.wait_sum(1, "istio_requests_total", response_code="200", response_flags="-")
        left[0] = 3
        got = fetch(p.port)
        equal((got.status, got.body, got.get("x-try")), (500, b"bad", "3"), "the last answer passes")
        p.wait_sum(1, "istio_requests_total", response_code="500", response_flags="URX")
        p.wait_sum(4, "envoy_cluster_upstream_rq_retry")
        p.wait_sum(1, "envoy_cluster_upstream_rq_retry_success")
        p.wait_sum(1, "envoy_cluster_upstream_rq_retry_limit_exceeded")
        # A body beyond what is kept is sent once.
        left[0], before = 1, len(b.requests)
        equal(fetch(p.port, "POST", body=b"y" * 1500000).status, 500, "a long upload")
        equal(len(b.requests), before + 1, "tries of a long upload")


def test_slow_tries_are_retried_when_asked():
    slow = [1]
    def answer(r, s):
        slow[0] -= 1
        if slow[0] >= 0:
            takes(0.6)
        return reply()
    with Backend(answer=answer) as b, Proxy(simple(b, timeout="5s", retries={"attempts": 1, "perTryTimeout": "200ms", "retryOn": "reset"})) as p:
        equal(fetch(p.port).status, 200, "the second try")
        equal([r.get("x-envoy-expected-rq-timeout-ms") for r in b.requests], ["200", "200"], "expected timeouts")
        slow[0] = 2
        got = fetch(p.port)
        equal((got.status, got.body), (504, b"upstream request timeout"), "both tries were slow")
        p.wait_sum(1, "istio_requests_total", response_code="504", response_flags="URX,UT")
        p.wait_sum(3, "envoy_cluster_upstream_rq_per_try_timeout")


def test_no_route_is_404():
    with Backend() as b:
        objects = [service(), endpoint("agent-v1", "v1", b.address, b.port), destination_rule(["v1"]),
                   virtual_service([{"match": [{"uri": {"prefix": "/api"}}], "route": [{"destination": {"host": "research-agent", "subset": "v1"}}]}])]
        with Proxy(objects) as p:
            equal(fetch(p.port, path="/api/x").status, 200, "matched")
            got = fetch(p.port, path="/other")
            equal((got.status, got.body, got.get("content-type")), (404, b"", None), "unmatched")
            equal(fetch(p.port, path="/api/../other").status, 404, "the canonical path counts")
            p.wait_sum(2, "istio_requests_total", response_code="404", response_flags="NR", destination_version="unknown")


UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "a2V5"), ("Sec-WebSocket-Version", "13")]


def test_websockets_are_tunnels():
    def on_head(line, fields, reader, sock):
        values = dict(fields)
        if values.get("upgrade") != "websocket" or values.get("connection") != "upgrade" or values.get("sec-websocket-key") != "a2V5":
            sock.sendall(reply(400, b"no upgrade came"))
            return True
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nhello")
        while True:
            if not reader.data:
                reader.more()
            got = bytes(reader.data)
            reader.data.clear()
            if b"bye" in got:
                sock.sendall(b"bye")
                raise EOFError("done, unread: b''")
            sock.sendall(got.upper())
    with Backend(on_head=on_head) as b, Proxy(simple(b, timeout="300ms")) as p:
        with connect(p.port) as s:
            # Bytes behind the request wait until the backend has agreed.
            s.sendall(request_bytes(fields=UPGRADE) + b"early")
            reader = Reader(s)
            got = read_response(reader)
            equal((got.status, got.get("upgrade"), got.get("connection"), got.get("sec-websocket-accept")), (101, "websocket", "upgrade", "x"), "head")
            equal(reader.exactly(10), b"helloEARLY", "the first bytes")
            for size in (1, 1000, 300000):
                data = b"\x00\r\nz" * size
                writer = threading.Thread(target=s.sendall, args=(data,))
                writer.start()
                equal(reader.exactly(len(data)), data.upper(), f"{len(data)} bytes")
                writer.join()
            takes(0.4)  # longer than the route's timeout, which does not mean tunnels
            s.sendall(b"bye")
            equal(reader.rest(), b"bye", "the end")
        p.wait_sum(1, "istio_requests_total", response_code="101", response_flags="-")
        with connect(p.port) as s:
            s.sendall(request_bytes(fields=UPGRADE))
            reader = Reader(s)
            equal(read_response(reader).status, 101, "status")
        wait_for("the backend to see that the client left", lambda: not b.socks)
        p.wait_sum(2, "istio_requests_total", response_code="101")


def test_a_refused_upgrade_is_an_answer():
    with Backend(answer=lambda r, s: reply(426, b"no")) as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            reader = Reader(s)
            for _ in range(2):
                s.sendall(request_bytes(fields=UPGRADE))
                got = read_response(reader)
                equal((got.status, got.body), (426, b"no"), "answer")


def test_other_upgrades_are_refused():
    with Backend() as b, Proxy(simple(b)) as p:
        for fields, method, body in ((UPGRADE, "POST", b"x"), (UPGRADE, "POST", b""), (UPGRADE + [("Upgrade", "x")], "GET", b"")):
            with connect(p.port) as s:
                s.sendall(request_bytes(method, fields=fields, body=body))
                reader = Reader(s)
                equal(read_response(reader).status, 403, f"{method} {fields}")
                equal(reader.rest(), b"", "after the end")
        with connect(p.port) as s:
            s.sendall(f"CONNECT {HOST}:80 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            equal(read_response(Reader(s)).status, 403, "CONNECT")
        equal(len(b.requests), 0, "requests seen by the backend")
        got = fetch(p.port, fields=[("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "x")])
        equal(got.status, 200, "h2c is ignored")
        equal((b.requests[0].get("upgrade"), b.requests[0].get("http2-settings")), (None, None), "h2c headers")


def test_broken_backends_are_502_or_503():
    cases = {
        "/garbage": (b"garbage\r\n\r\n", 502), "/two-lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 502),
        "/both": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 502),
        "/fold": (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n", 502), "/status": (b"HTTP/1.1 99 X\r\nContent-Length: 0\r\n\r\n", 502),
        "/101": (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", 502), "/nothing": (b"", 503),
        "/half": (b"HTTP/1.1 200 OK\r\nConte", 503), "/big": (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70000 + b"\r\n\r\n", 502),
        "/many": (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n", 502), "/gzip": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", 502),
    }
    def answer(r, s):
        s.sendall(cases[r.target][0])
        return None
    with Backend(answer=answer) as b, Proxy(simple(b)) as p:
        for path, (_, status) in cases.items():
            got = fetch(p.port, path=path)
            equal(got.status, status, path)
        p.wait_sum(9, "istio_requests_total", response_code="502", response_flags="UPE")


def test_an_answer_with_bytes_behind_it_ends_its_connection():
    answer = lambda r, s: reply(body=b"ok") + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    with Backend(answer=answer) as b, Proxy(simple(b), workers=1) as p:
        with connect(p.port) as s:
            reader = Reader(s)
            for i in range(5):
                s.sendall(request_bytes())
                equal(read_response(reader).body, b"ok", f"answer {i}")
        equal(b.connections, 5, "a poisoned connection was used again")


def test_limits_on_heads():
    with Backend() as b, Proxy(simple(b)) as p:
        equal(fetch(p.port, fields=[("A", "x" * 50000)]).status, 200, "50 KB")
        equal(fetch(p.port, fields=[("A", "x" * 62000)]).status, 431, "61 KB")
        equal(fetch(p.port, fields=[(f"A{i}", "x") for i in range(99)]).status, 200, "100 fields")
        equal(fetch(p.port, fields=[(f"A{i}", "x") for i in range(100)]).status, 431, "101 fields")
        equal(fetch(p.port, path="/" + "x" * 62000).status, 431, "a long target")


def test_the_metrics_are_istios():
    with Backend() as b, Proxy(simple(b, timeout="10s"), options=["--reporter", "both"]) as p:
        for _ in range(3):
            fetch(p.port, "POST", body=b"x" * 300)
        labels = dict(destination_version="v1", destination_service=HOST, response_code="200", response_flags="-",
                      destination_service_name="research-agent", destination_service_namespace="team1", destination_app="research-agent")
        for reporter in ("source", "destination"):
            p.wait_sum(3, "istio_requests_total", reporter=reporter, **labels)
        for name in ("istio_request_duration_milliseconds", "istio_request_bytes", "istio_response_bytes"):
            equal(p.metric_sum(name + "_count", reporter="source", **labels), 3, name)
            equal(p.metric_sum(name + "_bucket", reporter="source", le="+Inf", **labels), 3, name)
        p.wait_sum(0, "istio_request_bytes_bucket", reporter="source", le="250", **labels)
        p.wait_sum(3, "istio_request_bytes_bucket", reporter="source", le="500", **labels)
        check(p.metric_sum("istio_tcp_connections_opened_total", reporter="source", destination_service=HOST) >= 1, "tcp connections")
        text = p.admin("/stats/prometheus").body.decode()
        for line in text.splitlines():
            check(line.startswith("# TYPE ") or re.fullmatch(r"[a-z_0-9]+(\{.*\})? [0-9.e+]+", line), f"line {line[:200]}")
        families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
        equal(len(families), len(set(families)), "families")


def test_the_admin_endpoints():
    with Backend() as b, Proxy(simple(b)) as p:
        fetch(p.port)
        equal(p.admin("/ready").body, b"LIVE\n", "/ready")
        equal(json.loads(p.admin("/server_info").body)["state"], "LIVE", "/server_info")
        check(b"::rq_total::1" in p.admin("/clusters").body, "/clusters")
        json.loads(p.admin("/clusters?format=json").body)
        json.loads(p.admin("/config_dump").body)
        json.loads(p.admin("/config_dump?resource=routes").body)
        equal(p.admin("/config_dump?resource=x").status, 404, "an unknown resource")
        check(b"%d" % p.port in p.admin("/listeners").body, "/listeners")
        check(b"cluster.outbound|80||" in p.admin("/stats?filter=upstream_rq_total").body, "/stats")
        check(b"/quitquitquit" in p.admin("/help").body, "/help")
        equal(p.admin("/nothing").status, 404, "an unknown path")
        for path in ("/drain_listeners", "/quitquitquit", "/healthcheck/fail", "/healthcheck/ok", "/logging"):
            equal(p.admin(path).status, 400, f"GET {path}")
        equal(p.admin("/quitquitquit", "POST", [("Origin", "http://evil")]).status, 403, "from a page in a browser")
        equal(p.admin("/logging?level=debug", "POST").status, 200, "/logging")
        equal(p.admin("/logging?level=loud", "POST").status, 400, "/logging")
        equal(p.admin("/healthcheck/fail", "POST").status, 200, "/healthcheck/fail")
        equal(p.admin("/ready").status, 503, "/ready")
        equal(fetch(p.port).get("connection"), "close", "connection")
        equal(p.admin("/healthcheck/ok", "POST").status, 200, "/healthcheck/ok")
        equal(p.admin("/ready").status, 200, "/ready")
        equal(fetch(p.port).get("connection"), None, "connection")
        equal(p.admin("/quitquitquit", "POST").status, 200, "/quitquitquit")
        equal(p.wait_ended(), 0, "exit code")


def test_the_access_log():
    for form in ("text", "json"):
        with tempfile.TemporaryDirectory() as folder, Backend() as b:
            path = pathlib.Path(folder) / "access.log"
            with Proxy(simple(b), workers=1, options=["--access-log", str(path), "--access-log-format", form]) as p:
                fetch(p.port, "POST", "/x?y=1", fields=[("User-Agent", 'a"b')], body=b"12345")
                with connect(p.port) as s:
                    s.sendall(b"nonsense\r\n\r\n")
                    Reader(s).rest()
                wait_for("two lines", lambda: path.exists() and path.read_text().count("\n") == 2)
                first, second = path.read_text().splitlines()
                if form == "json":
                    entry = json.loads(first)
                    equal((entry["method"], entry["path"], entry["response_code"], entry["bytes_received"], entry["user_agent"], entry["upstream_host"]),
                          ("POST", "/x?y=1", 200, 5, 'a"b', f"{b.address}:{b.port}"), "entry")
                    equal(json.loads(second)["response_flags"], "DPE", "flags")
                else:
                    check(re.match(r'\[\d{4}-\d\d-\d\dT[\d:.]+Z\] "POST /x\?y=1 HTTP/1.1" 200 - via_upstream - "-" 5 2 \d+ \d+ "-" "a\\"b" ', first), first)
                    check('"- - -" 400 DPE http1.codec_error' in second, second)


def test_every_inherited_socket_is_served():
    with Backend() as b, Proxy(simple(b), workers=5, options=["--workers", "2"]) as p:
        for _ in range(60):  # the kernel spreads them over five queues
            equal(fetch(p.port).status, 200, "status")
    with Backend() as b, Proxy(simple(b), workers=1, options=["--workers", "3"]) as p:
        for _ in range(20):
            equal(fetch(p.port).status, 200, "status")
        check(json.loads(p.admin("/server_info").body)["concurrency"] == 3, "three workers share one socket")


def test_sockets_of_its_own():
    with Backend() as b, tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "all.yaml"
        path.write_text("\n---\n".join(json.dumps(o) for o in flatten(simple(b))))
        process = subprocess.Popen(mortal([BIN, "proxy", "--manifests", folder, "--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--admin", "127.0.0.1:0",
                                    "--workers", "2"]), stderr=subprocess.PIPE, text=True)
        try:
            ports = {}
            while len(ports) < 3:
                line = process.stderr.readline()
                check(line, "the proxy ended")
                found = re.search(r"msg=(listening|admin) address=(\S+) port=(\d+)", line)
                if found:
                    ports[found.group(1), found.group(2)] = int(found.group(3))
            wait_for("the proxy to be ready", lambda: fetch(ports["admin", "127.0.0.1"], path="/ready").status == 200)
            for address in ("127.0.0.1", "::1"):
                with connect(ports["listening", address], address) as s:
                    s.sendall(request_bytes())
                    equal(read_response(Reader(s)).status, 200, address)
        finally:
            process.terminate()
            equal(process.wait(DEADLINE), 0, "exit code")
            process.stderr.close()


def test_drained_listeners_leave_the_admin():
    with Backend() as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            reader = Reader(s)
            s.sendall(request_bytes())
            equal(read_response(reader).get("connection"), None, "connection")
            equal(p.admin("/drain_listeners", "POST").status, 200, "/drain_listeners")
            s.sendall(request_bytes())
            equal(read_response(reader).get("connection"), "close", "connection")
            equal(reader.rest(), b"", "after the end")
        equal(p.admin("/ready").status, 503, "/ready")
        p.wait_sum(2, "istio_requests_total", response_code="200")
        p.alive()


def test_every_wait_has_an_end():
    with Backend(answer=lambda r, s: (takes(2), reply())[1]) as b, \
            Proxy(simple(b), options=["--header-timeout", "200ms", "--idle-timeout", "300ms", "--stream-idle-timeout", "400ms"]) as p:
        with connect(p.port) as s:  # a head byte by byte
            def dribble(s=s):
                for byte in request_bytes(fields=[("A", "x" * 1000)]):
                    try:
                        s.sendall(bytes([byte]))
                    except OSError:
                        return
                    takes(0.01)
            writer = threading.Thread(target=dribble, daemon=True)
            writer.start()
            equal(read_response(Reader(s)).status, 408, "a slow head")
        with connect(p.port) as s:
            equal(Reader(s).rest(), b"", "an idle connection")
        with connect(p.port) as s:
            s.sendall(request_bytes())
            equal(read_response(Reader(s)).status, 504, "a silent backend")
        with connect(p.port) as s:
            s.sendall(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\nabc".encode())
            equal(read_response(Reader(s)).status, 408, "a silent client")
        p.wait_sum(1, "istio_requests_total", response_code="504", response_flags="SI")
        p.wait_sum(1, "istio_requests_total", response_code="408", response_flags="SI")


def test_connections_have_a_limit():
    with Backend() as b, Proxy(simple(b), workers=1, options=["--max-connections", "5"]) as p:
        socks = [connect(p.port) for _ in range(12)]
        for s in socks:  # idle ones make room for those who wait
            try:
                s.sendall(request_bytes())
                check(read_response(Reader(s)).status == 200, "status")
            except (OSError, EOFError):
                pass
            check(p.metric_sum("envoy_http_downstream_cx_active") <= 5, "connections")
        for s in socks:
            s.close()
        equal(fetch(p.port).status, 200, "afterwards")


def test_a_taken_address_is_an_error():
    with tempfile.TemporaryDirectory() as folder, listening_socket() as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for options in (["--listen", address, "--admin", "off"], ["--listen", "127.0.0.1:0", "--admin", address]):
            got = subprocess.run([BIN, "proxy", "--manifests", folder] + options, capture_output=True, text=True, timeout=DEADLINE)
            check(got.returncode != 0 and f"cannot listen on {address}" in got.stderr, f"{options}: {got.returncode} {got.stderr}")


def test_wrong_options_are_explained():
    for options, words in (([], "--listen"), (["--listen", "nonsense"], "ADDRESS:PORT"), (["--listen", "127.0.0.1:0", "--reporter", "x"], "source, destination or both"),
                           (["--listen-fd", "0"], "no listening socket"), (["--listen", "127.0.0.1:0", "--manifests", "/nonexistent"], "/nonexistent")):
        got = subprocess.run([BIN, "proxy", "--admin", "off"] + options, capture_output=True, text=True, timeout=DEADLINE, stdin=subprocess.DEVNULL)
        check(got.returncode != 0 and words in got.stderr, f"{options}: {got.returncode} {got.stderr}")


main(globals())
