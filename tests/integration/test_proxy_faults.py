#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peers that fail in every way they can: the proxy stays up, serves the others, counts, and its memory has a bound."""
import mmap
import pathlib
import resource
import shutil
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import *
from waiting import takes

LONG = bool(os.environ.get("SERIN_LONG"))
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends a reset


def is_sanitized(proxy):
    text = pathlib.Path(f"/proc/{proxy.process.pid}/status").read_text()
    return int(re.search(r"VmSize:\s+(\d+)", text).group(1)) > 1 << 30  # their shadow memory is terabytes


def host_of(name):
    return f"{name}.team1.svc.cluster.local"


def route_to(name, address, port, **route):
    """A Service with one endpoint and one route."""
    policy = {"connectionPool": {"tcp": {"connectTimeout": "300ms"}}}
    return [service(name), endpoint(name, "v1", address, port, name),
            {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": name, "namespace": "team1"},
             "spec": {"host": name, "trafficPolicy": policy}},
            {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name, "namespace": "team1"},
             "spec": {"hosts": [name], "http": [dict({"route": [{"destination": {"host": name}}], "timeout": "700ms", "retries": {"attempts": 0}}, **route)]}}]


class Bad:
    """A backend that does `act(sock)` with each connection and nothing else."""

    def __init__(self, act):
        self.act = act
        self.backend = Backend()
        self.backend._serve = self.serve
        self.address, self.port = self.backend.address, self.backend.port

    def serve(self, sock, number):
        try:
            self.act(sock)
        except (OSError, EOFError):
            pass
        finally:
            sock.close()

    def close(self):
        self.backend.close()


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def after(head, then):
    """Reads the head of a request, says something, then acts."""
    def act(sock):
        Reader(sock).until(b"\r\n\r\n")
        sock.sendall(head)
        then(sock)
    return act


def stall(sock):
    while sock.recv(65536):  # until the proxy gives up
        pass


def drip(sock):
    for byte in b"HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n2;z\r\nok\r\n0\r\n\r\n":
        sock.sendall(bytes([byte]))
        takes(0.002)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
