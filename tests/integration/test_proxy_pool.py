#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""connectionPool of a DestinationRule: limits over all workers, who waits and who is refused, ages of connections."""
import os
import pathlib
import random
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (Backend, Proxy, Reader, check, connect, destination_rule, endpoint, equal, fetch, main,  # noqa: E402
                   read_response, reply, request_bytes, service, virtual_service, wait_for)

CLUSTER = "outbound|80|v1|research-agent.team1.svc.cluster.local"
OVERFLOW = b"upstream connect error or disconnect/reset before headers. reset reason: overflow"


def world(backends, pool, **route):
    return [service(), [endpoint(f"pod-{i}", "v1", b.address, b.port) for i, b in enumerate(backends)],
            destination_rule(policy={"connectionPool": pool}), virtual_service({"v1": 100}, **route)]


class Gate:
    """A backend that holds its answers until it is opened, and knows how many connections it has had at once."""

    def __init__(self):
        self.open = threading.Event()
        self.backend = Backend(answer=self.answer)

    def answer(self, _request, _sock):
        self.open.wait(20)
        return reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open.set()
        self.backend.close()


def ask(proxy, count=1):
    """Requests on connections of their own, not waited for."""
    socks = [connect(proxy.port) for _ in range(count)]
    for s in socks:
        s.sendall(request_bytes())
    return socks


def answers(socks):
    got = []
    for s in socks:
        got.append(read_response(Reader(s)))
        s.close()
    return got


def stat(proxy, name):
    return proxy.metric_sum("envoy_cluster_" + name, cluster_name=CLUSTER)


def wait_stat(proxy, name, value):
    wait_for(f"{name} to be {value}", lambda: stat(proxy, name) == value)


