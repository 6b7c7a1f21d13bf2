# SPDX-License-Identifier: Apache-2.0
"""Listeners of `serin proxy`: their personas, and which VirtualServices each of them serves."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (Backend, HOST, Proxy, check, endpoint, equal, fetch, main, service)  # noqa: E402


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


main(globals())
