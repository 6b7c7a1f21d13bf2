#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a client and a backend see of one exchange through `serin proxy`, over real sockets."""
import pathlib
import re
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import *
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


main(globals())
