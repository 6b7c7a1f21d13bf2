#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Outlier detection: who is taken out, until when, and who gets the requests meanwhile."""
import pathlib
import re
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (Backend, Proxy, check, destination_rule, endpoint, equal, fetch, main, reply, service,  # noqa: E402
                   virtual_service, wait_for)

CLUSTER = "outbound|80||research-agent.team1.svc.cluster.local"
LONG = {"interval": "10ms", "baseEjectionTime": "300s", "maxEjectionPercent": 50}


class Pair:
    """Two backends; the first answers `status`. No retries, so that each answer is the client's."""

    def __init__(self, outlier, status=500, answer=None, workers=2, **route):
        self.status, self.outlier, self.workers, self.route = status, outlier, workers, route
        self.answer = answer or (lambda request, sock: reply(self.status, b"bad"))

    def objects(self, *more):
        return [service(), endpoint("p1", "v1", self.bad.address, self.bad.port),
                endpoint("p2", "v1", self.good.address, self.good.port),
                destination_rule(["v1"], policy={"outlierDetection": self.outlier,
                                                 "loadBalancer": {"simple": "ROUND_ROBIN"}}),
                virtual_service([dict({"route": [{"destination": {"host": "research-agent"}}],
                                       "retries": {"attempts": 0}}, **self.route)]), *more]

    def __enter__(self):
        self.bad, self.good = Backend("bad", answer=self.answer), Backend("good")
        self.proxy = Proxy(self.objects(), workers=self.workers)
        return self

    def __exit__(self, *_):
        self.proxy.close()
        self.bad.close()
        self.good.close()

    def send(self, n=1):
        return [fetch(self.proxy.port).status for _ in range(n)]

    def number(self, name):
        return self.proxy.metric_sum(f"envoy_cluster_outlier_detection_{name}", cluster_name=CLUSTER)

    def ejected(self):
        return self.number("ejections_active") == 1

    def eject(self):
        wait_for("an ejection", lambda: self.send(4) and self.ejected())


def test_five_errors_eject_an_endpoint_for_all_workers():
    with Pair(LONG) as it:
        it.eject()
        seen = len(it.bad.requests)
        equal(it.send(40), [200] * 40, "all requests go to the other one")
        equal(len(it.bad.requests), seen, "requests of the ejected one")
        equal(it.number("ejections_enforced_total"), 1, "ejections")
        equal(it.number("ejections_enforced_consecutive_5xx"), 1, "for 5xx")
        equal(it.proxy.metric_sum("envoy_cluster_membership_healthy", cluster_name=CLUSTER), 1, "healthy")
        lines = it.proxy.admin("/clusters").body.decode()
        who = re.escape(f"{CLUSTER}::{it.bad.address}:{it.bad.port}")
        check(re.search(who + r"::health_flags::/failed_outlier_check", lines), lines)
        check(re.search(who + r"::ejected_until::20\d\d-", lines), lines)
        check(f"cluster.{CLUSTER}.outlier_detection.ejections_active: 1" in it.proxy.admin("/stats").body.decode(),
              "Envoy's name in /stats")


def test_an_ejection_survives_a_new_table():
    with Pair(LONG) as it:
        it.eject()
        seen = len(it.bad.requests)
        it.proxy.configure(it.objects(service("other")))
        equal(it.send(20), [200] * 20, "still only the other one")
        equal(len(it.bad.requests), seen, "requests of the ejected one")
        check(it.ejected(), "the ejection is forgotten")


def test_it_comes_back_after_its_time():
    with Pair({"interval": "20ms", "baseEjectionTime": "1ms", "maxEjectionPercent": 50}) as it:
        wait_for("an ejection", lambda: it.send(4) and it.number("ejections_enforced_total") > 0)
        it.status = 200
        wait_for("its return", lambda: it.number("ejections_active") == 0)
        seen = len(it.bad.requests)
        it.send(20)
        check(len(it.bad.requests) > seen, "it has no requests again")


def test_the_percentage_keeps_the_last_ones_in():
    with Pair({"interval": "10ms", "baseEjectionTime": "300s"}) as it:  # 10 %: none of two
        wait_for("an overflow", lambda: it.send(4) and it.number("ejections_overflow") > 0)
        equal(it.number("ejections_active"), 0, "ejected")
        check(it.number("ejections_detected_consecutive_5xx") > 0, "but it was noticed")
        check(500 in it.send(4), "it still has its share")


def test_panic_brings_them_back_and_without_it_nobody_answers():
    with Pair(dict(LONG, maxEjectionPercent=100, minHealthPercent=51)) as it:
        wait_for("an ejection", lambda: it.send(4) and it.ejected())
        wait_for("panic", lambda: it.send(4) and
                 it.proxy.metric_sum("envoy_cluster_lb_healthy_panic", cluster_name=CLUSTER) > 0)
        check(500 in it.send(10), "in panic all get requests")
    with Pair(dict(LONG, maxEjectionPercent=100), answer=lambda request, sock: reply(500)) as it:
        it.good.answer = it.bad.answer
        wait_for("both to be out", lambda: it.send(4) and it.number("ejections_active") == 2)
        got = fetch(it.proxy.port)
        equal((got.status, got.body), (503, b"no healthy upstream"), "the answer when all are out")


def test_gateway_errors_and_local_failures():
    with Pair(dict(LONG, consecutive5xxErrors=0, consecutiveGatewayErrors=2), status=503) as it:
        it.eject()
        equal(it.number("ejections_enforced_consecutive_gateway_failure"), 1, "for gateway errors")
    with Pair(dict(LONG, consecutive5xxErrors=2), answer=lambda request, sock: None) as it:  # resets
        it.eject()
        equal(it.number("ejections_enforced_consecutive_5xx"), 1, "a reset counts as 503")
    with Pair(dict(LONG, splitExternalLocalOriginErrors=True, consecutiveLocalOriginFailures=2)) as it:
        it.status = 200
        it.bad.close()  # refuses from now on
        it.eject()
        equal(it.number("ejections_enforced_consecutive_local_origin_failure"), 1, "for local failures")


def test_timeouts_count():
    quiet = []
    with Pair(dict(LONG, consecutive5xxErrors=2), timeout="50ms",
              answer=lambda request, sock: quiet.append(sock) or sock.recv(1) and None) as it:
        it.eject()
        check(504 not in it.send(10), "the silent one is out")


def test_running_requests_of_an_ejected_endpoint_go_on():
    held = []

    def answer(request, sock):
        if request.target != "/hold":
            return reply(500)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        held.append(sock)
        return b""  # the rest comes later

    with Pair(LONG, answer=answer) as it:
        # Four on two workers: one of them has two, and they go to both.
        clients = [socket.create_connection(("127.0.0.1", it.proxy.port)) for _ in range(4)]
        for client in clients:
            client.settimeout(20)
            client.sendall(b"GET /hold HTTP/1.1\r\nHost: research-agent.team1\r\n\r\n")
        wait_for("a held request", lambda: held)
        it.eject()
        for sock in held:
            sock.sendall(b"cd")
        whole = 0
        for client in clients:
            data = b""
            while not data.endswith((b"abcd", b"good")):
                got = client.recv(4096)
                check(got, f"cut: {data}")
                data += got
            whole += data.endswith(b"abcd")
            client.close()
        equal(whole, len(held), "whole answers of the ejected endpoint")


main(globals())