def test_one_runs_one_waits_the_third_is_refused():
    pool = {"tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1}}
    with Gate() as gate, Proxy(world([gate.backend], pool, retries={"attempts": 3, "retryOn": "5xx"})) as proxy:
        first = ask(proxy)
        wait_for("the first request", lambda: gate.backend.requests)
        lines = proxy.admin("/clusters").body.decode()
        check(f"{CLUSTER}::default_priority::max_connections::1\n" in lines, lines)
        check(f"{CLUSTER}::default_priority::max_requests::{2**32 - 1}\n" in lines, lines)
        check(f"cluster.{CLUSTER}.circuit_breakers.default.cx_open: 1\n" in proxy.admin("/stats").body.decode(), "/stats")
        equal(stat(proxy, "circuit_breakers_default_cx_open"), 1, "cx_open")
        equal(stat(proxy, "circuit_breakers_default_remaining_cx"), 0, "remaining_cx")
        equal(stat(proxy, "circuit_breakers_default_remaining_pending"), 1, "remaining_pending")
        second = ask(proxy)
        wait_stat(proxy, "upstream_rq_pending_active", 1)
        equal(stat(proxy, "circuit_breakers_default_rq_pending_open"), 1, "rq_pending_open")
        for _ in range(4):  # by whatever worker
            refused = fetch(proxy.port)
            equal((refused.status, refused.body), (503, OVERFLOW), "the third")
            equal(refused.get("x-envoy-overloaded"), "true", "x-envoy-overloaded")
        gate.open.set()
        equal([r.status for r in answers(first + second)], [200, 200], "those that were admitted")
        proxy.wait_sum(4, "istio_requests_total", response_flags="UO", response_code="503")
        equal(stat(proxy, "upstream_rq_pending_overflow"), 4, "overflows")
        equal(stat(proxy, "upstream_rq_retry"), 0, "retries of an overflow")
        check(stat(proxy, "upstream_cx_overflow") >= 1, "the second found no place for a connection")
        equal(stat(proxy, "circuit_breakers_default_rq_pending_open"), 0, "rq_pending_open afterwards")


def test_a_place_is_passed_on_between_workers():
    pool = {"tcp": {"maxConnections": 2}}
    with Backend() as backend, Proxy(world([backend], pool), workers=4) as proxy:
        most = 0
        for _ in range(6):
            socks = ask(proxy, 24)
            equal({r.status for r in answers(socks)}, {200}, "answers")
            most = max(most, len(backend.socks))
        check(most <= 2, f"{most} connections at once")
        wait_stat(proxy, "circuit_breakers_default_remaining_cx", 2 - stat(proxy, "upstream_cx_active"))
        equal(stat(proxy, "upstream_rq_pending_active"), 0, "still waiting")
        equal(stat(proxy, "upstream_rq_total"), 144, "requests")


def test_an_idle_connection_makes_way_for_another_worker():
    pool = {"tcp": {"maxConnections": 1}}
    with Backend() as backend, Proxy(world([backend], pool), workers=2) as proxy:
        for _ in range(40):  # the kernel spreads new connections over the workers
            equal(fetch(proxy.port).status, 200, "answer")
            check(len(backend.socks) <= 2, "more than one connection and its successor")
        wait_stat(proxy, "upstream_cx_active", 1)
        check(stat(proxy, "upstream_cx_overflow") <= 40, "a request is counted once, however often it looks for a place")


def test_a_host_without_a_connection_gets_one():
    pool = {"tcp": {"maxConnections": 1}}
    with Gate() as one, Gate() as two, Proxy(world([one.backend, two.backend], pool), workers=1) as proxy:
        socks = ask(proxy, 8)
        wait_for("a request at each", lambda: one.backend.requests and two.backend.requests)
        equal((one.backend.connections, two.backend.connections), (1, 1), "connections")
        one.open.set()
        two.open.set()
        equal({r.status for r in answers(socks)}, {200}, "answers")


def test_requests_are_limited_whatever_connections_there_are():
    pool = {"http": {"http2MaxRequests": 2}}
    with Gate() as gate, Proxy(world([gate.backend], pool)) as proxy:
        socks = ask(proxy, 2)
        wait_for("two requests", lambda: len(gate.backend.requests) == 2)
        equal(stat(proxy, "circuit_breakers_default_rq_open"), 1, "rq_open")
        refused = fetch(proxy.port)
        equal((refused.status, refused.get("x-envoy-overloaded")), (503, "true"), "the third")
        gate.open.set()
        equal({r.status for r in answers(socks)}, {200}, "answers")
        wait_stat(proxy, "circuit_breakers_default_remaining_rq", 2)
        equal(fetch(proxy.port).status, 200, "afterwards")


def test_who_leaves_the_queue_leaves_its_place():
    pool = {"tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1}}
    with Gate() as gate, Proxy(world([gate.backend], pool)) as proxy:
        first = ask(proxy)
        wait_for("the first request", lambda: gate.backend.requests)
        leaver = ask(proxy)[0]
        wait_stat(proxy, "upstream_rq_pending_active", 1)
        leaver.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset: it wants no answer
        leaver.close()
        wait_stat(proxy, "upstream_rq_cancelled", 1)
        second = ask(proxy)
        wait_stat(proxy, "upstream_rq_pending_active", 1)
        gate.open.set()
        equal([r.status for r in answers(first + second)], [200, 200], "answers")
        equal(len(gate.backend.requests), 2, "requests")


def test_a_waiting_request_has_its_timeout():
    pool = {"tcp": {"maxConnections": 1}}
    with Gate() as gate, Proxy(world([gate.backend], pool, timeout="0.3s")) as proxy:
        got = answers(ask(proxy, 3))
        equal([(r.status, r.body) for r in got], [(504, b"upstream request timeout")] * 3, "answers")
        wait_stat(proxy, "upstream_rq_pending_active", 0)
        gate.open.set()
        equal(fetch(proxy.port).status, 200, "afterwards")


def test_limits_come_and_go_with_the_configuration():
    with Gate() as gate, Proxy(world([gate.backend], {"tcp": {"maxConnections": 1}})) as proxy:
        socks = ask(proxy, 3)
        wait_stat(proxy, "upstream_rq_pending_active", 2)
        proxy.configure(world([gate.backend], {"http": {"maxRequestsPerConnection": 100}}))
        socks += ask(proxy, 3)
        wait_for("the new ones", lambda: len(gate.backend.requests) >= 4 or stat(proxy, "upstream_rq_pending_active") == 5)
        gate.open.set()
        equal({r.status for r in answers(socks)}, {200}, "answers")
        proxy.configure(world([gate.backend], {"tcp": {"maxConnections": 1}}))
        equal({r.status for r in answers(ask(proxy, 12))}, {200}, "answers under the limit again")
        wait_stat(proxy, "upstream_rq_pending_active", 0)


def test_idle_connections_are_closed():
    for pool in ({"http": {"idleTimeout": "0.2s"}}, {"tcp": {"idleTimeout": "0.2s"}},
                 {"tcp": {"idleTimeout": "3600s"}, "http": {"idleTimeout": "0.2s"}}):
        with Backend() as backend, Proxy(world([backend], pool), workers=1) as proxy:
            fetch(proxy.port)
            wait_for("the end of the connection", lambda: not backend.socks)
            wait_stat(proxy, "upstream_cx_idle_timeout", 1)
            equal(fetch(proxy.port).status, 200, "afterwards")
            equal(backend.connections, 2, "connections")


def test_connections_end_at_their_age_but_not_in_a_request():
    pool = {"tcp": {"maxConnectionDuration": "0.2s"}}
    with Gate() as gate, Proxy(world([gate.backend], pool), workers=1) as proxy:
        socks = ask(proxy)
        wait_for("the request", lambda: gate.backend.requests)
        threading.Event().wait(0.3)  # longer than its age: it is the age that is tested
        gate.open.set()
        equal(answers(socks)[0].status, 200, "a request in progress")
        wait_for("the end of the connection", lambda: not gate.backend.socks)
        wait_stat(proxy, "upstream_cx_max_duration_reached", 1)
        fetch(proxy.port)
        wait_for("the end of an idle one", lambda: not gate.backend.socks)
        wait_stat(proxy, "upstream_cx_max_duration_reached", 2)


def test_a_connection_serves_so_many_requests():
    pool = {"http": {"maxRequestsPerConnection": 2}}
    with Backend() as backend, Proxy(world([backend], pool), workers=1) as proxy:
        for _ in range(4):
            equal(fetch(proxy.port).status, 200, "answer")
        equal([r.connection for r in backend.requests], [1, 1, 2, 2], "connections")
        check(all(r.get("connection") is None for r in backend.requests), "connection: close was sent")
        equal(stat(proxy, "upstream_cx_max_requests"), 2, "upstream_cx_max_requests")


def keepalive_timer(port):
    """Whether the kernel runs a keep-alive timer on an established connection to that local port."""
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "01" and int(fields[2].split(":")[1], 16) == port:
            return fields[5].startswith("02:")
    return None


def test_keepalive_probes():
    for pool, expected in (({"tcp": {"tcpKeepalive": {"time": "60s", "interval": "5s", "probes": 3}}}, True),
                           ({"tcp": {"maxConnections": 10}}, False)):
        with Backend() as backend, Proxy(world([backend], pool), workers=1) as proxy:
            fetch(proxy.port)
            wait_for("the keep-alive timer", lambda: keepalive_timer(backend.port) is expected)


def test_a_connection_is_not_waited_for_longer_than_said():
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    address, port = full.getsockname()
    fillers = []
    for _ in range(4):  # until the kernel drops further ones
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex((address, port))
        fillers.append(filler)
    objects = [service(), endpoint("pod", "v1", address, port),
               destination_rule(policy={"connectionPool": {"tcp": {"connectTimeout": "0.2s"}}}),
               virtual_service({"v1": 100}, retries={"attempts": 0})]
    with Proxy(objects) as proxy:
        got = fetch(proxy.port)
        equal(got.status, 503, "status")
        check(got.body.endswith(b"reset reason: connection timeout"), got.body)
        proxy.wait_sum(1, "istio_requests_total", response_flags="UF")
        equal(stat(proxy, "upstream_cx_connect_timeout"), 1, "upstream_cx_connect_timeout")
    for s in fillers + [full]:
        s.close()


class Chaos:
    """Backends that close, reset, fail and are slow, clients that leave, and limits that change all the time."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.backends = [Backend(answer=self.answer) for _ in range(3)]
        self.stop = threading.Event()
        self.answered, self.hung = 0, []

    def answer(self, _request, sock):
        what = random.random()
        if what < 0.06:
            if what < 0.03:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return None
        if what < 0.13:
            return reply(503 if what < 0.1 else 200, fields=[("Connection", "close")])
        self.stop.wait(random.random() / 100)
        return reply()

    def objects(self):
        def some(share, value):
            return value if self.random.random() < share else None
        tcp = {"connectTimeout": "1s", "maxConnections": some(0.8, self.random.randint(1, 4)),
               "maxConnectionDuration": some(0.3, "0.05s")}
        http = {"idleTimeout": some(0.3, "0.02s"), "http1MaxPendingRequests": some(0.4, self.random.randint(1, 30)),
                "http2MaxRequests": some(0.4, self.random.randint(1, 5)), "maxRetries": some(0.4, self.random.randint(1, 3)),
                "maxRequestsPerConnection": some(0.4, self.random.randint(1, 3))}
        pool = {"tcp": {k: v for k, v in tcp.items() if v}, "http": {k: v for k, v in http.items() if v}}
        return world(self.backends[:self.random.randint(1, 3)], pool if pool["http"] else {"tcp": pool["tcp"]},
                     retries={"attempts": 2, "retryOn": "5xx,reset", "backoff": "2ms"})

    def client(self, port, seed):
        mine = random.Random(seed)
        while not self.stop.is_set():
            try:
                with connect(port) as s:
                    reader = Reader(s)
                    for _ in range(mine.randint(1, 6)):
                        s.sendall(request_bytes("POST", body=b"x" * mine.choice([1, 100, 100000])))
                        if mine.random() < 0.05:
                            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                            break
                        read_response(reader)
                        self.answered += 1
            except TimeoutError as error:
                self.hung.append(error)
            except (EOFError, OSError):
                pass


def test_nobody_is_forgotten_and_all_is_accounted_for():
    seconds = 20 if os.environ.get("SERIN_LONG") == "1" else 0.8
    chaos = Chaos(11)
    with Proxy(chaos.objects(), workers=4) as proxy:
        threads = [threading.Thread(target=chaos.client, args=(proxy.port, i)) for i in range(10)]
        for t in threads:
            t.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            chaos.stop.wait(0.2)
            proxy.write(chaos.objects())
        chaos.stop.set()
        for t in threads:
            t.join()
        check(not chaos.hung, f"{len(chaos.hung)} requests hung")
        check(chaos.answered > 100, f"only {chaos.answered} answers")
        proxy.configure(world(chaos.backends, {"http": {"http2MaxRequests": 100}}))
        for name, value in (("upstream_rq_active", 0), ("upstream_rq_pending_active", 0),
                            ("circuit_breakers_default_remaining_rq", 100),
                            ("circuit_breakers_default_remaining_retries", 2**32 - 1)):
            wait_stat(proxy, name, value)
        wait_for("connections to add up", lambda: stat(proxy, "upstream_cx_active") + stat(
            proxy, "circuit_breakers_default_remaining_cx") == 2**32 - 1)
    for backend in chaos.backends:
        backend.close()


main(globals())
