#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The access log: its two formats, rotation, hostile bytes, readers that stand still."""
import json
import os
import pathlib
import re
import signal
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from proxy import (HOST, Backend, Proxy, Reader, check, connect, endpoint, equal, fetch, main, read_response,  # noqa: E402
                   reply, request_bytes, service, simple, virtual_service, wait_for)

KEYS = ("start_time method path protocol response_code response_flags response_code_details connection_termination_details "
        "upstream_transport_failure_reason bytes_received bytes_sent duration upstream_service_time x_forwarded_for user_agent "
        "request_id authority upstream_host upstream_cluster upstream_local_address downstream_local_address "
        "downstream_remote_address requested_server_name route_name").split()
QUOTED = r'"((?:[^"\\]|\\.)*)"'
LINE = re.compile(rf'\[(\S+)\] {QUOTED} (\d+) (\S+) (\S+) (\S+) {QUOTED} (\d+) (\d+) (\d+) (\S+) {QUOTED} {QUOTED} {QUOTED} '
                  rf'{QUOTED} {QUOTED} (\S+) (\S+) (\S+) (\S+) (\S+) (\S+)')


def one(backend):
    return [service(), endpoint("a", "v1", backend.address, backend.port)]


class Logged:
    """A proxy with its log in a file."""

    def __init__(self, objects, form="text", workers=1):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / "access.log"
        self.proxy = Proxy(objects, workers=workers, options=["--access-log", str(self.path), "--access-log-format", form])

    def lines(self, count, path=None):
        path = path or self.path
        wait_for(f"{count} lines", lambda: path.exists() and path.read_bytes().count(b"\n") >= count)
        found = path.read_text().splitlines()
        equal(len(found), count, "lines")
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proxy.close()
        self.folder.cleanup()


def test_text_is_istios_default():
    with Backend() as b, Logged(one(b)) as it:
        fetch(it.proxy.port, "POST", "/a/b?c=d", body=b"123",
              fields=[("User-Agent", "curl/8"), ("X-Request-Id", "id-1"), ("X-Forwarded-For", "10.0.0.1")])
        fetch(it.proxy.port, host="nobody.example")
        good, bad = it.lines(2)
        found = LINE.fullmatch(good)
        check(found, f"not of the format: {good}")
        (start, request, code, flags, details, termination, failure, received, sent, _, service_ms, forwarded, agent, ident,
         authority, upstream, cluster, local, mine, peer, sni, route) = found.groups()
        check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", start), start)
        equal((request, code, flags, details, termination, failure), ("POST /a/b?c=d HTTP/1.1", "200", "-", "via_upstream", "-", "-"),
              "the request")
        equal((received, sent), ("3", "2"), "bytes")
        check(service_ms.isdigit(), service_ms)
        check(forwarded.startswith("10.0.0.1"), forwarded)
        equal((agent, ident, authority), ("curl/8", "id-1", HOST), "headers")
        equal(upstream, f"{b.address}:{b.port}", "upstream host")
        equal(cluster, "outbound|80||research-agent.team1.svc.cluster.local", "cluster")
        equal(mine, f"127.0.0.1:{it.proxy.port}", "our address")
        check(re.fullmatch(r"127\.0\.0\.1:\d+", peer) and re.fullmatch(r"127\.0\.0\.1:\d+", local), f"{peer} {local}")
        equal((sni, route), ("-", "default"), "route")
        found = LINE.fullmatch(bad)
        check(found and found[11] == "-" and found[16] == "-", bad)
        check(re.fullmatch(r"[0-9a-f-]{36}", found[14]), f"no request id to look for: {bad}")


def test_json_has_its_keys_and_types():
    with Backend() as b, Logged(one(b), "json") as it:
        fetch(it.proxy.port, path="/x?y")
        with connect(it.proxy.port) as s:
            s.sendall(b"BAD\r\n\r\n")
            read_response(Reader(s))
        good, bad = (json.loads(line) for line in it.lines(2))
        equal(list(good), KEYS, "keys")
        equal(list(bad), KEYS, "keys of what is no request")
        equal((good["response_code"], good["bytes_sent"], good["path"], good["user_agent"]), (200, 2, "/x?y", None), "values")
        equal(good["route_name"], "default", "the route")
        equal((bad["response_code"], bad["response_flags"], bad["method"]), (400, "DPE", None), "no request")


def test_a_route_without_a_name_is_null_in_json():
    with Backend() as b, Logged(simple(b, timeout="5s"), "json") as it:
        fetch(it.proxy.port)
        fetch(it.proxy.port, host="nobody.example")
        named = [json.loads(line)["route_name"] for line in it.lines(2)]
        equal(named, [None, "block_all"], "names")


