# SPDX-License-Identifier: Apache-2.0
"""Clients of long-lived connections through a proxy."""
from proxy import HOST, Reader, check, connect, equal, request_bytes


class WebSocket:
    """Its other end says its name and a colon before what it is told."""

    def __init__(self, port, host=HOST):
        self.sock = connect(port)
        self.sock.sendall(request_bytes(path="/ws", host=host, fields=[("Connection", "Upgrade"), ("Upgrade", "websocket"),
                                                                       ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "x")]))
        self.reader = Reader(self.sock)
        line, _ = self.reader.head()
        check(" 101 " in line, line)

    def say(self, text):
        self.sock.sendall(text)
        return self.reader.exactly(len(text) + 3)

    def ended(self):
        """In an orderly way: the end, not a reset."""
        equal(self.sock.recv(100), b"", "the stream's end")
        self.sock.close()


class Events:
    def __init__(self, port):
        self.sock = connect(port)
        self.sock.sendall(request_bytes(path="/events"))
        self.reader = Reader(self.sock)
        line, fields = self.reader.head()
        check(" 200 " in line and dict(fields)["transfer-encoding"] == "chunked", line)

    def ended(self):
        body = self.reader.chunked()  # up to the last chunk: the response is whole
        self.sock.close()
        return body
