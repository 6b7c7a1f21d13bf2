# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes control plane for tests/kubernetes: etcd, kube-apiserver, kube-controller-manager and a kubelet's stand-in
(kubelet.py), in a network namespace of the test's own. `tests/kubernetes/assets` has the programs.

    with cluster.here() as cluster:             # the shared one of tests/kubernetes/run, else one of its own
        cluster.ok("POST", "/api/v1/namespaces", {...})
    with Cluster(audit=True) as cluster:        # one of its own always: for tests that break it

Everything that is started dies with the process that started it."""
import base64
import contextlib
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import apiserver
from api_faults import Authority
from apiserver import Failure, Rest, die_with_parent, text_of, wait_for
from netns import Missing, free_port, isolate

ROOT = pathlib.Path(__file__).resolve().parents[2]
ASSETS = ROOT / "tests" / "kubernetes" / "assets"
CRDS = ("istio", "gateway-api")
CONTROLLERS = ("deployment", "replicaset", "endpointslice", "garbage-collector", "namespace", "serviceaccount", "disruption",
               "root-ca-certificate-publisher", "clusterrole-aggregation", "job", "cronjob", "statefulset", "daemonset",
               "horizontal-pod-autoscaler")
API = "/apis/rbac.authorization.k8s.io/v1"


def assets(*parts, build=False):
    """{name: path}; builds what is missing only when asked to or with SERIN_LONG=1."""
    build = build or bool(os.environ.get("SERIN_LONG"))
    done = subprocess.run([sys.executable, ASSETS, *([] if build else ["--cached"]), *parts], capture_output=True, text=True)
    if done.returncode == 3:
        raise Missing(done.stderr.strip().splitlines()[-1].removeprefix("assets: "))
    if done.returncode:
        raise RuntimeError(f"tests/kubernetes/assets: {done.stderr.strip()}")
    return json.loads(done.stdout)


def yaml_documents(text):
    return [part for part in ("\n" + text).split("\n---") if any(line.strip() and not line.startswith("#") for line in part.splitlines())]


def make_keys(folder):
    """What the API server wants: its CA, its certificate, the pair that signs service accounts' tokens."""
    folder.mkdir(mode=0o700)
    authority = Authority(folder)
    authority.issue("server", "IP:127.0.0.1,IP:10.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc")
    authority.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", folder / "sa.key")
    authority.openssl("pkey", "-in", folder / "sa.key", "-pubout", "-out", folder / "sa.pub")
    return authority


