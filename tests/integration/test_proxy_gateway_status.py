# SPDX-License-Identifier: Apache-2.0
"""Status of Gateways and HTTPRoutes, written back to a Kubernetes API by one of several proxies."""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import apiserver  # noqa: E402
from proxy import (BIN, Backend, check, endpoint, equal, fetch, listening_socket, main, service, wait_for)  # noqa: E402

GROUP = "/apis/gateway.networking.k8s.io/v1"
CLASSES, GATEWAYS = f"{GROUP}/gatewayclasses", f"{GROUP}/namespaces/team1/gateways"
ROUTES = f"{GROUP}/namespaces/team1/httproutes"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/serin-system/leases/serin-status-serin.dev-gateway-controller"
VERSION = "gateway.networking.k8s.io/v1"


def free_port():
    s = listening_socket()
    port = s.getsockname()[1]
    s.close()
    return port


class Cluster:
    def __enter__(self):
        self.server = apiserver.Server()
        self.server.ok("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace",
                                                      "metadata": {"name": "team1"}}, status=201)
        self.backend = Backend("v1")
        self.folder = tempfile.TemporaryDirectory(prefix="serin-status-")
        self.proxies = []
        for item in [service(), *endpoint("p1", "v1", self.backend.address, self.backend.port)]:
            paths = {"Service": "/api/v1/namespaces/team1/services", "Pod": "/api/v1/namespaces/team1/pods",
                     "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/team1/endpointslices"}
            self.server.ok("POST", paths[item["kind"]], item, status=201)
        return self

    def start(self, name, *options):
        log = open(pathlib.Path(self.folder.name) / name, "ab")
        process = subprocess.Popen(apiserver.mortal([BIN, "proxy", "--kubeconfig", str(self.server.data / "kubeconfig"), "--name", name,
                                    "--listen", "127.0.0.1:0,persona=gateway", "--admin", "off", "--workers", "1",
                                    "--drain-time", "1s", *options]), stderr=log)
        self.proxies.append(process)
        return process

    def log(self, name):
        return (pathlib.Path(self.folder.name) / name).read_text()

    def create(self, path, kind, name, spec):
        return self.server.ok("POST", path, {"apiVersion": VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec},
                              status=201)

    def status(self, path):
        return self.server.get(path).json.get("status", {})

    def __exit__(self, *_):
        for process in self.proxies:
            if process.poll() is None:
                process.terminate()
        for process in self.proxies:
            process.wait(20)
        self.backend.close()
        self.server.stop()
        logs = "".join(p.read_text() for p in pathlib.Path(self.folder.name).iterdir())
        self.folder.cleanup()
        check("Sanitizer" not in logs and "runtime error" not in logs, f"a sanitizer spoke: {logs[-3000:]}")


def conditions(of):
    return {c["type"]: (c["status"], c["reason"]) for c in (of or {}).get("conditions", [])}


def gateway_spec(*ports):
    return {"gatewayClassName": "edge", "listeners": [{"name": f"p{p}", "port": p, "protocol": "HTTP"} for p in ports]}


def route_spec(backend="research-agent"):
    return {"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": backend, "port": 80}]}]}


def test_status_is_written_and_follows():
    with Cluster() as it:
        port, taken = free_port(), listening_socket()
        it.create(CLASSES, "GatewayClass", "edge", {"controllerName": "serin.dev/gateway-controller"})
        it.create(CLASSES, "GatewayClass", "theirs", {"controllerName": "example.com/other"})
        it.create(GATEWAYS, "Gateway", "gw", gateway_spec(port, taken.getsockname()[1]))
        it.create(ROUTES, "HTTPRoute", "r", route_spec())
        it.start("edge")
        wait_for("GatewayClass", lambda: conditions(it.status(f"{CLASSES}/edge")).get("Accepted") == ("True", "Accepted"))
        wait_for("Gateway", lambda: conditions(it.status(f"{GATEWAYS}/gw")).get("Programmed") == ("True", "Programmed"))
        status = it.status(f"{GATEWAYS}/gw")
        equal(status["addresses"], [{"type": "IPAddress", "value": "127.0.0.1"}], "addresses")
        first, second = status["listeners"]
        equal((first["attachedRoutes"], first["supportedKinds"]),
              (1, [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}]), "listener")
        equal(conditions(first), {"Accepted": ("True", "Accepted"), "Conflicted": ("False", "NoConflicts"),
                                  "ResolvedRefs": ("True", "ResolvedRefs"), "Programmed": ("True", "Programmed")},
              "conditions of the listener")
        equal(conditions(second)["Accepted"], ("False", "PortUnavailable"), "a port that is taken")
        taken.close()
        wait_for("the port once it is free",
                 lambda: conditions(it.status(f"{GATEWAYS}/gw")["listeners"][1])["Programmed"] == ("True", "Programmed"))
        parent = wait_for("HTTPRoute", lambda: it.status(f"{ROUTES}/r").get("parents"))[0]
        equal(parent["controllerName"], "serin.dev/gateway-controller", "controllerName")
        equal(parent["parentRef"]["name"], "gw", "parentRef")
        equal(conditions(parent), {"Accepted": ("True", "Accepted"), "ResolvedRefs": ("True", "ResolvedRefs")}, "route")
        equal(fetch(port, host="any.host").status, 200, "a request")
        # A change of the spec is observed, and what stayed keeps its time.
        changed = it.server.ok("PATCH", f"{ROUTES}/r", {"spec": route_spec("missing")},
                               content_type="application/merge-patch+json")
        got = wait_for("the other backend", lambda: [
            p for p in it.status(f"{ROUTES}/r")["parents"] if conditions(p)["ResolvedRefs"] == ("False", "BackendNotFound")])[0]
        by_type = {c["type"]: c for c in got["conditions"]}
        equal(by_type["Accepted"]["observedGeneration"], changed["metadata"]["generation"], "observedGeneration")
        equal(by_type["Accepted"]["lastTransitionTime"],
              {c["type"]: c for c in parent["conditions"]}["Accepted"]["lastTransitionTime"], "lastTransitionTime")
        equal(it.status(f"{CLASSES}/theirs"), {}, "another controller's class")
        # Without a Gateway of ours, our entry goes.
        it.server.ok("PATCH", f"{ROUTES}/r", {"spec": {"parentRefs": [{"name": "another"}]}},
                     content_type="application/merge-patch+json")
        wait_for("our entry to go", lambda: it.status(f"{ROUTES}/r")["parents"] == [])


def test_one_of_several_proxies_writes():
    with Cluster() as it:
        it.create(CLASSES, "GatewayClass", "edge", {"controllerName": "serin.dev/gateway-controller"})
        first = it.start("one")
        wait_for("GatewayClass", lambda: it.status(f"{CLASSES}/edge"))
        it.start("two")
        holder = it.server.get(LEASE).json["spec"]["holderIdentity"]
        check(holder.startswith("one_"), f"the first one holds the Lease: {holder}")
        revision = it.server.get(f"{CLASSES}/edge").json["metadata"]["resourceVersion"]
        first.terminate()
        equal(first.wait(20), 0, "exit code")
        wait_for("the second one to lead", lambda: "writes the status" in it.log("two"))
        equal(it.server.get(f"{CLASSES}/edge").json["metadata"]["resourceVersion"], revision, "what stands is not written again")
        it.create(GATEWAYS, "Gateway", "gw", gateway_spec(free_port()))
        wait_for("Gateway", lambda: conditions(it.status(f"{GATEWAYS}/gw")).get("Accepted") == ("True", "Accepted"))


main(globals())
