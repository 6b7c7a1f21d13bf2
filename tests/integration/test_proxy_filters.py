#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults, computed headers and cross-origin rules of a route, seen from both ends and in the counters."""
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (Backend, Proxy, check, connect, destination_rule, endpoint, equal, fetch, main, reply,  # noqa: E402
                   request_bytes, service, virtual_service, wait_for)

ALL = {"value": 100}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Routed:
    """One backend behind these http entries."""

    def __init__(self, http, answer=None, options=()):
        self.backend = Backend("v1", answer=answer)
        b = self.backend
        self.proxy = Proxy([service(), endpoint("p1", "v1", b.address, b.port), destination_rule(["v1"]),
                            virtual_service(http)], options=options)

    def __enter__(self):
        return self

    def __exit__(self, *more):
        self.proxy.__exit__(*more)
        self.backend.close()

    def send(self, path="/", **more):
        """The response, and the requests the backend saw meanwhile."""
        before = len(self.backend.requests)
        got = fetch(self.proxy.port, path=path, **more)
        return got, self.backend.requests[before:]


def to(**more):
    return [dict(destination={"host": "research-agent", "subset": "v1"}, **more)]


def at(path, **more):
    return dict({"match": [{"uri": {"prefix": path}}], "route": to()}, **more)


def test_aborts_and_delays():
    http = [at("/abort", fault={"abort": {"percentage": ALL, "httpStatus": 418}}, retries={"attempts": 3, "retryOn": "5xx,418"}),
            at("/grpc", fault={"abort": {"percentage": ALL, "grpcStatus": "UNAVAILABLE"}}),
            at("/never", fault={"delay": {"fixedDelay": "60s"}, "abort": {"httpStatus": 500}}),
            at("/slow", fault={"delay": {"percentage": ALL, "fixedDelay": "300ms"}}, timeout="0.2s"),
            at("/both", fault={"delay": {"percentage": ALL, "fixedDelay": "50ms"},
                               "abort": {"percentage": ALL, "httpStatus": 503}}),
            at("/hang", fault={"delay": {"percentage": ALL, "fixedDelay": "100s"}})]
    with Routed(http) as it:
        got, seen = it.send("/abort")
        equal((got.status, got.body, got.get("content-type"), seen), (418, b"fault filter abort", "text/plain", []), "abort")
        equal(it.send("/abort", method="HEAD")[0].body, b"", "no body for HEAD")
        got, seen = it.send("/grpc")
        equal((got.status, got.body, got.get("grpc-status"), got.get("grpc-message"), got.get("content-type"), seen),
              (200, b"", "14", "fault filter abort", "application/grpc", []), "an abort for gRPC")
        got, seen = it.send("/never")
        equal((got.status, len(seen)), (200, 1), "without percentage nobody is hit")
        begun = time.monotonic()
        got, seen = it.send("/slow", method="POST", body=b"x" * 5000)
        check(time.monotonic() - begun >= 0.3, "the delay took its time")
        equal((got.status, seen[0].body), (200, b"x" * 5000), "the route's timeout begins behind the delay")
        got, seen = it.send("/both")
        equal((got.status, seen), (503, []), "a delay and an abort")
        before = len(it.backend.requests)
        client = connect(it.proxy.port)
        client.sendall(request_bytes(path="/hang"))
        wait_for("the delay to run", lambda: it.proxy.metric_sum("envoy_http_fault_active_faults") == 1)
        client.close()
        wait_for("the delay to end with its client", lambda: it.proxy.metric_sum("envoy_http_fault_active_faults") == 0)
        equal(len(it.backend.requests), before, "a request whose client left")
        it.proxy.wait_sum(1, "istio_requests_total", response_flags="DC,DI", response_code="0")
        for flags, code in (("FI", "418"), ("DI", "200"), ("DI,FI", "503")):
            check(it.proxy.metric_sum("istio_requests_total", response_flags=flags, response_code=code,
                                      destination_service_name="research-agent") >= 1, f"{flags} {code} is counted")
        equal(it.proxy.metric_sum("envoy_http_fault_aborts_injected"), 4, "aborts")
        equal(it.proxy.metric_sum("envoy_http_fault_delays_injected"), 3, "delays")
        equal(it.proxy.metric_sum("envoy_cluster_upstream_rq_5xx"), 0, "an abort is none of the cluster's errors")


