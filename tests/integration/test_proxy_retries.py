#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Retries and time-outs with backends that misbehave: every token at both decision points, pauses, bodies, budgets, headers."""
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (Backend, Proxy, Reader, check, connect, destination_rule, endpoint, equal, fetch, main,  # noqa: E402
                   read_response, reply, request_bytes, service, virtual_service, wait_for)

CLUSTER = "outbound|80|v1|research-agent.team1.svc.cluster.local"
BEFORE = b"upstream connect error or disconnect/reset before headers. "


def route(path, retries=None, **more):
    """A route of its own for each path: one proxy serves a whole table of cases."""
    http = {"match": [{"uri": {"prefix": path}}],
            "route": [{"destination": {"host": "research-agent", "subset": "v1"}}]}
    if retries is not None:
        http["retries"] = retries
    return dict(http, **more)


def world(backends, routes, policy=None):
    return [service(), [endpoint(f"pod-{i}", "v1", b.address, b.port) for i, b in enumerate(backends)],
            destination_rule(policy=policy), virtual_service(list(routes))]


def stat(proxy, name):
    return proxy.metric_sum("envoy_cluster_" + name, cluster_name=CLUSTER)


def abort(sock):
    """A reset without a byte."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


class Script:
    """Answers the tries of each path by what is written in `plans`: a status, a dict of headers, or a word."""

    def __init__(self):
        self.plans, self.seen = {}, {}
        self.hold = threading.Event()
        self.backend = Backend(answer=self.answer)

    def answer(self, request, sock):
        seen = self.seen.setdefault(request.target, [])
        seen.append(request)
        plan = self.plans.get(request.target, [])
        what = plan[min(int(request.get("x-envoy-attempt-count")), len(plan)) - 1] if plan else 200
        if what == "close":
            return None
        if what == "reset":
            abort(sock)
            return None
        if what == "half a head":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-")
            return None
        if what == "garbage":
            return b"what?\r\n\r\n"
        if what == "cut body":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            return None
        if what == "silence":
            self.hold.wait(20)
            return None
        if what == "interim then 503":
            sock.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            return reply(503)
        status, fields = what if isinstance(what, tuple) else (what, ())
        return reply(status, body=f"try {len(seen)}".encode(), fields=fields)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hold.set()
        self.backend.close()


FAST = {"backoff": "1ms"}


def on(tokens, attempts=1, **more):
    return dict({"attempts": attempts, "retryOn": tokens}, **FAST, **more)


def grpc(status):
    return 200, [("grpc-status", str(status)), ("content-type", "application/grpc")]


LIMITED = (503, [("x-envoy-ratelimited", "true")])
# (retries of the route, what the first try meets, whether it is tried again)
TOKENS = [
    (on("5xx"), 500, True), (on("5xx"), 599, True), (on("5xx"), 499, False), (on("5xx"), "close", True),
    (on("5xx"), "reset", True), (on("5xx"), "half a head", True), (on("5xx"), "garbage", True),
    (on("gateway-error"), 502, True), (on("gateway-error"), 503, True), (on("gateway-error"), 504, True),
    (on("gateway-error"), 500, False), (on("gateway-error"), "close", True),
    (on("reset"), 503, False), (on("reset"), "close", True), (on("reset"), "reset", True),
    (on("connect-failure"), "close", False), (on("connect-failure"), 503, False),
    (on("reset-before-request"), "close", False), (on("refused-stream"), "close", False),
    (on("retriable-4xx"), 409, True), (on("retriable-4xx"), 404, False), (on("retriable-4xx"), 503, False),
    (on("retriable-status-codes,418"), 418, True), (on("418"), 418, True), (on("418"), 503, False),
    (on("418,5xx"), 500, True), (on("retriable-status-codes"), 503, False),
    (on("retriable-headers"), (200, [("x-again", "1")]), False),
    (on("envoy-ratelimited"), LIMITED, True), (on("5xx"), LIMITED, False), (on("5xx,envoy-ratelimited"), LIMITED, True),
    (on("envoy-ratelimited"), 503, False),
    (on("cancelled"), grpc(1), True), (on("deadline-exceeded"), grpc(4), True), (on("resource-exhausted"), grpc(8), True),
    (on("internal"), grpc(13), True), (on("unavailable"), grpc(14), True), (on("unavailable"), grpc(13), False),
    ({"attempts": 0}, 503, False), ({"attempts": 1, **FAST}, 503, False), ({"attempts": 1, **FAST}, grpc(14), True),
    (None, 503, False), (None, grpc(1), True), (on("5xx"), "interim then 503", False),
]


def test_tokens_at_both_decision_points():
    with Script() as script:
        routes = []
        for i, (retries, first, _) in enumerate(TOKENS):
            routes.append(route(f"/{i}/", retries))
            script.plans[f"/{i}/"] = [first, 200]
        with Proxy(world([script.backend], routes)) as proxy:
            for i, (retries, first, again) in enumerate(TOKENS):
                with connect(proxy.port) as s:
                    s.sendall(request_bytes("POST", f"/{i}/", body=b"x" * 100))  # methods are not looked at
                    reader = Reader(s)
                    got = read_response(reader)
                    while got.status < 200:
                        got = read_response(reader)
                what = f"{retries} and {first}"
                equal(len(script.seen[f"/{i}/"]), 2 if again else 1, f"tries of {what}")
                if again:
                    equal((got.status, got.body), (200, b"try 2"), what)
                check(all(len(r.body) == 100 for r in script.seen[f"/{i}/"]), "a body is not whole")
            retried = sum(again for _, _, again in TOKENS)
            proxy.wait_sum(retried, "envoy_cluster_upstream_rq_retry", cluster_name=CLUSTER)
            proxy.wait_sum(retried, "envoy_cluster_upstream_rq_retry_success", cluster_name=CLUSTER)
            equal(stat(proxy, "upstream_rq_retry_backoff_exponential"), retried, "back-offs")
            equal(stat(proxy, "upstream_rq_active"), 0, "still active")


def test_when_tries_run_out():
    with Script() as script:
        script.plans = {"/status": [503], "/close": ["close"]}
        with Proxy(world([script.backend], [route("/", on("5xx", attempts=2))])) as proxy:
            got = fetch(proxy.port, path="/status")
            equal((got.status, got.body), (503, b"try 3"), "the last answer is passed on")
            proxy.wait_sum(1, "istio_requests_total", response_flags="URX", response_code="503")
            got = fetch(proxy.port, path="/close")
            equal((got.status, got.body), (503, BEFORE + b"retried and the latest reset reason: connection termination"), "body")
            proxy.wait_sum(1, "istio_requests_total", response_code="503", response_flags="URX,UC")
            equal(stat(proxy, "upstream_rq_retry_limit_exceeded"), 2, "upstream_rq_retry_limit_exceeded")
            equal([r.get("x-envoy-attempt-count") for r in script.seen["/status"]], ["1", "2", "3"], "attempts")
            check(len({r.connection for r in script.seen["/status"]}) == 3, "a connection whose answer was thrown away was used again")


def test_other_hosts_are_preferred():
    with Script() as one, Script() as two, Script() as three:
        scripts = [one, two, three]
        for s in scripts:
            s.plans = {"/": [503], "/same": [503]}
        routes = [route("/same", on("5xx", attempts=2, retryIgnorePreviousHosts=False)), route("/", on("5xx", attempts=2))]
        with Proxy(world([s.backend for s in scripts], routes), workers=1) as proxy:
            spread = 0
            for _ in range(20):
                before = [len(s.seen.get("/", [])) for s in scripts]
                equal(fetch(proxy.port).status, 503, "status")
                spread += [len(s.seen.get("/", [])) for s in scripts] == [b + 1 for b in before]
            # each of two re-picks fails to find another host with (1/3)^6 and (2/3)^6
            check(spread >= 14, f"only {spread} of 20 requests went to three hosts")


def test_a_refused_connection_is_tried_elsewhere():
    dead = socket.socket()
    dead.bind(("127.0.0.1", 0))
    address, port = dead.getsockname()
    with Script() as script:
        objects = [service(), endpoint("dead", "v1", address, port),
                   endpoint("live", "v1", script.backend.address, script.backend.port), destination_rule(),
                   virtual_service([route("/off", {"attempts": 0}), route("/")])]
        with Proxy(objects) as proxy:
            equal({fetch(proxy.port).status for _ in range(30)}, {200}, "by default")
            seen = {fetch(proxy.port, path="/off").status for _ in range(30)}
            equal(seen, {200, 503}, "without retries")
    dead.close()


def test_timeouts():
    with Script() as script:
        script.plans = {"/route": ["silence"], "/try": ["silence", 200], "/tries": ["silence"], "/not": ["silence"],
                        "/headers": ["cut body"], "/alt": ["silence"], "/long": ["silence"]}
        routes = [route("/route", timeout="0.2s"),
                  route("/tries", on("gateway-error", perTryTimeout="0.1s")),
                  route("/try", on("reset", perTryTimeout="0.1s")),
                  route("/not", on("connect-failure", perTryTimeout="0.1s")),
                  route("/long", on("5xx", attempts=5, perTryTimeout="5s"), timeout="0.2s"),
                  route("/", timeout="0.2s")]
        with Proxy(world([script.backend], routes)) as proxy:
            got = fetch(proxy.port, path="/route")
            equal((got.status, got.body), (504, b"upstream request timeout"), "the route's")
            equal(fetch(proxy.port, path="/try").status, 200, "a try's, tried again")
            equal(fetch(proxy.port, path="/tries").status, 504, "of all tries")
            equal(len(script.seen["/tries"]), 2, "tries")
            equal(fetch(proxy.port, path="/not").status, 504, "connect-failure is no timeout")
            equal(len(script.seen["/not"]), 1, "tries")
            equal(fetch(proxy.port, path="/long").status, 504, "the route's before the try's")
            equal(len(script.seen["/long"]), 1, "tries")
            got = fetch(proxy.port, path="/alt", fields=[("x-envoy-upstream-rq-timeout-alt-response", "1")])
            equal((got.status, got.body), (204, b""), "as the client wants it")
            proxy.wait_sum(3, "envoy_cluster_upstream_rq_timeout", cluster_name=CLUSTER)
            equal(stat(proxy, "upstream_rq_per_try_timeout"), 4, "upstream_rq_per_try_timeout")
            proxy.wait_sum(1, "istio_requests_total", response_flags="URX,UT")


def test_a_timeout_within_the_body_ends_the_connection():
    release = threading.Event()

    def answer(_request, sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        release.wait(20)

    with Backend(answer=answer) as backend, Proxy(world([backend], [route("/", timeout="0.2s")])) as proxy:
        with connect(proxy.port) as s:
            s.sendall(request_bytes())
            reader = Reader(s)
            equal(reader.head()[0], "HTTP/1.1 200 OK", "head")
            equal(reader.rest(), b"abc", "what came of the body")
        proxy.wait_sum(1, "istio_requests_total", response_code="200", response_flags="UT")
        release.set()


def test_a_slow_upload_is_no_timeout():
    with Script() as script, Proxy(world([script.backend], [route("/", timeout="0.2s")])) as proxy:
        with connect(proxy.port) as s:
            s.sendall(request_bytes("POST", "/", body=b"12345678")[:-4])
            threading.Event().wait(0.4)  # longer than the timeout, which has not begun
            s.sendall(b"5678")
            equal(read_response(Reader(s)).status, 200, "status")


def big(size):
    return bytes(i * 7 % 251 for i in range(4096)) * (size // 4096)


def test_bodies_are_sent_again():
    with Script() as script:
        with Proxy(world([script.backend], [route("/", on("5xx", attempts=3))])) as proxy:
            for size in (4096, 60 * 1024, 200 * 1024, 1024 * 1024):
                body, path = big(size), f"/{size}"
                script.plans[path] = [503, "close", 200]
                got = fetch(proxy.port, "POST", path, body=body)
                equal((got.status, got.body), (200, b"try 3"), path)
                check(all(r.body == body for r in script.seen[path]), f"{path} came differently")
            chunked = b"".join(b"%x\r\n%s\r\n" % (1000, big(4096)[:1000]) for _ in range(300)) + b"0\r\n\r\n"
            script.plans["/chunked"] = [503, 200]
            with connect(proxy.port) as s:
                s.sendall(b"POST /chunked HTTP/1.1\r\nHost: research-agent\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked)
                equal(read_response(Reader(s)).status, 200, "chunked")
            equal([r.body == big(4096)[:1000] * 300 for r in script.seen["/chunked"]], [True, True], "chunked bodies")
            equal(stat(proxy, "retry_or_shadow_abandoned"), 0, "given up")


def test_longer_bodies_are_sent_once():
    with Script() as script:
        script.plans["/long"] = [503]
        with Proxy(world([script.backend], [route("/", on("5xx", attempts=3))])) as proxy:
            body = big(3 * 1024 * 1024)
            equal(fetch(proxy.port, "POST", "/long", body=body).status, 503, "status")
            equal(len(script.seen["/long"]), 1, "tries")
            check(script.seen["/long"][0].body == body, "the body came differently")
            proxy.wait_sum(1, "envoy_cluster_retry_or_shadow_abandoned", cluster_name=CLUSTER)


def test_a_retry_begins_before_the_upload_ends():
    with Backend(on_head=lambda line, fields, reader, sock: early(line, fields, reader, sock)) as backend:
        tries = []

        def early(_line, fields, reader, sock):
            tries.append(dict(fields)["x-envoy-attempt-count"])
            if len(tries) == 1:
                sock.sendall(reply(503))
                raise EOFError("unread: b''")
            sock.sendall(reply(200, body=reader.exactly(8)))
            return True

        with Proxy(world([backend], [route("/", on("5xx"))])) as proxy, connect(proxy.port) as s:
            s.sendall(request_bytes("POST", "/", body=b"abcdefgh")[:-4])
            wait_for("the second try", lambda: len(tries) == 2)
            s.sendall(b"efgh")
            equal(read_response(Reader(s)).body, b"abcdefgh", "body")


def test_a_body_too_long_while_nobody_takes_it():
    with Script() as script:
        script.backend.on_head = lambda line, fields, reader, sock: sock.sendall(reply(503)) or abort(sock) or stop()

        def stop():
            raise EOFError("unread: b''")

        retries = {"attempts": 1, "retryOn": "5xx", "backoff": "3600s"}  # a pause that does not end
        with Proxy(world([script.backend], [route("/", retries)])) as proxy, connect(proxy.port) as s:
            s.sendall(b"POST / HTTP/1.1\r\nHost: research-agent\r\nContent-Length: 5000000\r\n\r\n")
            wait_for("the pause", lambda: stat(proxy, "upstream_rq_retry") == 1)
            try:
                s.sendall(big(2 * 1024 * 1024))
            except OSError:
                pass
            got = read_response(Reader(s))
            equal((got.status, got.body), (507, b"exceeded request buffer limit while retrying upstream"), "answer")
            wait_for("the retry to be over", lambda: stat(proxy, "circuit_breakers_default_remaining_retries") == 2**32 - 1)


def held(proxy, path, count):
    socks = [connect(proxy.port) for _ in range(count)]
    for s in socks:
        s.sendall(request_bytes(path=path))
    return socks


def test_so_many_retries_at_once():
    for policy, limit in (({"connectionPool": {"http": {"maxRetries": 2}}}, 2),
                          ({"retryBudget": {"percent": 0, "minRetryConcurrency": 1}}, 1)):
        with Script() as script:
            script.plans = {"/held": [503, "silence"], "/more": [503]}
            with Proxy(world([script.backend], [route("/", on("5xx"))], policy)) as proxy:
                socks = held(proxy, "/held", limit)
                wait_for("retries that hang", lambda: len(script.seen.get("/held", [])) == 2 * limit)
                equal(stat(proxy, "circuit_breakers_default_rq_retry_open"), 1, "rq_retry_open")
                got = fetch(proxy.port, path="/more")
                equal((got.status, got.body), (503, b"try 1"), "the failure is passed on")
                check(got.get("x-envoy-overloaded") is None, "it is the backend's answer")
                proxy.wait_sum(1, "istio_requests_total", response_flags="UO", response_code="503")
                equal(stat(proxy, "upstream_rq_retry_overflow"), 1, "upstream_rq_retry_overflow")
                script.hold.set()
                for s in socks:
                    s.close()
                wait_for("an end", lambda: stat(proxy, "circuit_breakers_default_rq_retry_open") == 0)


def test_a_budget_is_a_share_of_what_is_active():
    policy = {"retryBudget": {"percent": 50, "minRetryConcurrency": 0}, "connectionPool": {"http": {"maxRetries": 1}}}
    with Script() as script:
        script.plans = {"/base": ["silence"], "/held": [503, "silence"], "/more": [503, 200]}
        with Proxy(world([script.backend], [route("/", on("5xx"))], policy)) as proxy:
            equal(fetch(proxy.port, path="/more").status, 503, "alone: half of one is none")
            socks = held(proxy, "/base", 8)
            wait_for("requests", lambda: len(script.seen.get("/base", [])) == 8)
            socks += held(proxy, "/held", 3)
            wait_for("retries that hang", lambda: len(script.seen.get("/held", [])) == 6)
            equal(fetch(proxy.port, path="/more").status, 200, "a fourth of more than eight")
            script.hold.set()
            for s in socks:
                s.close()


def test_headers_of_clients_within_the_mesh():
    with Script() as script:
        script.plans = {
            "/on": [503, 200], "/grpc": [grpc(14), 200], "/max": [503], "/none": [503], "/codes": [418, 200],
            "/codes-only": [418], "/names": [(200, [("x-again", "")]), 200], "/names-not": [(200, [("x-other", "")])],
            "/timeout": ["silence"], "/per-try": ["silence", 200], "/default": [418]}
        cases = [  # path, headers, tries, status
            ("/on", [("x-envoy-retry-on", "5xx")], 2, 200),
            ("/grpc", [("x-envoy-retry-grpc-on", "unavailable")], 2, 200),
            ("/max", [("x-envoy-retry-on", "5xx"), ("x-envoy-max-retries", "4")], 5, 503),
            ("/none", [("x-envoy-max-retries", "4")], 1, 503),
            ("/codes", [("x-envoy-retry-on", "retriable-status-codes"), ("x-envoy-retriable-status-codes", "417, 418")], 2, 200),
            ("/codes-only", [("x-envoy-retriable-status-codes", "418")], 1, 418),
            ("/names", [("x-envoy-retry-on", "retriable-headers"), ("x-envoy-retriable-header-names", "x-none, X-Again")], 2, 200),
            ("/names-not", [("x-envoy-retry-on", "retriable-headers"), ("x-envoy-retriable-header-names", "x-again")], 1, 200),
            ("/timeout", [("x-envoy-upstream-rq-timeout-ms", "100")], 1, 504),
            ("/per-try", [("x-envoy-retry-on", "reset"), ("x-envoy-upstream-rq-per-try-timeout-ms", "100")], 2, 200),
            ("/default", [("x-envoy-retriable-status-codes", "418")], 3, 418),
        ]
        routes = [route("/default", {"attempts": 2, **FAST}), route("/", {"attempts": 0})]
        with Proxy(world([script.backend], routes)) as proxy:
            for path, fields, tries, status in cases:
                equal(fetch(proxy.port, path=path, fields=fields).status, status, f"{path} {fields}")
                equal(len(script.seen[path]), tries, f"tries of {path}")
            kept = {"x-envoy-attempt-count", "x-envoy-expected-rq-timeout-ms", "x-envoy-original-path"}
            control = [("x-envoy-retry-on", "5xx"), ("x-envoy-retry-grpc-on", "internal"), ("x-envoy-max-retries", "1"),
                       ("x-envoy-retriable-status-codes", "1"), ("x-envoy-retriable-header-names", "a"),
                       ("x-envoy-upstream-rq-timeout-ms", "9000"), ("x-envoy-upstream-rq-per-try-timeout-ms", "800"),
                       ("x-envoy-hedge-on-per-try-timeout", "true"), ("x-envoy-upstream-alt-stat-name", "a"),
                       ("x-envoy-upstream-rq-timeout-alt-response", "1"), ("x-envoy-expected-rq-timeout-ms", "1"),
                       ("x-envoy-attempt-count", "9")]
            fetch(proxy.port, path="/plain", fields=control)
            request = script.seen["/plain"][0]
            left = {n for n, _ in request.fields if n.startswith("x-envoy-")} - kept
            equal(left, set(), "control headers that were forwarded")
            equal(request.get("x-envoy-expected-rq-timeout-ms"), "800", "the time of one try")
            equal(request.get("x-envoy-attempt-count"), "1", "attempts")


def test_what_a_backend_is_told_of_its_time():
    with Script() as script:
        script.plans = {"/again": ["silence", 200]}
        routes = [route("/again", on("reset", perTryTimeout="0.1s"), timeout="60s"), route("/free"), route("/", timeout="5s")]
        with Proxy(world([script.backend], routes)) as proxy:
            rpc = [("content-type", "application/grpc")]
            fetch(proxy.port, path="/free", fields=rpc + [("grpc-timeout", "1S")])
            equal(script.seen["/free"][0].get("x-envoy-expected-rq-timeout-ms"), None, "no timeout")
            equal(script.seen["/free"][0].get("grpc-timeout"), "1S", "left alone")
            for asked, told in (("2S", "2000"), ("90S", "5000"), ("1M", "5000"), ("300m", "300"), ("x", "5000"), ("0S", "5000")):
                fetch(proxy.port, path=f"/{asked}", fields=rpc + [("grpc-timeout", asked)])
                request = script.seen[f"/{asked}"][0]
                equal(request.get("x-envoy-expected-rq-timeout-ms"), told, f"grpc-timeout {asked}")
                equal(request.get("grpc-timeout"), told + "m", f"grpc-timeout {asked}")
            fetch(proxy.port, path="/http", fields=[("grpc-timeout", "1S")])
            equal(script.seen["/http"][0].get("x-envoy-expected-rq-timeout-ms"), "5000", "not gRPC")
            equal(fetch(proxy.port, path="/again").status, 200, "status")
            equal([r.get("x-envoy-expected-rq-timeout-ms") for r in script.seen["/again"]], ["100", "100"], "per try")


def test_clients_beyond_the_mesh_may_not_ask():
    with Script() as script:
        script.plans = {"/": [503]}
        vs = virtual_service([{"route": [{"destination": {"host": "research-agent.team1.svc.cluster.local"}}]}])
        vs["spec"].update(hosts=["*"], gateways=["istio-system/ingress"])
        objects = [service(), endpoint("pod", "v1", script.backend.address, script.backend.port), vs]
        with Proxy(objects, persona="gateway") as proxy:
            got = fetch(proxy.port, fields=[("x-envoy-retry-on", "5xx"), ("x-envoy-upstream-rq-timeout-ms", "1")])
            equal((got.status, len(script.seen["/"])), (503, 1), "status and tries")
            check(all(not n.startswith("x-envoy-retry") for n, _ in script.seen["/"][0].fields), "control headers were forwarded")


main(globals())
