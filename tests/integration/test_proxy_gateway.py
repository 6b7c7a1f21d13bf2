# SPDX-License-Identifier: Apache-2.0
"""Listeners of `serin proxy`: their personas, and which VirtualServices each of them serves."""
import json
import pathlib
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (Backend, HOST, Proxy, Reader, check, connect, endpoint, equal, fetch, listening_socket, main,  # noqa
                   read_response, request_bytes, service, wait_for)


def routes(name, hosts, http, created, gateways=("public",), ns="team1"):
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": name, "namespace": ns, "creationTimestamp": created},
            "spec": {"hosts": list(hosts), "gateways": list(gateways), "http": http}}


def answer(status, **match):
    return dict({"directResponse": {"status": status}}, **({"match": [match]} if match else {}))


def test_gateway_persona_treats_clients_as_strangers():
    with Backend() as b:
        objects = [service(), endpoint("agent-v1", "v1", b.address, b.port),
                   routes("shop", ["shop.example.com"], [{"route": [{"destination": {"host": "research-agent"}}]}],
                          "2026-01-01T00:00:00Z")]
        sent = [("X-Request-Id", "mine"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "192.0.2.1"),
                ("X-Envoy-Max-Retries", "9"), ("X-Envoy-Upstream-Rq-Timeout-Ms", "1")]
        with Proxy(objects, persona="gateway") as p:
            got = fetch(p.port, host="shop.example.com", fields=sent)
            equal(got.status, 200, "status")
            equal(got.get("server"), "istio-envoy", "server")
            request = b.requests[-1]
            check(request.get("x-request-id") not in ("mine", None), "a stranger chose its request id")
            equal(request.get("x-forwarded-proto"), "http", "x-forwarded-proto")
            equal([v.strip() for n, line in request.fields if n == "x-forwarded-for" for v in line.split(",")],
                  ["192.0.2.1", "127.0.0.1"], "x-forwarded-for")
            check(request.get("x-envoy-max-retries") is None, "control headers of strangers are dropped")
            # A Service's name is nothing to a stranger, nor is a host nobody declared.
            for host in (HOST, "other.example.com"):
                got = fetch(p.port, host=host)
                equal((got.status, got.body), (404, b""), f"status for {host}")
            p.wait_sum(2, "istio_requests_total", response_code="404", response_flags="NR")


def test_mesh_persona_trusts_its_clients():
    with Backend() as b:
        objects = [service(), endpoint("agent-v1", "v1", b.address, b.port),
                   routes("shop", ["shop.example.com"], [answer(299)], "2026-01-01T00:00:00Z")]
        with Proxy(objects, persona="mesh") as p:
            got = fetch(p.port, fields=[("X-Request-Id", "mine"), ("X-Forwarded-Proto", "https")])
            equal((got.status, got.get("server")), (200, "envoy"), "answer")
            request = b.requests[-1]
            equal(request.get("x-request-id"), "mine", "x-request-id")
            equal(request.get("x-forwarded-proto"), "https", "x-forwarded-proto")
            equal(request.get("x-forwarded-for"), None, "x-forwarded-for")
            equal(fetch(p.port, host="shop.example.com").status, 502, "a host for gateways only")


def test_gateway_merges_the_routes_of_one_host_by_age():
    objects = [
        routes("younger", ["shop.example.com"], [answer(203, uri={"prefix": "/b"}), answer(206, uri={"prefix": "/a"})],
               "2026-02-01T00:00:00Z", ns="team2"),
        routes("older", ["shop.example.com"], [answer(202, uri={"prefix": "/a"}), answer(299)], "2026-01-01T00:00:00Z"),
    ]
    with Proxy(objects, persona="gateway") as p:
        got = [fetch(p.port, host="shop.example.com", path=path).status for path in ("/a", "/b", "/c")]
        equal(got, [202, 203, 299], "/a of the older, /b of the younger, what takes all comes last")


def test_mesh_keeps_the_oldest_of_one_host():
    objects = [service(), routes("younger", [HOST], [answer(203)], "2026-02-01T00:00:00Z", gateways=["mesh"]),
               routes("older", [HOST], [answer(202, uri={"prefix": "/a"})], "2026-01-01T00:00:00Z", gateways=["mesh"])]
    with Proxy(objects) as p:
        equal([fetch(p.port, path=path).status for path in ("/a", "/b")], [202, 404], "only the oldest counts")
        found = p.admin("/config_dump").body.decode()
        check("VirtualService/team1/older, which is older" in found and "team1/younger" in found,
              "both are named in the warning")


def gateway(*ports, name="gw", address="127.0.0.1", **listener):
    """A Gateway of the Gateway API with one listener for each port."""
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": name, "namespace": "team1"},
            "spec": {"gatewayClassName": "serin", "addresses": [{"value": address}],
                     "listeners": [dict({"name": f"p{p}", "port": p, "protocol": "HTTP"}, **listener) for p in ports]}}


def http_route(name="r", gateway="gw", section=None, backend="research-agent", **spec):
    parent = dict({"name": gateway}, **({"sectionName": section} if section else {}))
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name, "namespace": "team1"},
            "spec": dict({"parentRefs": [parent], "rules": [{"backendRefs": [{"name": backend, "port": 80}]}]}, **spec)}


def istio_gateway(port, hosts=("*",), selector=None, **server):
    return {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "public", "namespace": "team1"},
            "spec": {"selector": selector or {"istio": "ingress"},
                     "servers": [dict({"port": {"number": port, "name": "http", "protocol": "HTTP"}, "hosts": list(hosts),
                                       "bind": "127.0.0.1"}, **server)]}}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def is_open(port, address="127.0.0.1"):
    try:
        socket.create_connection((address, port), timeout=5).close()
        return True
    except ConnectionRefusedError:
        return False


