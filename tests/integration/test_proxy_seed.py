#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manifests of examples/kagenti, each loaded as it stands beside the Service it names, with real requests.

Every row of docs/dataplane.md 7 is named by the test that shows it: "row 12" and so on."""
import pathlib
import re
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (BIN, HOST, ROOT, Backend, Proxy, Reader, check, connect, destination_rule, endpoint, equal,  # noqa: E402
                   fetch, main, read_response, reply, request_bytes, service, wait_for)

FOLDER = ROOT / "examples" / "kagenti"
CLUSTER = f"outbound|8080||{HOST}"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def seed(number):
    (path,) = FOLDER.glob(f"{number:02}-*.yaml")
    return path.read_text()


class Seed(Proxy):
    """Backends v1, v2 ... behind the Service, and the manifests of these numbers (or texts)."""

    def __init__(self, *parts, backends=("v1",), answers=None, more=(), **options):
        self.texts = [seed(p) if isinstance(p, int) else p for p in parts]
        self.backends = [Backend(name, answer=(answers or {}).get(name)) for name in backends]
        objects = [service(port=8080), *more]
        for i, b in enumerate(self.backends):
            objects.append(endpoint(f"p{i}", b.name, b.address, b.port))
        super().__init__(objects, **options)

    def write(self, objects):
        super().write(objects)
        for i, text in enumerate(self.texts):
            (self.manifests / f"seed{i}.yaml").write_text(text)

    def close(self):
        for b in self.backends:
            b.close()
        super().close()

    def fetch(self, method="GET", path="/", host=HOST, **more):
        return fetch(self.port, method, path, host=host, **more)

    def many(self, total, request=None):
        """Answers of `total` requests on one connection."""
        got = []
        with connect(self.port) as s:
            reader = Reader(s)
            for start in range(0, total, 50):
                n = min(50, total - start)
                s.sendall((request or request_bytes()) * n)
                got += [read_response(reader) for _ in range(n)]
        return got

    def counts(self):
        return [len(b.requests) for b in self.backends]

    def dump(self):
        return self.admin("/config_dump").body.decode()

    def stat(self, name, cluster=CLUSTER):
        return self.metric_sum(f"envoy_cluster_{name}", cluster_name=cluster)


def lint(*paths):
    got = subprocess.run([BIN, "lint", *map(str, paths)], capture_output=True, text=True, timeout=60)
    return got.returncode, got.stdout + got.stderr


def lint_seed(number):
    (path,) = FOLDER.glob(f"{number:02}-*.yaml")
    code, text = lint(path)
    equal(code, 0, f"lint of {path.name}: {text}")
    return text


def test_rows_1_to_5_outlier_detection():
    # Row 1: consecutiveErrors has no effect, consecutive5xxErrors is 5. Row 2: gateway errors count beside it.
    for number, status, needed in ((8, 500, 5), (8, 503, 5), (19, 503, 3), (19, 500, 5)):
        bad = {"v2": lambda request, sock, status=status: reply(status)}
        with Seed(number, backends=("v1", "v2"), answers=bad, workers=1) as p:
            wait_for("an ejection", lambda: p.fetch() and p.stat("outlier_detection_ejections_active") == 1)
            equal(p.counts()[1], needed, f"{status}s until {number:02} ejects")
            before = p.counts()
            check(all(r.status == 200 for r in p.many(40)), "the ejected one gets nothing")
            equal(p.counts()[1], before[1], "nothing at all")
    # Row 3: of one endpoint none is ejected with 50 %.
    with Seed(8, answers={"v1": lambda request, sock: reply(500)}, workers=1) as p:
        check(all(r.status == 500 for r in p.many(12)), "the only one stays")
        equal((p.counts()[0], p.stat("outlier_detection_ejections_active")), (12, 0), "it gets all")
    text = lint_seed(8) + lint_seed(19)
    # Rows 1, 2, 4, 5 as lint explains them; row 3 needs to know the number of endpoints.
    for mark in ("deprecated-consecutive-errors", "effective-5xx-errors", "independent-counters", "panic-threshold", "ejection-time"):
        check(f"[{mark}]" in text, f"{mark} in {text}")


def test_rows_6_and_7_balancing():
    for number, want in ((20, "ROUND_ROBIN"), (21, "LEAST_REQUEST"), (22, "RANDOM"), (4, "LEAST_REQUEST")):
        with Seed(number, backends=("v1", "v2"), workers=1) as p:
            check(f'"loadBalancer":"{want}"' in re.sub(r"\s", "", p.dump()), f"{number:02}: {want}")
            p.many(60)
            check(min(p.counts()) >= 10, f"{number:02}: both take part: {p.counts()}")
            if number == 20:
                equal(p.counts(), [30, 30], "in turn")
    check("[deprecated-least-conn]" in lint_seed(21), "row 6 is explained")


def test_rows_8_to_13_and_35_retries():
    status = [200]
    with Seed(5, answers={"v1": lambda request, sock: reply(status[0]) if status[0] else None}, workers=1) as p:
        # Rows 8, 9, 10: every 5xx, resets, and of 4xx only 409; three retries are four tries.
        for code, tries, flags in ((200, 1, "-"), (500, 4, "URX"), (599, 4, "URX"), (409, 4, "URX"), (404, 1, "-"), (None, 4, "URX,UC")):
            status[0] = code
            before = p.counts()[0]
            got = p.fetch()
            seen = p.counts()[0] - before
            if code is None and seen == tries + 1:  # the first went over a kept connection: that is no try of the user's
                seen -= 1
            equal((got.status, seen), (code or 503, tries), f"a backend that says {code}")
            wait_for("its flags", lambda: p.metric_sum("istio_requests_total", response_code=str(code or 503), response_flags=flags) == 1)
        retried = p.stat("upstream_rq_retry")
        equal((retried, p.stat("upstream_rq_retry_limit_exceeded")), (12, 4), "row 13: the cluster counts retries")
        check('"backoff":"25ms"' in re.sub(r"\s", "", p.dump()), "row 35: from 25 ms on")
    failing = [2]

    def recover(request, sock):
        failing[0] -= 1
        return reply(500 if failing[0] >= 0 else 200)

    with Seed(26, answers={"v1": recover}) as p:
        equal((p.fetch("POST", body=b"x").status, p.counts()), (200, [3]), "row 12: POST is repeated")
        wait_for("the count", lambda: p.metric_sum("istio_requests_total", response_code="200", response_flags="-") == 1)
        equal(p.metric_sum("istio_requests_total"), 1, "row 13: a request that was saved shows no flag")
    with Seed(6, answers={"v1": lambda request, sock: reply(500)}) as p:  # row 11: no block, no retry of a 500
        equal((p.fetch().status, p.counts()), (500, [1]), "without a block")
        p.backends[0].close()
        equal(p.fetch().status, 503, "nobody listens")
        wait_for("two retries", lambda: p.stat("upstream_rq_retry") == 2)
    check("[retry-non-idempotent]" in lint_seed(26) and "[retry-remote-localities]" in lint_seed(26), "row 12 is explained")
    check("[retries-exceed-timeout]" in lint_seed(18) and "4 tries" in lint_seed(18), "row 10 is explained")


def test_row_10_time_limits_of_18():
    with Seed(18, answers={"v1": lambda request, sock: reply(body=request.get("x-envoy-expected-rq-timeout-ms").encode())}) as p:
        equal(p.fetch().body, b"5000", "each try has 5 s of the 15 s")


def test_rows_14_15_30_and_37_headers_of_17():
    with Seed(17, persona="gateway") as p:
        # Row 30: its Gateway is not among the files: the listener of the command line stands for it. Row 37: any host.
        seen = []
        for host in ("shop.example", "agents.localtest.me", HOST):
            equal(p.fetch(host=host, path=f"/{host}", fields=[("X-Internal-Debug", "1"), ("X-Request-Id", "client")]).status, 200, host)
            r = p.backends[0].requests[-1]
            equal((r.get("x-agent-platform"), r.get("x-internal-debug"), r.get("x-forwarded-proto")), ("kagenti", None, "https"), "row 15")
            check(UUID.fullmatch(r.get("x-request-id")), f"row 14: one id, {r.fields}")
            seen.append(r.get("x-request-id"))
        equal(len(set(seen)), 3, "row 14: another one for each request")
    with Seed(17, persona="gateway", options=["--literal-uuid"]) as p:
        p.fetch(host="any")
        ids = [v for n, v in p.backends[0].requests[-1].fields if n == "x-request-id"]
        equal((len(ids), ids[1]), (2, "${UUID}"), "row 14: as in Istio, when asked for")
    for mark in ("uuid-extension", "takes-the-rest"):
        check(f"[{mark}]" in lint_seed(17), f"{mark} is explained")


def test_rows_16_to_19_limits_of_07_and_19():
    with Seed(19, workers=1) as p:
        equal({r.status for r in p.many(4)}, {200}, "row 16: an HTTP/1 backend is spoken to in HTTP/1 until HTTP/2 is there")
        equal(p.backends[0].connections, 2, "row 17: two requests a connection")
        check("h2UpgradePolicy" in p.dump(), "row 16: reported as not enforced")
    text = lint_seed(7) + lint_seed(19)
    for mark in ("h2-prior-knowledge", "connections-queue", "pending-cold-burst"):
        check(f"[{mark}]" in text, f"{mark} is explained")
    go = threading.Event()

    def hold(request, sock):
        go.wait(30)
        return reply()

    with Seed(7, answers={"v1": hold}, workers=1) as p:  # row 18: 100 at work, 10 wait, the rest is refused
        clients = []
        try:
            for n in range(115):
                s = connect(p.port)
                s.sendall(request_bytes())
                clients.append(s)
                if n < 100:  # row 19: a cold burst of more than ten would overflow while connections are being opened
                    wait_for("its connection", lambda: p.stat("upstream_rq_active") == n + 1)
            wait_for("the overflow", lambda: p.metric_sum("istio_requests_total", response_flags="UO") == 5)
            equal((p.stat("upstream_cx_active"), p.stat("upstream_rq_pending_active")), (100, 10), "at the limits")
            go.set()
            got = [read_response(Reader(s)) for s in clients]
            refused = [r for r in got if r.status == 503]
            equal((len(refused), sum(r.status == 200 for r in got)), (5, 110), "row 18: refused and served")
            equal({r.get("x-envoy-overloaded") for r in refused}, {"true"}, "and said so")
        finally:
            go.set()
            for s in clients:
                s.close()


def test_rows_20_and_21_faults():
    with Seed(13) as p:  # row 20: every tenth waits 5 s, before any timeout
        clients = [connect(p.port) for _ in range(120)]
        for s in clients:
            s.sendall(request_bytes())
        wait_for("all to be answered or held back", lambda: p.metric_sum("istio_requests_total", response_code="200", response_flags="-")
                 + p.metric_sum("envoy_http_fault_active_faults") == 120)
        held = p.metric_sum("envoy_http_fault_active_faults")
        check(1 <= held <= 32, f"10 % of 120 is 12, got {held}")
        for s in clients:
            s.close()
        wait_for("the delays to end with their clients", lambda: p.metric_sum("envoy_http_fault_active_faults") == 0)
    for number, low, high in ((14, 15, 85), (27, 135, 265)):  # row 21: 5 % and 20 % of 1,000, five deviations
        with Seed(number) as p:
            aborted = sum(r.status == 503 and r.body == b"fault filter abort" for r in p.many(1000))
            check(low <= aborted <= high, f"{number:02}: {aborted} of 1,000")
            equal(p.counts(), [1000 - aborted], "not retried, not seen by the backend")
            p.wait_sum(aborted, "istio_requests_total", response_flags="FI")
    check("[delay-before-timeout]" in lint_seed(13) and "[abort-not-retried]" in lint_seed(14), "rows 20 and 21 are explained")


def test_rows_22_and_23_mirror():
    with Seed(4, 15, backends=("v1", "v2")) as p:  # row 22: the seed defines no subset v2-test
        equal({r.status for r in p.many(50)}, {200}, "requests go on")
        equal(p.counts(), [50, 0], "nothing is mirrored")
        check("unknown-subset" in p.dump(), "the table says so")
    code, text = lint(*(next(FOLDER.glob(f"{n:02}-*.yaml")) for n in (4, 15)))
    check(code == 0 and "[unknown-subset]" in text, f"row 22 is explained: {text}")
    with Seed(15, backends=("v1", "v2-test"), more=[destination_rule(["v1", "v2-test"])]) as p:  # row 23
        equal({(r.status, r.body) for r in p.many(600)}, {(200, b"v1")}, "answers are those of the route")
        wait_for("the copies", lambda: p.stat("upstream_rq_active", f"outbound|8080|v2-test|{HOST}") == 0)
        check(24 <= p.counts()[1] <= 96, f"10 % of 600 is 60, got {p.counts()[1]}")
        equal({r.get("host") for r in p.backends[1].requests}, {HOST}, "the host stays")


def test_rows_24_and_25_hashing():
    names = ("a", "b", "c")
    with Seed(24, backends=names) as p:
        got = p.fetch()
        cookie = re.fullmatch(r'session-id="([0-9a-f]+)"; Max-Age=3600; HttpOnly', got.get("set-cookie"))
        check(cookie, f"row 24: {got.get('set-cookie')}")
        for _ in range(6):
            again = p.fetch(fields=[("Cookie", f"session-id={cookie.group(1)}")])
            equal((again.body, again.get("set-cookie")), (got.body, None), "row 24: the cookie leads back")
    with Seed(23, backends=names) as p:
        users = [{p.fetch(fields=[("X-User-Id", f"user{n}")]).body for _ in range(3)} for n in range(30)]
        check(all(len(u) == 1 for u in users) and len(set.union(*users)) == 3, "row 25: a user stays, users spread")
        check(len({p.fetch().body for _ in range(40)}) == 3, "row 25: without the header anywhere")
    check("[hash-cookie-is-set]" in lint_seed(24) and "[hash-without-key]" in lint_seed(23), "rows 24 and 25 are explained")


def test_rows_26_to_29_weights_and_metrics():
    for number, share in ((10, 100), (11, 500), (12, 1000)):  # row 27
        with Seed(4, number, backends=("v1", "v2")) as p:
            p.many(1000)
            check(abs(p.counts()[1] - share) <= 6, f"{number:02}: {p.counts()}")
            if number != 10:
                continue
            equal(p.backends[0].requests[0].get("x-envoy-expected-rq-timeout-ms"), None, "row 26: no timeout")
            opened = p.metric_sum("istio_tcp_connections_opened_total", destination_service=HOST)
            check(opened >= 2, "row 28: connections of an HTTP service")
            check(p.stat("upstream_cx_total", f"outbound|8080|v2|{HOST}") >= 1, "row 28: the better source")
            buckets = [m for m in p.metrics() if m[0] == "istio_request_duration_milliseconds_bucket"]
            check(any(m[1]["destination_version"] == "v2" and m[1]["le"] == "+Inf" and m[2] > 90 for m in buckets), "row 29")
    with Seed(4, 10, options=["--no-tcp-metrics"], backends=("v1", "v2")) as p:
        p.fetch()
        equal(p.metric_sum("istio_tcp_connections_opened_total"), 0, "row 28: as in Istio, when asked for")
    check("[no-timeout]" in lint_seed(3), "row 26 is explained")
    with Seed(4, 3, backends=("v1", "v2")) as p:
        equal([p.fetch(fields=f).body for f in ([], [("X-User-Type", "beta-tester")])], [b"v1", b"v2"], "one destination has all")


def test_rows_31_and_33_objects_together_and_versions():
    with Seed(4, 10, 18, backends=("v1", "v2")) as p:  # equally old: research-agent-canary comes before research-agent-resilient
        check("duplicate-host" in p.dump(), "row 31: reported")
        check("research-agent-canary" in p.dump() and "research-agent-resilient" in p.dump(), "row 31: with both names")
        p.many(200)
        check(14 <= p.counts()[1] <= 26, f"row 31: the first one counts: {p.counts()}")
    code, text = lint(FOLDER)
    check(code == 0 and "[duplicate-host]" in text, "rows 31 and 32: all of them pass lint together")
    for version in ("v1", "v1beta1", "v1alpha3"):  # row 33
        text = seed(10).replace("networking.istio.io/v1", f"networking.istio.io/{version}")
        with Seed(4, text, backends=("v1", "v2")) as p:
            p.many(100)
            check(7 <= p.counts()[1] <= 13, f"{version}: {p.counts()}")


def test_row_34_listings():
    with Seed(4, 10, backends=("v1", "v2")) as p:
        for part, want in (("clusters", "v2"), ("routes", "research-agent"), ("endpoints", str(p.backends[1].port)), ("listeners", str(p.port))):
            got = subprocess.run([BIN, "proxy-config", part, "--admin", f"127.0.0.1:{p.admin_port}"], capture_output=True, text=True,
                                 timeout=30)
            check(got.returncode == 0 and want in got.stdout, f"{part}: {got.stdout}{got.stderr}")


def test_rows_30_and_36_routes_of_gateways():
    others = [service(name=n, port=8080) for n in ("code-agent", "orchestrator-agent", "research-agent-v2")]
    with Backend("code") as code, Backend("second") as second:
        more = [others, endpoint("c", "v1", code.address, code.port, name="code-agent"),
                endpoint("s", "v1", second.address, second.port, name="research-agent-v2")]
        with Seed(1, persona="gateway", more=more) as p:  # row 30
            for path, want in (("/research/x", (200, b"v1")), ("/code", (200, b"code")), ("/coder", (404, b"")), ("/", (404, b""))):
                got = p.fetch(host="agents.localtest.me", path=path)
                equal((got.status, got.body), want, path)
            equal(p.fetch(host="other.localtest.me", path="/code").status, 404, "another host")
            equal(p.fetch(host="agents.localtest.me", path="/orchestrate").status, 503, "a Service without endpoints")
            check("ssumed" in p.dump(), "row 30: Accepted: assumed")
        with Seed(2, 16, persona="gateway", more=more) as p:  # row 36
            for path, fields, want, target in (("/v1/research/x", [("api-version", "v2")], b"v1", "/a2a/task/x"),
                                               ("/v1/other", [("api-version", "v2")], b"second", "/v1/other"),
                                               ("/v1/research", [], b"v1", "/a2a/task"), ("/else", [], b"v1", "/else")):
                equal(p.fetch(host="api.localtest.me", path=path, fields=fields).body, want, f"row 36: {path} {fields}")
                last = (second if want == b"second" else p.backends[0]).requests[-1]
                equal(last.target, target, "the path behind")


def test_what_is_not_for_a_proxy_does_no_harm():
    with Seed(9) as p:
        equal(p.fetch().status, 200, "a Deployment beside the Service")
    code, text = lint(FOLDER / "25-readiness-probe.yaml")
    check(code == 0 and "[patch-fragment]" in text, text)


main(globals())
