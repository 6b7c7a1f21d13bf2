#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which endpoint a request goes to: balancers, consistent hashing, weights, localities, entries outside Kubernetes."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (HOST, Backend, Proxy, Reader, check, connect, destination_rule, endpoint, equal, fetch,  # noqa: E402
                   main, read_response, request_bytes, service, virtual_service, wait_for)


class Crowd:
    """Some backends of one service, named b0, b1 ..."""

    def __init__(self, policy, count=3, http=None, more=()):
        self.policy, self.count, self.http, self.more = policy, count, http, more

    def objects(self):
        objects = [service(), destination_rule(["v1"], policy=self.policy),
                   [endpoint(f"p{i}", "v1", b.address, b.port) for i, b in enumerate(self.backends)], *self.more]
        return objects + ([virtual_service(self.http)] if self.http else [])

    def __enter__(self):
        self.backends = [Backend(f"b{i}") for i in range(self.count)]
        self.proxy = Proxy(self.objects())
        return self

    def __exit__(self, *_):
        self.proxy.close()
        for backend in self.backends:
            backend.close()

    def ask(self, **more):
        got = fetch(self.proxy.port, **more)
        equal(got.status, 200, "the status")
        return got.body.decode()


def hashed(**key):
    return {"loadBalancer": {"consistentHash": key}}


def test_a_header_keeps_its_endpoint():
    for algorithm in ({}, {"maglev": {}}, {"ringHash": {"minimumRingSize": 64}}):
        with Crowd(hashed(httpHeaderName="X-User-Id", **algorithm)) as it:
            of = {f"user{i}": it.ask(fields=[("x-user-id", f"user{i}")]) for i in range(60)}
            equal(set(of.values()), {"b0", "b1", "b2"}, "all endpoints have users")
            for user, name in list(of.items())[:15]:
                equal({it.ask(fields=[("X-User-ID", user)]) for _ in range(3)}, {name}, f"the endpoint of {user}")
            equal({it.ask() for _ in range(60)}, {"b0", "b1", "b2"}, "without the header any will do")


def test_query_and_source():
    with Crowd(hashed(httpQueryParameterName="user")) as it:
        for user in ("ann", "bob", "carol"):
            equal(len({it.ask(path=f"/?x={i}&user={user}&user=no{i}") for i in range(8)}), 1, "endpoints of a parameter")
    with Crowd(hashed(useSourceIp=True)) as it:
        equal(len({it.ask() for _ in range(12)}), 1, "endpoints of 127.0.0.1")
        seen = {it.ask(fields=[("X-Forwarded-For", f"10.0.0.{i}")]) for i in range(30)}
        equal(seen, {"b0", "b1", "b2"}, "endpoints of thirty addresses")


def test_a_cookie_is_made_and_honoured():
    with Crowd(hashed(httpCookie={"name": "session-id", "ttl": "3600s", "path": "/a",
                                  "attributes": [{"name": "SameSite", "value": "Lax"}, {"name": "Secure"}]})) as it:
        got = fetch(it.proxy.port)
        cookie = got.get("set-cookie")
        match = re.fullmatch(r'session-id="([0-9a-f]{16})"; Max-Age=3600; Path=/a; SameSite=Lax; Secure; HttpOnly', cookie)
        check(match, f"Set-Cookie is {cookie}")
        name = got.body.decode()
        for _ in range(10):
            again = fetch(it.proxy.port, fields=[("Cookie", f"a=b; session-id={match.group(1)}")])
            equal((again.body.decode(), again.get("set-cookie")), (name, None), "with the cookie")
        check(len({fetch(it.proxy.port).get("set-cookie") for _ in range(5)}) > 1, "each connection has its own")
    with Crowd(hashed(httpCookie={"name": "sid", "ttl": "0s"})) as it:
        check(re.fullmatch(r'sid="[0-9a-f]{16}"; HttpOnly', fetch(it.proxy.port).get("set-cookie")), "a session cookie")
    with Crowd(hashed(httpCookie={"name": "sid"})) as it:
        equal(fetch(it.proxy.port).get("set-cookie"), None, "without ttl none is made")


