# SPDX-License-Identifier: Apache-2.0
"""Resident memory of a client connection that waits for its next request, after one has been answered on it."""
import resource
import socket

import contenders
from contenders import HOST, Workload
from machine import check, have, memory_kb, result


def open_some(port, count):
    request = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    connections = []
    for at in range(count):
        it = socket.create_connection(("127.0.0.1", port), timeout=20)
        it.sendall(request)
        reply = b""
        while not reply.endswith(b"x" * 128):
            piece = it.recv(4096)
            check(piece, f"connection {at} was closed")
            reply += piece
        connections.append(it)
    return connections


def idle_connections(dir):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    counts = [1000, min(10000, contenders.MOST - 100)]
    print("\n### Idle client connections\n\n| proxy | " + " | ".join(f"resident bytes each, {n:,}" for n in counts) + " |\n|---|" + "---|" * len(counts))
    work = Workload("idle")
    behind = contenders.backend(dir, 1)
    try:
        for name, start in (("serin", contenders.serin), ("nginx", contenders.nginx), ("haproxy", contenders.haproxy)):
            if name != "serin" and have(name):
                continue
            cells = []
            for count in counts:
                it = start(dir, work, behind.port)
                try:
                    first = open_some(it.port, 50)  # what the first few make is not theirs alone
                    before = sum(memory_kb(pid, "RssAnon") for pid in it.pids())
                    rest = open_some(it.port, count)
                    grown = sum(memory_kb(pid, "RssAnon") for pid in it.pids()) - before
                    for connection in first + rest:
                        connection.close()
                finally:
                    it.stop()
                cells.append(grown * 1024 / count)
            print(f"| {name} | " + " | ".join(f"{cell:.0f}" for cell in cells) + " |", flush=True)
            if name == "serin":
                result("an idle connection costs at most 1 KB", cells[-1] <= 1024, f"{cells[-1]:.0f} bytes")
    finally:
        behind.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
