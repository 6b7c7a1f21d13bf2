#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The proxy's metrics: Istio's names, labels and buckets, Envoy's cluster counters, what a scrape costs the others."""
import pathlib
import re
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (BIN, Backend, Proxy, Reader, check, connect, destination_rule, endpoint, equal, fetch, main,  # noqa: E402
                   read_response, reply, request_bytes, service, virtual_service, wait_for)

LABELS = ("reporter source_workload source_canonical_service source_canonical_revision source_workload_namespace "
          "source_principal source_app source_version source_cluster destination_workload destination_workload_namespace "
          "destination_principal destination_app destination_version destination_service destination_canonical_service "
          "destination_canonical_revision destination_service_name destination_service_namespace destination_cluster "
          "request_protocol response_code grpc_response_status response_flags connection_security_policy").split()
BOUNDS = ("0.5 1 5 10 25 50 100 250 500 1000 2500 5000 10000 30000 60000 300000 600000 1800000 3600000 +Inf").split()


def two_versions(a, b):
    return [service(), endpoint("a", "v1", a.address, a.port), endpoint("b", "v2", b.address, b.port),
            destination_rule(), virtual_service({"v1": 50, "v2": 50})]


def one(backend):
    return [service(), endpoint("a", "v1", backend.address, backend.port)]


def label_names(line):
    return re.findall(r'[{,]([a-z_]+)="', line)


def test_every_label_in_envoys_order():
    with Backend("v1") as a, Backend("v2") as b, Proxy(
            two_versions(a, b), workers=1,
            options=["--reporter", "both", "--name", "edge", "--namespace", "shop", "--label", "app=front", "--label", "version=7"]) as p:
        for _ in range(20):
            equal(fetch(p.port).status, 200, "status")
        fetch(p.port, host="nobody.example")
        p.wait_sum(40, "istio_requests_total", response_code="200")
        text = p.admin("/stats/prometheus").body.decode()
        lines = [line for line in text.splitlines() if line.startswith("istio_requests_total{")]
        for line in lines:
            equal(label_names(line), LABELS, "labels")
        for line in text.splitlines():
            if line.startswith("istio_request_duration_milliseconds_bucket{"):
                equal(label_names(line), LABELS + ["le"], "labels of a bucket")
        bounds = {}
        for line in text.splitlines():
            found = re.match(r'(istio_request_bytes)_bucket\{(.*),le="([^"]+)"\} (\d+)$', line)
            if found:
                bounds.setdefault(found[2], []).append((found[3], int(found[4])))
        for series in bounds.values():
            equal([le for le, _ in series], BOUNDS, "bounds")
            counts = [n for _, n in series]
            equal(counts, sorted(counts), "cumulative")
        for reporter, policy in (("source", "unknown"), ("destination", "none")):
            shares = [p.metric_sum("istio_requests_total", reporter=reporter, destination_version=version,
                                   destination_service="research-agent.team1.svc.cluster.local",
                                   destination_service_name="research-agent", destination_service_namespace="team1",
                                   connection_security_policy=policy, response_flags="-", grpc_response_status="")
                      for version in ("v1", "v2")]
            equal(sum(shares), 20, f"{reporter}: requests")
            check(min(shares) >= 5, f"{reporter}: {shares}")
        equal(p.metric_sum("istio_requests_total", destination_service="unknown", reporter="source"), 1, "without a route")
        equal(p.metric_sum("istio_build", component="proxy"), 1, "istio_build")
        mine = dict(source_workload="edge", source_workload_namespace="shop", source_app="front", source_version="7",
                    source_canonical_service="front", source_canonical_revision="7", source_cluster="Kubernetes")
        equal(p.metric_sum("istio_requests_total", **mine), 42, "of itself")


def test_one_sample_for_a_request_however_often_it_is_tried():
    with Backend("v1") as a:
        dead = endpoint("dead", "v1", "127.0.0.1", 1)  # nobody listens there
        with Proxy([service(), endpoint("a", "v1", a.address, a.port), dead,
                    virtual_service([{"route": [{"destination": {"host": "research-agent"}}],
                                      "retries": {"attempts": 5, "retryOn": "connect-failure"}}])], workers=1) as p:
            for _ in range(30):
                equal(fetch(p.port).status, 200, "status")
            p.wait_sum(30, "istio_requests_total", reporter="source")
            p.wait_sum(30, "istio_requests_total", response_code="200", response_flags="-")
            retried = p.metric_sum("envoy_cluster_upstream_rq_retry")
            check(retried > 0, "no retry was counted")
            check(p.metric_sum("envoy_cluster_upstream_rq_retry_success") > 0, "no success was counted")
            check(p.metric_sum("envoy_cluster_upstream_cx_connect_fail") >= retried, "failed connections")