GARBAGE = bytes(range(256)) * 20
# name: (what the backend does, the statuses a client may get; None: it is cut in the answer)
KINDS = {
    "resets-at-once": (reset, {503}),
    "closes-at-once": (lambda s: None, {503}),
    "resets-after-the-head": (after(b"", reset), {503}),
    "closes-after-the-head": (after(b"", lambda s: None), {503}),
    "resets-in-the-status-line": (after(b"HTTP/1.1 2", reset), {503}),
    "closes-in-a-field": (after(b"HTTP/1.1 200 OK\r\nX: ", lambda s: None), {503}),
    "resets-after-its-head": (after(HEAD, reset), {200, None}),
    "closes-in-its-body": (after(HEAD + b"01234", lambda s: None), {200, None}),
    "resets-in-its-body": (after(HEAD + b"01234", reset), {200, None}),
    "says-nothing": (stall, {504}),
    "stalls-in-the-status-line": (after(b"HTTP/1.1 2", stall), {504}),
    "stalls-in-a-field": (after(b"HTTP/1.1 200 OK\r\nX: ", stall), {504}),
    "stalls-after-100": (after(b"HTTP/1.1 100 Continue\r\n\r\n", stall), {504}),
    "stalls-after-its-head": (after(HEAD, stall), {200, None}),
    "stalls-in-its-body": (after(HEAD + b"01234", stall), {200, None}),
    "stalls-in-a-chunk": (after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", stall), {200, None}),
    "answers-garbage": (after(GARBAGE, lambda s: None), {502}),
    "answers-garbage-unasked": (lambda s: s.sendall(GARBAGE), {502, 503}),
    "answers-endless-fields": (after(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000, stall), {502}),
    "drips": (drip, {200}),
}
CUT = {"resets-after-its-head", "closes-in-its-body", "resets-in-its-body", "stalls-after-its-head", "stalls-in-its-body", "stalls-in-a-chunk"}


def ask(port, host):
    """(status, body), the body None when the answer broke off, the status None when nothing came."""
    with connect(port) as s:
        s.sendall(request_bytes(host=host))
        reader = Reader(s)
        status = None
        try:
            line, fields = reader.head()
            status = int(line.split()[1])
            return status, reader.body(fields, True)
        except (EOFError, ConnectionError):
            return status, None


def test_backends_that_fail_in_every_phase():
    bad = {name: Bad(act) for name, (act, _) in KINDS.items()}
    refuses = socket.socket()
    refuses.bind(("127.0.0.1", 0))  # bound, but nobody listens
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)  # the kernel takes one or two and then answers no more
    fillers = []
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(full.getsockname())
        fillers.append(s)
    objects = [route_to(name, b.address, b.port) for name, b in bad.items()]
    objects += [route_to("refuses", *refuses.getsockname()), route_to("never-connects", *full.getsockname())]
    expected = {name: statuses for name, (_, statuses) in KINDS.items()}
    expected.update({"refuses": {503}, "never-connects": {503}})
    got, problems, stop = {}, [], threading.Event()
    with Backend() as good, Proxy([objects, simple(good)], workers=2) as p:
        def bystander():
            count = 0
            try:
                with connect(p.port) as s:
                    reader = Reader(s)
                    while not stop.is_set():
                        s.sendall(request_bytes())
                        equal(read_response(reader).status, 200, "status")
                        count += 1
                        takes(0.001)
            except Exception as error:
                problems.append(repr(error))
            if count < 50:
                problems.append(f"only {count} good answers meanwhile")

        def client(name):
            got[name] = [ask(p.port, host_of(name)) for _ in range(2)]

        others = [threading.Thread(target=bystander) for _ in range(2)]
        clients = [threading.Thread(target=client, args=(name,)) for name in expected]
        for t in others + clients:
            t.start()
        for t in clients:
            t.join()
        stop.set()
        for t in others:
            t.join()
        for name, statuses in expected.items():
            for status, body in got[name]:
                check(status in statuses, f"{name}: {status} {body!r}")
                check(name not in CUT or body is None, f"{name}: a whole answer, {body!r}")
        equal(problems, [], "the others")
        cluster = lambda name: f"outbound|80||{host_of(name)}"
        p.wait_sum(2, "envoy_cluster_upstream_cx_connect_fail", cluster_name=cluster("refuses"))
        p.wait_sum(2, "envoy_cluster_upstream_cx_connect_timeout", cluster_name=cluster("never-connects"))
        p.wait_sum(2, "envoy_cluster_upstream_rq_timeout", cluster_name=cluster("says-nothing"))
        p.wait_sum(0, "envoy_http_downstream_rq_active")
        for name in ("refuses", "never-connects"):
            p.wait_sum(2, "istio_requests_total", response_flags="UF", destination_app=name)
        p.wait_sum(6, "istio_requests_total", response_flags="UPE")
    for b in bad.values():
        b.close()
    for s in fillers + [refuses, full]:
        s.close()


def test_descriptors_run_out_and_come_back():
    release = threading.Event()
    answer = lambda r, s: (release.wait(DEADLINE) if r.target == "/slow" else None, reply())[1]
    with Backend(answer=answer) as b, Proxy(simple(b), workers=1) as p:
        with connect(p.port) as busy:
            busy.sendall(request_bytes(path="/slow"))
            wait_for("the request", lambda: b.requests)
            used = len(os.listdir(f"/proc/{p.process.pid}/fd"))
            resource.prlimit(p.process.pid, resource.RLIMIT_NOFILE, (used + 8, used + 8))
            socks = [connect(p.port) for _ in range(40)]
            for s in socks:
                s.sendall(b"GET / HTTP/1.1\r\n")  # half a head: not idle, so it keeps its descriptor
            release.set()
            reader = Reader(busy)
            equal(read_response(reader).status, 200, "the request that ran")
            for s in socks[:36]:
                s.close()
            wait_for("the count", lambda: p.metric_sum("envoy_http_downstream_cx_overflow") >= 1)
            for s in socks[36:]:  # those that waited longest, or were served: both go on
                s.sendall(f"Host: {HOST}\r\n\r\n".encode())
                check(read_response(Reader(s)).status in (200, 503), "one that waited")
                s.close()
        for _ in range(20):
            wait_for("good answers to new ones", lambda: fetch(p.port).status == 200)


