#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a route does to a request on its way: matches, rewrites, headers, redirects, direct answers. Seen from both ends."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (Backend, Proxy, check, destination_rule, endpoint, equal, fetch, main, reply, service,  # noqa: E402
                   virtual_service)


class Routed:
    """One backend for each version behind these http entries."""

    def __init__(self, http, answer=None, policy=None):
        self.http, self.answer, self.policy = http, answer, policy

    def __enter__(self):
        self.v1, self.v2 = Backend("v1", answer=self.answer), Backend("v2", answer=self.answer)
        self.proxy = Proxy([service(), endpoint("p1", "v1", self.v1.address, self.v1.port),
                            endpoint("p2", "v2", self.v2.address, self.v2.port), destination_rule(policy=self.policy),
                            virtual_service(self.http)])
        return self

    def __exit__(self, *_):
        self.proxy.close()
        self.v1.close()
        self.v2.close()

    def send(self, path="/", **more):
        """The response, and the request as the backend saw it."""
        before = len(self.v1.requests)
        got = fetch(self.proxy.port, path=path, **more)
        return got, self.v1.requests[before:]


def to(subset="v1", **more):
    return dict(destination={"host": "research-agent", "subset": subset}, **more)


def test_paths_are_rewritten_and_the_old_one_is_told():
    with Routed([{"match": [{"uri": {"prefix": "/v1/research"}}], "rewrite": {"uri": "/a2a/task"}, "route": [to()]},
                 {"match": [{"uri": {"prefix": "/user/"}}], "route": [to()],
                  "rewrite": {"uriRegexRewrite": {"match": "^/user/([^/]+)(/.*)$", "rewrite": "\\2/of/\\1"}}},
                 {"route": [to()]}]) as it:
        for path, want in (("/v1/research", "/a2a/task"), ("/v1/research/x?y=1&z", "/a2a/task/x?y=1&z"),
                           ("/user/ann/books?p=2", "/books/of/ann?p=2")):
            _, (request,) = it.send(path)
            equal(request.target, want, f"the target of {path}")
            equal(request.get("x-envoy-original-path"), path, "the original path")
        _, (request,) = it.send("/other?q", fields=[("X-Envoy-Original-Path", "/mine")])
        equal(request.target, "/other?q", "a path that stays")


def test_the_host_is_rewritten():
    with Routed([{"match": [{"uri": {"prefix": "/a"}}], "rewrite": {"authority": "inner.example"}, "route": [to()]},
                 {"match": [{"uri": {"prefix": "/b"}}], "headers": {"request": {"set": {"Host": "set.example"}}},
                  "route": [to()]},
                 {"match": [{"uri": {"prefix": "/c"}}],
                  "route": [to(headers={"request": {"set": {":authority": "dest.example"}}})]}]) as it:
        for path, want in (("/a", "inner.example"), ("/b", "set.example"), ("/c", "dest.example")):
            _, (request,) = it.send(path)
            equal([v for n, v in request.fields if n == "host"], [want], f"Host of {path}")
            equal(request.get("x-envoy-original-path"), None, "no path was rewritten")


def test_headers_are_removed_set_and_added_in_order():
    http = [{"headers": {"request": {"remove": ["x-gone"], "set": {"x-set": "route", "x-both": "route"},
                                     "add": {"x-add": "route"}},
                         "response": {"remove": ["x-secret"], "set": {"server": "shop"}}},
             "route": [to(headers={"request": {"set": {"x-both": "destination"}, "add": {"x-add": "destination"}}})]}]
    with Routed(http, answer=lambda request, sock: reply(fields=[("X-Secret", "1"), ("Server", "mine")])) as it:
        got, (request,) = it.send(fields=[("X-Gone", "1"), ("X-Set", "client"), ("X-Set", "twice"), ("X-Add", "client")])
        equal(request.get("x-gone"), None, "removed")
        equal(request.get("x-set"), "route", "set")
        equal([v for n, v in request.fields if n == "x-add"], ["client", "route", "destination"], "added")
        equal(request.get("x-both"), "destination", "one destination: it comes last")
        equal((got.get("server"), got.get("x-secret")), ("shop", None), "the response")
    http[0]["route"][0]["weight"] = 1
    http[0]["route"].append(to("v2", weight=0))
    with Routed(http) as it:
        _, (request,) = it.send()
        equal(request.get("x-both"), "route", "several destinations: the route comes last")


