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
        body = bytes(range(256)) * (3 << 12)  # 3 MB: more than is kept, so that the client waits, too
        got, seen = it.send("/slow", method="POST", body=body)
        equal((got.status, seen[0].body == body), (200, True), "a long upload behind a delay")
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
        equal(it.proxy.metric_sum("envoy_http_fault_delays_injected"), 4, "delays")
        equal(it.proxy.metric_sum("envoy_cluster_upstream_rq_5xx"), 0, "an abort is none of the cluster's errors")


def test_our_own_answers_to_grpc():
    http = [at("/abort", fault={"abort": {"percentage": ALL, "httpStatus": 403}}),
            {"match": [{"uri": {"prefix": "/moved"}}], "redirect": {"uri": "/"}},
            {"match": [{"uri": {"prefix": "/down"}}], "directResponse": {"status": 503, "body": {"string": "100% busy\n"}}},
            {"match": [{"uri": {"prefix": "/empty"}}], "route": [{"destination": {"host": "research-agent", "subset": "none"}}]}]
    with Routed(http) as it:
        for path, want in (("/abort", ("7", "fault filter abort")), ("/down", ("14", "100%25 busy%0A")), ("/empty", ("14", None)),
                           ("/nothing", ("12", None))):
            got, _ = it.send(path, method="POST", fields=[("Content-Type", "application/grpc+proto"), ("TE", "trailers")], body=b"x")
            equal((got.status, got.get("content-type"), got.body), (200, "application/grpc", b""), path)
            equal((got.get("grpc-status"), got.get("grpc-message")), want, path)
        equal(it.send("/moved", fields=[("Content-Type", "application/grpc")])[0].status, 301, "a redirect stays one")
        wait_for("the count", lambda: it.proxy.metric_sum("istio_requests_total", grpc_response_status="12", response_flags="NR",
                                                          request_protocol="grpc", response_code="200") == 1)


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


def test_delegates():
    leaf = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "leaf", "namespace": "team2"},
            "spec": {"http": [{"match": [{"uri": {"prefix": "/books/new"}}], "directResponse": {"status": 203}},
                              {"match": [{"uri": {"prefix": "/else"}}], "directResponse": {"status": 204}},
                              {"directResponse": {"status": 202}}]}}
    root = virtual_service([{"match": [{"uri": {"prefix": "/books"}, "headers": {"x-who": {"exact": "ann"}}}],
                             "headers": {"response": {"set": {"x-of": "root"}}},
                             "delegate": {"name": "leaf", "namespace": "team2"}}, {"route": to()}])
    with Routed([at("/")]) as it:
        b = it.backend
        it.proxy.configure([service(), endpoint("p1", "v1", b.address, b.port), destination_rule(["v1"]), root, leaf])
        for path, who, want in (("/books/new/1", "ann", 203), ("/books", "ann", 202), ("/books/new", "bob", 200), ("/else", "ann", 200)):
            got, _ = it.send(path, fields=[("X-Who", who)])
            equal((got.status, got.get("x-of")), (want, "root" if want != 200 else None), f"{path} of {who}")
        check("ignored-delegate-route" in it.proxy.admin("/config_dump").body.decode(), "the entry outside is reported")


def test_traces_begin_and_pass():
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    names = ("traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled")

    def sent(it, *fields):
        _, (seen,) = it.send(fields=fields)
        return {name: seen.get(name) for name in names if seen.get(name) is not None}

    came = ([("traceparent", parent), ("tracestate", "a=b,c=d")], [("b3", "0")],
            [("x-b3-traceid", "80f198ee56343ba864fe8b2a57d3eff7"), ("x-b3-spanid", "e457b5a2e4d86bd1"), ("x-b3-sampled", "1")])
    for mode in ("w3c", "b3", "off"):
        with Routed([at("/")], options=["--tracing", mode]) as it:
            for fields in came:
                equal(sent(it, *fields), dict(fields), f"what comes passes ({mode})")
            begun = sent(it)
            again = sent(it)
            if mode == "w3c":
                check(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", begun["traceparent"]), f"a parent: {begun}")
                equal(list(begun), ["traceparent"], "alone")
                check(begun != again, "each request has its own")
                check(sent(it, ("traceparent", "garbage"), ("tracestate", "a=b"))["traceparent"] != "garbage", "garbage is replaced")
            elif mode == "b3":
                check(re.fullmatch(r"[0-9a-f]{32} [0-9a-f]{16}", f"{begun['x-b3-traceid']} {begun['x-b3-spanid']}"), f"ids: {begun}")
                check(begun != again, "each request has its own")
            else:
                equal((begun, again), ({}, {}), "nothing begins")
            _, (one, ) = it.send()
            _, (two, ) = it.send(fields=[("X-Request-Id", "mine")])
            check(UUID.fullmatch(one.get("x-request-id")), "a request id is made")
            equal(two.get("x-request-id"), "mine", "one that came is kept")


def test_blocks_for_other_proxies_are_dropped():
    http = [{"match": [{"sourceLabels": {"app": "shop"}, "uri": {"prefix": "/a"}}], "directResponse": {"status": 201}},
            {"match": [{"sourceLabels": {"app": "other"}, "uri": {"prefix": "/a"}}], "directResponse": {"status": 202}},
            {"match": [{"sourceNamespace": "else", "uri": {"prefix": "/b"}}], "directResponse": {"status": 203}},
            {"match": [{"sourceNamespace": "mine", "uri": {"prefix": "/b"}}], "directResponse": {"status": 204}},
            {"match": [{"gateways": ["gw"], "uri": {"prefix": "/c"}}], "directResponse": {"status": 205}},
            {"match": [{"gateways": ["mesh"], "sourceNamespace": "else", "uri": {"prefix": "/c"}}], "directResponse": {"status": 206}},
            {"match": [{"port": 81, "uri": {"prefix": "/d"}}], "directResponse": {"status": 207}},
            {"match": [{"port": 80, "uri": {"prefix": "/d"}}], "directResponse": {"status": 208}}]
    with Routed(http, options=["--label", "app=shop", "--label", "tier=front", "--namespace", "mine"]) as it:
        for path, want in (("/a", 201), ("/b", 204), ("/c", 206), ("/d", 208)):
            equal(it.send(path)[0].status, want, path)


def test_a_costly_pattern_is_refused_and_counted():
    with Routed([{"match": [{"uri": {"regex": "(/a+)+b"}}], "directResponse": {"status": 201}},
                 {"match": [{"uri": {"regex": "/(a|aa|aaa)+b"}}], "directResponse": {"status": 202}}, {"route": to()}]) as it:
        equal(it.send("/ab")[0].status, 201, "a match")
        got, seen = it.send("/" + "a" * 9000)
        equal((got.status, seen), (500, []), "too many steps: refused, not routed elsewhere")
        it.proxy.wait_sum(1, "envoy_http_route_pattern_limit")
        equal(it.send("/else")[0].status, 200, "others go on")


main(globals())
