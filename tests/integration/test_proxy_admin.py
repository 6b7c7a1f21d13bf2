#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The admin endpoints over real sockets: formats, who may change something, drains."""
import json
import pathlib
import re
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (HOST, Backend, Proxy, Reader, check, connect, endpoint, equal, fetch, listening_socket, main,  # noqa: E402
                   read_response, reply, request_bytes, service, wait_for)

CLUSTER = f"outbound|80||{HOST}"


def one(backend):
    return [service(), endpoint("a", "v1", backend.address, backend.port)]


def stats(proxy, query=""):
    return proxy.admin("/stats" + query).body.decode()


def test_stats_as_text():
    with Backend() as b, Proxy(one(b)) as p:
        for _ in range(3):
            fetch(p.port)
        wait_for("three requests", lambda: f"cluster.{CLUSTER}.upstream_rq_completed: 3\n" in stats(p))
        text = stats(p)
        for line in text.splitlines():
            check(re.fullmatch(r"[^ ]+: (\d+|P0\(.*|No recorded values)", line), f"a strange line: {line}")
        equal(stats(p, r"?filter=upstream_rq_\d%2B$"), f"cluster.{CLUSTER}.upstream_rq_200: 3\n", "filter")
        equal(stats(p, "?filter=^cluster.*rq_5xx$"), f"cluster.{CLUSTER}.upstream_rq_5xx: 0\n", "filter")
        equal(stats(p, "?usedonly&filter=rq_5xx"), "", "usedonly")
        check("upstream_cx_active" not in stats(p, "?type=Counters"), "a gauge among counters")
        equal(len(stats(p, "?type=Histograms").splitlines()), 1, "histograms")
        equal(p.admin("/stats?filter=(").status, 400, "a broken pattern")
        equal(p.admin("/stats?format=html").status, 400, "an unknown format")
        check(p.admin("/stats?format=prometheus").body.startswith(b"# TYPE istio_build gauge\n"), "prometheus")


def test_stats_as_json():
    with Backend() as b, Proxy(one(b)) as p:
        fetch(p.port)
        p.wait_sum(1, "istio_requests_total")
        got = p.admin("/stats?format=json")
        equal(got.get("content-type"), "application/json", "type")
        rows = json.loads(got.body)["stats"]
        numbers = {row["name"]: row["value"] for row in rows if "name" in row}
        equal(numbers[f"cluster.{CLUSTER}.upstream_rq_200"], 1, "a counter")
        equal(numbers["server.live"], 1, "a gauge")
        times = rows[-1]["histograms"]["computed_quantiles"]
        equal([row["name"] for row in times], [f"cluster.{CLUSTER}.upstream_rq_time"], "histograms")
        equal(len(times[0]["values"]), len(rows[-1]["histograms"]["supported_quantiles"]), "quantiles")
        equal(json.loads(p.admin("/stats?format=json&filter=nothing_like_this").body), {"stats": []}, "nothing")


def test_counters_start_again():
    with Backend() as b, Proxy(one(b)) as p:
        fetch(p.port)
        name = f"cluster.{CLUSTER}.upstream_rq_completed"
        wait_for("the request", lambda: f"{name}: 1\n" in stats(p))
        equal(p.admin("/reset_counters", "POST").status, 200, "/reset_counters")
        check(f"{name}: 0\n" in stats(p), "the old value")
        fetch(p.port)
        wait_for("the next request", lambda: f"{name}: 1\n" in stats(p))
        equal(p.metric_sum("istio_requests_total"), 2, "Prometheus' counter goes on")


def test_clusters_and_listeners():
    with Backend() as b, Proxy(one(b)) as p:
        fetch(p.port)
        p.wait_sum(1, "istio_requests_total")
        at = f"{b.address}:{b.port}"
        lines = p.admin("/clusters").body.decode().splitlines()
        for want in ("rq_total::1", "rq_success::1", "cx_active::1", "hostname::a", "health_flags::healthy", "weight::1",
                     "canary::false", "priority::0"):
            check(f"{CLUSTER}::{at}::{want}" in lines, f"no {want}")
        check(f"{CLUSTER}::added_via_api::true" in lines, "added_via_api")
        found = json.loads(p.admin("/clusters?format=json").body)["cluster_statuses"]
        host = next(c for c in found if c["name"] == CLUSTER)["host_statuses"][0]
        equal(host["address"]["socket_address"], {"address": b.address, "port_value": b.port}, "address")
        check({"name": "rq_total", "value": "1"} in host["stats"], "rq_total")
        equal(host["health_status"], {"eds_health_status": "HEALTHY"}, "health")
        check(f"127.0.0.1:{p.port}" in p.admin("/listeners").body.decode(), "/listeners")
        listener = json.loads(p.admin("/listeners?format=json").body)["listener_statuses"][0]
        equal(listener["local_address"]["socket_address"]["port_value"], p.port, "port")