def test_bytes_on_the_wire():
    with Backend("v1", answer=lambda request, sock: reply(body=b"x" * 1000)) as a, Proxy(one(a), workers=1) as p:
        sent = request_bytes("POST", "/", body=b"y" * 300)
        with connect(p.port) as s:
            s.sendall(sent)
            reader = Reader(s)
            got = read_response(reader)
        head = 17 + sum(len(n) + len(v) + 4 for n, v in got.fields) + 2
        p.wait_sum(1, "istio_request_bytes_count", response_code="200")
        equal(p.metric_sum("istio_request_bytes_sum", response_code="200"), len(sent), "request bytes")
        measured = p.metric_sum("istio_response_bytes_sum", response_code="200")
        check(abs(measured - head - 1000) <= 32, f"response bytes {measured}, about {head + 1000} came")
        equal(p.metric_sum("istio_tcp_connections_opened_total", request_protocol="tcp", destination_version="v1"), 1, "opened")
        check(p.metric_sum("istio_tcp_sent_bytes_total") > 1000, "sent")
        check(p.metric_sum("istio_tcp_received_bytes_total") > 300, "received")
        equal(p.metric_sum("istio_tcp_sent_bytes_total"), p.metric_sum("envoy_cluster_upstream_cx_rx_bytes_total"), "cluster")
        a.close_connections()
        p.wait_sum(1, "istio_tcp_connections_closed_total")


def test_the_switch_for_strict_istio():
    with Backend("v1") as a, Proxy(one(a), options=["--no-tcp-metrics"]) as p:
        fetch(p.port)
        p.wait_sum(1, "istio_requests_total")
        check(b"istio_tcp_" not in p.admin("/metrics").body, "istio_tcp_* without being asked for")


def test_grpc_has_its_own_labels_and_messages():
    frames = lambda *sizes: b"".join(b"\0" + n.to_bytes(4, "big") + b"m" * n for n in sizes)
    answer = lambda request, sock: reply(body=frames(7, 8), fields=[("Content-Type", "application/grpc"), ("grpc-status", "5")])
    with Backend("v1", answer=answer) as a, Proxy(one(a), workers=1) as p:
        fetch(p.port, "POST", "/pkg.Service/Method", fields=[("Content-Type", "application/grpc")], body=frames(1, 2, 70000))
        p.wait_sum(1, "istio_requests_total", request_protocol="grpc", grpc_response_status="5")
        equal(p.metric_sum("istio_request_messages_total", request_protocol="grpc"), 3, "request messages")
        equal(p.metric_sum("istio_response_messages_total", request_protocol="grpc"), 2, "response messages")
        line = next(l for l in p.admin("/metrics").body.decode().splitlines() if l.startswith("istio_request_messages_total{"))
        equal(label_names(line), LABELS[:21], "labels of a message counter")


def test_cluster_counters_as_people_look_for_them():
    status = iter([200, 200, 404, 503] * 100)
    with Backend("v1", answer=lambda request, sock: reply(next(status))) as a, Proxy(one(a), workers=1) as p:
        for _ in range(4):
            fetch(p.port)
        name = "outbound|80||research-agent.team1.svc.cluster.local"
        p.wait_sum(4, "envoy_cluster_upstream_rq_completed", cluster_name=name)
        for code, count in (("200", 2), ("404", 1), ("503", 1)):
            equal(p.metric_sum("envoy_cluster_upstream_rq", response_code=code, cluster_name=name), count, code)
        for code, count in (("2", 2), ("3", 0), ("4", 1), ("5", 1)):
            equal(p.metric_sum("envoy_cluster_upstream_rq_xx", response_code_class=code, cluster_name=name), count, code)
        equal(p.metric_sum("envoy_cluster_upstream_rq_5xx", cluster_name=name), 1, "5xx")
        equal(p.metric_sum("envoy_cluster_upstream_rq_time_count", cluster_name=name), 4, "times")
        equal(p.metric_sum("envoy_cluster_membership_total", cluster_name=name), 1, "membership")
        equal(p.metric_sum("envoy_cluster_upstream_cx_active", cluster_name=name), 1, "connections")
        equal(p.metric_sum("envoy_http_downstream_rq_5xx"), 1, "downstream")
        equal(p.metric_sum("envoy_server_live"), 1, "live")