def test_why_a_request_failed():
    with Backend(answer=lambda request, sock: None) as b, Backend() as good:
        objects = [service(), endpoint("a", "v1", b.address, b.port), service("dead"),
                   endpoint("x", "v1", "127.0.0.1", 1, name="dead"), service("empty"),
                   virtual_service([{"match": [{"uri": {"prefix": "/gone"}}], "route": [{"destination": {"host": "nobody"}}]},
                                    {"match": [{"uri": {"prefix": "/none"}}], "route": [{"destination": {"host": "empty"}}]},
                                    {"match": [{"uri": {"prefix": "/dead"}}], "route": [{"destination": {"host": "dead"}}],
                                     "retries": {"attempts": 0}},
                                    {"match": [{"uri": {"prefix": "/say"}}], "directResponse": {"status": 200}},
                                    {"match": [{"uri": {"prefix": "/reset"}}], "route": [{"destination": {"host": "research-agent"}}]}])]
        expected = [("/gone", 503, "NC", "cluster_not_found"), ("/none", 503, "UH", "no_healthy_upstream"),
                    ("/dead", 503, "UF", "upstream_reset_before_response_started{remote_connection_failure}"),
                    ("/say", 200, "-", "direct_response"), ("/other", 404, "NR", "route_not_found"),
                    ("/reset", 503, "UC", "upstream_reset_before_response_started{connection_termination}")]
        with Logged(objects, "json") as it:
            for path, status, _, _ in expected:
                equal(fetch(it.proxy.port, path=path).status, status, path)
            for (path, status, flags, details), line in zip(expected, it.lines(len(expected))):
                said = json.loads(line)
                equal((said["path"], said["response_code"], said["response_flags"], said["response_code_details"]),
                      (path, status, flags, details), "line")


def test_hostile_bytes_stay_in_their_field():
    evil = ['" 200 - via_upstream - "-" 0 0', "\\", "a\tb", "\x80\xff\xfe", '{"a":1}', "] \"GET / HTTP/1.1\" 200"]
    for form in ("text", "json"):
        with Backend() as b, Logged(one(b), form) as it:
            for value in evil:
                fetch(it.proxy.port, path="/q?" + value.encode("latin-1").hex(),
                      fields=[("User-Agent", value), ("X-Forwarded-For", value), ("X-Request-Id", value)])
            for line in it.lines(len(evil)):
                if form == "text":
                    check(LINE.fullmatch(line), f"forged: {line}")
                else:
                    equal(list(json.loads(line)), KEYS, "forged")


def test_long_paths_are_whole():
    with Backend() as b, Logged(one(b), "json") as it:
        path = "/" + "p" * 9000 + "?" + "q" * 9000
        fetch(it.proxy.port, path=path)
        equal(json.loads(it.lines(1)[0])["path"], path, "path")


def test_rotation_by_signal_and_by_moving():
    with Backend() as b, Logged(one(b)) as it:
        for turn, number in enumerate((signal.SIGUSR1, signal.SIGHUP, None)):
            old = it.path.with_suffix(f".{turn}")
            fetch(it.proxy.port, path=f"/before-{turn}")
            it.lines(1)
            it.path.rename(old)
            if number:
                it.proxy.process.send_signal(number)
            wait_for("the new file", it.path.exists)
            fetch(it.proxy.port, path=f"/after-{turn}")
            check(f"/after-{turn}" in it.lines(1)[0], "the new file")
            check(f"/before-{turn}" in it.lines(1, old)[0], "the old file")
            it.path.unlink()
            wait_for("the file to come back", it.path.exists)
        check(it.proxy.process.poll() is None, "a signal ended it")


def test_a_truncated_copy_is_safe():
    with Backend() as b, Logged(one(b)) as it:
        fetch(it.proxy.port, path="/one")
        it.lines(1)
        os.truncate(it.path, 0)
        fetch(it.proxy.port, path="/two")
        line = it.lines(1)[0]
        check("/two" in line and "\0" not in line, "a hole in the file")


def test_the_end_writes_what_is_left():
    with Backend() as b, Logged(one(b), workers=2) as it:
        for i in range(40):
            fetch(it.proxy.port, path=f"/{i}")
        it.proxy.terminate()
        equal(it.proxy.wait_ended(), 0, "exit code")
        equal(sorted(int(re.search(r'"GET /(\d+) ', line)[1]) for line in it.lines(40)), list(range(40)), "lines")


def test_a_reader_that_stands_still_costs_lines_not_requests():
    folder = tempfile.TemporaryDirectory()
    fifo = pathlib.Path(folder.name) / "fifo"
    os.mkfifo(fifo)
    keep = os.open(fifo, os.O_RDWR)  # a reader that never reads
    with Backend(answer=lambda request, sock: reply(204)) as b:
        with Proxy(one(b), workers=1, options=["--access-log", str(fifo), "--access-log-format", "json"]) as p:
            long = "x" * 50000
            with connect(p.port) as s:
                reader = Reader(s)
                for i in range(60):
                    s.sendall(request_bytes(path=f"/{long}"))
                    equal(read_response(reader, "HEAD").status, 204, "status")
            check(p.metric_sum("serin_proxy_access_log_dropped_total") > 0, "no line was dropped")
            p.terminate()
            equal(p.wait_ended(10), 0, "the end does not wait for the reader")
    os.close(keep)
    folder.cleanup()


def test_off_by_default():
    with Backend() as b, Proxy(one(b)) as p:
        fetch(p.port)
        p.wait_sum(1, "istio_requests_total")
        equal(p.metric_sum("serin_proxy_access_log_lines_total"), 0, "lines")


main(globals())
