#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where a proxy's configuration comes from: a Kubernetes API with acknowledgements by Lease, and a folder."""
import http.server
import json
import pathlib
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import apiserver  # noqa: E402
from proxy import (BIN, Backend, Proxy, check, destination_rule, endpoint, equal, fetch, flatten, main, service,  # noqa: E402
                   virtual_service, wait_for)

VS = "/apis/networking.istio.io/v1/namespaces/team1/virtualservices"
DR = "/apis/networking.istio.io/v1/namespaces/team1/destinationrules"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/serin-system/leases/serin-proxy-edge"
PATHS = {"Service": "/api/v1/namespaces/team1/services", "Pod": "/api/v1/namespaces/team1/pods", "VirtualService": VS,
         "DestinationRule": DR, "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/team1/endpointslices"}


class ApiProxy(Proxy):
    def __init__(self, *source, **more):
        self.source = source
        super().__init__([], **more)

    def start(self):
        fds = [s.fileno() for s in self.sockets]
        command = [BIN, "proxy", *self.source, "--name", "edge", "--workers", str(self.workers), "--admin-fd",
                   str(self.admin_socket.fileno())]
        for fd in fds:
            command += ["--listen-fd", str(fd)]
        self.process = subprocess.Popen(apiserver.mortal(command + self.options), pass_fds=fds + [self.admin_socket.fileno()],
                                        stderr=open(self.log_path, "ab"))

    def dump(self):
        return json.loads(self.admin("/config_dump").body)


def create(server, *objects):
    for item in objects:
        if isinstance(item, list):
            create(server, *item)
        else:
            server.ok("POST", PATHS[item["kind"]], item, status=201)


def patch(server, path, body):
    return server.ok("PATCH", path, body, content_type="application/merge-patch+json")


def serving(server):
    reply = server.get(LEASE)
    if reply.status != 200:
        return {}
    return json.loads(reply.json["metadata"].get("annotations", {}).get("serin.dev/serving", "{}"))


def start_again(server):
    """On the port it had, as `serin up` does it."""
    server.options, port = ["--port", str(server.port)], server.port
    server.start()
    equal(server.port, port, "port")


class Cluster:
    """An API server with a Service of two versions, and a proxy that follows it."""

    def __enter__(self):
        self.server = apiserver.Server()
        self.server.ok("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace",
                                                      "metadata": {"name": "team1"}}, status=201)
        self.v1, self.v2 = Backend("v1"), Backend("v2")
        create(self.server, service(), endpoint("p1", "v1", self.v1.address, self.v1.port),
               endpoint("p2", "v2", self.v2.address, self.v2.port), destination_rule(),
               virtual_service({"v1": 100, "v2": 0}))
        self.proxy = ApiProxy("--kubeconfig", str(self.server.data / "kubeconfig"))
        return self

    def __exit__(self, *_):
        try:
            self.proxy.close()
        finally:
            for backend in (self.v1, self.v2):
                backend.close()
            if self.server.process.poll() is None:
                self.server.stop()

    def versions(self, count=200):
        got = [fetch(self.proxy.port).body.decode() for _ in range(count)]
        return {name: got.count(name) for name in set(got)}

    def weights(self, v1, v2):
        http = virtual_service({"v1": v1, "v2": v2})["spec"]["http"]
        return patch(self.server, f"{VS}/research-agent-canary", {"spec": {"http": http}})


def test_weights_follow_the_api_and_are_acknowledged():
    with Cluster() as it:
        equal(it.versions(), {"v1": 200}, "at 100/0")
        for v1, v2, want in ((90, 10, {"v1": 180, "v2": 20}), (50, 50, {"v1": 100, "v2": 100}), (0, 100, {"v2": 200})):
            revision = it.weights(v1, v2)["metadata"]["resourceVersion"]
            wait_for("the acknowledgement",
                     lambda: int(serving(it.server).get("VirtualService/team1/research-agent-canary", 0)) >= int(revision))
            # Acknowledged means in force in all workers: not one request after it goes by the old weights.
            got = it.versions()
            for name in ("v1", "v2"):
                check(abs(got.get(name, 0) - want.get(name, 0)) <= 6, f"at {v1}/{v2}: {got}")
            if v1 == 0:
                equal(got, want, "at 0/100")
        check(int(serving(it.server)["DestinationRule/team1/research-agent-dr"]) > 0, "the DestinationRule is missing")


