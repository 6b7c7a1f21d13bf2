#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Requests that two readers could understand differently: each is refused, or reaches the backend as exactly one request.

The backend records what it is sent; a request it should not have seen is a smuggled one."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import *

H = b"Host: " + HOST.encode() + b"\r\n"
GET = b"GET /second HTTP/1.1\r\n" + H + b"\r\n"


def post(fields, body=b""):
    return b"POST /first HTTP/1.1\r\n" + H + fields + b"\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked\r\n"

# (name, bytes, statuses of the answers, targets the backend may see). Status None: the connection may end without an answer.
# After a refusal nothing more of the connection is read: GET behind it is never seen.
REFUSED = [
    ("length and chunked", post(b"Content-Length: 4\r\n" + CHUNKED, b"0\r\n\r\n"), 400),
    ("chunked and length", post(CHUNKED + b"Content-Length: 4\r\n", b"0\r\n\r\n"), 400),
    ("length and chunked in capitals", post(b"CONTENT-LENGTH: 4\r\nTRANSFER-ENCODING: CHUNKED\r\n", b"0\r\n\r\n"), 400),
    ("length 0 and chunked", post(b"Content-Length: 0\r\n" + CHUNKED, b"0\r\n\r\n"), 400),
    ("two lengths", post(b"Content-Length: 4\r\nContent-Length: 5\r\n", b"abcde"), 400),
    ("two equal lengths", post(b"Content-Length: 4\r\nContent-Length: 4\r\n", b"abcd"), 400),
    ("a list of lengths", post(b"Content-Length: 4, 4\r\n", b"abcd"), 400),
    ("a list of different lengths", post(b"Content-Length: 0, 4\r\n", b"abcd"), 400),
    ("a length with a plus", post(b"Content-Length: +4\r\n", b"abcd"), 400),
    ("a negative length", post(b"Content-Length: -4\r\n", b"abcd"), 400),
    ("a hexadecimal length", post(b"Content-Length: 0x4\r\n", b"abcd"), 400),
    ("an empty length", post(b"Content-Length: \r\n", b"abcd"), 400),
    ("a length with a space inside", post(b"Content-Length: 4 4\r\n", b"abcd"), 400),
    ("a length with a point", post(b"Content-Length: 4.0\r\n", b"abcd"), 400),
    ("a length with an exponent", post(b"Content-Length: 4e0\r\n", b"abcd"), 400),
    ("a length over 64 bits", post(b"Content-Length: 18446744073709551620\r\n", b"abcd"), 400),
    ("a length of 18446744073709551615", post(b"Content-Length: 18446744073709551615\r\n", b"abcd"), 400),
    ("a length with letters", post(b"Content-Length: 4abc\r\n", b"abcd"), 400),
    ("a length with a tab and letters", post(b"Content-Length: 4\tx\r\n", b"abcd"), 400),
    ("a quoted length", post(b"Content-Length: \"4\"\r\n", b"abcd"), 400),
    ("a space before the colon of the length", post(b"Content-Length : 4\r\n", b"abcd"), 400),
    ("a tab before the colon of the length", post(b"Content-Length\t: 4\r\n", b"abcd"), 400),
    ("a space before the colon of the encoding", post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"), 400),
    ("a vertical tab in the encoding", post(b"Transfer-Encoding:\x0bchunked\r\n", b"0\r\n\r\n"), 400),
    ("a form feed in the encoding", post(b"Transfer-Encoding: \x0cchunked\r\n", b"0\r\n\r\n"), 400),
    ("a folded encoding", post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"), 400),
    ("a folded encoding with a tab", post(b"Transfer-Encoding:\r\n\tchunked\r\n", b"0\r\n\r\n"), 400),
    ("an encoding hidden in a fold", post(b"X: y\r\n Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400),
    ("a length hidden in a fold", post(b"X: y\r\n Content-Length: 4\r\n", b"abcd"), 400),
    ("a fold of nothing", post(b"X: y\r\n \r\nContent-Length: 4\r\n", b"abcd"), 400),
    ("a fold before the first field", b"POST /first HTTP/1.1\r\n " + H + b"\r\n", 400),
    ("gzip, chunked", post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 501),
    ("chunked, gzip", post(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"), 501),
    ("chunked, identity", post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"), 501),
    ("identity", post(b"Transfer-Encoding: identity\r\n", b"0\r\n\r\n"), 501),
    ("identity and a length", post(b"Transfer-Encoding: identity\r\nContent-Length: 4\r\n", b"abcd"), 400),
    ("xchunked", post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), 501),
    ("chunkedx", post(b"Transfer-Encoding: chunkedx\r\n", b"0\r\n\r\n"), 501),
    ("chunked twice in a list", post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"), 501),
    ("chunked twice in two fields", post(CHUNKED + CHUNKED, b"0\r\n\r\n"), 501),
    ("chunked and identity in two fields", post(CHUNKED + b"Transfer-Encoding: identity\r\n", b"0\r\n\r\n"), 501),
    ("chunked in quotes", post(b"Transfer-Encoding: \"chunked\"\r\n", b"0\r\n\r\n"), 501),
    ("chunked with a parameter", post(b"Transfer-Encoding: chunked;x=y\r\n", b"0\r\n\r\n"), 501),
    ("an empty encoding", post(b"Transfer-Encoding: \r\n", b"0\r\n\r\n"), 501),
    ("a comma before chunked", post(b"Transfer-Encoding: ,chunked\r\n", b"0\r\n\r\n"), 501),
    ("chunked in HTTP/1.0", b"POST /first HTTP/1.0\r\n" + H + CHUNKED + b"\r\n0\r\n\r\n", 400),
    ("an encoding with NUL", post(b"Transfer-Encoding: chunked\0\r\n", b"0\r\n\r\n"), 400),
    ("a lone CR in a value", post(b"X: a\rContent-Length: 4\r\n", b"abcd"), 400),
    ("a lone CR before a name", post(b"\rContent-Length: 4\r\n", b"abcd"), 400),
    ("lines that end in LF", b"POST /first HTTP/1.1\n" + H.replace(b"\r", b"") + b"Content-Length: 4\n\nabcd", 400),
    ("one line that ends in LF", post(b"X: y\nContent-Length: 4\r\n", b"abcd"), 400),
    ("a request line that ends in LF", b"POST /first HTTP/1.1\n" + H + b"\r\n", 400),
    ("an empty line of LF alone", b"POST /first HTTP/1.1\r\n" + H + b"Content-Length: 4\r\n\nabcd", 400),
    ("CR CR LF", post(b"X: y\r\r\n"), 400),
    ("NUL in a name", post(b"X\0Y: z\r\n"), 400),
    ("NUL in a value", post(b"X: y\0z\r\n"), 400),
    ("a control character in a value", post(b"X: y\x01z\r\n"), 400),
    ("a DEL in a name", post(b"X\x7f: z\r\n"), 400),
    ("8 bits in a name", post(b"X\xe9: z\r\n"), 400),
    ("an empty name", post(b": z\r\n"), 400),
    ("a line without colon", post(b"X\r\n"), 400),
    ("a name with a space", post(b"X Y: z\r\n"), 400),
    ("a name in brackets", post(b"[X]: z\r\n"), 400),
    ("two hosts", b"GET /first HTTP/1.1\r\n" + H + H + b"\r\n", 400),
    ("two different hosts", b"GET /first HTTP/1.1\r\n" + H + b"Host: other\r\n\r\n", 400),
    ("no host", b"GET /first HTTP/1.1\r\n\r\n", 400),
    ("an empty host", b"GET /first HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ("a host with a slash", b"GET /first HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("a host with a user", b"GET /first HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    ("a host list", b"GET /first HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
    ("a folded host", b"GET /first HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
    ("a host with a bad port", b"GET /first HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
    ("an absolute target with a user", b"GET http://a@b/first HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("an absolute target of another scheme", b"GET ftp://b/first HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("a target without slash", b"GET first HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("a target with a space", b"GET /first x HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("a target with a control character", b"GET /fir\x01st HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("a target with a broken escape", b"GET /first%4 HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("a target with an escaped NUL", b"GET /first%00 HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("two spaces in the request line", b"GET  /first HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("a tab in the request line", b"GET\t/first\tHTTP/1.1\r\n" + H + b"\r\n", 400),
    ("a space after the version", b"GET /first HTTP/1.1 \r\n" + H + b"\r\n", 400),
    ("no version", b"GET /first\r\n" + H + b"\r\n", 400),
    ("HTTP/0.9", b"GET /first HTTP/0.9\r\n" + H + b"\r\n", 505),
    ("HTTP/1.2", b"GET /first HTTP/1.2\r\n" + H + b"\r\n", None),
    ("HTTP/2.0", b"GET /first HTTP/2.0\r\n" + H + b"\r\n", 505),
    ("HTTP/2 with prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("http/1.1", b"GET /first http/1.1\r\n" + H + b"\r\n", 400),
    ("a lower-case method", b"get /first HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("an unknown method", b"SMUGGLE /first HTTP/1.1\r\n" + H + b"\r\n", 400),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ("a connection header that names the host", post(b"Connection: host\r\n"), 400),
    ("a connection header that names the length", post(b"Connection: close, Content-Length\r\nContent-Length: 0\r\n"), 400),
    ("a connection header that names forwarded headers", post(b"Connection: X-Forwarded-For\r\n"), 400),
]

# The head was good, the body is not: the backend may have seen the beginning of this request, never the one behind it.
BROKEN = [
    ("a chunk size with a space", b"4 \r\nabcd\r\n0\r\n\r\n"),
    ("a chunk size with a space before", b" 4\r\nabcd\r\n0\r\n\r\n"),
    ("a chunk size with 0x", b"0x4\r\nabcd\r\n0\r\n\r\n"),
    ("a chunk size with a plus", b"+4\r\nabcd\r\n0\r\n\r\n"),
    ("a negative chunk size", b"-4\r\nabcd\r\n0\r\n\r\n"),
    ("a chunk size over 64 bits", b"10000000000000004\r\nabcd\r\n0\r\n\r\n"),
    ("a chunk size of ffffffffffffffff", b"fffffffffffffffff\r\nabcd\r\n0\r\n\r\n"),
    ("no chunk size", b"\r\nabcd\r\n0\r\n\r\n"),
    ("a chunk size with underscores", b"1_0\r\nabcd\r\n0\r\n\r\n"),
    ("a chunk line that ends in LF", b"4\nabcd\r\n0\r\n\r\n"),
    ("a chunk that ends in LF", b"4\r\nabcd\n0\r\n\r\n"),
    ("a chunk without its end", b"4\r\nabcd0\r\n\r\n"),
    ("a chunk longer than its size", b"4\r\nabcdef\r\n0\r\n\r\n"),
    ("a chunk shorter than its size", b"8\r\nabcd\r\n0\r\n\r\n"),
    ("a last chunk that ends in LF", b"4\r\nabcd\r\n0\n\n"),
    ("a CR in a chunk extension", b"4;a\rb\r\nabcd\r\n0\r\n\r\n"),
    ("a LF in a chunk extension", b"4;a\nb\r\nabcd\r\n0\r\n\r\n"),
    ("an endless chunk extension", b"4;" + b"a" * 200000 + b"\r\nabcd\r\n0\r\n\r\n"),
    ("an encoding in a trailer", b"4\r\nabcd\r\n0\r\nTransfer-Encoding: identity\r\n\r\n"),
    ("a trailer without colon", b"4\r\nabcd\r\n0\r\nX\r\n\r\n"),
    ("endless trailers", b"0\r\n" + b"a: b\r\n" * 30000 + b"\r\n"),
]

# Odd but clear: seen by the backend as exactly these requests, in this form.
CLEAR = [
    ("one empty line before the request", b"\r\n" + GET, ["/second"]),
    ("chunk extensions", post(CHUNKED, b"4;a=b\r\nabcd\r\n0;x\r\n\r\n") + GET, ["/first", "/second"]),
    ("a length in a trailer", post(CHUNKED, b"4\r\nabcd\r\n0\r\nContent-Length: 40\r\n\r\n") + GET, ["/first", "/second"]),
    ("a host in a trailer", post(CHUNKED, b"4\r\nabcd\r\n0\r\nHost: other\r\n\r\n") + GET, ["/first", "/second"]),
    ("leading zeros in a chunk size", post(CHUNKED, b"0004\r\nabcd\r\n000\r\n\r\n") + GET, ["/first", "/second"]),
    ("capitals in names and chunked", post(b"TRANSFER-encoding: CHUNKED\r\n", b"4\r\nabcd\r\n0\r\n\r\n") + GET, ["/first", "/second"]),
    ("a body that looks like a request", post(b"Content-Length: %d\r\n" % len(GET), GET), ["/first"]),
    ("a chunk that looks like a request", post(CHUNKED, b"%x\r\n" % len(GET) + GET + b"\r\n0\r\n\r\n"), ["/first"]),
    ("a GET with a body", b"GET /first HTTP/1.1\r\n" + H + b"Content-Length: %d\r\n\r\n" % len(GET) + GET, ["/first"]),
    ("an encoding named by connection", post(b"Connection: transfer-encoding\r\n" + CHUNKED, b"4\r\nabcd\r\n0\r\n\r\n") + GET, ["/first", "/second"]),
    ("bytes behind connection: close", b"GET /first HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n" + GET, ["/first"]),
    ("an absolute target", b"GET http://" + HOST.encode() + b"/first HTTP/1.1\r\nHost: other\r\n\r\n", ["/first"]),
    ("8 bits in a value", b"GET /first HTTP/1.1\r\n" + H + b"X: \xe9\r\n\r\n", ["/first"]),
    ("an escaped dot segment", b"GET /x/%2e%2e/first HTTP/1.1\r\n" + H + b"\r\n", ["/first"]),
    ("a backslash dot segment", b"GET /x\\..\\first HTTP/1.1\r\n" + H + b"\r\n", None),
    ("h2c", b"GET /first HTTP/1.1\r\n" + H + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" + GET, ["/first", "/second"]),
]


def send(port, data, size=None):
    """Sends all (in pieces of `size`), ends our side, returns the statuses of all answers."""
    statuses = []
    with connect(port) as s:
        try:
            for at in range(0, len(data), size or len(data)):
                s.sendall(data[at:at + (size or len(data))])
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        reader = Reader(s)
        try:
            while True:
                statuses.append(read_response(reader).status)
        except (EOFError, ConnectionError):
            pass
        check(reader.data == b"", f"bytes behind the last answer: {reader.data[:100]!r}")
    return statuses


def in_pieces(data):
    return (None, 1) if len(data) < 600 else (None, 4096)


def test_refused_heads():
    with Backend() as b, Proxy(simple(b)) as p:
        for name, data, status in REFUSED:
            for size in in_pieces(data):
                got = send(p.port, data + GET, size)
                if status is None:
                    check(len(got) == 1 and got[0] >= 400, f"{name}: answers {got}")
                else:
                    equal(got, [status], name)
                equal([r.target for r in b.requests], [], f"{name}: what the backend saw")
                equal(b.faults, [], f"{name}: faults seen by the backend")
        print(f"# {len(REFUSED)} sequences")


def test_broken_bodies():
    with Backend() as b, Proxy(simple(b)) as p:
        for name, body in BROKEN:
            for size in in_pieces(body):
                got = send(p.port, post(CHUNKED, body) + GET, size)
                check(len(got) <= 1 and all(s == 400 for s in got), f"{name}: answers {got}")
                check("/second" not in [r.target for r in b.requests], f"{name}: the request behind it was read")
                check(not any(b"second" in r.body for r in b.requests), f"{name}: the request behind it became a body")
                b.requests.clear()
                b.faults.clear()  # a backend sees a body that breaks off
        print(f"# {len(BROKEN)} sequences")


def test_clear_requests():
    with Backend() as b, Proxy(simple(b)) as p:
        for name, data, targets in CLEAR:
            for size in in_pieces(data):
                got = send(p.port, data, size)
                seen = [r.target for r in b.requests]
                if targets is None:
                    check(len(got) == 1 and (got[0] == 400 or seen == ["/first"]), f"{name}: answers {got}, seen {seen}")
                else:
                    equal(got, [200] * len(targets), f"{name}: answers")
                    equal(seen, targets, f"{name}: what the backend saw")
                for r in b.requests:
                    equal(r.get("host"), HOST, f"{name}: host")
                    check(not (r.get("content-length") and r.get("transfer-encoding")), f"{name}: two framings")
                equal(b.faults, [], f"{name}: faults seen by the backend")
                b.requests.clear()
        print(f"# {len(CLEAR)} sequences")


def test_every_prefix_of_a_request_does_no_harm():
    data = post(CHUNKED, b"4\r\nabcd\r\n0\r\n\r\n")
    with Backend() as b, Proxy(simple(b)) as p:
        for n in range(1, len(data)):
            check(send(p.port, data[:n]) in ([], [400]), f"the first {n} bytes were answered")
        equal([r.target for r in b.requests], [], "complete requests seen by the backend")


main(globals())
