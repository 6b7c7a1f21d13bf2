#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`serin judge`: requests of the exact form that Argo Rollouts' web metric provider and Flagger's webhooks send."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import operator_world as support  # noqa: E402
from apiserver import BIN, Failure, check, die_with_parent, equal, wait_for  # noqa: E402

TOKEN = "a-token-of-the-test-0123456789"
SERVICE = "web.demo.svc.cluster.local"
PARAMS = {"service": SERVICE, "canary": "v2", "stable": "v1", "metrics": "error-rate", "interval": "500ms", "minDetect": "1s",
          "min": "1s", "warmup": "0s"}


class Traffic:
    """Counters that go on in a fake Prometheus: 2000 requests/s to each service, a tenth of them to its canary."""

    def __init__(self):
        self.prometheus = support.Prometheus()
        self.errors = {SERVICE: 0.3, "good.demo.svc.cluster.local": 0, "a-primary.demo.svc.cluster.local": 0}
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def count(self, service, version, requests, share):
        for code, part in (("200", requests * (1 - share)), ("500", requests * share)):
            if part:
                self.prometheus.add("istio_requests_total", part, reporter="source", destination_service=service,
                                    destination_version=version, response_code=code, job="proxy", instance="proxy:1")

    def run(self):
        while not self.stopping.wait(0.05):
            for service, share in self.errors.items():
                self.count(service, "v1", 90, 0)
                self.count(service, "v2", 10, share)
            self.count("a-canary.demo.svc.cluster.local", "any", 10, 0.3)
            self.prometheus.scrape()

    def stop(self):
        self.stopping.set()
        self.thread.join(5)
        self.prometheus.stop()


