# SPDX-License-Identifier: Apache-2.0
"""Gateways and HTTPRoutes of `serin proxy` over real sockets: precedence, filters, backends, timeouts, retries."""
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (Backend, Proxy, check, endpoint, equal, fetch, main, reply, service, wait_for)  # noqa: E402

GROUP = "gateway.networking.k8s.io/v1"


def gateway(port, name="kagenti-gateway", ns="istio-system", allowed="All"):
    return {"apiVersion": GROUP, "kind": "Gateway", "metadata": {"name": name, "namespace": ns},
            "spec": {"gatewayClassName": "serin",
                     "listeners": [{"name": "http", "port": port, "protocol": "HTTP",
                                    "allowedRoutes": {"namespaces": {"from": allowed}}}]}}


def route(name, rules, hostnames=(), ns="team1"):
    spec = {"parentRefs": [{"name": "kagenti-gateway", "namespace": "istio-system"}], "rules": rules}
    if hostnames:
        spec["hostnames"] = list(hostnames)
    return {"apiVersion": GROUP, "kind": "HTTPRoute", "metadata": {"name": name, "namespace": ns}, "spec": spec}


def to(name, port=80, **more):
    return dict({"name": name, "port": port}, **more)


def path(value, kind="PathPrefix"):
    return {"path": {"type": kind, "value": value}}


def backend(b, name):
    return [service(name), endpoint(f"{name}-1", "v1", b.address, b.port, name)]


class World:
    """A proxy whose gateway listener is opened by a Gateway, and named backends."""

    def __init__(self, *names, answers=None):
        self.backends = {n: Backend(n, (answers or {}).get(n)) for n in names}
        self.proxy = Proxy([], persona="gateway")
        self.port = self.proxy.port

    def configure(self, *objects, allowed="All"):
        self.proxy.configure([[backend(b, n) for n, b in self.backends.items()], gateway(self.port, allowed=allowed),
                              list(objects)])

    def get(self, target="/", host="api.localtest.me", fields=(), method="GET"):
        return fetch(self.port, method, target, host, fields)

    def body(self, *args, **more):
        return self.get(*args, **more).body.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proxy.close()
        for b in self.backends.values():
            b.close()


def test_seed_routes_of_one_host_are_ordered_across_routes():
    """Path length, then header count; a route without hostnames takes what is left of every host."""
    header_rules = [{"matches": [{"headers": [{"name": "api-version", "value": "v2"}]}], "backendRefs": [to("second")]},
                    {"backendRefs": [to("first")]}]
    rewrite = {"type": "URLRewrite",
               "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/a2a/task"}}}
    rewrite_rules = [{"matches": [path("/v1/research")], "filters": [rewrite], "backendRefs": [to("research")]}]
    with World("first", "second", "research", "rest") as w:
        w.configure(route("versioned-api-routes", header_rules, ["api.localtest.me"]),
                    route("agent-rewrite", rewrite_rules, ["api.localtest.me"]),
                    route("agent-headers", [{"backendRefs": [to("rest")]}]))
        v2 = [("Api-Version", "v2")]
        equal(w.body("/v1/research?y=1", fields=v2), "research", "the longer path beats the header")
        equal(w.backends["research"].requests[-1].target, "/a2a/task?y=1", "rewritten path, query kept")
        equal(w.body("/v1/researcher", fields=v2), "second", "prefixes are of whole elements")
        equal(w.body("/v1/research/x/"), "research", "below the prefix")
        equal(w.backends["research"].requests[-1].target, "/a2a/task/x/", "rewritten path")
        equal(w.body("/"), "first", "the default of the host")
        equal(w.body("/", host="other.localtest.me"), "rest", "the route without hostnames")