def test_an_ejected_endpoint_loses_only_its_own_keys():
    policy = dict(hashed(httpHeaderName="x-user"), outlierDetection={
        "interval": "10ms", "baseEjectionTime": "300s", "maxEjectionPercent": 50, "consecutive5xxErrors": 1})
    with Crowd(policy, http=[{"route": [{"destination": {"host": "research-agent"}}], "retries": {"attempts": 0}}]) as it:
        users = [f"user{i}" for i in range(90)]
        before = {u: it.ask(fields=[("x-user", u)]) for u in users}
        it.backends[0].answer = lambda request, sock: b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
        victim = next(u for u in users if before[u] == "b0")
        equal(fetch(it.proxy.port, fields=[("x-user", victim)]).status, 500, "the error that ejects")
        wait_for("the ejection", lambda: it.proxy.metric_sum("envoy_cluster_outlier_detection_ejections_active") == 1)
        after = {u: it.ask(fields=[("x-user", u)]) for u in users}
        check("b0" not in after.values(), "the ejected one is still asked")
        # Most others stay, five of six: the ring of two has more places for each of them.
        others = [u for u in users if before[u] != "b0"]
        stayed = sum(after[u] == before[u] for u in others)
        check(stayed * 10 >= 6 * len(others), f"only {stayed} of {len(others)} stayed")
        equal({u: it.ask(fields=[("x-user", u)]) for u in users}, after, "it stays so")


def test_round_robin_goes_round():
    with Crowd({"loadBalancer": {"simple": "ROUND_ROBIN"}}) as it:
        seen = []
        with connect(it.proxy.port) as sock:  # one connection: one worker
            reader = Reader(sock)
            for _ in range(9):
                sock.sendall(request_bytes("GET", "/", HOST, (), b""))
                seen.append(read_response(reader, "GET").body.decode())
        equal(sorted(seen[:3]), ["b0", "b1", "b2"], "the first three")
        equal(seen, seen[:3] * 3, "the order")


def test_retries_of_hashed_routes():
    """The hash decides on a retry, too, unless the route itself asks for other endpoints."""
    for given, want in ((None, {500}), (True, {200})):
        retries = {"attempts": 2, "retryOn": "5xx"}
        if given:
            retries["retryIgnorePreviousHosts"] = True
        with Crowd(hashed(httpHeaderName="x-user"),
                   http=[{"route": [{"destination": {"host": "research-agent"}}], "retries": retries}]) as it:
            it.backends[0].answer = lambda request, sock: b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
            users = [f"user{i}" for i in range(60)]
            seen = {fetch(it.proxy.port, fields=[("x-user", u)]).status for u in users
                    if len(it.backends[0].requests) < 1}
            check(want <= seen | {200}, f"statuses {seen}, retryIgnorePreviousHosts {given}")
            if given:
                equal(seen, {200}, "statuses")


def istio(kind, name, spec, ns="team1", **metadata):
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "spec": spec,
            "metadata": dict(name=name, namespace=ns, **metadata)}