def test_little_memory_keeps_it_up():
    """Its address space is limited to a little more than it has; clients that stall would take four times that."""
    with Backend() as b, Proxy(simple(b), workers=1, options=["--max-buffer-memory", str(32 << 20)]) as p:
        if is_sanitized(p):
            print("# sanitizers need their address space")
            return
        equal(fetch(p.port).status, 200, "before")
        size = int(re.search(r"VmSize:\s+(\d+)", pathlib.Path(f"/proc/{p.process.pid}/status").read_text()).group(1)) << 10
        resource.prlimit(p.process.pid, resource.RLIMIT_AS, (size + (96 << 20),) * 2)
        socks = [connect(p.port) for _ in range(many(4000))]
        for s in socks:
            s.sendall(b"GET / HTTP/1.1\r\n")
        wait_for("refusals", lambda: p.metric_sum("envoy_http_downstream_rq_overload_close") >= len(socks) - 420)
        for s in socks:
            s.close()
        wait_for("it to serve again", lambda: fetch(p.port).status == 200)
        check(p.process.poll() is None, "it went down")


def many(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(count, hard - 500 if hard > 0 else count)


def test_idle_and_stalled_clients_cost_little():
    idle, stalled = (many(10000), 1000) if LONG else (many(1500), 200)
    with Backend() as b, Proxy(simple(b), workers=2) as p:
        for _ in range(50):
            fetch(p.port)
        before = p.memory_kb()
        socks = []
        for _ in range(idle):
            s = connect(p.port)
            socks.append(s)
            s.sendall(request_bytes())
            equal(read_response(Reader(s)).status, 200, "status")
        wait_for("all of them", lambda: p.metric_sum("envoy_http_downstream_cx_active") >= idle)
        each = (p.memory_kb() - before) * 1024 / idle
        print(f"# {each:.0f} bytes for each of {idle} idle connections")
        check(is_sanitized(p) or each < 1024, f"{each:.0f} bytes for each idle connection")
        before = p.memory_kb()
        for i in range(stalled):
            s = connect(p.port)
            socks.append(s)
            # In the head, in the body, and with an answer that is not read.
            s.sendall([b"GET / HTTP/1.1\r\nHo", request_bytes("POST", fields=[("Content-Length", "1000")]) + b"some", request_bytes("POST", fields=[("Transfer-Encoding", "chunked")]) + b"5\r\nab"][i % 3])
        wait_for("all of them", lambda: p.metric_sum("envoy_http_downstream_cx_active") >= idle + stalled)
        each = (p.memory_kb() - before) / stalled
        print(f"# {each:.1f} KiB for each of {stalled} stalled ones")
        check(is_sanitized(p) or each < 40, f"{each:.1f} KiB for each stalled connection")
        for _ in range(50):
            equal(fetch(p.port).status, 200, "beside them")
        for s in (socks[0], socks[idle // 2], socks[idle - 1]):
            s.sendall(request_bytes())
            equal(read_response(Reader(s)).status, 200, "an idle one goes on")
        for s in socks:
            s.close()
        wait_for("none of them", lambda: p.metric_sum("envoy_http_downstream_cx_active") == 0)
        p.wait_sum(0, "envoy_http_downstream_rq_active")


SHIM = r"""
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile long *offset(void) {
  static volatile long *at;
  if (!at) {
    int fd = open(getenv("TEST_CLOCK"), O_RDONLY);
    at = mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
  }
  return at;
}
int clock_gettime(clockid_t id, struct timespec *ts) {
  int rc = (int)syscall(SYS_clock_gettime, id, ts);
  if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
    ts->tv_sec += *offset();
  return rc;
}
int gettimeofday(struct timeval *tv, void *zone) {
  struct timespec ts;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &ts);
  tv->tv_sec = ts.tv_sec;
  tv->tv_usec = ts.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *ret) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  if (ret)
    *ret = ts.tv_sec;
  return ts.tv_sec;
}
"""


def test_steps_of_the_wall_clock_change_nothing():
    """The wall clock of the proxy alone jumps: waits are measured by another one."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    with tempfile.TemporaryDirectory() as folder:
        clock = pathlib.Path(folder) / "clock"
        clock.write_bytes(bytes(8))
        with open(clock, "r+b") as file, Backend() as b, mmap.mmap(file.fileno(), 8) as offset:
            with Proxy(simple(b)) as plain:
                sanitized = is_sanitized(plain)
            if sanitized or not compiler:
                print("# skipped: a sanitizer's own preloads, or no compiler")
                return
            source, library = pathlib.Path(folder) / "shim.c", pathlib.Path(folder) / "shim.so"
            source.write_text(SHIM)
            subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True)
            os.environ.update(LD_PRELOAD=str(library), TEST_CLOCK=str(clock))
            try:
                release = threading.Event()
                b.answer = lambda r, s: (release.wait(DEADLINE) if r.target == "/slow" else None, reply())[1]
                p = Proxy(simple(b, timeout="60s"), workers=1)
            finally:
                del os.environ["LD_PRELOAD"], os.environ["TEST_CLOCK"]
            with p, connect(p.port) as kept, connect(p.port) as waiting, connect(p.port) as half:
                reader = Reader(kept)
                waiting.sendall(request_bytes(path="/slow"))
                half.sendall(b"GET /half HTTP/1.1\r\n")
                year = lambda: re.search(r" (\d{4}) ", got.get("date")).group(1)
                kept.sendall(request_bytes())
                got = read_response(reader)
                now = year()
                for step in (400 * 86400, -800 * 86400, 0):
                    offset[:] = struct.pack("q", step)
                    for _ in range(3):
                        takes(0.01)  # a further turn of the loop reads the clock again
                        kept.sendall(request_bytes())
                        got = read_response(reader)
                        equal(got.status, 200, f"after a step of {step} s")
                    check((year() == now) == (step == 0), f"the step of {step} s was not seen: {got.get('date')}")
                release.set()
                equal(read_response(Reader(waiting)).status, 200, "a request that ran meanwhile")
                half.sendall(f"Host: {HOST}\r\n\r\n".encode())
                equal(read_response(Reader(half)).status, 200, "a head that was half there")
                equal(p.metric_sum("envoy_http_downstream_cx_idle_timeout"), 0, "connections that were idle too long")


def test_huge_bodies_pass_through_little_memory():
    def on_head(line, fields, reader, sock):
        method, target, _ = line.split(" ")
        length = int(target[1:])
        if method == "GET":  # a download
            sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
            piece = memoryview(bytes(1 << 20))
            left = length
            while left > 0:
                left -= sock.send(piece[:left])
            return True
        left, block = length - len(reader.data), bytearray(1 << 20)
        reader.data.clear()
        slow = 0
        while left > 0:
            got = sock.recv_into(block)
            check(got > 0, "the upload broke off")
            left -= got
            slow += got
            if slow > 16 << 20:  # a backend that pauses now and then
                takes(0.005)
                slow = 0
        sock.sendall(reply(body=str(length).encode()))
        return True

    with Backend(on_head=on_head) as b, Proxy(simple(b), workers=1) as p:
        size = 10 << 30 if LONG else 40 << 20 if is_sanitized(p) else 200 << 20
        fetch(p.port, path="/1000000")
        before, peak = p.memory_kb(), [0]
        with connect(p.port) as s:
            s.sendall(request_bytes(path=f"/{size}"))
            reader = Reader(s)
            _, fields = reader.head()
            equal(dict(fields)["content-length"], str(size), "length")
            left, block, slow = size - len(reader.data), bytearray(1 << 20), 0
            while left > 0:
                got = s.recv_into(block)
                check(got > 0, "the download broke off")
                left -= got
                slow += got
                if slow > 16 << 20:  # and a client that does
                    takes(0.005)
                    slow = 0
                    peak[0] = max(peak[0], p.memory_kb())
        with connect(p.port) as s:
            s.sendall(request_bytes("POST", path=f"/{size}", fields=[("Content-Length", str(size))]))
            piece, left = memoryview(bytes(1 << 20)), size
            while left > 0:
                left -= s.send(piece[:left])
                if left % (16 << 20) < 65536:
                    peak[0] = max(peak[0], p.memory_kb())
            equal(read_response(Reader(s)).body, str(size).encode(), "what arrived")
        grown = max(peak[0], p.memory_kb()) - before
        print(f"# {size >> 20} MiB each way, memory grew by {grown} KiB")
        check(is_sanitized(p) or grown < 2048, f"memory grew by {grown} KiB")  # the first 1 MiB of an upload is kept for another try


main(globals())
