#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mirrors: what a copy is, which requests have one, and that nothing that becomes of it touches the request."""
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (BIN, Backend, Proxy, Reader, check, connect, destination_rule, endpoint, equal, fetch, main,  # noqa: E402
                   read_response, reply, request_bytes, service, virtual_service, wait_for)

V2 = "outbound|80|v2|research-agent.team1.svc.cluster.local"
V3 = "outbound|80|v3|research-agent.team1.svc.cluster.local"


class Mirrored:
    """v1 answers; v2 and v3 get the copies."""

    def __init__(self, http, v2=None, v3=None, options=(), on_head=None, more=()):
        self.v1 = Backend("v1")
        self.v2, self.v3 = Backend("v2", answer=v2, on_head=on_head), Backend("v3", answer=v3)
        self.backends = (self.v1, self.v2, self.v3)
        objects = [service(), destination_rule(["v1", "v2", "v3", "v4"]), virtual_service(http), *more]
        objects += [endpoint(f"p{n}", f"v{n}", b.address, b.port) for n, b in enumerate(self.backends, 1)]
        self.proxy = Proxy(objects, options=options, workers=1)

    def __enter__(self):
        return self

    def __exit__(self, *more):
        for b in self.backends:
            b.close()
        self.proxy.__exit__(*more)

    def stat(self, name, cluster=V2):
        return self.proxy.metric_sum(f"envoy_cluster_{name}", cluster_name=cluster)

    def wait(self, name, value, cluster=V2):
        self.proxy.wait_sum(value, f"envoy_cluster_{name}", cluster_name=cluster)


def subset(name):
    return {"host": "research-agent", "subset": name}


def to_v1(**more):
    return [dict(destination=subset("v1"), **more)]


def test_a_copy_is_the_request_as_it_is_sent():
    http = [{"match": [{"uri": {"prefix": "/old"}}], "rewrite": {"uri": "/new"}, "mirror": subset("v2"),
             "headers": {"request": {"set": {"x-set": "%REQ(x-client)%!"}, "remove": ["x-gone"]}},
             "route": to_v1(headers={"request": {"add": {"x-dest": "v1"}}})}]
    with Mirrored(http, v2=lambda request, sock: reply(500, b"nobody reads this")) as it:
        body = bytes(range(256)) * 40
        got = fetch(it.proxy.port, "POST", "/old/x?y=1", fields=[("X-Client", "me"), ("X-Gone", "1")], body=body)
        equal((got.status, got.body), (200, b"v1"), "the answer is that of the route")
        wait_for("the copy", lambda: it.v2.requests)
        (sent,), (copy,) = it.v1.requests, it.v2.requests
        equal((copy.method, copy.target, copy.body), ("POST", "/new/x?y=1", body), "the copy")
        equal(copy.fields, sent.fields, "its headers")
        equal((copy.get("x-set"), copy.get("x-dest"), copy.get("x-gone")), ("me!", "v1", None), "after the changes")
        chunked = b"POST /old HTTP/1.1\r\nHost: research-agent.team1\r\nTransfer-Encoding: chunked\r\n\r\n"
        with connect(it.proxy.port) as s:
            s.sendall(chunked + b"5\r\nhello\r\n")
            wait_for("the head of the copy", lambda: it.stat("upstream_rq_active") == 1)
            s.sendall(b"6\r\n world\r\n0\r\n\r\n")
            equal(read_response(Reader(s)).status, 200, "an upload in pieces")
        wait_for("its copy", lambda: len(it.v2.requests) == 2)
        equal(it.v2.requests[1].body, b"hello world", "the body")
        body = bytes(range(256)) * 3000  # it comes in many pieces, some before there is a connection
        fetch(it.proxy.port, "POST", "/old", body=body)
        wait_for("the long copy", lambda: len(it.v2.requests) == 3)
        equal((it.v1.requests[2].body == body, it.v2.requests[2].body == body), (True, True), "a long body")
        it.wait("upstream_rq_5xx", 3)
        equal((it.stat("upstream_rq_total"), it.stat("upstream_rq_active"), it.v2.connections), (3, 0, 1), "counted, one connection")
        equal(it.proxy.metric_sum("istio_requests_total"), 3, "a copy is no request of ours")
        equal(it.proxy.metric_sum("istio_requests_total", response_code="200"), 3, "nor is its status")