def test_promtool_reads_them():
    if not shutil.which("promtool"):
        print("# promtool is not installed")
        return
    with Backend("v1") as a, Backend("v2") as b, Proxy(two_versions(a, b), options=["--reporter", "both"]) as p:
        for _ in range(4):
            fetch(p.port)
        fetch(p.port, "POST", fields=[("Content-Type", "application/grpc")], body=b"\0\0\0\0\1x")
        p.wait_sum(10, "istio_requests_total")
        text = p.admin("/metrics").body
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=20)
    said = (done.stdout + done.stderr).decode()
    # 3: only its taste in names, which are Istio's and Envoy's.
    check(done.returncode in (0, 3) and "error while linting" not in said, f"promtool: {done.returncode} {said[:500]}")
    for line in said.splitlines():
        check(re.search(r"no help text|should (not )?(have|contain|use|end|be)|use base unit|abbreviated", line), f"promtool: {line}")


def completed(proxy):
    return int(proxy.admin("/stats?filter=downstream_rq_completed").body.split()[-1])


def test_a_reader_that_stands_still_holds_nobody_up():
    answer = lambda request, sock: reply(200 + int(request.target[1:]) % 300)
    with Backend("v1", answer=answer) as a, Proxy(one(a), workers=1) as p:
        with connect(p.port) as s:  # many series: their text is more than the sockets between us take
            reader = Reader(s)
            for i in range(100):
                s.sendall(request_bytes(path=f"/{i}"))
                read_response(reader, "HEAD" if i == 4 else "GET")
        wait_for("100 requests", lambda: completed(p) == 100)
        stuck = connect(p.admin_port)
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        equal(stuck.recv(1), b"H", "the answer's first byte")
        # The proxy now waits for that reader in the middle of its answer.
        for _ in range(50):
            equal(fetch(p.port, path="/0").status, 200, "a request meanwhile")
        wait_for("150 requests", lambda: completed(p) == 150)
        check(len(p.admin("/metrics").body) > 4 << 20, "a whole scrape meanwhile")
        memory = p.memory_kb()
        p.admin("/metrics")
        check(p.memory_kb() < memory + (2 << 10), f"a scrape stands in memory: {memory} kB, then {p.memory_kb()} kB")
        stuck.close()


def test_workers_share_the_connections():
    with Backend("v1") as a, Proxy(one(a), workers=2) as p:
        socks = [connect(p.port) for _ in range(200)]
        wait_for("all connections", lambda: p.metric_sum("envoy_listener_worker_downstream_cx_active") == 200)
        at = f"127.0.0.1_{p.port}"
        equal(p.metric_sum("envoy_listener_downstream_cx_active", listener_address=at), 200, "of the listener")
        for worker in ("0", "1"):
            share = p.metric_sum("envoy_listener_worker_downstream_cx_total", worker_id=worker)
            # Binomial, 200 and 1/2: outside of this once in 10^12 runs.
            check(50 <= share <= 150, f"worker {worker} has {share} of 200")
        for s in socks:
            s.close()
        p.wait_sum(0, "envoy_listener_downstream_cx_active", listener_address=at)
        equal(p.metric_sum("envoy_listener_downstream_cx_total", listener_address=at), 200, "all there were")
        check(f"listener.{at}.downstream_cx_total: 200\n" in p.admin("/stats?filter=^listener").body.decode(), "/stats")


def test_unknown_reporters_are_refused():
    done = subprocess.run([BIN, "proxy", "--manifests", "/", "--listen", "127.0.0.1:0", "--admin", "off", "--reporter", "waypoint"],
                          capture_output=True, timeout=20)
    equal(done.returncode, 2, "exit code")
    check(b"source, destination or both" in done.stderr, done.stderr)


main(globals())
