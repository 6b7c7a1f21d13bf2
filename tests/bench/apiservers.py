# SPDX-License-Identifier: Apache-2.0
"""`serin apiserver` beside a real kube-apiserver with etcd (tests/kubernetes/assets): the same client, objects and disk, in turns; both answer a
write only when it is on the disk. Client: one connection over TLS, requests made beforehand."""
import json
import os
import pathlib
import shutil
import socket
import statistics
import tempfile
import threading
import time

from machine import cpu_seconds, memory_kb, result, skip

import cluster
from apiserver import Server
from waiting import measured

ROLLOUTS = "/apis/serin.dev/v1alpha1/namespaces/default/rollouts"
COUNT = 1000
MERGE, APPLY, JSON = "application/merge-patch+json", "application/apply-patch+yaml", "application/json"


def rollout(name, marker=""):
    return {"apiVersion": "serin.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": name, "annotations": {"bench": marker}},
            "spec": {"stable": {"deployment": "v1", "subset": "v1"}, "canary": {"deployment": "v2", "subset": "v2"},
                     "traffic": {"virtualService": {"name": "vs"}, "destinationRule": "dr"}}}


class Client:
    """One kept connection; the time of each exchange in milliseconds."""

    def __init__(self, server):
        self.server = server
        raw = socket.create_connection(("127.0.0.1", server.port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = server.context.wrap_socket(raw, server_hostname="127.0.0.1")
        self.file = self.socket.makefile("rb", buffering=1 << 16)

    def bytes(self, method, path, body=None, kind=JSON):
        data = json.dumps(body).encode() if body is not None else b""
        return (f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self.server.token}\r\nAccept: application/json\r\n"
                f"Content-Type: {kind}\r\nContent-Length: {len(data)}\r\nUser-Agent: bench/1\r\n\r\n").encode() + data

    def read(self):
        status = int(self.file.readline().split()[1])
        length, chunked = 0, False
        while (line := self.file.readline()) != b"\r\n":
            name, _, value = line.decode().partition(":")
            length = int(value) if name.lower() == "content-length" else length
            chunked = chunked or (name.lower() == "transfer-encoding" and "chunked" in value)
        if not chunked:
            return status, self.file.read(length)
        body = b""
        while (size := int(self.file.readline(), 16)):
            body += self.file.read(size)
            self.file.readline()
        self.file.readline()
        return status, body

    def time(self, requests):
        took = []
        for request in requests:
            began = time.perf_counter()
            self.socket.sendall(request)
            status, body = self.read()
            took.append(1000 * (time.perf_counter() - began))
            if status not in (200, 201):
                raise RuntimeError(f"{status} {body[:500]}")
        return took

    def close(self):
        self.socket.close()


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def watch_delays(server):
    """From sending a patch to its event on another connection, in milliseconds."""
    writer, reader = Client(server), Client(server)
    _, body = (reader.socket.sendall(reader.bytes("GET", ROLLOUTS + "?limit=1")), reader.read())[1]
    revision = json.loads(body)["metadata"]["resourceVersion"]
    reader.socket.sendall(reader.bytes("GET", f"{ROLLOUTS}?watch=1&resourceVersion={revision}"))
    while reader.file.readline() != b"\r\n":
        pass
    seen, sent, ready = {}, {}, threading.Semaphore(0)

    def follow():
        while len(seen) < COUNT:
            size = int(reader.file.readline(), 16)
            chunk = reader.file.read(size)
            reader.file.readline()
            now = time.perf_counter()
            at = 0
            while (at := chunk.find(b"mark-", at)) >= 0:
                name = chunk[at + 5:at + 9]
                at += 5
                if name.isdigit() and int(name) not in seen:
                    seen[int(name)] = now
                    ready.release()
    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    for number in range(COUNT):
        request = writer.bytes("PATCH", f"{ROLLOUTS}/bench-0", {"metadata": {"annotations": {"bench": f"mark-{number:04}"}}}, MERGE)
        sent[number] = time.perf_counter()
        writer.socket.sendall(request)
        status, body = writer.read()
        if status != 200:
            raise RuntimeError(f"{status} {body[:300]}")
        ready.acquire(timeout=10)
    thread.join(10)
    writer.close()
    reader.socket.close()
    return [1000 * (seen[number] - sent[number]) for number in range(COUNT)]


def measure(server):
    """{what: times in ms} of one round."""
    client, times = Client(server), {}
    times["create"] = client.time([client.bytes("POST", ROLLOUTS, rollout(f"bench-{n}")) for n in range(COUNT)])
    times["merge patch of spec"] = client.time([
        client.bytes("PATCH", f"{ROLLOUTS}/bench-{n}", {"spec": {"analysis": {"interval": f"{n + 2}s"}}}, MERGE) for n in range(COUNT)])
    times["merge patch of status"] = client.time([
        client.bytes("PATCH", f"{ROLLOUTS}/bench-0/status", {"status": {"observedGeneration": n + 1}}, MERGE) for n in range(COUNT)])
    times["server-side apply"] = client.time([
        client.bytes("PATCH", f"{ROLLOUTS}/bench-1?fieldManager=bench&force=true", rollout("bench-1", str(n)), APPLY) for n in range(COUNT)])
    times["get"] = client.time([client.bytes("GET", f"{ROLLOUTS}/bench-{n}") for n in range(COUNT)])
    times["list of 500"] = client.time([client.bytes("GET", f"{ROLLOUTS}?limit=500") for _ in range(30)])
    times["list of 1,000"] = client.time([client.bytes("GET", ROLLOUTS) for _ in range(30)])
    client.close()
    times["patch to watch"] = watch_delays(server)
    client = Client(server)
    client.time([client.bytes("DELETE", ROLLOUTS)])
    client.close()
    return times


class Ours:
    name = "serin"

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="serin-bench-", dir=os.environ.get("BENCH_DIR"))
        began = time.perf_counter()
        self.server = Server(data=self.folder)
        self.ready = time.perf_counter() - began

    def pids(self):
        return [self.server.process.pid]

    def stop(self):
        if hasattr(self, "server"):
            self.server.kill(15)
            shutil.rmtree(self.folder, ignore_errors=True)


