# SPDX-License-Identifier: Apache-2.0
"""Many requests to an API server (embedded or real) in little time: HTTP/1.1 with requests sent ahead of their answers, on several connections. A server that
says it is busy (429) is given the time it asks for (Retry-After), as kubectl does. Used by tests/support/scale.py."""
import json
import threading

from apiserver import Failure
from waiting import takes

AHEAD = 32
TRIES = 600


def request_bytes(server, method, path, body, content_type):
    text = json.dumps(body).encode()
    head = (f"{method} {path} HTTP/1.1\r\nHost: {server.ADDRESS}:{server.port}\r\nUser-Agent: test/1\r\nAccept: application/json\r\n"
            f"Authorization: Bearer {server.token}\r\nContent-Type: {content_type}\r\nContent-Length: {len(text)}\r\n\r\n")
    return head.encode() + text


def read_body(stream, headers):
    if headers.get(b"transfer-encoding") != b"chunked":
        return stream.read(int(headers.get(b"content-length", 0)))
    parts = []
    while True:
        size = int(stream.readline().split(b";")[0], 16)
        parts.append(stream.read(size))
        stream.readline()
        if not size:
            return b"".join(parts)


def read_reply(stream):
    """(status, headers, body)"""
    line = stream.readline()
    if not line.startswith(b"HTTP/1.1 "):
        raise Failure(f"no HTTP reply: {line[:100]!r}")
    headers = {}
    for each in iter(stream.readline, b"\r\n"):
        name, _, value = each.partition(b":")
        headers[name.strip().lower()] = value.strip()
    return int(line.split()[1]), headers, read_body(stream, headers)


class Writer:
    """One connection."""

    def __init__(self, server):
        self.server = server
        self.connection = server.connect()
        self.connection.connect()
        self.stream = self.connection.sock.makefile("rb", 256 << 10)
        self.waited = 0.0

    def close(self):
        self.stream.close()
        self.connection.close()

    def some(self, requests):
        """Sends them, reads the answers; returns (those that are to be sent again, after how many seconds)."""
        self.connection.sock.sendall(b"".join(request_bytes(self.server, *request) for request in requests))
        again, pause = [], 0
        for request in requests:
            status, headers, body = read_reply(self.stream)
            if status == 429:
                again.append(request)
                pause = max(pause, int(headers.get(b"retry-after", 1)))
            elif status not in (200, 201):
                raise Failure(f"{request[0]} {request[1]}: {status} {body[:300]!r}")
        return again, pause

    def write(self, requests):
        """requests: (method, path, body, content type); any order among AHEAD of them is right."""
        for at in range(0, len(requests), AHEAD):
            left, tries = requests[at:at + AHEAD], 0
            while left:
                tries += 1
                if tries > TRIES:
                    raise Failure(f"{left[0][0]} {left[0][1]}: {tries} times 429")
                left, pause = self.some(left)
                if left:
                    self.waited += pause
                    takes(pause)  # what Retry-After says


def write_all(server, parts):
    """Each part (a list or generator of lists of requests) on a connection of its own, at once. The lists of one part are done one after the other."""
    failures = []

    def one(part):
        writer = Writer(server)
        try:
            for requests in part:
                writer.write(requests)
        except (Failure, OSError, ValueError) as error:
            failures.append(f"{type(error).__name__}: {error}")
        finally:
            writer.close()

    workers = [threading.Thread(target=one, args=(part,)) for part in parts]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise Failure(failures[0])