def agent(b):
    return [service(), endpoint("agent-v1", "v1", b.address, b.port)]


def test_listeners_open_and_close_while_running():
    one, two = free_port(), free_port()
    with Backend() as b, Proxy(agent(b)) as p:
        p.configure([agent(b), gateway(one), http_route()])
        wait_for("the first listener", lambda: is_open(one))
        with connect(one) as kept:
            kept.sendall(request_bytes(host="any.host"))
            reader = Reader(kept)
            equal(read_response(reader).status, 200, "through the first")
            # Further listeners come and go: the connection on this one stays.
            for ports in ((one, two), (one,), (one, two)):
                p.configure([agent(b), gateway(*ports), http_route()])
                wait_for("the second listener", lambda: is_open(two) == (two in ports))
                kept.sendall(request_bytes(host="any.host"))
                equal(read_response(reader).status, 200, "on the connection that stayed")
            p.configure([agent(b), gateway(two), http_route()])
            wait_for("the first listener to close", lambda: not is_open(one))
            equal(fetch(two, host="any.host").status, 200, "through the second")
            equal(reader.rest(), b"", "the idle connection of a listener that is gone is closed")
        listeners = json.loads(p.admin("/listeners?format=json").body)["listeners"]
        equal([i["source"] for i in listeners if i["port"] == two], ["Gateway/team1/gw"], "/listeners")


def test_a_change_takes_effect_within_a_second():
    """Opening, and a request that gets through, measured generously: a build machine may be busy."""
    one = free_port()
    with Backend() as b, Proxy(agent(b)) as p:
        start = time.monotonic()
        p.write([agent(b), gateway(one), http_route()])
        wait_for("the listener", lambda: is_open(one))
        wait_for("a request through it", lambda: fetch(one, host="any.host").status == 200)
        print(f"# opened after {time.monotonic() - start:.3f} s")


def test_a_port_that_is_taken_stops_nobody():
    taken, free = listening_socket(), free_port()
    port = taken.getsockname()[1]
    with Backend() as b, Proxy(agent(b)) as p:
        p.configure([agent(b), gateway(port, free), http_route()])
        wait_for("the other listener", lambda: is_open(free))
        equal(fetch(free, host="any.host").status, 200, "the other listener")
        equal(fetch(p.port).status, 200, "the command line's")
        errors = {i["port"]: i.get("error") for i in json.loads(p.admin("/config_dump").body)["listeners"]}
        check("in use" in errors[port] and errors[free] is None, f"said in /config_dump: {errors}")
        check("listener is not open" in p.log(), "said in the log")
        taken.close()
        wait_for("the port once it is free", lambda: is_open(port))
        equal(fetch(port, host="any.host").status, 200, "opened later")


def test_addresses_choose_where_a_gateway_listens():
    port = free_port()
    with Backend() as b, Proxy(agent(b)) as p:
        p.configure([agent(b), gateway(port, address="127.0.0.9"), http_route(),
                     gateway(port, name="other", address="127.0.0.10"),
                     http_route("s", "other", rules=[{"filters": [{"type": "RequestRedirect",
                                                                   "requestRedirect": {"port": 99}}]}])])
        wait_for("both", lambda: is_open(port, "127.0.0.9") and is_open(port, "127.0.0.10"))
        check(not is_open(port), "nothing on another address")
        for address, status in (("127.0.0.9", 200), ("127.0.0.10", 302)):
            with connect(port, address) as s:
                s.sendall(request_bytes(host="any.host"))
                equal(read_response(Reader(s)).status, status, address)


def test_istio_servers_are_opened_for_the_proxies_they_select():
    port, secure, other = free_port(), free_port(), free_port()
    with Backend() as b:
        vs = routes("shop", ["shop.example.com"], [{"route": [{"destination": {"host": "research-agent"}}]}],
                    "2026-01-01T00:00:00Z")
        redirect = istio_gateway(secure, ["shop.example.com"], tls={"httpsRedirect": True})
        redirect["metadata"]["name"] = "redirect"
        foreign = istio_gateway(other, selector={"istio": "egress"})
        foreign["metadata"]["name"] = "foreign"
        objects = [agent(b), istio_gateway(port, ["*.example.com"]), redirect, foreign, vs]
        with Proxy(objects, options=["--label", "istio=ingress"]) as p:
            wait_for("the servers", lambda: is_open(port) and is_open(secure))
            equal(fetch(port, host="shop.example.com").status, 200, "a host of the server")
            equal(fetch(port, host="shop.example.org").status, 404, "another host")
            got = fetch(secure, host=f"shop.example.com:{secure}", path="/a?b=c")
            equal((got.status, got.get("location")), (301, "https://shop.example.com/a?b=c"), "httpsRedirect")
            check(not is_open(other), "a server of other proxies")


def test_no_request_is_lost_while_listeners_change():
    kept, moving = free_port(), free_port()
    failures, done, count = [], threading.Event(), [0]

    def ask():
        while not done.is_set():
            try:
                got = fetch(kept, host="any.host")
                count[0] += 1
                if got.status != 200:
                    failures.append(got)
            except (OSError, EOFError) as error:
                failures.append(error)

    with Backend() as b, Proxy(agent(b)) as p:
        p.configure([agent(b), gateway(kept), http_route()])
        wait_for("the listener", lambda: is_open(kept))
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for t in threads:
            t.start()
        try:
            for i in range(12):
                p.configure([agent(b), gateway(kept, *([] if i % 2 else [moving])), http_route()])
            wait_for("some requests", lambda: count[0] > 100 or failures)
        finally:
            done.set()
            for t in threads:
                t.join()
        check(not failures, f"{len(failures)} of {count[0]}: {failures[:3]}")


main(globals())