class Cluster(Rest):
    """etcd and kube-apiserver (RBAC on), and with `controllers` kube-controller-manager and the kubelet. `options` go to kube-apiserver.
    `images`: {name: command} for the kubelet, as `serin up --image`."""

    LOOK = 0.1 # a real server costs more to ask

    def __init__(self, controllers=True, audit=False, options=(), images=None, crds=CRDS, durable=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="serin-cluster-"))
        self.programs = assets("core", "crds")
        if controllers and not self.programs["kube-controller-manager"]:
            shutil.rmtree(self.folder)
            raise Missing("there is no kube-controller-manager: run tests/kubernetes/assets without KUBEBUILDER_ASSETS")
        isolate()
        self.controllers, self.audit, self.options, self.crds = controllers, audit, options, crds
        self.durable = durable # etcd syncs each write, as it does for users
        self.images = images or {}
        self.processes = {}
        self.port, self.etcd_port, self.peer_port = free_port(), free_port(), free_port()
        self.token = secrets.token_hex(16)
        self.authority = make_keys(self.folder / "pki")
        self.context = ssl.create_default_context(cafile=str(self.folder / "pki" / "ca.crt"))
        self.cache = self.folder / "kubectl-cache"
        self.data = self.folder # where kubeconfig and pki are: what Rest asks for
        self.kubeconfig = self.write_kubeconfig("kubeconfig", {"token": self.token})

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(True, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            for log in sorted(self.folder.glob("*.log")):
                print(f"# {log.name}: " + log.read_text(errors="replace")[-1500:].replace("\n", "\n# "))
        for name in reversed(list(self.processes)):
            self.kill(name)
        if os.environ.get("SERIN_KEEP"):
            print(f"# kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self):
        """For who has it from bare(): all of it, or what the operator of the next script would find."""
        if self.processes:
            self.__exit__(None, None, None)
            return
        rollouts = "/apis/serin.dev/v1alpha1"
        for item in self.ok("GET", f"{rollouts}/rollouts")["items"]:
            path = f"{rollouts}/namespaces/{item['metadata']['namespace']}/rollouts/{item['metadata']['name']}"
            self.request("PATCH", path, {"metadata": {"finalizers": None}}, "application/merge-patch+json")
            self.request("DELETE", path)

    # ---- the processes

    def spawn(self, name, *command):
        log = open(self.folder / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                                preexec_fn=die_with_parent)
        log.close()

    def start(self):
        self.start_etcd()
        self.start_server()
        for name in self.crds:
            self.install_crds(self.programs["crds"] + "/" + name)
        self.install_crds(ROOT / "manifests" / "install" / "crds")
        self.install_roles()
        if self.controllers:
            self.start_controllers()
            self.write_shared()
            self.start_kubelet()

    def start_etcd(self):
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self.peer_port}"
        self.spawn("etcd", self.programs["etcd"], "--name", "one", "--data-dir", self.folder / "etcd", "--log-level", "error", *([] if self.durable else ["--unsafe-no-fsync"]),
                   "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
                   "--initial-advertise-peer-urls", peer, "--initial-cluster", f"one={peer}")
        wait_for("etcd", lambda: self.is_up("etcd", lambda: self.etcd("maintenance/status", {})), 60, 0.1)

    def etcd(self, method, body):
        """etcd's own API, through its JSON gateway."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.etcd_port}/v3/{method}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.loads(reply.read())

    def is_up(self, name, question):
        code = self.processes[name].poll()
        if code is not None:
            raise RuntimeError(f"{name} ended with code {code}: {(self.folder / (name + '.log')).read_text()[-1500:]}")
        try:
            return question()
        except (OSError, ValueError):
            return None

    def start_server(self, wait=True):
        pki = self.folder / "pki"
        tokens = self.folder / "tokens.csv"
        if not tokens.exists():
            tokens.touch(mode=0o600)
            tokens.write_text(f'{self.token},admin,1,"system:masters"\n')
        options = [f"--etcd-servers=http://127.0.0.1:{self.etcd_port}", f"--secure-port={self.port}", "--advertise-address=10.0.0.1",
                   "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=RBAC", "--profiling=false",
                   f"--token-auth-file={tokens}", f"--client-ca-file={pki}/ca.crt", f"--tls-cert-file={pki}/ca-server.crt",
                   f"--tls-private-key-file={pki}/ca-server.key", f"--service-account-key-file={pki}/sa.pub",
                   f"--service-account-signing-key-file={pki}/sa.key", "--service-account-issuer=https://kubernetes.default.svc",
                   "--etcd-compaction-interval=0", f"--cert-dir={self.folder}"]
        if not self.controllers:
            options.append("--disable-admission-plugins=ServiceAccount") # nobody makes the accounts that it asks for
        if self.audit:
            policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}
            (self.folder / "audit-policy.json").write_text(json.dumps(policy))
            options += [f"--audit-policy-file={self.folder}/audit-policy.json", f"--audit-log-path={self.folder}/audit.jsonl"]
        self.spawn("kube-apiserver", self.programs["kube-apiserver"], *options, *self.options)
        if wait:
            self.wait_ready()

    def wait_ready(self):
        wait_for("the API server", lambda: self.is_up("kube-apiserver", lambda: self.get("/readyz").status == 200), 90, 0.1)

    def start_controllers(self):
        pki = self.folder / "pki"
        self.spawn("kube-controller-manager", self.programs["kube-controller-manager"], f"--kubeconfig={self.kubeconfig}", "--leader-elect=false",
                   f"--service-account-private-key-file={pki}/sa.key", f"--root-ca-file={pki}/ca.crt", "--kube-api-qps=200", "--kube-api-burst=400",
                   "--secure-port=0", "--profiling=false", "--horizontal-pod-autoscaler-sync-period=1s", "--controllers=" + ",".join(f"{name}-controller" for name in CONTROLLERS))

    def start_kubelet(self):
        images = [part for name, command in self.images.items() for part in ("--image", f"{name}={command}")]
        self.spawn("kubelet", sys.executable, pathlib.Path(__file__).with_name("kubelet.py"), self.folder, *images)
        wait_for("the node", lambda: self.is_up("kubelet", lambda: self.get("/api/v1/nodes/machine").status == 200), 30, 0.1)

    def kill(self, name, with_signal=signal.SIGKILL):
        """Ends etcd, kube-apiserver, kube-controller-manager or kubelet; start_...() starts it again on the same data and port."""
        process = self.processes.pop(name, None)
        if process:
            process.send_signal(with_signal)
            process.wait(60)

    def compact(self):
        """Forgets all revisions but the newest. Watches are served from the API server's own cache: restart it, too, for a 410."""
        revision = self.etcd("kv/range", {"key": base64.b64encode(b"/").decode()})["header"]["revision"]
        self.etcd("kv/compaction", {"revision": revision, "physical": True})

    # ---- users

    def user(self, name, *groups):
        """The kubeconfig of a user with a client certificate; grant() gives it rights."""
        subject = f"/CN={name}" + "".join(f"/O={group}" for group in groups)
        certificate, key = self.authority.issue(name, "DNS:user", subject)
        return self.write_kubeconfig(f"kubeconfig.{name}", {"client-certificate-data": text_of(certificate), "client-key-data": text_of(key)})

    def service_account(self, namespace, name, seconds=3600):
        """Its token, and the account when there is none yet."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self.need("POST", path, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": seconds}}
        return self.ok("POST", f"{path}/{name}/token", request)["status"]["token"]

    def grant(self, name, rules, namespace=None, user=None, account=None):
        """A (Cluster)Role of that name with these rules, bound to a user or to a service account "NAMESPACE/NAME"."""
        subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"} if user else \
            dict(zip(("kind", "namespace", "name"), ("ServiceAccount", *account.split("/"))))
        kind, base = ("Role", f"{API}/namespaces/{namespace}/") if namespace else ("ClusterRole", f"{API}/")
        self.need("POST", f"{base}{kind.lower()}s", {"kind": kind, "apiVersion": API[6:], "metadata": {"name": name}, "rules": rules})
        self.need("POST", f"{base}{kind.lower()}bindings", {
            "kind": kind + "Binding", "apiVersion": API[6:], "metadata": {"name": name}, "subjects": [subject],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}})

    def operator_token(self):
        return self.service_account("serin-system", "serin-operator")

    def operator_kubeconfig(self):
        return self.write_kubeconfig("kubeconfig.operator", {"token": self.operator_token()})

    def lease_namespace(self, name):
        self.namespace(name)
        self.copy_role("serin-operator-leases", "serin-system", name)

    def let_read_secret(self, namespace, name, *verbs):
        self.namespace(namespace)
        self.grant(f"serin-operator-secret-{name}", [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": verbs}],
                   namespace, account="serin-system/serin-operator")

    # ---- objects

    local = threading.local()

    def request(self, method, path, *rest, connection=None, **more):
        """As Rest's; GETs of one thread share a connection, since tests wait by asking again and again."""
        if method != "GET" or connection:
            return super().request(method, path, *rest, connection=connection, **more)
        for kept in (self.local.__dict__.pop(self.port, None), self.connect()):
            if kept:
                try:
                    reply = super().request(method, path, *rest, connection=kept, **more)
                    self.local.__dict__[self.port] = kept
                    return reply
                except (OSError, http.client.HTTPException):
                    kept.close()
        raise ConnectionError(f"the API server does not answer {path}")

    def namespace(self, name):
        self.need("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        wait_for(f"the service account of {name}", lambda: not self.controllers or
                 self.get(f"/api/v1/namespaces/{name}/serviceaccounts/default").status == 200, 30, 0.05)

    def install_crds(self, folder):
        """The CRDs in the YAML files of a folder, served when it returns."""
        names = []
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        for file in sorted(pathlib.Path(folder).glob("*.yaml")):
            for text in yaml_documents(file.read_text()):
                if "kind: CustomResourceDefinition" in text:
                    self.need("POST", path, text, content_type="application/yaml")
                    names.append(next(line.split()[-1] for line in text.splitlines() if line.startswith("  name:")))

        def established(name):
            return any(c["type"] == "Established" and c["status"] == "True" for c in self.get(f"{path}/{name}").json["status"]["conditions"] or [])
        for name in names:
            wait_for(f"{name} to be served", lambda n=name: established(n), 30, 0.05)

    def install_roles(self, install=ROOT / "manifests" / "install"):
        """The accounts and roles that manifests/install has for the operator and the proxy; not the programs themselves."""
        texts = [(install / "namespace.yaml").read_text()] + [self.kubectl("kustomize", str(install / part)) for part in ("operator", "proxy")]
        kinds = re.compile(r"^kind: (Namespace|ServiceAccount|(Cluster)?Role(Binding)?)$", re.M)
        self.kubectl("apply", "-f", "-", stdin="\n---\n".join(part for text in texts for part in yaml_documents(text) if kinds.search(part)))

    def copy_role(self, name, namespace, target):
        """The Role of that name and its binding, in another namespace, too: for who works there with the same account."""
        for kind in ("roles", "rolebindings"):
            found = self.ok("GET", f"{API}/namespaces/{namespace}/{kind}/{name}")
            self.need("POST", f"{API}/namespaces/{target}/{kind}", {**found, "metadata": {"name": name}})

    # ---- sharing

    SHARED = ("port", "etcd_port", "token", "controllers", "audit", "images")

    def write_shared(self):
        (self.folder / "cluster.json").write_text(json.dumps({name: getattr(self, name) for name in self.SHARED}))

    def share(self):
        """What makes here(), or bare(), in a child process this cluster: its environment."""
        self.write_shared()
        return {"SERIN_CLUSTER" if self.controllers else "SERIN_BARE": str(self.folder)}

    @classmethod
    def attach(cls, folder):
        """The cluster that another process of this network namespace runs. Do not break it."""
        cluster = cls.__new__(cls)
        cluster.folder = cluster.data = pathlib.Path(folder)
        for name, value in json.loads((cluster.folder / "cluster.json").read_text()).items():
            setattr(cluster, name, value)
        cluster.processes = {}
        cluster.authority = Authority.of(cluster.folder / "pki")
        cluster.context = ssl.create_default_context(cafile=str(cluster.folder / "pki" / "ca.crt"))
        cluster.cache = cluster.folder / "kubectl-cache"
        cluster.kubeconfig = cluster.folder / "kubeconfig"
        return cluster


def programs_to_run():
    """The commands of the images that the tests use."""
    bin_folder = pathlib.Path(apiserver.BIN).resolve().parent
    agent = str(bin_folder / "research-agent")
    return {"research-agent": agent, "writer-agent": agent, "serin": str(pathlib.Path(apiserver.BIN).resolve())}


@contextlib.contextmanager
def here():
    """The shared cluster of tests/kubernetes/run; a script that runs alone has one of its own."""
    folder = os.environ.get("SERIN_CLUSTER")
    if folder:
        yield Cluster.attach(folder)
        return
    with Cluster(images=programs_to_run()) as cluster:
        yield cluster


def bare():
    """etcd and kube-apiserver without controllers: the one that tests/kubernetes/run has for scripts that run on it one after the other, or one of
    its own. stop() ends it."""
    folder = os.environ.get("SERIN_BARE")
    return Cluster.attach(folder) if folder else Cluster(controllers=False).__enter__()


@contextlib.contextmanager
def bare_here():
    cluster = bare()
    try:
        yield cluster
    finally:
        cluster.stop()


def main(names, needs=here, long=()):
    """Runs the functions test_...(cluster) among `names`, those in `long` only with SERIN_LONG=1; with names as arguments only those. Skips
    them visibly where there is no cluster. SERIN_WORLD=machine: on a `serin apiserver` instead."""
    wanted = sys.argv[1:]
    needs = apiserver.Machine if os.environ.get("SERIN_WORLD") == "machine" else needs
    usual = () if os.environ.get("SERIN_LONG") else long
    tests = {name: function for name, function in names.items() if name.startswith("test_") and (name in wanted if wanted else name not in usual)}
    failed = 0
    try:
        with needs() if tests else contextlib.nullcontext() as cluster:
            for name, function in tests.items():
                began = time.monotonic()
                try:
                    function(cluster)
                    print(f"ok - {name[5:]} ({time.monotonic() - began:.1f} s)", flush=True)
                except Exception as error:  # noqa: BLE001: a test must not end the run
                    failed += 1
                    where = "" if isinstance(error, Failure) else apiserver.traceback.format_exc().replace("\n", " | ")
                    print(f"not ok - {name[5:]}: {error} {where}", flush=True)
    except Missing as why:
        for name in tests:
            print(f"ok - {name[5:]} # SKIP {why}")
    sys.exit(1 if failed else 0)