def test_shares_and_several_mirrors():
    http = [{"match": [{"uri": {"prefix": "/none"}}], "route": to_v1(), "mirror": subset("v2"), "mirrorPercentage": {"value": 0}},
            {"match": [{"uri": {"prefix": "/old"}}], "route": to_v1(), "mirror": subset("v2"), "mirrorPercent": 100},
            {"route": to_v1(), "mirrors": [{"destination": subset("v2"), "percentage": {"value": 50}},
                                           {"destination": subset("v3"), "percentage": {"value": 50}}]}]
    with Mirrored(http) as it:
        fetch(it.proxy.port, path="/none")
        fetch(it.proxy.port, path="/old")
        wait_for("the copy", lambda: it.v2.requests)
        equal(len(it.v2.requests), 1, "0 % is none, a mirror without percentage has all")
        total = 400
        with connect(it.proxy.port) as s:
            reader = Reader(s)
            for _ in range(0, total, 50):
                s.sendall(request_bytes() * 50)
                for _ in range(50):
                    equal(read_response(reader).status, 200, "the answer")
        ids = [[r.get("x-request-id") for r in b.requests if r.target == "/"] for b in it.backends]
        wait_for("the copies", lambda: it.stat("upstream_rq_active") + it.stat("upstream_rq_active", V3) == 0)
        ids = [{r.get("x-request-id") for r in b.requests if r.target == "/"} for b in it.backends]
        equal(len(ids[0]), total, "requests")
        equal(ids[1], ids[2], "both mirrors choose the same requests")
        check(ids[1] <= ids[0] and 140 <= len(ids[1]) <= 260, f"half of {total}: {len(ids[1])}")  # six deviations: 60
        chosen, other = sorted(ids[1])[0], sorted(ids[0] - ids[1])[0]
        before = len(it.v2.requests)
        for request_id in (other, chosen, other, chosen):
            fetch(it.proxy.port, fields=[("X-Request-Id", request_id)])
        wait_for("two more", lambda: len(it.v2.requests) == before + 2)
        equal({r.get("x-request-id") for r in it.v2.requests[before:]}, {chosen}, "the same id, the same choice")


def test_hosts_of_copies():
    with Mirrored([{"route": to_v1(), "mirror": subset("v2")}], options=["--shadow-hosts"]) as it:
        for host, want in (("research-agent.team1", "research-agent.team1-shadow"), ("research-agent:80", "research-agent-shadow:80")):
            before = len(it.v2.requests)
            equal(fetch(it.proxy.port, host=host).status, 200, "the answer")
            wait_for("the copy", lambda: len(it.v2.requests) == before + 1)
            equal((it.v1.requests[-1].get("host"), it.v2.requests[-1].get("host")), (host, want), "hosts")


def test_what_has_no_copy():
    http = [{"match": [{"uri": {"prefix": "/abort"}}], "route": to_v1(), "mirror": subset("v2"),
             "fault": {"abort": {"percentage": {"value": 100}, "httpStatus": 503}}},
            {"match": [{"uri": {"prefix": "/moved"}}], "redirect": {"uri": "/"}, "mirror": subset("v2")},
            {"match": [{"uri": {"prefix": "/direct"}}], "directResponse": {"status": 204}, "mirror": subset("v2")},
            {"match": [{"uri": {"prefix": "/nobody"}}], "route": to_v1(), "mirror": subset("v4")},
            {"match": [{"uri": {"prefix": "/undefined"}}], "route": to_v1(), "mirror": subset("v9")},
            {"match": [{"uri": {"prefix": "/away"}}], "route": [{"destination": subset("v4")}], "mirror": subset("v2")},
            {"route": to_v1(), "mirror": subset("v2")}]
    with Mirrored(http) as it:
        for path, status in (("/abort", 503), ("/moved", 301), ("/direct", 204), ("/nobody", 200), ("/undefined", 200), ("/away", 503)):
            equal(fetch(it.proxy.port, path=path).status, status, path)
        upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "x"), ("Sec-WebSocket-Version", "13")]
        equal(fetch(it.proxy.port, path="/ws", fields=upgrade).status, 200, "an upgrade that is not taken")
        equal(fetch(it.proxy.port, path="/last").status, 200, "one with a copy")
        wait_for("the copy", lambda: it.v2.requests)
        equal([r.target for r in it.v2.requests], ["/last"], "copies")
        check("unknown-subset" in it.proxy.admin("/config_dump").body.decode(), "the missing subset is reported")