class Real:
    name = "kube-apiserver, etcd"

    def start(self):
        self.server = cluster.Cluster(controllers=False, crds=(), durable=True)
        try:
            began = time.perf_counter()
            self.server.start_etcd()
            self.server.start_server()
            self.ready = time.perf_counter() - began
            self.server.install_crds(pathlib.Path(__file__).resolve().parents[2] / "manifests" / "install" / "crds")
            measured(2)  # a real server publishes a new definition a moment after it says so
        except BaseException:
            self.server.__exit__(True, None, None)
            raise

    def pids(self):
        return [process.pid for process in self.server.processes.values()]

    def stop(self):
        if hasattr(self, "server"):
            self.server.__exit__(None, None, None)


def memory_mb(contender):
    return sum(memory_kb(pid) for pid in contender.pids()) / 1024


def idle(contender):
    pids = contender.pids()
    facts = {"ready": contender.ready, "idle": memory_mb(contender)}
    before, began = sum(cpu_seconds(pids)), time.monotonic()
    measured(10)
    facts["idle_cpu"] = 1000 * (sum(cpu_seconds(pids)) - before) / (time.monotonic() - began)
    return facts


def run_all(contenders, rounds):
    """In turns, so that both see the same machine. {name: (facts, {what: [times of a round]})}"""
    done = {}
    for contender in contenders:
        contender.start()
    measured(3)
    for contender in contenders:
        done[contender.name] = idle(contender), {}
    for _ in range(rounds):
        for contender in contenders:
            facts, times = done[contender.name]
            before = sum(cpu_seconds(contender.pids()))
            for what, values in measure(contender.server).items():
                times.setdefault(what, []).append(values)
            facts["cpu"] = facts.get("cpu", 0) + sum(cpu_seconds(contender.pids())) - before
    measured(35)
    for contender in contenders:
        done[contender.name][0]["loaded"] = memory_mb(contender)
    return done


def apiservers(options):
    contenders = [Ours()]
    try:
        cluster.assets("core")
        cluster.isolate()
        contenders.append(Real())
    except (cluster.Missing, RuntimeError) as missing:
        skip("a real kube-apiserver beside it", missing)
    rounds = max(1, min(options.rounds, 3))
    try:
        done = run_all(contenders, rounds)
    finally:
        for contender in contenders:
            contender.stop()
    names = list(done)
    print(f"{COUNT} requests one after the other on one connection, {rounds} rounds: median of the rounds' p50 (p99), in ms.\n")
    print("| what | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))

    def of(name, what, share):
        return statistics.median(percentile(values, share) for values in done[name][1][what])
    for what in done[names[0]][1]:
        print(f"| {what} | " + " | ".join(f"{of(name, what, 0.5):.2f} ({of(name, what, 0.99):.2f})" for name in names) + " |")
    for label, key, form in (("ready after, s", "ready", "{:.2f}"), ("memory idle, MB", "idle", "{:.1f}"), ("memory 35 s after the load, MB", "loaded", "{:.1f}"),
                             ("CPU idle, ms/s", "idle_cpu", "{:.1f}"), ("CPU of the load, s", "cpu", "{:.1f}")):
        print(f"| {label} | " + " | ".join(form.format(done[name][0][key]) for name in names) + " |")
    print()
    if len(names) < 2:
        return
    ours, real = names
    for key, what in (("idle", "idle"), ("loaded", "after the load")):
        times = done[real][0][key] / done[ours][0][key]
        result(f"memory {what} at least 20 times smaller", times >= 20, f"{times:.0f} times")
    for what in ("merge patch of spec", "merge patch of status", "server-side apply", "create", "patch to watch"):
        mine, theirs = of(ours, what, 0.5), of(real, what, 0.5)
        result(f"{what}: p50 below the real server's", mine < theirs, f"{mine:.2f} ms and {theirs:.2f} ms")