def test_what_the_process_says_of_itself():
    with Backend() as b, Proxy(one(b), options=["--drain-time", "7s"]) as p:
        info = json.loads(p.admin("/server_info").body)
        equal((info["state"], info["command_line_options"]["drain_time"]), ("LIVE", "7s"), "/server_info")
        check(re.fullmatch(r"\d+s", info["uptime_current_epoch"]), "uptime")
        check(int(json.loads(p.admin("/memory").body)["total_physical_bytes"]) > 1 << 20, "/memory")
        equal(json.loads(p.admin("/certs").body), {"certificates": []}, "/certs")
        equal(json.loads(p.admin("/init_dump").body), {"unready_targets_dumps": []}, "/init_dump")
        equal(json.loads(p.admin("/runtime").body), {"layers": [], "entries": {}}, "/runtime")
        for path in ("/", "/help", "/contention", "/hot_restart_version", "/healthz", "/healthz/ready"):
            equal(p.admin(path).status, 200, path)
        equal(p.admin("/metrics", "POST").status, 405, "POST /metrics")


CHANGING = ("/drain_listeners", "/quitquitquit", "/healthcheck/fail", "/healthcheck/ok", "/reset_counters", "/logging?level=debug",
            "/runtime_modify")


def test_changes_are_posts():
    with Backend() as b, Proxy(one(b)) as p:
        for path in CHANGING:
            equal(p.admin(path).status, 400, f"GET {path}")
            equal(p.admin(path, "DELETE").status, 400, f"DELETE {path}")
            equal(p.admin(path, "POST", [("Origin", "http://evil")]).status, 403, f"{path} from a page")
            equal(p.admin(path, "POST", [("Sec-Fetch-Site", "none")]).status, 403, f"{path} from a browser")
        equal(p.admin("/ready").status, 200, "/ready")
        equal(p.admin("/runtime_modify?x=y", "POST").status, 503, "/runtime_modify")


def outside_address():
    """One of this machine's that is not loopback; connecting from it, the proxy sees a peer elsewhere."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        address = s.getsockname()[0]
    return None if address.startswith("127.") or address == "0.0.0.0" else address


def test_changes_come_from_this_machine():
    address = outside_address()
    if not address:
        print("# no address but loopback: see test_admin")
        return
    with Backend() as b:
        p = Proxy(one(b), wait=False)
        try:
            wide = listening_socket(address)
            p.wait_ready()
            p.terminate()
            equal(p.wait_ended(), 0, "exit code")
            p.admin_socket, p.admin_port = wide, wide.getsockname()[1]
            p.admin = lambda path, method="GET", fields=(): fetch_from(address, p.admin_port, path, method)
            p.start()
            p.wait_ready()
            equal(p.admin("/metrics").status, 200, "reading")
            for path in CHANGING:
                equal(p.admin(path, "POST").status, 403, f"{path} from elsewhere")
            equal(p.admin("/ready").status, 200, "/ready")
        finally:
            p.close()


def fetch_from(address, port, path, method):
    with connect(port, address) as s:
        s.sendall(request_bytes(method, path, "x", [("Connection", "close")]))
        return read_response(Reader(s), method)


def test_failed_health_is_undone():
    with Backend() as b, Proxy(one(b)) as p:
        equal(p.admin("/healthcheck/fail", "POST").status, 200, "fail")
        equal(p.admin("/healthz/ready").status, 503, "readiness")
        equal(p.admin("/healthz").status, 200, "liveness")
        equal(fetch(p.port).get("connection"), "close", "connections are to go")
        equal(p.admin("/healthcheck/ok", "POST").status, 200, "ok")
        equal(p.admin("/ready").status, 200, "readiness")
        equal(fetch(p.port).get("connection"), None, "connections may stay")


def test_a_graceful_drain_accepts_until_its_time_is_over():
    with Backend() as b, Proxy(one(b), options=["--drain-time", "1s"]) as p:
        equal(p.admin("/drain_listeners?graceful", "POST").status, 200, "drain")
        equal(p.admin("/ready").body, b"DRAINING\n", "readiness")
        got = fetch(p.port)  # new connections are still answered
        equal((got.status, got.get("connection")), (200, "close"), "an answer in the drain")
        wait_for("the listeners to close", lambda: p.metric_sum("serin_proxy_draining") == 1)
        equal(p.admin("/ready").status, 503, "the admin stays")
        check(p.process.poll() is None, "the process stays")


def test_skip_exit_only_asks_clients_to_leave():
    with Backend() as b, Proxy(one(b), options=["--drain-time", "0s"]) as p:
        equal(p.admin("/drain_listeners?skip_exit", "POST").status, 400, "skip_exit alone")
        equal(p.admin("/drain_listeners?graceful&skip_exit", "POST").status, 200, "drain")
        for _ in range(5):
            equal(fetch(p.port).get("connection"), "close", "connections are to go")
        equal(p.metric_sum("serin_proxy_draining"), 0, "the listeners stay")


def test_quit_ends_it():
    with Backend() as b, Proxy(one(b)) as p:
        equal(p.admin("/quitquitquit", "POST").status, 200, "quit")
        equal(p.wait_ended(), 0, "exit code")


main(globals())
