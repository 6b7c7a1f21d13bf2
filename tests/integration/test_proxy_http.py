#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/1 behaviour beyond one plain exchange: trailers, limits, the ways paths are read, and what ends a connection."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import *
from waiting import takes

CHUNKED = ("Transfer-Encoding", "chunked")


def until_end(port, data):
    """All that comes back before the proxy closes."""
    with connect(port) as s:
        s.sendall(data)
        return Reader(s).rest()


def raw_backend(text):
    """Answers every request with these bytes."""
    return Backend(answer=lambda r, s: text)


def test_trailers_of_requests_pass_but_for_those_that_decide():
    seen = []

    def on_head(line, fields, reader, sock):
        body = reader.until(b"0\r\n")
        trailers = []
        while line := reader.until(b"\r\n"):
            trailers.append(line)
        seen.append((dict(fields), body, trailers))
        sock.sendall(reply())
        return True

    with Backend(on_head=on_head) as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:
            s.sendall(request_bytes("POST", fields=[CHUNKED, ("Trailer", "X-Sum"), ("TE", "trailers, deflate;q=0.5")]) +
                      b"5\r\nhello\r\n0\r\nX-Sum: 5\r\nHost: evil\r\nContent-Length: 7\r\nAuthorization: me\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")
            equal(read_response(Reader(s)).status, 200, "status")
        fields, body, trailers = seen[0]
        equal((body, trailers), (b"5\r\nhello\r\n", [b"x-sum: 5"]), "body and trailers")
        equal((fields.get("trailer"), fields.get("te")), ("X-Sum", "trailers"), "trailer and te")


def test_trailers_of_answers_pass_to_those_who_take_them():
    text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 2\r\nSet-Cookie: a=b\r\n\r\n"
    with raw_backend(text) as b, Proxy(simple(b), workers=1) as p:
        for te, expected in (("trailers", b"\r\n2\r\nok\r\n0\r\nx-sum: 2\r\n\r\n"), ("deflate", b"\r\n2\r\nok\r\n0\r\n\r\n"), (None, b"\r\n2\r\nok\r\n0\r\n\r\n")):
            got = until_end(p.port, request_bytes(fields=[("Connection", "close")] + ([("TE", te)] if te else [])))
            check(got.endswith(expected), f"TE {te}: {got!r}")
        got = until_end(p.port, request_bytes(fields=[("TE", "trailers")]).replace(b"HTTP/1.1", b"HTTP/1.0"))
        check(got.endswith(b"\r\n\r\nok"), f"an HTTP/1.0 client: {got!r}")
        equal(b.connections, 1, "connections to the backend")


def test_bodies_have_a_limit_when_asked():
    with Backend() as b, Proxy(simple(b), options=["--max-request-body", "10"]) as p:
        equal(fetch(p.port, "POST", body=b"0123456789").status, 200, "a body at the limit")
        got = fetch(p.port, "POST", body=b"0123456789a")
        equal((got.status, got.body, got.get("connection")), (413, b"Payload Too Large", "close"), "a length over the limit")
        got = until_end(p.port, request_bytes("POST", fields=[CHUNKED]) + b"6\r\n012345\r\n6\r\n678901\r\n0\r\n\r\n")
        check(got.startswith(b"HTTP/1.1 413 "), f"chunks over the limit: {got!r}")
        equal([r.body for r in b.requests], [b"0123456789"], "what the backend saw")
        p.wait_sum(2, "envoy_http_downstream_rq_too_large")


def test_too_much_at_once_is_refused():
    """Requests that wait for their rest hold memory; with as much of it taken as allowed, further ones are refused, and only then."""
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        with Backend() as b, Proxy(simple(b), workers=1, options=["--max-buffer-memory", str(20 * 80 * 1024), "--access-log", str(log)]) as p:
            socks = [connect(p.port) for _ in range(40)]
            for s in socks:
                s.sendall(request_bytes("POST", fields=[("Content-Length", "4")]) + b"ab")
            wait_for("refusals", lambda: p.metric_sum("envoy_http_downstream_rq_overload_close") > 0)
            answers = []
            for s in socks:
                s.sendall(b"cd")
                answers.append(read_response(Reader(s)))
                s.close()
            refused = [x for x in answers if x.status == 503]
            check(0 < len(refused) < 40, f"{len(refused)} of 40 refused")
            equal({x.body for x in refused}, {b"envoy overloaded"}, "the body of a refusal")
            equal({x.status for x in answers}, {200, 503}, "those that had begun are answered")
            p.wait_sum(len(refused), "envoy_http_downstream_rq_overload_close")
            equal(fetch(p.port).status, 200, "a request afterwards")
            wait_for("the log", lambda: log.exists() and log.read_text().count(" 503 OM overload ") == len(refused))


