# SPDX-License-Identifier: Apache-2.0
"""A receiver of notifications: verifies signatures as Standard Webhooks says, and may be slow, down or answer anything."""
import base64
import hashlib
import hmac
import http.server
import json
import threading
import time


def signature(key, identity, timestamp, body):
    digest = hmac.new(key, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


class Receiver:
    """`answers`: {last part of the path: statuses for the next calls}, then 204 for ever. A status below 0: no answer for so many seconds."""

    def __init__(self, key=b"0123456789abcdef0123456789abcdef", tls=None, port=0, location=None):
        self.key, self.calls, self.answers, self.lock = key, [], {}, threading.Lock()
        self.raw = [] # (headers, body as it came)
        self.running, self.most = {}, {} # {last part of the path: calls at once, now and ever}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                name = self.path.split("/")[-1]
                with outer.lock:
                    outer.running[name] = outer.running.get(name, 0) + 1
                    outer.most[name] = max(outer.most.get(name, 0), outer.running[name])
                try:
                    self.answer(body, name)
                finally:
                    with outer.lock:
                        outer.running[name] -= 1

            def answer(self, body, name):
                identity, timestamp = self.headers.get("webhook-id", ""), self.headers.get("webhook-timestamp", "0")
                right = hmac.compare_digest(self.headers.get("webhook-signature", ""), signature(outer.key, identity, timestamp, body))
                with outer.lock:
                    outer.raw.append((dict(self.headers), body))
                    planned = outer.answers.get(name)
                    answer = planned.pop(0) if planned else 204
                    outer.calls.append({"path": self.path, "id": identity, "signed": right, "age": abs(time.time() - int(timestamp)),
                                        "event": self.headers.get("serin-event"), "body": json.loads(body), "answer": answer,
                                        "type": self.headers.get("Content-Type")})
                if answer < 0:
                    outer.stopping.wait(-answer)
                    self.close_connection = True
                    return
                self.send_response(answer)
                if 300 <= answer < 400:
                    self.send_header("Location", location or "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.stopping = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook/very-secret"
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
            self.url = self.url.replace("http:", "https:")
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def of(self, name, event=None):
        """The calls to the path that ends so."""
        with self.lock:
            return [c for c in self.calls if c["path"].endswith("/" + name) and (event is None or c["event"] == event)]

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()


def secret(namespace, name, **data):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
            "data": {key.replace("_", "."): base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()
                     for key, value in data.items()}}