def test_the_lease_tells_who_serves_and_goes_with_the_proxy():
    with Cluster() as it:
        lease = wait_for("the Lease", lambda: it.server.get(LEASE).status == 200 and it.server.get(LEASE).json)
        equal(lease["metadata"]["labels"]["serin.dev/component"], "proxy", "label")
        equal(lease["spec"]["leaseDurationSeconds"], 10, "duration")
        first = lease["spec"]["renewTime"]
        wait_for("a renewal", lambda: it.server.get(LEASE).json["spec"]["renewTime"] != first)
        it.proxy.terminate()
        equal(it.proxy.wait_ended(), 0, "exit code")
        equal(it.server.get(LEASE).status, 404, "the Lease after a clean exit")


def test_what_is_not_served_is_not_acknowledged():
    with Cluster() as it:
        # Younger, same host: shadowed by the one that stands.
        late = virtual_service({"v2": 100}, name="z-late")
        late["metadata"]["creationTimestamp"] = "2099-01-01T00:00:00Z"
        create(it.server, late)
        wait_for("the finding", lambda: any(f["id"] == "duplicate-host" for f in it.proxy.dump()["findings"]))
        check("VirtualService/team1/z-late" not in serving(it.server), "a shadowed VirtualService was acknowledged")
        equal(it.versions(20), {"v1": 20}, "routes of the older one")
        it.server.ok("DELETE", f"{VS}/research-agent-canary")
        wait_for("the younger one to take over",
                 lambda: "VirtualService/team1/z-late" in serving(it.server))
        equal(it.versions(20), {"v2": 20}, "routes of the younger one")


def test_endpoints_follow_their_readiness():
    with Cluster() as it:
        path = PATHS["EndpointSlice"] + "/p1"
        endpoints = it.server.get(path).json["endpoints"]
        endpoints[0]["conditions"]["ready"] = False
        patch(it.server, path, {"endpoints": endpoints})
        wait_for("503", lambda: fetch(it.proxy.port).status == 503)
        endpoints[0]["conditions"]["ready"] = True
        patch(it.server, path, {"endpoints": endpoints})
        wait_for("200", lambda: fetch(it.proxy.port).status == 200)
        it.server.ok("DELETE", path)
        wait_for("503", lambda: fetch(it.proxy.port).status == 503)


def test_no_request_is_lost_while_the_configuration_changes():
    with Cluster() as it:
        failures, done, asked = [], threading.Event(), [0]

        def load():
            while not done.is_set():
                status = fetch(it.proxy.port).status
                asked[0] += 1
                if status != 200:
                    failures.append(status)

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        for step in range(60):
            it.weights(100 - step, step)
        wait_for("traffic of both", lambda: asked[0] > 300)
        done.set()
        for thread in threads:
            thread.join()
        equal(failures, [], f"failures in {asked[0]} requests")


def test_an_api_that_is_away_changes_nothing():
    with Cluster() as it:
        it.weights(50, 50)
        wait_for("both versions", lambda: len(it.versions(20)) == 2)
        it.server.kill(signal.SIGKILL)
        check(len(it.versions(50)) == 2, "routes changed when the API went away")
        wait_for("the error to be shown", lambda: it.proxy.dump().get("lastError"))
        equal(it.proxy.admin("/ready").status, 200, "readiness without the API")
        start_again(it.server)
        it.weights(0, 100)
        wait_for("the change to arrive", lambda: it.versions(20) == {"v2": 20})


def test_a_proxy_that_starts_before_its_api_waits():
    with Cluster() as it:
        it.proxy.terminate()
        it.proxy.wait_ended()
        it.server.kill(signal.SIGTERM)
        it.proxy.start()
        wait_for("the proxy to try", lambda: "configuration source" in it.proxy.log().split("draining")[-1])
        equal(it.proxy.admin("/ready").status, 503, "readiness before the first table")
        start_again(it.server)
        it.proxy.wait_ready()
        equal(it.versions(20), {"v1": 20}, "routes")