def test_shares_of_faults():
    http = [at("/", fault={"abort": {"percentage": {"value": 20.0}, "httpStatus": 503}})]
    with Routed(http) as it:
        with connect(it.proxy.port) as client:
            from proxy import Reader, read_response
            reader, hits, total = Reader(client), 0, 2000
            for _ in range(0, total, 50):
                client.sendall(request_bytes() * 50)
                hits += sum(read_response(reader).status == 503 for _ in range(50))
        check(310 <= hits <= 490, f"20 % of {total} is 400, got {hits}")  # five deviations: 90
        equal(len(it.backend.requests), total - hits, "the others arrive")


def test_header_values_are_computed():
    request = {"x-proto": "%PROTOCOL% 100%%", "x-peer": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
               "x-from": "%DOWNSTREAM_REMOTE_ADDRESS%", "x-local": "%DOWNSTREAM_LOCAL_ADDRESS%",
               "x-user": "%REQ(x-real-user?x-user):8%", "x-path": "%REQ(:path)%", "x-cluster": "%UPSTREAM_CLUSTER%",
               "x-route": "%ROUTE_NAME%", "x-start": "%START_TIME(%s)%", "x-none": "<%REQ(x-absent)%",
               "x-empty": "%REQ(x-absent)%", "x-uuid": "${UUID}", "x-id": "%UNIQUE_ID%", "x-gone-too": "%REQ(x-gone)%"}
    response = {"x-code": "%RESPONSE_CODE%", "x-flags": "%RESPONSE_FLAGS%", "x-host": "%UPSTREAM_HOST%",
                "x-type": "%RESP(content-type)%", "x-took": "%DURATION%", "x-name": "%HOSTNAME%", "x-asked": "%REQ(:method)%"}
    http = [{"name": "main", "route": to(headers={"request": {"set": {"x-user": "%REQ(x-user)%+"}}}),
             "match": [{"name": "all", "uri": {"prefix": "/"}}],
             "headers": {"request": {"set": request, "remove": ["x-gone"]}, "response": {"add": response}}}]
    with Routed(http, answer=lambda request, sock: reply(201, fields=[("Content-Type", "text/css")])) as it:
        got, (seen,) = it.send("/a?b=c", fields=[("X-Real-User", "annabelle-lee"), ("X-Empty", "kept"), ("X-Gone", "here")])
        local = f"127.0.0.1:{it.proxy.port}"
        want = {"x-proto": "HTTP/1.1 100%", "x-peer": "127.0.0.1", "x-local": local, "x-user": "annabell+", "x-path": "/a?b=c",
                "x-cluster": "outbound|80|v1|research-agent.team1.svc.cluster.local", "x-route": "main.all", "x-none": "<",
                "x-empty": "kept", "x-uuid": "${UUID}", "x-gone": None, "x-gone-too": "here"}
        equal({name: seen.get(name) for name in want}, want, "the request")
        check(re.fullmatch(r"127\.0\.0\.1:\d+", seen.get("x-from")), "address and port")
        check(abs(int(seen.get("x-start")) - time.time()) < 3600, "a time of the day")
        check(UUID.fullmatch(seen.get("x-id")) and seen.get("x-id") != seen.get("x-request-id"), "an id of its own")
        want = {"x-code": "201", "x-flags": "-", "x-host": f"127.0.0.1:{it.backend.port}", "x-type": "text/css",
                "x-asked": "GET"}
        equal({name: got.get(name) for name in want}, want, "the response")
        check(got.get("x-took").isdigit() and got.get("x-name"), "duration and name")