def test_a_retry_is_rewritten_again():
    seen = []

    def answer(request, sock):
        seen.append((request.target, request.get("x-envoy-original-path"), request.get("x-envoy-attempt-count")))
        return reply(503 if len(seen) < 3 else 200)

    with Routed([{"rewrite": {"uri": "/new/"}, "match": [{"uri": {"prefix": "/old/"}}], "route": [to()],
                  "retries": {"attempts": 2, "retryOn": "5xx", "backoff": "1ms"}}], answer=answer) as it:
        equal(fetch(it.proxy.port, path="/old/x?y").status, 200, "the third try")
        equal(seen, [("/new/x?y", "/old/x?y", str(n)) for n in (1, 2, 3)], "tries")


def test_redirects_and_direct_answers():
    with Routed([{"match": [{"uri": {"prefix": "/old/"}}], "redirect": {"prefixRewrite": "/new/", "redirectCode": 308}},
                 {"match": [{"uri": {"exact": "/secure"}}], "redirect": {"scheme": "https", "authority": "shop.example"}},
                 {"match": [{"uri": {"exact": "/health"}}], "directResponse": {"status": 200, "body": {"string": "ok\n"}},
                  "headers": {"response": {"set": {"x-from": "proxy"}}}}]) as it:
        got, _ = it.send("/old/a?b=c", host="shop.example:8080")
        equal(got.status, 502, "a host nobody has")
        got, _ = it.send("/old/a?b=c")
        equal((got.status, got.get("location")),
              (308, "http://research-agent.team1.svc.cluster.local/new/a?b=c"), "a prefix")
        got, _ = it.send("/secure?x")
        equal((got.status, got.get("location")), (301, "https://shop.example/secure?x"), "scheme and host")
        for proto, scheme in ("https", "https"), ("javascript", "http"):
            got, _ = it.send("/old/a", fields=[("X-Forwarded-Proto", proto)])
            equal(got.get("location"), scheme + "://research-agent.team1.svc.cluster.local/new/a", "the scheme a client came with")
        got, requests = it.send("/health")
        equal((got.status, got.body, got.get("content-type"), requests), (200, b"ok\n", "text/plain", []), "an answer")
        equal(got.get("x-from"), "proxy", "a header of a direct answer")
        equal(it.send("/nothing")[0].status, 404, "no route")


def test_matches_choose_the_version():
    with Routed([{"match": [{"headers": {"x-user-type": {"exact": "beta-tester"}}},
                            {"queryParams": {"v": {"exact": "2"}}, "method": {"regex": "GET|HEAD"}}],
                  "route": [to("v2")]},
                 {"match": [{"withoutHeaders": {"x-block": {}}}], "route": [to("v1")]}]) as it:
        cases = ((dict(fields=[("X-User-Type", "beta-tester")]), b"v2"), (dict(path="/?v=2"), b"v2"),
                 (dict(path="/?v=2", method="POST"), b"v1"), (dict(path="/?v=1"), b"v1"), (dict(), b"v1"))
        for more, want in cases:
            equal(fetch(it.proxy.port, **more).body, want, f"{more}")
        equal(fetch(it.proxy.port, fields=[("X-Block", "1")]).status, 404, "nothing left")


def test_round_robin_takes_turns():
    with Routed([{"route": [{"destination": {"host": "research-agent"}}]}],
                policy={"loadBalancer": {"simple": "ROUND_ROBIN"}}) as it:
        for _ in range(40):
            fetch(it.proxy.port)
        counts = len(it.v1.requests), len(it.v2.requests)
        check(max(counts) - min(counts) <= 2, f"two workers with a rotation each: {counts}")


main(globals())