def test_a_mirror_that_does_not_read():
    held = threading.Event()

    def stall(line, fields, reader, sock):
        held.wait(30)
        sock.close()
        return True

    with Mirrored([{"route": to_v1(), "mirror": subset("v2")}], on_head=stall) as it:
        try:
            body = b"x" * (8 << 20)
            before = it.proxy.memory_kb()
            for _ in range(8):
                got = fetch(it.proxy.port, "POST", body=body)
                equal((got.status, it.v1.requests[-1].body == body), (200, True), "the request")
            it.wait("retry_or_shadow_abandoned", 8)
            it.wait("upstream_rq_active", 0)
            # A sanitizer keeps what was freed for a while.
            check("/asan/" in BIN or "/tsan/" in BIN or it.proxy.memory_kb() - before < 48 << 10, f"memory grew from {before} to {it.proxy.memory_kb()} KB")
        finally:
            held.set()


def test_all_copies_together_have_a_limit():
    """A listener that nobody accepts from and whose queue is full: connections to it are never made."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address, port = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        try:
            for s in waiting:
                s.setblocking(False)
                s.connect_ex((address, port))
            with Mirrored([{"route": to_v1(), "mirror": subset("v5")}],
                          more=[endpoint("p5", "v5", address, port), destination_rule(["v1", "v5"], name="a-rule")]) as it:
                body = b"y" * 900_000
                for _ in range(24):
                    got = fetch(it.proxy.port, "POST", body=body)
                    equal((got.status, len(it.v1.requests[-1].body)), (200, len(body)), "the request")
                abandoned = it.stat("retry_or_shadow_abandoned", V2.replace("v2", "v5"))
                check(5 <= abandoned <= 16, f"16 MiB hold 8 to 18 of 24 copies, by how they grew; {abandoned} were given up")
        finally:
            for s in waiting:
                s.close()


def test_mirrors_that_fail():
    def ending(line, fields, reader, sock):
        path = line.split()[1]
        if path == "/close":
            sock.close()
        elif path == "/half":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            sock.close()
        elif path == "/garbage":
            sock.sendall(b"what?\r\n\r\n")
        elif path == "/early":
            sock.sendall(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
        elif path == "/interim":
            sock.sendall(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + reply(201))
        elif path == "/switch":
            sock.sendall(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
        return path in ("/interim", "/early", "/switch", "/garbage") or sock.fileno() < 0

    with Mirrored([{"route": to_v1(), "mirror": subset("v2"), "timeout": "20s"}], on_head=ending) as it:
        for path in ("/close", "/half", "/garbage", "/interim", "/switch"):
            equal(fetch(it.proxy.port, path=path).status, 200, path)
            it.wait("upstream_rq_active", 0)
        with connect(it.proxy.port) as s:
            s.sendall(b"POST /early HTTP/1.1\r\nHost: research-agent\r\nContent-Length: 4\r\n\r\nab")
            it.wait("upstream_rq_4xx", 1)
            s.sendall(b"cd")
            equal(read_response(Reader(s)).status, 200, "an upload whose copy was answered early")
        it.wait("upstream_rq_active", 0)
        it.v2.close()
        for _ in range(3):
            equal(fetch(it.proxy.port, path="/refused").status, 200, "nobody listens")
        it.wait("upstream_cx_connect_fail", 3)
        client = connect(it.proxy.port)
        client.sendall(b"POST / HTTP/1.1\r\nHost: research-agent\r\nContent-Length: 4\r\n\r\nab")
        client.close()
        it.proxy.wait_sum(1, "istio_requests_total", response_flags="DC")
        equal(it.proxy.metric_sum("istio_requests_total", response_code="200"), 9, "none of it reached a client")


def test_a_mirror_that_does_not_answer():
    held = threading.Event()

    def hold(request, sock):
        held.wait(30)
        return None

    with Mirrored([{"route": to_v1(), "mirror": subset("v2"), "timeout": "0.3s"}], v2=hold) as it:
        try:
            equal(fetch(it.proxy.port).status, 200, "the answer")
            it.wait("upstream_rq_timeout", 1)
            it.wait("upstream_rq_active", 0)
            fetch(it.proxy.port)
            it.wait("upstream_rq_active", 1)
            it.proxy.terminate()  # a copy under way holds nobody up
            equal(it.proxy.wait_ended(), 0, "the end")
        finally:
            held.set()


main(globals())
