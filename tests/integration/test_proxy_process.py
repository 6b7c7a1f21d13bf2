#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`serin proxy` as a process: its sockets, limits and options, metrics, admin endpoints and log."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import *
from apiserver import mortal
from waiting import takes


def test_the_metrics_are_istios():
    with Backend() as b, Proxy(simple(b, timeout="10s"), options=["--reporter", "both"]) as p:
        for _ in range(3):
            fetch(p.port, "POST", body=b"x" * 300)
        labels = dict(destination_version="v1", destination_service=HOST, response_code="200", response_flags="-",
                      destination_service_name="research-agent", destination_service_namespace="team1", destination_app="research-agent")
        for reporter in ("source", "destination"):
            p.wait_sum(3, "istio_requests_total", reporter=reporter, **labels)
        for name in ("istio_request_duration_milliseconds", "istio_request_bytes", "istio_response_bytes"):
            equal(p.metric_sum(name + "_count", reporter="source", **labels), 3, name)
            equal(p.metric_sum(name + "_bucket", reporter="source", le="+Inf", **labels), 3, name)
        p.wait_sum(0, "istio_request_bytes_bucket", reporter="source", le="250", **labels)
        p.wait_sum(3, "istio_request_bytes_bucket", reporter="source", le="500", **labels)
        check(p.metric_sum("istio_tcp_connections_opened_total", reporter="source", destination_service=HOST) >= 1, "tcp connections")
        text = p.admin("/stats/prometheus").body.decode()
        for line in text.splitlines():
            check(line.startswith("# TYPE ") or re.fullmatch(r"[a-z_0-9]+(\{.*\})? [0-9.e+]+", line), f"line {line[:200]}")
        families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
        equal(len(families), len(set(families)), "families")


def test_the_admin_endpoints():
    with Backend() as b, Proxy(simple(b)) as p:
        fetch(p.port)
        equal(p.admin("/ready").body, b"LIVE\n", "/ready")
        equal(json.loads(p.admin("/server_info").body)["state"], "LIVE", "/server_info")
        check(b"::rq_total::1" in p.admin("/clusters").body, "/clusters")
        json.loads(p.admin("/clusters?format=json").body)
        json.loads(p.admin("/config_dump").body)
        json.loads(p.admin("/config_dump?resource=routes").body)
        equal(p.admin("/config_dump?resource=x").status, 404, "an unknown resource")
        check(b"%d" % p.port in p.admin("/listeners").body, "/listeners")
        check(b"cluster.outbound|80||" in p.admin("/stats?filter=upstream_rq_total").body, "/stats")
        check(b"/quitquitquit" in p.admin("/help").body, "/help")
        equal(p.admin("/nothing").status, 404, "an unknown path")
        for path in ("/drain_listeners", "/quitquitquit", "/healthcheck/fail", "/healthcheck/ok", "/logging"):
            equal(p.admin(path).status, 400, f"GET {path}")
        equal(p.admin("/quitquitquit", "POST", [("Origin", "http://evil")]).status, 403, "from a page in a browser")
        equal(p.admin("/logging?level=debug", "POST").status, 200, "/logging")
        equal(p.admin("/logging?level=loud", "POST").status, 400, "/logging")
        equal(p.admin("/healthcheck/fail", "POST").status, 200, "/healthcheck/fail")
        equal(p.admin("/ready").status, 503, "/ready")
        equal(fetch(p.port).get("connection"), "close", "connection")
        equal(p.admin("/healthcheck/ok", "POST").status, 200, "/healthcheck/ok")
        equal(p.admin("/ready").status, 200, "/ready")
        equal(fetch(p.port).get("connection"), None, "connection")
        equal(p.admin("/quitquitquit", "POST").status, 200, "/quitquitquit")
        equal(p.wait_ended(), 0, "exit code")


def test_the_access_log():
    for form in ("text", "json"):
        with tempfile.TemporaryDirectory() as folder, Backend() as b:
            path = pathlib.Path(folder) / "access.log"
            with Proxy(simple(b), workers=1, options=["--access-log", str(path), "--access-log-format", form]) as p:
                fetch(p.port, "POST", "/x?y=1", fields=[("User-Agent", 'a"b')], body=b"12345")
                with connect(p.port) as s:
                    s.sendall(b"nonsense\r\n\r\n")
                    Reader(s).rest()
                wait_for("two lines", lambda: path.exists() and path.read_text().count("\n") == 2)
                first, second = path.read_text().splitlines()
                if form == "json":
                    entry = json.loads(first)
                    equal((entry["method"], entry["path"], entry["response_code"], entry["bytes_received"], entry["user_agent"], entry["upstream_host"]),
                          ("POST", "/x?y=1", 200, 5, 'a"b', f"{b.address}:{b.port}"), "entry")
                    equal(json.loads(second)["response_flags"], "DPE", "flags")
                else:
                    check(re.match(r'\[\d{4}-\d\d-\d\dT[\d:.]+Z\] "POST /x\?y=1 HTTP/1.1" 200 - via_upstream - "-" 5 2 \d+ \d+ "-" "a\\"b" ', first), first)
                    check('"- - -" 400 DPE http1.codec_error' in second, second)


