# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Prometheus: counters that a test adds to, and the answers to the operator's queries about them."""
import base64
import bisect
import http.server
import json
import re
import threading
import time
import urllib.parse


class Prometheus:
    """Answers /api/v1/query for range vectors of counters, with every sample since the start."""

    def __init__(self, token=None, user=None, password=None, tls=None):
        self.token, self.user, self.password = token, user, password  # what a query must bring; None: nothing
        self.headers = {}  # of the last query
        self.lock = threading.Lock()
        self.counters = {}  # (metric, labels as sorted tuple) -> value
        self.samples = {}  # the same -> [(time, value as text)]
        self.away = False
        self.queries = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                query = urllib.parse.parse_qs(body)["query"][0]
                outer.queries += 1
                outer.headers = dict(self.headers)
                if outer.wants() and self.headers.get("Authorization") != outer.wants():
                    self.send_response(401)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                text = json.dumps(outer.answer(query)).encode()
                self.send_response(503 if outer.away else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # an operator that is killed leaves its connections
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
            self.url = self.url.replace("http:", "https:")
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wants(self):
        if self.user:
            return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return f"Bearer {self.token}" if self.token else None

    def add(self, metric, amount, **labels):
        key = (metric, tuple(sorted(labels.items())))
        with self.lock:
            self.counters[key] = self.counters.get(key, 0) + amount

    def scrape(self):
        now = round(time.time(), 3)
        with self.lock:
            for key, value in self.counters.items():
                self.samples.setdefault(key, []).append((now, str(value)))
            self.samples.setdefault(("up", (("instance", "proxy:1"), ("job", "proxy"))), []).append((now, "1"))

    def answer(self, query):
        if self.away:
            return {"status": "error", "errorType": "unavailable", "error": "stopped by the test"}
        if query.startswith("sum by"):  # stable's hour before the release: nothing is known of it here
            return {"status": "success", "data": {"resultType": "vector", "result": []}}
        metric = re.match(r"[a-zA-Z_:]+", query).group(0)
        window = re.search(r"\[(\d+)(ms|s|m)\]", query)
        seconds = int(window.group(1)) * {"ms": 0.001, "s": 1, "m": 60}[window.group(2)]
        since = time.time() - seconds
        result = []
        with self.lock:
            for (name, labels), points in self.samples.items():
                values = points[bisect.bisect_right(points, since, key=lambda point: point[0]):] if name == metric else []
                if values:
                    result.append({"metric": {"__name__": name, **dict(labels)}, "values": values})
        return {"status": "success", "data": {"resultType": "matrix", "result": result}}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
