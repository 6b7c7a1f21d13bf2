# SPDX-License-Identifier: Apache-2.0
"""User-space instructions of one exchange, counted by valgrind: the difference between two runs of one keep-alive connection."""
import re
import socket
import subprocess

import contenders
from contenders import HOST, Workload
from machine import BIN, TESTS, check, free_port, have, skip, wait_for

FEW, MANY = 200, 2200


def ask(port, count, path):
    """One connection, `count` requests one after the other."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as it:
        for _ in range(count):
            it.sendall(request)
            reply = b""
            while not reply.endswith(b"x" * 128):
                piece = it.recv(65536)
                check(piece, "the proxy closed the connection")
                reply += piece


def accepts(port):
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        return True


def counted(dir, command, port, count, path):
    """None: the program did not end under valgrind when it was told to."""
    out = dir / "callgrind.out"
    log = dir / "callgrind.log"
    process = subprocess.Popen(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--cache-sim=no", f"--log-file={log}", *map(str, command)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("the proxy under valgrind", lambda: accepts(port), 60)
        ask(port, count, path)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None
    return int(re.search(r"Collected : (\d+)", log.read_text()).group(1))


def serin_command(dir, work, backend):
    manifests = dir / "manifests-callgrind"
    manifests.mkdir(exist_ok=True)
    (manifests / "bench.yaml").write_text(contenders.serin_manifests(work, backend))
    port = free_port()
    extra = ["--access-log", dir / "access-callgrind.log"] if work.rich else []
    return port, [BIN, "proxy", "--manifests", manifests, "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{free_port()}", "--workers", "1", *extra]


def relay_command(_dir, _work, backend):
    port = free_port()
    return port, [TESTS / "bench_relay", port, backend]


def haproxy_command(dir, work, backend):
    port = free_port()
    path = dir / "haproxy-callgrind.cfg"
    path.write_text(contenders.HAPROXY.format(mode="http", most=500, port=port, reuse="http-reuse always", rules="",
                                              servers=f"  server s0 127.0.0.1:{backend}"))
    return port, ["/usr/sbin/haproxy", "-db", "-f", path]


def nginx_command(dir, work, backend):
    port = free_port()
    path = dir / "nginx-callgrind.conf"
    proxy = 'proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_buffering off;'
    text = contenders.NGINX_COMMON.format(dir=dir, name="callgrind", access="off", most=500) + f"""
  upstream up {{ server 127.0.0.1:{backend}; keepalive 16; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port}; location / {{ {proxy} }} }} }}
"""
    path.write_text(text.replace("worker_processes 1;", "master_process off; worker_processes 1;"))
    return port, ["/usr/sbin/nginx", "-p", dir, "-c", path]


def instructions(dir):
    if have("valgrind"):
        skip("instructions per request", "valgrind is not installed (tests/support/setup peers)")
        return
    print("\n### User-space instructions per request\n\n| proxy | instructions | times the relay |\n|---|---|---|")
    behind = contenders.backend(dir, 1)
    rows = [("relay", relay_command, Workload("plain")), ("serin", serin_command, Workload("plain")),
            ("serin, all policies and access log", serin_command, Workload("rich", rich=True)),
            ("haproxy", haproxy_command, Workload("plain")), ("nginx", nginx_command, Workload("plain"))]
    floor = None
    try:
        for name, make, work in rows:
            if name in ("haproxy", "nginx") and have(name):
                continue
            totals = []
            for count in (FEW, MANY):
                port, command = make(dir, work, behind.port)
                totals.append(counted(dir, command, port, count, work.target()))
            if None in totals:
                skip(f"instructions of {name}", "it does not end under valgrind")
                continue
            each = (totals[1] - totals[0]) / (MANY - FEW)
            floor = floor or each
            print(f"| {name} | {each:.0f} | {each / floor:.1f} |", flush=True)
    finally:
        behind.stop()
