#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile and odd bytes (tests/support/corpus.py) over real sockets, whole and in pieces: no desync, no crash, no hang, no growth.

What the backend saw and what the client saw is read by a parser that shares nothing with the proxy (tests/support/strict_http.py)."""
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import corpus
from proxy import *
from strict_http import Fault, Strict

SENTINEL = corpus.get(b"/sentinel")
SEED = int(os.environ.get("SEED", "20240607"))


class Recorder:
    """Reads requests strictly; answers `say(message)`, bytes or (bytes, end the connection)."""

    def __init__(self, say):
        self.say, self.seen, self.faults = say, [], []
        self.backend = Backend()
        self.backend._serve = self.serve
        self.address, self.port = self.backend.address, self.backend.port

    def serve(self, sock, number):
        strict = Strict()
        try:
            while data := sock.recv(65536):
                for message in strict.feed(data):
                    self.seen.append(message)
                    for piece in self.say(message, sock):
                        sock.sendall(piece)
        except Fault as fault:
            self.faults.append(str(fault))
        except OSError:
            pass
        finally:
            sock.close()

    def take(self):
        seen, self.seen = self.seen, []
        check(not self.faults, f"the backend could not read what it was sent: {self.faults}")
        return [(m.first[0].decode(), m.first[1].decode("latin-1"), m.body) for m in seen]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.backend.close()


def pieces(data, rng):
    """The bytes in 1 to 12 cuts."""
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(12)))
    return [data[i:j] for i, j in zip([0] + cuts, cuts + [len(data)]) if i < j]


def converse(port, parts, end=True):
    """Sends, ends our side and returns all that comes back."""
    got = b""
    with connect(port) as s:
        try:
            for part in parts:
                s.sendall(part)
            if end:
                s.shutdown(socket.SHUT_WR)
            while data := s.recv(65536):
                got += data
        except ConnectionError:
            pass
    return got


def statuses(data, methods):
    """Of the answers; the last of them may be cut off by the end of the connection only where it says so."""
    strict = Strict(True, list(methods))
    messages = strict.feed(data) + strict.end()
    return tuple(s for s in (int(m.first[0]) for m in messages) if s >= 200)


def own_answer(message, sock):
    method, target = (x.decode("latin-1") for x in message.first[:2])
    body = f"{method} {target} {len(message.body)}".encode()
    yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + (b"" if method == "HEAD" else body)


def run_requests(recorder, port, rng):
    for name, data, outcomes in corpus.REQUESTS:
        whole = data + SENTINEL
        got = converse(port, pieces(whole, rng) if rng else [whole])
        seen = recorder.take()
        try:
            found = statuses(got, [m for m, _, _ in seen])
        except Fault as fault:
            raise Failure(f"{name}: the client could not read {got[:200]!r}: {fault}") from None
        sentinel = ("GET", "/sentinel", b"") in seen
        mine = tuple(x for x in seen if x != ("GET", "/sentinel", b""))
        check(any((found, mine, sentinel) == o for o in outcomes), f"{name}: answers {found}, the backend saw {seen}, allowed {outcomes}")


def run_answers(proxy_port, rng, script):
    for name, data, outcomes in corpus.ANSWERS:
        script["bytes"] = pieces(data, rng) if rng else [data]
        script["done"].clear()
        with connect(proxy_port) as s:
            s.sendall(request_bytes(path="/odd"))
            # What comes while nobody asks is dropped. (What comes after the next request is that one's answer: HTTP/1.1 has no way to tell.)
            check(script["done"].wait(DEADLINE), f"{name}: the proxy keeps the backend's connection")
            got = b""
            try:
                s.sendall(request_bytes(path="/after", fields=[("Connection", "close")]))
            except ConnectionError:
                pass
            try:
                while piece := s.recv(65536):
                    got += piece
            except ConnectionError:
                pass
        strict = Strict(True, ["GET", "GET"])
        messages, cut = strict.feed(got), False
        try:
            messages += strict.end()
        except Fault:
            cut = True
        final = [(int(m.first[0]), m.body) for m in messages if int(m.first[0]) >= 200]
        if cut and not final:
            final = [(int(got.split()[1]), None)]
        check(final, f"{name}: nothing came back")
        status, body = final[0]
        check(any(status == s and (body == b or b == b"*" and status >= 500) for s, b in outcomes),
              f"{name}: the client got {final}, {got[:300]!r}; allowed {outcomes}")
        if len(final) > 1:
            equal(final[1:], [(200, b"GET /after 0")], f"{name}: the answer behind it")
        check(b"evil" not in got, f"{name}: {got!r}")


def is_sanitized(proxy):
    text = pathlib.Path(f"/proc/{proxy.process.pid}/status").read_text()
    return int(re.search(r"VmSize:\s+(\d+)", text).group(1)) > 1 << 30  # their shadow memory is terabytes


def rounds(proxy, once):
    """As it is, then in random pieces; the memory of the later rounds is that of the first ones."""
    rng = random.Random(SEED)
    once(None)
    once(rng)
    before = proxy.memory_kb()
    for _ in range(10 if os.environ.get("SERIN_LONG") else 2):
        once(rng)
    check(proxy.process.poll() is None, "the proxy ended")
    grown = proxy.memory_kb() - before
    check(is_sanitized(proxy) or grown < 1024, f"memory grew by {grown} KiB")


def test_requests_of_the_corpus():
    check(len(corpus.REQUESTS) + len(corpus.ANSWERS) >= 150, "the corpus shrank")
    with Recorder(own_answer) as recorder, Proxy(simple(recorder), workers=1) as p:
        rounds(p, lambda rng: run_requests(recorder, p.port, rng))
        equal(fetch(p.port).status, 200, "a request at the end")
    print(f"# {len(corpus.REQUESTS)} sequences of bytes from clients")


def test_answers_of_the_corpus():
    script = {"bytes": [], "done": threading.Event()}

    def say(message, sock):
        if message.first[1] != b"/odd":
            yield from own_answer(message, sock)
            return
        try:
            yield from script["bytes"]
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        finally:
            script["done"].set()

    objects = lambda r: simple(r, retries={"attempts": 0})
    with Recorder(say) as recorder, Proxy(objects(recorder), workers=1) as p:
        rounds(p, lambda rng: run_answers(p.port, rng, script))
        check(not recorder.faults, f"faults seen by the backend: {recorder.faults}")
        equal(fetch(p.port).status, 200, "a request at the end")
    print(f"# {len(corpus.ANSWERS)} sequences of bytes from backends")


main(globals())
