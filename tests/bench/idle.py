# SPDX-License-Identifier: Apache-2.0
"""Memory of a client connection: that waits for its next request, after one has been answered on it; that waits for an answer."""
import os
import resource
import socket

import contenders
from contenders import HOST, Workload
from machine import check, have, memory_kb, result, wait_for


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


def ask_some(port, count):
    """Connections whose one request is not answered."""
    connections = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(count)]
    for it in connections:
        it.sendall(f"GET /hold HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    return connections


def sockets(pid):
    """How many a process has open."""
    return sum(os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:") for fd in os.listdir(f"/proc/{pid}/fd") if os.path.islink(f"/proc/{pid}/fd/{fd}"))


def busy_connections(dir, count=1000):
    """With the connection to the backend that each of them needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"\n### Busy client connections\n\nEach with a request that its backend has and does not answer, {count:,} of them.\n\n"
          "| proxy | anonymous bytes each |\n|---|---|")
    work = Workload("busy")
    try:
        for name, start in (("serin", contenders.serin), ("nginx", contenders.nginx), ("haproxy", contenders.haproxy)):
            if name != "serin" and have(name):
                continue
            behind = contenders.sink(dir)
            it = start(dir, work, behind.port)
            try:
                first = ask_some(it.port, 50)
                wait_for("the first to arrive", lambda: sockets(behind.process.pid) > 50)
                before = sum(memory_kb(pid, "RssAnon") for pid in it.pids())
                rest = ask_some(it.port, count)
                wait_for("all to arrive", lambda: sockets(behind.process.pid) > 50 + count)
                grown = sum(memory_kb(pid, "RssAnon") for pid in it.pids()) - before
                for connection in first + rest:
                    connection.close()
            finally:
                it.stop()
                behind.stop()
            print(f"| {name} | {grown * 1024 / count:.0f} |", flush=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


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
