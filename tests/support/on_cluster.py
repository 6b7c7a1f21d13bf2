# SPDX-License-Identifier: Apache-2.0
"""The end-to-end tests' home on a real Kubernetes API server: what serin.Up is on one machine. The cluster is that of
tests/kubernetes/run (or one of its own, which a test may then break); in it a namespace, and `serin operator` and `serin proxy` as the
service accounts of manifests/install, with a real Prometheus."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import cluster as clusters
from apiserver import mortal
from serin import BIN, NAMESPACE, Failure, World, check, environment_of, processes, wait_for

KINDS = {"rollout": "/apis/serin.dev/v1alpha1", "deployment": "/apis/apps/v1", "virtualservice": "/apis/networking.istio.io/v1",
         "destinationrule": "/apis/networking.istio.io/v1"}
PROMETHEUS = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
scrape_configs:
- job_name: serin-proxy
  static_configs: [{{targets: ['127.0.0.1:{admin}']}}]
- job_name: serin-operator
  static_configs: [{{targets: ['127.0.0.1:{operator}']}}]
"""


class OnCluster(World):
    # What kill -9 may meet; all of it is started again. The API server's part is only there on a cluster of its own.
    KILLABLE = ("operator", "operator", "apiserver", "etcd", "kube-controller-manager", "proxy")

    def __init__(self, *operator_options, images=None, prometheus="auto", proxy=()):
        check(prometheus == "auto", "only the real Prometheus")
        self.operator_options, self.proxy_options, self.sockets = operator_options, proxy, []
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="serin-world-"))
        self.here, self.cluster, self.supervisor = clusters.here(), None, None
        self.processes, self.stopping, self.idle, self.over = {}, threading.Event(), threading.Event(), threading.Event()

    def __enter__(self):
        try:
            self.cluster = self.here.__enter__()
            self.ports = {name: clusters.free_port() for name in ("http", "admin", "operator", "prometheus")}
            self.listen(2)
            shutil.copy2(self.cluster.kubeconfig, self.data / "kubeconfig")
            self.cluster.namespace(NAMESPACE)
            self.begin()
        except BaseException:
            self.__exit__(True, None, None)
            raise
        return self

    def listen(self, workers):
        """As a systemd socket unit: the proxy's sockets are kept open while it restarts, and what comes meanwhile waits in them."""
        for _ in range(workers):
            self.sockets.append(socket.socket())
            self.sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self.sockets[-1].bind(("127.0.0.1", self.ports["http"]))
            self.sockets[-1].listen(512)

    def begin(self):
        (self.data / "prometheus.yml").write_text(PROMETHEUS.format(**self.ports))
        address = f"http://127.0.0.1:{self.ports['prometheus']}"
        self.ready_line = f"ready prometheus={address}"
        operator, proxy = (self.account(name) for name in ("operator", "proxy"))
        self.commands = {
            "prometheus": ["prometheus", f"--config.file={self.data}/prometheus.yml", f"--storage.tsdb.path={self.data}/tsdb",
                           f"--web.listen-address=127.0.0.1:{self.ports['prometheus']}", "--log.level=warn"],
            "proxy": [BIN, "proxy", "--kubeconfig", proxy, "--admin", f"127.0.0.1:{self.ports['admin']}", "--workers", len(self.sockets),
                      *[part for one in self.sockets for part in ("--listen-fd", one.fileno())], "--name", "one", "--namespace", NAMESPACE,
                      "--one-namespace", *self.proxy_options], # it opens no Gateway of another test
            "operator": [BIN, "operator", "--kubeconfig", operator, "--namespace", NAMESPACE, "--lease-namespace", NAMESPACE, "--prometheus", address,
                         "--scrape-interval", "1s", "--metrics-port", str(self.ports["operator"]), *self.operator_options]}
        for name in self.commands:
            self.spawn(name)
        # As a Deployment of each would: what ends is started again. The thread lives as long as they do: they die with it.
        self.supervisor = threading.Thread(target=self.supervise)
        self.supervisor.start()

    def account(self, name):
        """The kubeconfig of the service account that manifests/install has for it."""
        self.cluster.copy_role(f"serin-{name}-leases", "serin-system", NAMESPACE)
        token = self.cluster.service_account("serin-system", f"serin-{name}")
        return self.cluster.write_kubeconfig(f"{NAMESPACE}.{name}", {"token": token})

    def spawn(self, name):
        with open(self.data / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(mortal(self.commands[name]), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.data,
                                                    pass_fds=[one.fileno() for one in self.sockets if name == "proxy"])

    def supervise(self):
        while not self.stopping.wait(0.1):
            for name in self.commands:
                if self.processes[name].poll() is not None and not self.stopping.is_set():
                    self.spawn(name)
            for name, start in (("etcd", self.cluster.start_etcd), ("kube-apiserver", lambda: self.cluster.start_server(wait=False)),
                                ("kube-controller-manager", self.cluster.start_controllers)):
                process = self.cluster.processes.get(name)
                if process and process.poll() is not None:
                    start()
        self.idle.set()
        self.over.wait() # what this thread started would die with it

    def component(self, name):
        """The pid of a component, or None. Those of the cluster only where they are ours to kill."""
        process = self.processes.get(name) or self.cluster.processes.get("kube-apiserver" if name == "apiserver" else name)
        return process.pid if process and process.poll() is None else None

    def __exit__(self, kind, value, trace):
        if kind:
            self.show_logs()
        try:
            if self.cluster:
                self.leave()
        finally:
            self.stopping.set()
            if self.supervisor:
                self.idle.wait(60)
            codes = {name: self.end(name) for name in list(self.processes)}
            self.over.set()
            for one in self.sockets:
                one.close()
            self.here.__exit__(kind, value, trace)
            if not os.environ.get("SERIN_KEEP"):
                shutil.rmtree(self.data, ignore_errors=True)
        if not kind:
            check(not any(code for name, code in codes.items() if name != "prometheus"), f"the components ended with {codes}")

    def leave(self):
        """The Rollouts go while the operator lives (a finalizer puts their traffic back), the rest after them."""
        path = f"{KINDS['rollout']}/namespaces/{NAMESPACE}/rollouts"
        self.cluster.request("DELETE", path)
        if self.processes:
            wait_for("the Rollouts to go", lambda: not self.cluster.get(path).json["items"], 20)
        self.cluster.request("DELETE", f"/api/v1/namespaces/{NAMESPACE}")
        wait_for("the pods to end", lambda: not self.pods(""), 40)

    def end(self, name):
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return f"{name} did not stop"

    def show_logs(self, lines=8):
        for path in sorted(self.data.glob("*.log")):
            print(f"# {path.name}:")
            for line in path.read_text(errors="replace").splitlines()[-lines:]:
                print(f"#   {line[:300]}")

    def pods(self, app="research-agent"):
        """{pid: VERSION} of the running workload processes."""
        found = {}
        for pid, (_, command) in processes().items():
            environment = environment_of(pid)
            if environment.get("SERIN_POD", "").startswith(f"{NAMESPACE}/{app}"):
                found[pid] = environment.get("VERSION", "?")
        return found

    def get(self, kind, name, namespace=NAMESPACE):
        if kind not in KINDS:
            return super().get(kind, name, namespace)
        reply = self.cluster.get(f"{KINDS[kind]}/namespaces/{namespace}/{kind}s/{name}")
        if reply.status != 200:
            raise Failure(f"{kind} {name}: {reply.status} {reply.text[:300]}")
        return reply.json