def test_headers_are_changed_on_both_ways():
    request = {"type": "RequestHeaderModifier", "requestHeaderModifier": {
        "set": [{"name": "X-Set", "value": "new"}], "add": [{"name": "X-Add", "value": "b%20c"}], "remove": ["X-Gone"]}}
    response = {"type": "ResponseHeaderModifier", "responseHeaderModifier": {
        "set": [{"name": "X-Answer", "value": "ours"}], "remove": ["X-Secret"]}}
    answer = {"one": lambda r, s: reply(body=b"one", fields=[("X-Answer", "theirs"), ("X-Secret", "1")])}
    own = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "X-Backend", "value": "one"}]}}
    with World("one", answers=answer) as w:
        w.configure(route("r", [{"filters": [request, response], "backendRefs": [to("one", filters=[own])]}]))
        got = w.get(fields=[("X-Set", "old"), ("X-Add", "a"), ("X-Gone", "1")])
        seen = w.backends["one"].requests[-1]
        equal([v for n, v in seen.fields if n == "x-set"], ["new"], "set")
        equal([v for n, v in seen.fields if n == "x-add"], ["a", "b%20c"], "add")
        equal((seen.get("x-gone"), seen.get("x-backend")), (None, "one"), "remove, and the backend's own filter")
        equal((got.get("x-answer"), got.get("x-secret")), ("ours", None), "response")


def test_redirects_name_scheme_port_and_path():
    def redirect(**fields):
        return [{"type": "RequestRedirect", "requestRedirect": fields}]
    with World() as w:
        w.configure(route("r", [
            {"matches": [path("/host")], "filters": redirect(hostname="example.org")},
            {"matches": [path("/secure")], "filters": redirect(scheme="https", statusCode=301)},
            {"matches": [path("/port")], "filters": redirect(port=8443, scheme="https")},
            {"matches": [path("/plain")], "filters": redirect(scheme="http", hostname="example.org")},
            {"matches": [path("/old")],
             "filters": redirect(path={"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"}, port=80)},
            {"matches": [path("/all")],
             "filters": redirect(path={"type": "ReplaceFullPath", "replaceFullPath": "/x"}, statusCode=307)}]))
        cases = [("/host/a?q=1", 302, f"http://example.org:{w.port}/host/a?q=1"),
                 ("/secure", 301, "https://api.localtest.me/secure"),
                 ("/port", 302, "https://api.localtest.me:8443/port"),
                 ("/plain", 302, "http://example.org/plain"),
                 ("/old/a", 302, "http://api.localtest.me/new/a"),
                 ("/all/a?q=1", 307, f"http://api.localtest.me:{w.port}/x?q=1")]
        for target, status, location in cases:
            got = w.get(target, host=f"api.localtest.me:{w.port}")
            equal((got.status, got.get("location")), (status, location), target)


def test_shares_of_backends_that_cannot_be_used_get_500():
    with World("one") as w:
        w.configure(service("idle"), route("r", [
            {"matches": [path("/half")], "backendRefs": [to("one", weight=3), to("missing", weight=1)]},
            {"matches": [path("/none")]},
            {"matches": [path("/idle")], "backendRefs": [to("idle")]},
            {"matches": [path("/far")], "backendRefs": [to("one", namespace="team2")]}]))
        got = [w.get("/half").status for _ in range(200)]
        check(abs(got.count(500) - 50) <= 4 and got.count(200) + got.count(500) == 200,
              f"a quarter of 200 gets 500: {got.count(500)}")
        equal(w.get("/none").status, 500, "a rule without backends")
        equal(w.get("/idle").status, 503, "a Service without endpoints")
        equal(w.get("/far").status, 500, "no ReferenceGrant")
        w.configure(service("idle", ns="team2"), route("r", [{"backendRefs": [to("idle", namespace="team2")]}]),
                    {"apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant",
                     "metadata": {"name": "g", "namespace": "team2"},
                     "spec": {"from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute",
                                        "namespace": "team1"}],
                              "to": [{"group": "", "kind": "Service"}]}})
        equal(w.get("/").status, 503, "granted: a Service without endpoints")