def test_a_request_has_a_time_when_asked():
    with Backend() as b, Proxy(simple(b), options=["--request-timeout", "300ms"]) as p:
        with connect(p.port) as s:
            s.sendall(request_bytes("POST", fields=[("Content-Length", "1000")]))
            stop = threading.Event()

            def drip():
                try:
                    while not stop.wait(0.05):
                        s.sendall(b"x")
                except OSError:
                    pass

            writer = threading.Thread(target=drip)
            writer.start()
            got = read_response(Reader(s))
            stop.set()
            writer.join()
        equal((got.status, got.body, got.get("connection")), (408, b"request timeout", "close"), "answer")
        p.wait_sum(1, "envoy_http_downstream_rq_timeout")
        equal(fetch(p.port, "POST", body=b"in time").status, 200, "another request")


def test_connections_grow_old_when_asked():
    with Backend() as b, Proxy(simple(b), options=["--max-connection-duration", "400ms"]) as p:
        with connect(p.port) as s:
            reader = Reader(s)
            answers = 0
            try:
                while True:
                    s.sendall(request_bytes())
                    got = read_response(reader)
                    equal(got.status, 200, "status")
                    answers += 1
                    if got.get("connection") == "close":
                        break
                    takes(0.02)
            except (EOFError, ConnectionError):
                pass
            check(answers > 1, f"{answers} answers on a young connection")
        with connect(p.port) as s:  # and without a request
            equal(s.recv(1), b"", "an old idle connection")
        p.wait_sum(2, "envoy_http_downstream_cx_max_duration_reached")


def test_paths_are_read_as_asked():
    cases = [("base", "/a//b%2Fc/../%64", "/a//%64".replace("%64", "d")), ("none", "/a//b%2Fc/../%64", "/a//b%2Fc/../%64"),
             ("merge-slashes", "/a//b%2Fc/../%64", "/a/d"), ("decode-and-merge-slashes", "/a//b%2Fc/../%64", "/a/b/d")]
    for mode, path, expected in cases:
        with Backend() as b, Proxy(simple(b), options=["--path-normalization", mode]) as p:
            equal(fetch(p.port, path=path + "?q=//%2F#f").status, 200, mode)
            equal(b.requests[0].target, expected + "?q=//%2F", mode)


def test_underscores_are_treated_as_asked():
    for mode, status, seen in (("allow", 200, "1"), ("drop", 200, None), ("reject", 400, None)):
        with Backend() as b, Proxy(simple(b), options=["--underscores-in-headers", mode]) as p:
            equal(fetch(p.port, fields=[("X_Y", "1")]).status, status, mode)
            equal([r.get("x_y") for r in b.requests], [] if status == 400 else [seen], mode)
            equal(fetch(p.port, fields=[("X-Y", "1")]).status, 200, mode)


def test_an_answer_before_the_end_of_the_request_says_close():
    with Backend() as b, Proxy(simple(b)) as p:
        with connect(p.port) as s:  # the body is still on its way
            s.sendall(request_bytes("POST", host="nobody.example", fields=[("Content-Length", "100000")]) + b"some")
            reader = Reader(s)
            got = read_response(reader)
            equal((got.status, got.get("connection")), (502, "close"), "answer")
            equal(reader.rest(), b"", "behind it")
        with connect(p.port) as s:  # it is there already
            s.sendall(request_bytes("POST", host="nobody.example", body=b"all of it") + request_bytes())
            reader = Reader(s)
            got = read_response(reader)
            equal((got.status, got.get("connection")), (502, None), "answer")
            equal(read_response(reader).status, 200, "the request behind it")


def test_a_refused_request_is_in_the_log():
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        with Backend() as b, Proxy(simple(b), workers=1, options=["--access-log", str(log), "--access-log-format", "json"]) as p:
            equal(until_end(p.port, b"GET /x HTTP/1.1\r\n\r\n")[:12], b"HTTP/1.1 400", "no host")
            equal(until_end(p.port, b"GET /y HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 200 + b"\r\n")[:12], b"HTTP/1.1 431", "too many")
            wait_for("two lines", lambda: log.exists() and log.read_text().count("\n") >= 2)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        equal([(x["method"], x["path"], x["response_code"], x["response_flags"], x["response_code_details"]) for x in lines],
              [("GET", "/x", 400, "DPE", "missing_host_header"), ("GET", "/y", 431, "-", "request_headers_too_large")], "lines")


main(globals())