def test_every_inherited_socket_is_served():
    with Backend() as b, Proxy(simple(b), workers=5, options=["--workers", "2"]) as p:
        for _ in range(60):  # the kernel spreads them over five queues
            equal(fetch(p.port).status, 200, "status")
    with Backend() as b, Proxy(simple(b), workers=1, options=["--workers", "3"]) as p:
        for _ in range(20):
            equal(fetch(p.port).status, 200, "status")
        check(json.loads(p.admin("/server_info").body)["concurrency"] == 3, "three workers share one socket")


def test_sockets_of_its_own():
    with Backend() as b, tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "all.yaml"
        path.write_text("\n---\n".join(json.dumps(o) for o in flatten(simple(b))))
        process = subprocess.Popen(mortal([BIN, "proxy", "--manifests", folder, "--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--admin", "127.0.0.1:0",
                                    "--workers", "2"]), stderr=subprocess.PIPE, text=True)
        try:
            ports = {}
            while len(ports) < 3:
                line = process.stderr.readline()
                check(line, "the proxy ended")
                found = re.search(r"msg=(listening|admin) address=(\S+) port=(\d+)", line)
                if found:
                    ports[found.group(1), found.group(2)] = int(found.group(3))
            wait_for("the proxy to be ready", lambda: fetch(ports["admin", "127.0.0.1"], path="/ready").status == 200)
            for address in ("127.0.0.1", "::1"):
                with connect(ports["listening", address], address) as s:
                    s.sendall(request_bytes())
                    equal(read_response(Reader(s)).status, 200, address)
        finally:
            process.terminate()
            equal(process.wait(DEADLINE), 0, "exit code")
            process.stderr.close()


def test_drained_listeners_leave_the_admin():
    with Backend() as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            reader = Reader(s)
            s.sendall(request_bytes())
            equal(read_response(reader).get("connection"), None, "connection")
            equal(p.admin("/drain_listeners", "POST").status, 200, "/drain_listeners")
            s.sendall(request_bytes())
            equal(read_response(reader).get("connection"), "close", "connection")
            equal(reader.rest(), b"", "after the end")
        equal(p.admin("/ready").status, 503, "/ready")
        p.wait_sum(2, "istio_requests_total", response_code="200")
        p.alive()


def test_every_wait_has_an_end():
    with Backend(answer=lambda r, s: (takes(2), reply())[1]) as b, \
            Proxy(simple(b), options=["--header-timeout", "200ms", "--idle-timeout", "300ms", "--stream-idle-timeout", "400ms"]) as p:
        with connect(p.port) as s:  # a head byte by byte
            def dribble(s=s):
                for byte in request_bytes(fields=[("A", "x" * 1000)]):
                    try:
                        s.sendall(bytes([byte]))
                    except OSError:
                        return
                    takes(0.01)
            writer = threading.Thread(target=dribble, daemon=True)
            writer.start()
            equal(read_response(Reader(s)).status, 408, "a slow head")
        with connect(p.port) as s:
            equal(Reader(s).rest(), b"", "an idle connection")
        with connect(p.port) as s:
            s.sendall(request_bytes())
            equal(read_response(Reader(s)).status, 504, "a silent backend")
        with connect(p.port) as s:
            s.sendall(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\nabc".encode())
            equal(read_response(Reader(s)).status, 408, "a silent client")
        p.wait_sum(1, "istio_requests_total", response_code="504", response_flags="SI")
        p.wait_sum(1, "istio_requests_total", response_code="408", response_flags="SI")


def test_connections_have_a_limit():
    with Backend() as b, Proxy(simple(b), workers=1, options=["--max-connections", "5"]) as p:
        socks = [connect(p.port) for _ in range(12)]
        for s in socks:  # idle ones make room for those who wait
            try:
                s.sendall(request_bytes())
                check(read_response(Reader(s)).status == 200, "status")
            except (OSError, EOFError):
                pass
            check(p.metric_sum("envoy_http_downstream_cx_active") <= 5, "connections")
        for s in socks:
            s.close()
        equal(fetch(p.port).status, 200, "afterwards")


def test_a_taken_address_is_an_error():
    with tempfile.TemporaryDirectory() as folder, listening_socket() as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for options in (["--listen", address, "--admin", "off"], ["--listen", "127.0.0.1:0", "--admin", address]):
            got = subprocess.run([BIN, "proxy", "--manifests", folder] + options, capture_output=True, text=True, timeout=DEADLINE)
            check(got.returncode != 0 and f"cannot listen on {address}" in got.stderr, f"{options}: {got.returncode} {got.stderr}")


def test_wrong_options_are_explained():
    for options, words in (([], "--listen"), (["--listen", "nonsense"], "ADDRESS:PORT"), (["--listen", "127.0.0.1:0", "--reporter", "x"], "source, destination or both"),
                           (["--listen-fd", "0"], "no listening socket"), (["--listen", "127.0.0.1:0", "--manifests", "/nonexistent"], "/nonexistent")):
        got = subprocess.run([BIN, "proxy", "--admin", "off"] + options, capture_output=True, text=True, timeout=DEADLINE, stdin=subprocess.DEVNULL)
        check(got.returncode != 0 and words in got.stderr, f"{options}: {got.returncode} {got.stderr}")


main(globals())
