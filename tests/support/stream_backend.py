#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A workload of the end-to-end tests with long-lived connections: any GET is answered 200 with VERSION, a WebSocket says VERSION before what it
is told. Listens at POD_IP and PORT, as a pod does."""
import http.server
import os

VERSION = os.environ.get("VERSION", "?")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") != "websocket":
            self.send_response(200)
            self.send_header("Content-Length", str(len(VERSION)))
            self.end_headers()
            self.wfile.write(VERSION.encode())
            return
        self.send_response_only(101)
        self.send_header("Connection", "upgrade")
        self.send_header("Upgrade", "websocket")
        self.end_headers()
        self.close_connection = True
        while got := self.connection.recv(100):
            self.connection.sendall(VERSION.encode() + b":" + got)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer((os.environ["POD_IP"], int(os.environ["PORT"])), Handler).serve_forever()