class Judge:
    def __init__(self, prometheus, *options):
        self.folder = tempfile.TemporaryDirectory(prefix="serin-judge-")
        token = pathlib.Path(self.folder.name) / "token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)
        self.log = pathlib.Path(self.folder.name) / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([BIN, "judge", "--prometheus", prometheus, "--token-file", str(token), "--port", "0",
                                             "--scrape-interval", "200ms", *options], stdout=log, stderr=log, preexec_fn=die_with_parent)
        self.port = int(wait_for("the port", lambda: re.search(r"port=(\d+)", self.log.read_text())).group(1))

    def raw(self, data):
        """(status, body) of one request, sent byte for byte."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as it:
            it.sendall(data)
            reply = b""
            while True:
                head, _, body = reply.partition(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                if length and len(body) >= int(length.group(1)):
                    return int(head.split()[1]), body.decode()
                piece = it.recv(65536)
                if not piece:
                    return (int(head.split()[1]) if head else 0), body.decode()
                reply += piece

    def argo(self, token=TOKEN, **params):
        """As webmetric.go sends it through Go's http.Client: jsonBody, the headers of the AnalysisTemplate."""
        body = json.dumps(params, separators=(",", ":"))
        return self.raw((f"POST /v1/argo HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUser-Agent: Go-http-client/1.1\r\n"
                         f"Content-Length: {len(body)}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
                         f"Accept-Encoding: gzip\r\n\r\n{body}").encode())

    def flagger(self, role, checksum="85d557f47b", token=TOKEN, name="web", phase="Progressing", **params):
        """As webhook.go sends it: the payload's fields in the order of its struct, metadata of texts."""
        metadata = {**params, "as": role, "token": token}
        body = json.dumps({"name": name, "namespace": "demo", "phase": phase, "checksum": checksum,
                           "metadata": dict(sorted(metadata.items()))}, separators=(",", ":"))
        return self.raw((f"POST /v1/flagger HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUser-Agent: Go-http-client/1.1\r\n"
                         f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n{body}").encode())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        text = self.log.read_text()
        self.folder.cleanup()
        check(code == 0, f"serin judge ended with {code}: {text[-2000:]}")
        check(TOKEN not in text, "the token is in the log")


def verdict(reply):
    status, body = reply
    equal(status, 200, body)
    return json.loads(body)


def test_argo_polls_until_fail(judge):
    first = verdict(judge.argo(run="hash-1", **PARAMS))
    equal(first["verdict"], "insufficient", "the first answer")
    got = wait_for("a fail", lambda: (lambda it: it["verdict"] == "fail" and it)(verdict(judge.argo(run="hash-1", **PARAMS))), 20, every=0.2)
    check(got["evidence"] >= got["evidenceNeed"] and "canary requests failed" in got["reason"], got)
    check(float(got["metrics"][0]["canary"].rstrip("%")) > 20, got)
    again = verdict(judge.argo(run="hash-1", **PARAMS))
    check(again["metrics"][0]["requests"] >= got["metrics"][0]["requests"], "the evidence of a run is kept")
    status, body = judge.raw(f"GET /v1/argo?run=hash-1&{'&'.join(f'{k}={v}' for k, v in PARAMS.items())} HTTP/1.1\r\nHost: x\r\n"
                             f"Authorization: Bearer {TOKEN}\r\n\r\n".encode())
    equal((status, json.loads(body)["verdict"]), (200, "fail"), "the same by GET")
    status, body = judge.argo(run="hash-1", **{**PARAMS, "canary": "v3"})
    check(status == 409 and "other parameters" in body, f"{status} {body}")
    new = verdict(judge.argo(run="hash-2", **PARAMS))
    equal(new["verdict"], "insufficient", "another run has evidence of its own")


def test_argo_polls_until_pass(judge):
    params = {**PARAMS, "service": "good.demo.svc.cluster.local", "weight": 10}
    wait_for("a pass", lambda: verdict(judge.argo(run="good", **params))["verdict"] == "pass", 30, every=0.2)


def test_flagger_rolls_back_and_gates(judge):
    status, body = judge.flagger("gate", **PARAMS)
    equal(status, 409, "nothing is measured yet: the weight waits")
    wait_for("a rollback", lambda: judge.flagger("rollback", **PARAMS)[0] == 200, 20, every=0.2)
    status, body = judge.flagger("check", **PARAMS)
    check(status == 409 and body.startswith("fail: ") and "canary requests failed" in body, f"{status} {body}")
    equal(judge.flagger("rollback", checksum="another", **PARAMS)[0], 409, "a new revision begins anew")
    good = {**PARAMS, "service": "good.demo.svc.cluster.local"}
    equal(judge.flagger("check", name="good", **good)[0], 200, "nothing speaks against it")
    wait_for("the gate to open", lambda: judge.flagger("gate", name="good", **good)[0] == 200, 30, every=0.2)
    equal(judge.flagger("rollback", name="good", **good)[0], 409, "no reason to roll back")


def test_services_of_their_own(judge):
    """As Flagger and Argo with two Services: the versions are told apart by destination_service."""
    params = {**PARAMS, "service": "a-primary.demo.svc.cluster.local", "canaryService": "a-canary.demo.svc.cluster.local",
              "label": "destination_service", "canary": "a-canary.demo.svc.cluster.local", "stable": "a-primary.demo.svc.cluster.local"}
    wait_for("a fail", lambda: verdict(judge.argo(run="two", **params))["verdict"] == "fail", 20, every=0.2)


def test_nobody_without_the_token(judge):
    for status, body in (judge.argo(token="wrong", run="x", **PARAMS), judge.argo(token="", run="x"),
                         judge.flagger("check", token="wrong", **PARAMS), judge.argo(token=TOKEN[:-1], run="x", **PARAMS)):
        check(status == 401 and "token" in body and SERVICE not in body, f"{status} {body}")
    equal(judge.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), (200, "ok\n"), "health")
    check("serin_judge_runs" in judge.raw(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")[1], "metrics")


def test_wrong_requests_say_what_is_wrong(judge):
    cases = [({"run": "w", **PARAMS, "cannary": "v2"}, "did you mean canary"), ({**PARAMS}, "run is missing"),
             ({"run": "w", "canary": "a", "stable": "b"}, "service is missing"), ({"run": "w", **PARAMS, "alpha": "2"}, "alpha"),
             ({"run": "w", **PARAMS, "label": 'x="y"'}, "label"), ({"run": "w", **PARAMS, "metrics": "latency"}, "latency-pNN"),
             ({"run": "w", **PARAMS, "stable": "v2"}, "both"), ({"run": "w", **PARAMS, "interval": {"a": 1}}, "text or a number")]
    for params, word in cases:
        status, body = judge.argo(**params)
        check(status == 400 and word in body, f"{params}: {status} {body}")
    equal(judge.flagger("always", **PARAMS)[0], 400, "an unknown role")
    head = f"POST /v1/argo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    equal(judge.raw(f"{head}Content-Length: 4\r\n\r\n{{\"a\"".encode())[0], 400, "broken JSON")
    big = "x" * 70000
    equal(judge.raw(f"{head}Content-Length: {len(big)}\r\n\r\n{big}".encode())[0], 413, "a body over the cap")
    equal(judge.raw(f"DELETE /v1/argo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())[0], 405, "another method")
    equal(judge.raw(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")[0], 404, "another path")


def test_slow_clients_keep_nobody_out(judge):
    slow = [socket.create_connection(("127.0.0.1", judge.port), timeout=10) for _ in range(200)]
    try:
        for one in slow:
            one.sendall(b"POST /v1/argo HTTP/1.1\r\nHost: x\r\nContent-Le")
        equal(judge.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), (200, "ok\n"), "health beside slow clients")
        verdict(judge.argo(run="beside-slow-ones", **PARAMS))
    finally:
        for one in slow:
            one.close()


def test_a_trickling_client_is_cut(judge):
    """A byte now and then is silence: a head has 15 s, however it comes."""
    if not os.environ.get("SERIN_LONG"):
        return
    with socket.create_connection(("127.0.0.1", judge.port), timeout=10) as slow:
        slow.sendall(b"POST /v1/argo HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        slow.settimeout(0.5)

        def is_cut():
            try:
                slow.sendall(b"a")
                return slow.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True
        wait_for("the client to be cut", is_cut, 25)


def test_runs_are_bounded_and_expire(traffic):
    judge = Judge(traffic.prometheus.url, "--max-runs", "2", "--expire", "1500ms")
    try:
        for name in ("a", "b"):
            equal(judge.argo(run=name, **PARAMS)[0], 200, name)
        status, body = judge.argo(run="c", **PARAMS)
        check(status == 429 and "--max-runs" in body, f"{status} {body}")
        wait_for("an old run to go", lambda: judge.argo(run="c", **PARAMS)[0] == 200, 20, every=0.2)
    finally:
        judge.stop()


def test_a_token_others_can_read_is_refused(traffic):
    with tempfile.TemporaryDirectory() as folder:
        token = pathlib.Path(folder) / "token"
        token.write_text(TOKEN)
        token.chmod(0o644)
        done = subprocess.run([BIN, "judge", "--prometheus", traffic.prometheus.url, "--token-file", str(token), "--port", "0"],
                              capture_output=True, text=True, timeout=20)
        check(done.returncode == 1 and "chmod 600" in done.stderr, f"{done.returncode} {done.stderr}")
        done = subprocess.run([BIN, "judge", "--prometheus", "http://user:pass@h:9090", "--token-file", str(token)],
                              capture_output=True, text=True, timeout=20)
        check(done.returncode == 2 and "--prometheus-credentials" in done.stderr, f"{done.returncode} {done.stderr}")


def main():
    traffic = Traffic()
    judge = Judge(traffic.prometheus.url)
    failed = 0
    wanted = sys.argv[1:]
    for name, function in list(globals().items()):
        if not name.startswith("test_") or (wanted and name not in wanted):
            continue
        try:
            function(traffic if "traffic" in function.__code__.co_varnames[:1] else judge)
            print(f"ok - {name[5:]}", flush=True)
        except (Failure, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"not ok - {name[5:]}: {error}", flush=True)
    try:
        judge.stop()
        print("ok - clean stop")
    except Failure as error:
        failed += 1
        print(f"not ok - clean stop: {error}")
    traffic.stop()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