def test_timeouts_and_retries():
    released, tries = threading.Event(), []

    def answer(request, sock):
        tries.append(request.target)
        if request.target.startswith("/slow"):
            released.wait(20)
            return reply()
        return reply(503 if request.target == "/other" else 500 if len(tries) % 3 else 200)

    with World("one", answers={"one": answer}) as w:
        w.configure(route("r", [
            {"matches": [path("/slow/request")], "timeouts": {"request": "200ms"}, "backendRefs": [to("one")]},
            {"matches": [path("/slow/try")], "timeouts": {"backendRequest": "150ms"}, "retry": {"attempts": 2},
             "backendRefs": [to("one")]},
            {"retry": {"codes": [500], "attempts": 3, "backoff": "1ms"}, "backendRefs": [to("one")]}]))
        equal(w.get("/slow/request").status, 504, "request timeout")
        equal(w.get("/slow/try").status, 504, "every try too slow")
        equal(tries.count("/slow/try"), 3, "tries")
        released.set()
        tries.clear()
        equal(w.get("/").status, 200, "500 twice, then 200")
        equal(w.get("/other").status, 503, "503 is not among the codes")
        equal(tries.count("/other"), 1, "tries of a status that is not retried")


def test_cross_origin_requests():
    cors = {"type": "CORS", "cors": {"allowOrigins": ["https://*.example.com", "https://exact.org:8443"],
                                     "allowMethods": ["GET", "PUT"], "exposeHeaders": ["X-One"]}}
    with World("one") as w:
        w.configure(route("r", [{"filters": [cors], "backendRefs": [to("one")]}]))
        ask = [("Access-Control-Request-Method", "PUT")]
        got = w.get(method="OPTIONS", fields=ask + [("Origin", "https://a.b.example.com")])
        check(got.status in (200, 204), f"preflight {got}")
        equal(got.get("access-control-allow-origin"), "https://a.b.example.com", "allow-origin")
        equal(got.get("access-control-max-age"), "5", "max-age")
        for origin in ("https://example.com", "http://a.example.com", "https://a.example.com.evil.org"):
            got = w.get(method="OPTIONS", fields=ask + [("Origin", origin)])
            equal(got.get("access-control-allow-origin"), None, origin)
        equal(len(w.backends["one"].requests), 0, "preflights are answered by the proxy")
        got = w.get(fields=[("Origin", "https://exact.org:8443")])
        equal((got.status, got.get("access-control-allow-origin"), got.get("access-control-expose-headers")),
              (200, "https://exact.org:8443", "X-One"), "the request itself")


def test_copies_go_to_mirrors():
    def mirror(name, **share):
        return {"type": "RequestMirror", "requestMirror": dict({"backendRef": to(name)}, **share)}
    with World("one", "copy", "half") as w:
        rule = {"backendRefs": [to("one")],
                "filters": [mirror("copy"), mirror("half", fraction={"numerator": 1, "denominator": 2}), mirror("missing")]}
        w.configure(route("r", [rule]))
        for i in range(100):
            equal(w.body(f"/{i}"), "one", "the answer is the backend's")
        wait_for("all copies", lambda: len(w.backends["copy"].requests) == 100)
        count = len(w.backends["half"].requests)
        check(20 < count < 80, f"half of 100 is about 50: {count}")
        check("BackendNotFound" in w.proxy.admin("/config_dump").body.decode(), "a mirror that leads nowhere is reported")


def test_the_request_id_as_a_header_value():
    add = {"type": "RequestHeaderModifier", "requestHeaderModifier": {
        "add": [{"name": "X-Request-ID", "value": "${UUID}"}, {"name": "X-Agent-Platform", "value": "kagenti"}],
        "set": [{"name": "X-Forwarded-Proto", "value": "https"}]}}
    with World("one") as w:
        w.configure(route("agent-headers", [{"filters": [add], "backendRefs": [to("one")]}]))
        equal(w.get(host="any.host").status, 200, "a route without hostnames takes every host")
        seen = w.backends["one"].requests[-1]
        check(len(seen.get("x-request-id")) == 36, f"one id: {seen.get('x-request-id')}")
        equal((seen.get("x-agent-platform"), seen.get("x-forwarded-proto")), ("kagenti", "https"), "the others")


def test_routes_of_other_namespaces_need_the_listeners_leave():
    with World("one") as w:
        w.configure(route("r", [{"backendRefs": [to("one")]}]), allowed="Same")
        equal(w.get("/").status, 404, "not admitted")
        check("NotAllowedByListeners" in w.proxy.admin("/config_dump").body.decode(), "said in /config_dump")
        w.configure(route("r", [{"backendRefs": [to("one")]}]))
        equal(w.get("/").status, 200, "admitted")


main(globals())