def service_entry(host, resolution, endpoints=None, **spec):
    spec = dict({"hosts": [host], "resolution": resolution, "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]}, **spec)
    if endpoints:
        spec["endpoints"] = endpoints
    return istio("ServiceEntry", host.replace("*", "any"), spec)


def test_entries_outside_kubernetes():
    backends = [Backend(f"b{i}") for i in range(3)]
    at = [{"address": b.address, "ports": {"http": b.port}} for b in backends]
    workload = istio("WorkloadEntry", "vm1", dict(at[2], labels={"app": "vm"}))
    objects = [service_entry("legacy.example", "STATIC", [dict(at[0], labels={"v": "1"}), dict(at[1], labels={"v": "2"})]),
               service_entry("named.example", "DNS", [{"address": "localhost", "ports": {"http": backends[0].port}}]),
               service_entry("first.example", "DNS_ROUND_ROBIN", [dict(at[1])]),
               service_entry("vms.example", "STATIC", workloadSelector={"labels": {"app": "vm"}}), workload,
               istio("DestinationRule", "legacy", {"host": "legacy.example", "subsets": [{"name": "two", "labels": {"v": "2"}}],
                                                   "trafficPolicy": {"loadBalancer": {"simple": "ROUND_ROBIN"}}}),
               istio("VirtualService", "legacy", {"hosts": ["legacy.example"], "http": [
                   {"match": [{"uri": {"prefix": "/two"}}],
                    "route": [{"destination": {"host": "legacy.example", "subset": "two"}}]},
                   {"route": [{"destination": {"host": "legacy.example"}}]}]})]
    with Proxy(objects) as proxy:
        def ask(host, path="/"):
            got = fetch(proxy.port, host=host, path=path)
            equal(got.status, 200, f"the status of {host}{path}")
            return got.body.decode()
        equal({ask("legacy.example") for _ in range(12)}, {"b0", "b1"}, "STATIC")
        equal({ask("legacy.example", "/two") for _ in range(4)}, {"b1"}, "the subset")
        equal(ask("named.example"), "b0", "a name, resolved before the first request")
        equal(ask("first.example"), "b1", "the first address")
        equal(ask("vms.example"), "b2", "a workload by its labels")
        proxy.wait_sum(1, "istio_requests_total", destination_service="vms.example", destination_workload="vm1",
                       destination_service_name="vms.example", destination_service_namespace="team1")
        workload["spec"]["labels"] = {"app": "other"}
        proxy.configure(objects)
        equal(fetch(proxy.port, host="vms.example").status, 503, "its label is gone")
    for backend in backends:
        backend.close()


def test_weights_of_entries():
    backends = [Backend(f"b{i}") for i in range(2)]
    objects = [service_entry("w.example", "STATIC", [
        {"address": b.address, "ports": {"http": b.port}, "weight": 3 - 2 * i} for i, b in enumerate(backends)])]
    with Proxy(objects, workers=1) as proxy:
        for _ in range(40):
            fetch(proxy.port, host="w.example")
        check(28 <= len(backends[0].requests) <= 32, f"{len(backends[0].requests)} of 40 for weight 3 of 4")
    for backend in backends:
        backend.close()


def test_the_far_take_over_when_the_near_are_out():
    outlier = {"interval": "10ms", "baseEjectionTime": "300s", "maxEjectionPercent": 100, "consecutive5xxErrors": 1}
    near, far = Backend("near"), Backend("far")
    objects = [service_entry("l.example", "STATIC", [
        {"address": near.address, "ports": {"http": near.port}, "locality": "eu/a"},
        {"address": far.address, "ports": {"http": far.port}, "locality": "us/b"}]),
        istio("DestinationRule", "l", {"host": "l.example", "trafficPolicy": {"outlierDetection": outlier}}),
        istio("VirtualService", "l", {"hosts": ["l.example"], "http": [
            {"route": [{"destination": {"host": "l.example"}}], "retries": {"attempts": 0}}]})]
    with Proxy(objects, options=["--locality", "eu/a"]) as proxy:
        def ask():
            got = fetch(proxy.port, host="l.example")
            return got.status, got.body.decode()
        equal({ask() for _ in range(20)}, {(200, "near")}, "all go to the near one")
        near.answer = lambda request, sock: b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
        equal(ask()[0], 500, "the error that ejects")
        wait_for("the far one", lambda: ask() == (200, "far"))
        equal({ask() for _ in range(20)}, {(200, "far")}, "all go to the far one")
    distribute = {"localityLbSetting": {"distribute": [{"from": "eu/*", "to": {"us/*": 100}}]}}
    objects[1]["spec"]["trafficPolicy"] = {"loadBalancer": distribute}
    with Proxy(objects, options=["--locality", "eu/a"]) as proxy:
        equal({fetch(proxy.port, host="l.example").body for _ in range(20)}, {b"far"}, "by distribute")
    near.close()
    far.close()


main(globals())