def test_computed_headers_of_tries_and_of_our_own_answers():
    seen = []

    def answer(request, sock):
        seen.append((request.get("x-path"), request.get("x-envoy-attempt-count")))
        return reply(503 if len(seen) < 3 else 200)

    http = [{"match": [{"uri": {"exact": "/own"}}], "directResponse": {"status": 503, "body": {"string": "{}"}},
             "headers": {"response": {"add": {"content-type": "application/json", "x-flags": "%RESPONSE_CODE%/%RESPONSE_FLAGS%"}}}},
            {"route": to(), "headers": {"request": {"set": {"x-path": "%REQ(:path)%"}}},
             "retries": {"attempts": 2, "retryOn": "5xx", "backoff": "1ms"}}]
    with Routed(http, answer=answer) as it:
        equal(it.send("/x?y")[0].status, 200, "the third try")
        equal(seen, [("/x?y", str(n)) for n in (1, 2, 3)], "each try has the value")
        got, _ = it.send("/own")
        equal((got.status, got.get("content-type"), got.get("x-flags")), (503, "application/json", "503/-"), "our own answer")


def test_bad_formats_are_refused_by_place():
    with Routed([at("/")]) as it:
        bad = virtual_service([at("/", headers={"request": {"set": {"x-a": "%NOBODY%"}}})])
        b = it.backend
        it.proxy.configure([service(), endpoint("p1", "v1", b.address, b.port), destination_rule(["v1"]), bad])
        text = it.proxy.admin("/config_dump").body.decode()
        check("%NOBODY%" in text and "spec.http[0].headers.request.set.x-a" in text, "a finding with its place")


def test_cross_origin_requests():
    cors = {"allowOrigins": [{"exact": "https://shop.example"}, {"regex": "https://.*[.]dev"}], "allowMethods": ["GET", "PUT"],
            "allowHeaders": ["x-a", "x-b"], "exposeHeaders": ["x-seen"], "maxAge": "24h", "allowCredentials": True}
    http = [at("/ignore", corsPolicy=dict(cors, unmatchedPreflights="IGNORE")), at("/", corsPolicy=cors)]

    def answer(request, sock):
        return reply(fields=[("Access-Control-Allow-Origin", "backend")])

    with Routed(http, answer=answer) as it:
        def ask(path, method, origin, *more):
            got, seen = it.send(path, method=method, fields=([("Origin", origin)] if origin else []) + list(more))
            return got, len(seen), {n[15:]: v for n, v in got.fields if n.startswith("access-control-")}

        asked = ("Access-Control-Request-Method", "PUT")
        full = {"allow-origin": "https://shop.example", "allow-credentials": "true", "allow-methods": "GET,PUT",
                "allow-headers": "x-a,x-b", "max-age": "86400", "expose-headers": "x-seen"}
        got, seen, headers = ask("/", "OPTIONS", "https://shop.example", asked)
        equal((got.status, got.body, seen, headers), (200, b"", 0, full), "a preflight")
        got, seen, headers = ask("/", "OPTIONS", "https://evil.example", asked)
        equal((got.status, seen, headers), (200, 1, {"allow-origin": "backend"}), "a preflight of another origin is forwarded")
        got, seen, headers = ask("/ignore", "OPTIONS", "https://evil.example", asked)
        equal((got.status, seen, "allow-origin" in headers, headers["allow-methods"]), (200, 0, False, "GET,PUT"), "or ignored")
        got, seen, headers = ask("/", "GET", "https://x.dev")
        equal((seen, headers), (1, {"allow-origin": "https://x.dev", "allow-credentials": "true", "expose-headers": "x-seen"}),
              "a request of an allowed origin")
        got, seen, headers = ask("/", "GET", "https://evil.example")
        equal((got.status, seen, headers), (200, 1, {"allow-origin": "backend"}), "a request of another is not refused")
        equal(ask("/", "GET", None)[2], {"allow-origin": "backend"}, "no Origin")
        equal(it.proxy.metric_sum("envoy_http_cors_origin_valid"), 2, "valid origins")
        equal(it.proxy.metric_sum("envoy_http_cors_origin_invalid"), 3, "invalid origins")


main(globals())