class OldApi:
    """A cluster that serves networking.istio.io/v1beta1 only, and forbids the Gateway API."""

    def __init__(self, objects):
        self.lists = {}
        for item in flatten(objects):
            item = dict(item)
            version = item["apiVersion"].replace("istio.io/v1", "istio.io/v1beta1")
            item["apiVersion"] = version
            item["metadata"] = dict(item["metadata"], resourceVersion="5", uid=item["metadata"]["name"])
            prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
            self.lists.setdefault(f"{prefix}/{PATHS[item['kind']].rsplit('/', 1)[1]}", []).append(item)
        api, self.asked = self, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path, _, query = self.path.partition("?")
                api.asked.append(path)
                if "gateway.networking.k8s.io" in path:
                    return self.answer(403, {"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403})
                if path not in api.lists:
                    return self.answer(404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404})
                if "watch=" in query:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.end_headers()
                    api.ended.wait(60)
                    self.close_connection = True
                    return None
                return self.answer(200, {"kind": "List", "metadata": {"resourceVersion": "9"}, "items": api.lists[path]})

            def answer(self, status, body):
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.ended = threading.Event()
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.ended.set()
        self.http.shutdown()
        self.http.server_close()


def test_an_older_cluster_with_fewer_rights_is_enough():
    with Backend("v1") as v1:
        api = OldApi([service(), endpoint("p1", "v1", v1.address, v1.port), destination_rule(),
                      virtual_service({"v1": 100})])

        proxy = None
        try:
            proxy = ApiProxy("--kube-api", f"http://127.0.0.1:{api.http.server_address[1]}")
            equal(fetch(proxy.port).body, b"v1", "the answer")
            check("/apis/networking.istio.io/v1/virtualservices" in api.asked, "v1 was not asked for")
            dump = json.loads(proxy.admin("/config_dump").body)
            equal(dump["hosts"][0]["source"], "VirtualService/team1/research-agent-canary", "source")
        finally:
            if proxy:
                proxy.close()
            api.close()


def test_a_broken_file_leaves_what_was_good():
    with Backend("v1") as v1, Backend("v2") as v2:
        objects = [service(), endpoint("p1", "v1", v1.address, v1.port), endpoint("p2", "v2", v2.address, v2.port),
                   destination_rule()]
        proxy = Proxy([objects, virtual_service({"v1": 100, "v2": 0})])
        try:
            bad = virtual_service({"v1": 0, "v2": 100})
            bad["spec"]["http"][0]["match"] = [{"uri": {"regex": "(a"}}]
            proxy.configure([objects, bad])
            equal(fetch(proxy.port).body, b"v1", "a bad pattern")
            dump = json.loads(proxy.admin("/config_dump").body)
            check(any(f["id"] == "last-good" for f in dump["findings"]), f"no finding: {dump['findings']}")
            (proxy.manifests / "all.yaml").write_text("kind: [")
            wait_for("the fault to show", lambda: "yaml" in proxy.log())
            equal(fetch(proxy.port).body, b"v1", "broken YAML")
            proxy.write([objects, virtual_service({"v1": 0, "v2": 100})])
            # Not the next version: that may be another look at the broken file.
            wait_for("a good file again", lambda: fetch(proxy.port).body == b"v2")
        finally:
            proxy.close()


def test_unenforced_fields_are_listed():
    with Backend("v1") as v1:
        vs = virtual_service({"v1": 100}, match=[{"statPrefix": "mine"}])
        proxy = Proxy([service(), endpoint("p1", "v1", v1.address, v1.port), destination_rule(), vs])
        try:
            dump = json.loads(proxy.admin("/config_dump").body)
            check(any("statPrefix" in f.get("path", "") for f in dump["notEnforced"]), f"{dump['notEnforced']}")
            check("not-enforced" in proxy.log(), "nothing in the log")
        finally:
            proxy.close()


main(globals())
