#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bodies that stream both ways, interim and early answers, tunnels through `serin proxy`."""
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import *
from waiting import takes

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "a2V5"), ("Sec-WebSocket-Version", "13")]


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


main(globals())
