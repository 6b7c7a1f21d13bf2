# SPDX-License-Identifier: Apache-2.0
"""What a person does with kubectl, verb by verb: the rows of the table in docs/api-server.md. tests/integration/test_apiserver_verbs.py runs
them against `serin apiserver` with every kubectl that is installed; tests/kubernetes/test_differential.py runs them against a real API server,
too, and compares all that was printed. A row gets a `Kubectl` with a namespace of its own, makes what it needs, and asserts what comes out."""
import json
import os
import pathlib
import re
import struct
import subprocess
import urllib.request

from apiserver import Failure, check, die_with_parent, equal, wait_for

ROWS = []


class Row:
    def __init__(self, verb, run, since, acts, long):
        self.verb, self.run, self.since, self.acts, self.long = verb, run, since, acts, long
        self.name = run.__name__


def row(verb, since=0, acts=None, long=False):
    """since: the first kubectl minor that has what the row needs. acts: why a real API server alone (without controllers, without our
    files) cannot play it. long: only with SERIN_LONG=1."""
    def add(function):
        ROWS.append(Row(verb, function, since, acts, long))
        return function
    return add


def installed():
    """{minor: path} of every kubectl here: in PATH, in KUBECTLS (a colon-separated list of programs), and beside gcloud's dispatcher."""
    found = {}
    folders = [pathlib.Path(f) for f in os.environ.get("PATH", "").split(":") if f] + [pathlib.Path("/usr/lib/google-cloud-sdk/bin")]
    paths = [pathlib.Path(p) for p in os.environ.get("KUBECTLS", "").split(":") if p]
    paths += [p for f in folders if f.is_dir() for p in sorted(f.glob("kubectl*")) if re.fullmatch(r"kubectl([.-]v?1[.-]\d+(\.\d+)?)?", p.name)]
    for path in dict.fromkeys(p.resolve() for p in paths):
        try:
            done = subprocess.run([path, "version", "--client", "-o", "json"], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
            version = json.loads(done.stdout)["clientVersion"]
        except (OSError, ValueError, KeyError, subprocess.TimeoutExpired):
            continue
        if "dispatcher" not in version["gitVersion"]:  # gcloud's, which runs one of the others
            found.setdefault(int(version["minor"].rstrip("+")), str(path))
    return dict(sorted(found.items()))


class Kubectl:
    """One kubectl on one server, in a namespace of its own. Remembers what was said."""

    def __init__(self, server, kubeconfig, folder, path, minor, ns, ours):
        self.server, self.path, self.minor, self.ns, self.ours = server, path, minor, ns, ours
        self.kubeconfig, self.folder = kubeconfig, folder
        self.cache = folder / f"cache-{minor}"
        self.said = []  # (arguments, code, output)

    def command(self, *args, ns=True):
        space = ["-n", self.ns] if ns and "-A" not in args else []
        return [self.path, "--kubeconfig", str(self.kubeconfig), "--cache-dir", str(self.cache), *space, *args]

    def __call__(self, *args, stdin="", code=0, env=None, ns=True, remember=True):
        """stdout and stderr, in one text."""
        text = stdin if isinstance(stdin, str) else json.dumps(stdin)
        done = subprocess.run(self.command(*args, ns=ns), input=text, capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})})
        output = done.stdout + done.stderr
        if remember:
            self.said.append((args, done.returncode, output))
        if code is not None and done.returncode != code:
            raise Failure(f"kubectl {' '.join(args)}: exit {done.returncode}: {output}")
        return output

    def start(self, *args, stdin=subprocess.DEVNULL):
        return subprocess.Popen(self.command(*args), stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=die_with_parent)

    def path_of(self, plural, name="", group="", version="v1"):
        base = f"/apis/{group}/{version}" if group else f"/api/{version}"
        return f"{base}/namespaces/{self.ns}/{plural}" + (f"/{name}" if name else "")

    def make(self, plural, body, group="", version="v1"):
        return self.server.ok("POST", self.path_of(plural, "", group, version), body)

    def status(self, plural, name, status, group="", version="v1"):
        self.server.ok("PATCH", self.path_of(plural, name, group, version) + "/status", {"status": status}, content_type="application/merge-patch+json")

    def jsonpath(self, what, path, remember=True):
        return self("get", *what.split(), "-o", f"jsonpath={{{path}}}", remember=remember)


def has(text, *words):
    for word in words:
        check(word in text, f"{word!r} is not in {text!r}")


def meta(name, **more):
    return {"name": name, **more}


def deployment(name="web", replicas=2, images=("nginx:1",), **more):
    labels = {"app": name}
    containers = [{"name": f"c{i}", "image": image, "ports": [{"containerPort": 80 + i}]} for i, image in enumerate(images)]
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(name, labels=labels), "spec": {
        "replicas": replicas, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}}, **more}}


def config(name="conf", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name), "data": data or {"a": "1"}}


def service(name="web"):
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(name), "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}


def pod(name="p", containers=("c",), labels=None, phase=None):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta(name, labels=labels or {}), "spec": {"containers": [{"name": c, "image": "img:1"} for c in containers]}}


def many(*objects):
    return {"apiVersion": "v1", "kind": "List", "items": list(objects)}


def rollout(name="agent", **more):
    return {"apiVersion": "serin.dev/v1alpha1", "kind": "Rollout", "metadata": meta(name), "spec": {
        "stable": {"deployment": "agent-v1", "subset": "v1"}, "canary": {"deployment": "agent-v2", "subset": "v2"},
        "traffic": {"virtualService": {"name": "agent"}, "destinationRule": "agent-dr"}, **more}}


def virtual_service(name="agent", weights=(90, 10)):
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": meta(name), "spec": {"hosts": [name], "http": [{"route": [
        {"destination": {"host": name, "subset": f"v{i + 1}"}, "weight": weight} for i, weight in enumerate(weights)]}]}}


# ---- apply

@row("apply")
def apply_creates_changes_and_removes(k):
    web = deployment(images=("nginx:1", "side:1"))
    equal(k("apply", "-f", "-", stdin=web), "deployment.apps/web created\n")
    equal(k("apply", "-f", "-", stdin=web), "deployment.apps/web unchanged\n")
    web["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx:2"
    equal(k("apply", "-f", "-", stdin=web), "deployment.apps/web configured\n")
    equal(k.jsonpath("deploy web", ".spec.template.spec.containers[*].image"), "nginx:2 side:1")
    del web["spec"]["template"]["spec"]["containers"][1]
    k("apply", "-f", "-", stdin=web)
    equal(k.jsonpath("deploy web", ".spec.template.spec.containers[*].name"), "c0")


@row("apply")
def apply_of_custom_kinds(k):
    equal(k("apply", "-f", "-", stdin=virtual_service()), "virtualservice.networking.istio.io/agent created\n")
    equal(k("apply", "-f", "-", stdin=virtual_service()), "virtualservice.networking.istio.io/agent unchanged\n")
    equal(k("apply", "-f", "-", stdin=virtual_service(weights=(50, 50))), "virtualservice.networking.istio.io/agent configured\n")
    equal(k.jsonpath("vs agent", ".spec.http[0].route[*].weight"), "50 50")


@row("apply --server-side", since=22)
def apply_server_side(k):
    equal(k("apply", "--server-side", "-f", "-", stdin=config(a="1", b="2")), "configmap/conf serverside-applied\n")
    before = k.jsonpath("cm conf", ".metadata.resourceVersion", remember=False)
    k("apply", "--server-side", "-f", "-", stdin=config(a="1", b="2"))
    equal(k.jsonpath("cm conf", ".metadata.resourceVersion", remember=False), before, "a second apply wrote")
    k("apply", "--server-side", "-f", "-", stdin=config(a="1"))
    equal(k.jsonpath("cm conf", ".data"), '{"a":"1"}')
    text = k("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=config(a="9"), code=1)
    has(text, "Apply failed with 1 conflict", 'conflict with "kubectl"', ".data.a")
    k("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-", stdin=config(a="9"))
    equal(k.jsonpath("cm conf", ".data.a"), "9")
    has(k("get", "cm", "conf", "--show-managed-fields", "-o", "jsonpath={.metadata.managedFields[*].manager}"), "other")


@row("apply --dry-run, strict validation")
def apply_dry_run_and_strict(k):
    k("apply", "-f", "-", stdin=config())
    before = k.jsonpath("cm conf", ".metadata.resourceVersion", remember=False)
    equal(k("apply", "--dry-run=server", "-f", "-", stdin=config(a="2")), "configmap/conf configured (server dry run)\n")
    equal(k("apply", "--dry-run=client", "-f", "-", stdin=config(a="2")), "configmap/conf configured (dry run)\n")
    equal(k.jsonpath("cm conf", ".metadata.resourceVersion", remember=False), before, "a dry run wrote")
    text = k("apply", "-f", "-", stdin=config() | {"bogus": 1}, code=1)
    has(text, 'unknown field "bogus"')
    bad = deployment()
    bad["spec"]["bogus"] = 1
    has(k("apply", "-f", "-", stdin=bad, code=1), 'unknown field "')
    if k.minor >= 25:
        has(k("apply", "--validate=warn", "-f", "-", stdin=bad), 'unknown field "spec.bogus"', "created")
    else:
        has(k("apply", "--validate=false", "-f", "-", stdin=bad), "created")


@row("apply --prune")
def apply_prune(k):
    both = many(config("one"), config("two"))
    for item in both["items"]:
        item["metadata"]["labels"] = {"set": "x"}
    k("apply", "-f", "-", stdin=both)
    kinds = ("--prune-whitelist=core/v1/ConfigMap",) if k.minor < 26 else ("--prune-allowlist=core/v1/ConfigMap",)
    text = k("apply", "--prune", "-l", "set=x", *kinds, "-f", "-", stdin=both["items"][0])
    has(text, "configmap/one unchanged", "configmap/two pruned")
    equal(k("get", "cm", "-l", "set=x", "-o", "name"), "configmap/one\n")


@row("kustomize, apply -k")
def kustomize(k):
    folder = k.folder / f"kustomize-{k.ns}"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text("namePrefix: pre-\ncommonLabels: {team: x}\nresources: [web.yaml]\nconfigMapGenerator:\n- {name: gen, literals: [a=1]}\n")
    (folder / "web.yaml").write_text(json.dumps(deployment()))
    has(k("kustomize", str(folder), ns=False), "name: pre-web", "team: x")
    has(k("apply", "-k", str(folder)), "deployment.apps/pre-web created", "configmap/pre-gen-")
    equal(k.jsonpath("deploy pre-web", ".spec.template.metadata.labels.team"), "x")
    has(k("delete", "-k", str(folder)), "deployment.apps", "deleted")


# ---- create

@row("create")
def create_settings(k):
    equal(k("create", "cm", "conf", "--from-literal=a=b"), "configmap/conf created\n")
    equal(k.jsonpath("cm conf", ".data.a"), "b")
    has(k("create", "cm", "conf", code=1), 'configmaps "conf" already exists')
    equal(k("create", "secret", "generic", "s", "--from-literal=p=q"), "secret/s created\n")
    equal(k.jsonpath("secret s", ".data.p"), "cQ==")
    equal(k("create", "secret", "docker-registry", "reg", "--docker-server=h", "--docker-username=u", "--docker-password=p"), "secret/reg created\n")
    equal(k.jsonpath("secret reg", ".type"), "kubernetes.io/dockerconfigjson")
    has(k("create", "cm", "x", "-n", "nowhere", code=1, ns=False), 'namespaces "nowhere" not found')
    equal(k("create", "ns", f"{k.ns}-more", ns=False), f"namespace/{k.ns}-more created\n")


@row("create deployment, service")
def create_workloads(k):
    equal(k("create", "deployment", "made", "--image=img:1", "--replicas=0", "--port=80", "--", "run", "-x"), "deployment.apps/made created\n")
    made = json.loads(k("get", "deploy", "made", "-o", "json"))["spec"]
    container = made["template"]["spec"]["containers"][0]
    equal((made["replicas"], container["image"], container["command"], container["ports"][0]["containerPort"]), (0, "img:1", ["run", "-x"], 80))
    equal(k("create", "service", "clusterip", "made", "--tcp=80:8080"), "service/made created\n")
    equal(k.jsonpath("svc made", ".spec.ports[0].targetPort"), "8080")
    equal(k("create", "service", "externalname", "out", "--external-name=example.com"), "service/out created\n")
    has(k("get", "svc", "out"), "ExternalName", "example.com")
    has(k("create", "deploy", "dry", "--image=i", "--dry-run=server", "-o", "yaml"), "kind: Deployment", "uid:")


@row("create job, cronjob")
def create_jobs(k):
    has(k("create", "job", "j", "--image=img:1", "--", "run"), "job.batch/j created")
    equal(k.jsonpath("job j", ".spec.template.spec.containers[0].command"), '["run"]')
    has(k("get", "jobs"), "COMPLETIONS", "0/1")
    if k.minor >= 21:  # before, kubectl only knows batch/v1beta1, which real servers dropped in 1.25
        has(k("create", "cronjob", "c", "--image=img:1", "--schedule=0 1 * * *"), "cronjob.batch/c created")
        has(k("create", "job", "now", "--from=cronjob/c"), "job.batch/now created")
        has(k("get", "cj", "c"), "0 1 * * *", "False")
    has(k("describe", "job", "j"), "img:1")


@row("create role, rolebinding, sa, token")
def create_rights(k):
    has(k("create", "sa", "s"), "serviceaccount/s created")
    has(k("create", "role", "r", "--verb=get,list", "--resource=pods,deployments.apps"), "role.rbac.authorization.k8s.io/r created")
    equal(k.jsonpath("role r", ".rules[*].verbs"), '["get","list"] ["get","list"]')
    has(k("create", "rolebinding", "rb", "--role=r", "--user=u", f"--serviceaccount={k.ns}:s"), "rolebinding.rbac.authorization.k8s.io/rb created")
    has(k("get", "rolebinding", "rb", "-o", "wide"), "Role/r", f"{k.ns}/s")
    has(k("create", "clusterrole", k.ns, "--verb=get", "--resource=pods"), "created")
    has(k("create", "clusterrolebinding", k.ns, f"--clusterrole={k.ns}", "--group=g"), "created")
    has(k("describe", "role", "r"), "deployments.apps")
    k("delete", "clusterrole,clusterrolebinding", k.ns)


@row("create quota, pdb, ingress, priorityclass")
def create_policies(k):
    has(k("create", "quota", "q", "--hard=cpu=1,pods=2"), "resourcequota/q created")
    equal(k.jsonpath("quota q", ".spec.hard.pods"), "2")
    if k.minor >= 21:  # before: policy/v1beta1
        has(k("create", "pdb", "p", "--selector=app=x", "--min-available=50%"), "poddisruptionbudget.policy/p created")
        has(k("get", "pdb"), "MIN AVAILABLE", "50%", "N/A")
    has(k("create", "ingress", "i", "--rule=foo.com/*=svc:80,tls=x"), "ingress.networking.k8s.io/i created")
    has(k("get", "ingress"), "foo.com", "80, 443")
    equal(k.jsonpath("ingress i", ".spec.rules[0].http.paths[0].backend.service.port.number"), "80")
    has(k("create", "priorityclass", k.ns, "--value=5"), "priorityclass.scheduling.k8s.io")
    has(k("get", "pc", k.ns), "5", "false")
    k("delete", "pc", k.ns)


@row("create -f")
def create_from_files(k):
    text = k("create", "-f", "-", stdin=config() | {"metadata": {"generateName": "gen-"}})
    check(re.fullmatch(r"configmap/gen-[a-z0-9]{5} created\n", text), text)
    k("create", "-f", "-", stdin=config())
    has(k("create", "-f", "-", stdin=config(), code=1), "AlreadyExists")
    bad = virtual_service("bad")
    bad["spec"]["http"][0]["route"][0]["weight"] = "many"
    has(k("create", "-f", "-", stdin=bad, code=1), "invalid", "weight")


@row("run, expose")
def run_and_expose(k):
    equal(k("run", "box", "--image=box:1", "--labels=app=box", "--env=A=b", "--port=80"), "pod/box created\n")
    equal(k.jsonpath("pod box", ".spec.containers[0].env[0].value"), "b")
    equal(k("expose", "pod", "box", "--port=80", "--target-port=8080", "--name=box"), "service/box exposed\n")
    equal(k.jsonpath("svc box", ".spec.selector.app"), "box")
    k("create", "-f", "-", stdin=deployment())
    equal(k("expose", "deployment", "web", "--port=80"), "service/web exposed\n")


@row("replace, replace --force")
def replace(k):
    k("create", "-f", "-", stdin=service())
    have = k("get", "svc", "web", "-o", "json")
    equal(k("replace", "-f", "-", stdin=have), "service/web replaced\n")
    k("label", "svc", "web", "n=1")
    has(k("replace", "-f", "-", stdin=have, code=1), "the object has been modified")
    uid = k.jsonpath("svc web", ".metadata.uid", remember=False)
    has(k("replace", "--force", "-f", "-", stdin=service()), 'service "web" deleted', "service/web replaced")
    check(k.jsonpath("svc web", ".metadata.uid", remember=False) != uid, "the same object")
    has(k("replace", "-f", "-", stdin=config("none"), code=1), 'configmaps "none" not found')


# ---- get

@row("get -o")
def get_forms(k):
    k("create", "-f", "-", stdin=many(deployment(), service()))
    has(k("get", "deploy"), "NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "0/2")
    has(k("get", "deploy", "-o", "wide"), "CONTAINERS", "IMAGES", "SELECTOR", "c0", "nginx:1", "app=web")
    has(k("get", "svc"), "CLUSTER-IP", "80/TCP")
    equal(k("get", "deploy,svc", "-o", "name"), "deployment.apps/web\nservice/web\n")
    equal(k("get", "deploy", "-o", "custom-columns=N:.metadata.name,R:.spec.replicas", "--no-headers").split(), ["web", "2"])
    equal(json.loads(k("get", "deploy", "web", "-o", "json"))["spec"]["replicas"], 2)
    has(k("get", "deploy", "web", "-o", "yaml"), "kind: Deployment")
    equal(k("get", "deploy", "-o", "go-template={{range .items}}{{.metadata.name}}{{end}}"), "web")
    has(k("get", "deploy", "--show-labels"), "LABELS", "app=web")
    has(k("get", "deploy", "-L", "app"), "APP")
    has(k("get", "all"), "service/web", "deployment.apps/web")
    has(k("get", "deploy", "nope", code=1), 'deployments.apps "nope" not found')
    has(k("get", "pods"), "No resources found")
    has(k("get", "nonsense", code=1), 'the server doesn\'t have a resource type "nonsense"')


@row("get -l, --field-selector, --chunk-size, --sort-by")
def get_selections(k):
    items = [config(f"c{i}", n=str(i)) for i in range(5)]
    for i, item in enumerate(items):
        item["metadata"]["labels"] = {"i": str(i), "odd": str(i % 2)}
    k("create", "-f", "-", stdin=many(*items))
    equal(k("get", "cm", "-l", "i in (1,2,3),odd!=0", "-o", "name"), "configmap/c1\nconfigmap/c3\n")
    equal(k("get", "cm", "-l", "odd=1,!none,i notin (3)", "-o", "name"), "configmap/c1\n")
    equal(k("get", "cm", "--field-selector", "metadata.name=c2", "-o", "name"), "configmap/c2\n")
    has(k("get", "cm", "--field-selector", "data.n=1", code=1), '"data.n" is not a known field selector: only "metadata.name", "metadata.namespace"')
    equal(k("get", "cm", "-l", "i", "--chunk-size=2", "-o", "name").split(), [f"configmap/c{i}" for i in range(5)])
    lines = k("get", "cm", "-l", "i", "--sort-by=.data.n", "--no-headers").split("\n")
    equal([line.split()[0] for line in lines if line], [f"c{i}" for i in range(5)])
    has(k("get", "cm", "-A", "-l", "i=4"), "NAMESPACE", k.ns)
    has(k("get", "cm", "-l", "a in (", code=1), "unable to parse requirement")


@row("get -w")
def get_watch(k):
    k("create", "-f", "-", stdin=config("first"))
    watch = k.start("get", "cm", "-w", "--output-watch-events", "-l", "!hidden")
    only = k.start("get", "cm", "first", "--watch-only", "-o", "name")
    lines = []

    def seen(pattern):
        while True:
            line = watch.stdout.readline()
            if not line:
                raise Failure(f"the watch ended: {lines}")
            lines.append(line)
            if re.search(pattern, line):
                return
    try:
        seen(r"ADDED +first +1")
        # The second kubectl may not watch yet; its first change is the one after it does.
        k("create", "-f", "-", stdin=config("second"), remember=False)
        seen(r"ADDED +second +1")
        k("patch", "cm", "second", "--type=merge", "-p", '{"data":{"b":"2"}}', remember=False)
        seen(r"MODIFIED +second +2")
        k("label", "cm", "second", "hidden=yes", remember=False)
        seen(r"DELETED +second +2")
        number = 0

        def poke():
            nonlocal number
            number += 1
            k.server.ok("PATCH", k.path_of("configmaps", "first"), {"data": {"n": str(number)}}, content_type="application/merge-patch+json")
            return bool(select_line(only))
        wait_for("the watch of one", poke, 20, 0.2)
    finally:
        for process in (watch, only):
            process.terminate()
            process.wait()
            process.stdout.close()


def select_line(process):
    import select
    ready, _, _ = select.select([process.stdout], [], [], 0.3)
    return process.stdout.readline() if ready else ""


@row("get --subresource", since=24)
def get_subresource(k):
    k("create", "-f", "-", stdin=deployment())
    equal(k("get", "deploy", "web", "--subresource=status", "-o", "name"), "deployment.apps/web\n")
    equal(k("get", "deploy", "web", "--subresource=scale", "-o", "jsonpath={.kind} {.spec.replicas}"), "Scale 2")


@row("get --raw")
def get_raw(k):
    has(k("get", "--raw", "/readyz", ns=False), "ok")
    equal(json.loads(k("get", "--raw", f"/api/v1/namespaces/{k.ns}", ns=False))["metadata"]["name"], k.ns)
    has(k("get", "--raw", "/nonsense", code=1, ns=False), "NotFound")
    equal(json.loads(k("create", "--raw", f"/api/v1/namespaces/{k.ns}/configmaps", "-f", "-", stdin=config()))["kind"], "ConfigMap")
    k("delete", "--raw", f"/api/v1/namespaces/{k.ns}/configmaps/conf")


@row("get of every kind's table", long=True)
def get_tables(k):
    k("create", "-f", "-", stdin=many(
        config(), {"apiVersion": "v1", "kind": "Secret", "metadata": meta("s"), "data": {"a": "YQ=="}}, service(), pod(),
        {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta("l"), "spec": {"holderIdentity": "me"}},
        {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta("e"), "addressType": "IPv4",
         "ports": [{"name": "http", "port": 80, "protocol": "TCP"}], "endpoints": [{"addresses": [f"10.0.0.{i}"]} for i in range(5)]},
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta("st"), "spec": {**deployment()["spec"], "serviceName": "x"}},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta("ds"), "spec": {key: value for key, value in deployment()["spec"].items() if key != "replicas"}},
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta("rs"), "spec": deployment()["spec"]},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta("np"), "spec": {"podSelector": {"matchLabels": {"a": "b"}}}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta("pvc"),
         "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}))
    for kind, words in {"cm conf": "DATA", "secret": "Opaque", "svc": "EXTERNAL-IP", "pod": "RESTARTS", "lease": "HOLDER me", "endpointslices e": "IPv4 + more...",
                        "sts": "0/2", "ds": "AVAILABLE", "rs": "DESIRED", "netpol": "a=b", "pvc": "STORAGECLASS", "ns " + k.ns: "Active"}.items():
        has(k("get", *kind.split(), "-o", "wide"), *words.split())


@row("describe")
def describe(k):
    k("create", "-f", "-", stdin=many(deployment(), service(), config(a="text"), pod("p"), virtual_service()))
    has(k("describe", "deploy", "web"), "nginx:1", "RollingUpdateStrategy:  25% max unavailable, 25% max surge", "app=web")
    has(k("describe", "svc", "web"), "Endpoints:", "80/TCP", "8080/TCP")
    has(k("describe", "cm", "conf"), "text")
    has(k("describe", "pod", "p"), "img:1", "Events:")
    has(k("describe", "ns", k.ns, ns=False), "Active")
    has(k("describe", "vs", "agent"), "Subset:", "90")
    has(k("describe", "deploy", "nope", code=1), 'deployments.apps "nope" not found')


# ---- changing

def editor(k, command):
    path = k.folder / f"editor-{k.ns}"
    path.write_text(f"#!/bin/sh\nsed -i '{command}' \"$1\"\n")
    path.chmod(0o755)
    return {"EDITOR": str(path), "KUBE_EDITOR": str(path)}


@row("edit")
def edit(k):
    k("create", "-f", "-", stdin=many(deployment(), virtual_service()))
    equal(k("edit", "deploy", "web", env=editor(k, "s/replicas: 2/replicas: 6/")), "deployment.apps/web edited\n")
    equal(k.jsonpath("deploy web", ".spec.replicas"), "6")
    equal(k("edit", "vs", "agent", env=editor(k, "s/weight: 90/weight: 80/;s/weight: 10$/weight: 20/")), "virtualservice.networking.istio.io/agent edited\n")
    equal(k.jsonpath("vs agent", ".spec.http[0].route[0].weight"), "80")
    has(k("edit", "deploy", "web", env=editor(k, "")), "Edit cancelled, no changes made")


@row("patch")
def patch(k):
    k("create", "-f", "-", stdin=many(deployment(images=("nginx:1", "side:1")), virtual_service()))
    k("patch", "deploy", "web", "-p", '{"spec":{"template":{"spec":{"containers":[{"name":"c1","image":"side:9"}]}}}}')
    equal(k.jsonpath("deploy web", ".spec.template.spec.containers[*].image"), "nginx:1 side:9")
    equal(k("patch", "deploy", "web", "--type=merge", "-p", '{"spec":{"replicas":4}}'), "deployment.apps/web patched\n")
    equal(k("patch", "deploy", "web", "--type=merge", "-p", '{"spec":{"replicas":4}}'), "deployment.apps/web patched (no change)\n")
    k("patch", "deploy", "web", "--type=json", "-p", '[{"op":"replace","path":"/spec/replicas","value":5}]')
    equal(k.jsonpath("deploy web", ".spec.replicas"), "5")
    k("patch", "vs", "agent", "--type=json", "-p", '[{"op":"test","path":"/spec/http/0/route/0/weight","value":90},'
      '{"op":"replace","path":"/spec/http/0/route/0/weight","value":60},{"op":"replace","path":"/spec/http/0/route/1/weight","value":40}]')
    equal(k.jsonpath("vs agent", ".spec.http[0].route[*].weight"), "60 40")
    has(k("patch", "vs", "agent", "-p", '{"spec":{}}', code=1), "application/merge-patch+json")
    has(k("patch", "vs", "agent", "--type=json", "-p", '[{"op":"test","path":"/spec/hosts/0","value":"no"}]', code=1), "rejected our request")
    has(k("patch", "deploy", "nope", "-p", "{}", code=1), "not found")


@row("patch --subresource", since=24)
def patch_subresource(k):
    k("create", "-f", "-", stdin=deployment())
    k("patch", "deploy", "web", "--subresource=status", "--type=merge", "-p", '{"status":{"replicas":3},"spec":{"replicas":9}}')
    equal(k.jsonpath("deploy web", ".status.replicas") + k.jsonpath("deploy web", ".spec.replicas"), "32")
    k("patch", "deploy", "web", "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":7}}')
    equal(k.jsonpath("deploy web", ".spec.replicas"), "7")


@row("label, annotate")
def label_and_annotate(k):
    k("create", "-f", "-", stdin=many(config("one"), config("two")))
    equal(k("label", "cm", "one", "x=1"), "configmap/one labeled\n")
    has(k("label", "cm", "one", "x=2", code=1), "already has a value")
    equal(k("label", "cm", "one", "x=2", "--overwrite"), "configmap/one labeled\n")
    has(k("label", "cm", "one", "x-"), "configmap/one", "label")
    has(k("label", "cm", "-l", "!x", "y=1"), "configmap/one", "configmap/two")
    has(k("annotate", "cm", "one", "note=hello"), "configmap/one annotate")
    equal(k.jsonpath("cm one", ".metadata.annotations.note"), "hello")
    has(k("annotate", "--list", "cm", "one") if k.minor >= 22 else "note=hello", "note=hello")
    has(k("label", "cm", "one", "x=-bad-", code=1), "valid label")


@row("scale")
def scale(k):
    k("create", "-f", "-", stdin=deployment())
    equal(k("scale", "deploy", "web", "--replicas=3"), "deployment.apps/web scaled\n")
    equal(k.jsonpath("deploy web", ".spec.replicas"), "3")
    equal(k("scale", "deploy", "web", "--current-replicas=3", "--replicas=1"), "deployment.apps/web scaled\n")
    has(k("scale", "deploy", "web", "--current-replicas=3", "--replicas=2", code=1), "Expected replicas to be 3, was 1")
    said = k("scale", "deploy", "none", "--replicas=2", code=1)
    has(said, "no objects" if "no objects" in said else "not found")  # the words differ between versions


@row("autoscale")
def autoscale(k):
    k("create", "-f", "-", stdin=deployment())
    has(k("autoscale", "deploy", "web", "--min=2", "--max=5", "--cpu-percent=80"), "horizontalpodautoscaler.autoscaling/web autoscaled")
    has(k("get", "hpa"), "Deployment/web", "80%", "2", "5")
    equal(k("get", "horizontalpodautoscalers.v2.autoscaling", "web", "-o", "jsonpath={.spec.metrics[0].resource.target.averageUtilization}"), "80")
    equal(k("get", "horizontalpodautoscalers.v1.autoscaling", "web", "-o", "jsonpath={.spec.targetCPUUtilizationPercentage}"), "80")


@row("set image, env, resources, selector, sa")
def set_parts(k):
    k("create", "-f", "-", stdin=many(deployment(), service()))
    equal(k("set", "image", "deploy/web", "c0=nginx:7"), "deployment.apps/web image updated\n")
    equal(k("set", "env", "deploy/web", "A=b"), "deployment.apps/web env updated\n")
    equal(k("set", "env", "deploy/web", "--list"), "# Deployment web, container c0\nA=b\n")
    equal(k("set", "resources", "deploy/web", "--limits=cpu=1,memory=64Mi", "--requests=cpu=500m"), "deployment.apps/web resource requirements updated\n")
    equal(k("set", "selector", "svc", "web", "app=other"), "service/web selector updated\n")
    equal(k("set", "serviceaccount", "deploy", "web", "robot"), "deployment.apps/web serviceaccount updated\n")
    spec = json.loads(k("get", "deploy", "web", "-o", "json"))["spec"]["template"]["spec"]
    equal((spec["containers"][0]["image"], spec["containers"][0]["env"], spec["containers"][0]["resources"]["limits"]["memory"], spec["serviceAccountName"]),
          ("nginx:7", [{"name": "A", "value": "b"}], "64Mi", "robot"))


# ---- delete, wait

@row("delete")
def delete(k):
    k("create", "-f", "-", stdin=many(*(config(f"c{i}") for i in range(5)), service()))
    equal(k("delete", "svc", "web").split(" from ")[0].rstrip(), 'service "web" deleted')
    has(k("delete", "svc", "web", code=1), 'services "web" not found')
    equal(k("delete", "svc", "web", "--ignore-not-found"), "")
    has(k("delete", "cm", "c0", "--dry-run=server"), 'configmap "c0" deleted', "(server dry run)")
    has(k("delete", "cm", "c0", "--now", "--wait=false"), 'configmap "c0" deleted')
    has(k("delete", "cm", "c1", "--grace-period=0", "--force"), 'configmap "c1"')
    k("label", "cm", "c2", "x=1")
    has(k("delete", "cm", "-l", "x=1"), 'configmap "c2" deleted')
    has(k("delete", "cm", "--field-selector", "metadata.name=c3"), 'configmap "c3" deleted')
    k("delete", "cm", "--all")
    equal(k("get", "cm", "-o", "name", "--field-selector", "metadata.name!=kube-root-ca.crt"), "")


@row("delete --cascade", acts="the garbage collector is a controller")
def delete_cascade(k):
    owner = k.make("configmaps", config("owner"))
    child = config("child")
    child["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"], "blockOwnerDeletion": True}]
    k.make("configmaps", child)
    k("delete", "cm", "owner", "--cascade=orphan")
    equal(k("get", "cm", "child", "-o", "jsonpath={.metadata.ownerReferences}"), "")
    for policy in ("background", "foreground"):
        owner = k.make("configmaps", config(policy))
        k("patch", "cm", "child", "--type=merge", "-p", json.dumps({"metadata": {"ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": policy, "uid": owner["metadata"]["uid"]}]}}))
        k("delete", "cm", policy, f"--cascade={policy}", "--timeout=20s")
        wait_for("the child to go", lambda: k.server.get(k.path_of("configmaps", "child")).status == 404)
        k.make("configmaps", config("child"))


@row("delete ns", acts="namespaces are emptied by a controller")
def delete_namespace(k):
    k("create", "ns", f"{k.ns}-gone", ns=False)
    k("create", "cm", "x", "-n", f"{k.ns}-gone", ns=False)
    has(k("delete", "ns", f"{k.ns}-gone", "--timeout=20s", ns=False), f'namespace "{k.ns}-gone" deleted')
    equal(k.server.get(f"/api/v1/namespaces/{k.ns}-gone/configmaps/x").status, 404)
    has(k("delete", "ns", "default", code=1, ns=False), "may not be deleted")


@row("delete with finalizers")
def delete_with_finalizer(k):
    held = config("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    k("create", "-f", "-", stdin=held)
    has(k("delete", "cm", "held", "--wait=false"), 'configmap "held" deleted')
    check(k.jsonpath("cm held", ".metadata.deletionTimestamp"), "not marked")
    waiter = k.start("delete", "cm", "held", "--timeout=20s")
    k("patch", "cm", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    text, _ = waiter.communicate(timeout=30)
    check(waiter.returncode == 0 or "not found" in text, text)
    has(k("get", "cm", "held", code=1), "not found")


@row("wait")
def wait(k):
    k("create", "-f", "-", stdin=many(deployment(), config("gone")))
    if k.minor >= 23:
        waiter = k.start("wait", "deploy/web", "--for=jsonpath={.status.replicas}=2", "--timeout=20s")
        k.status("deployments", "web", {"replicas": 2}, "apps")
        text, _ = waiter.communicate(timeout=30)
        has(text, "condition met")
    k.status("deployments", "web", {"observedGeneration": 1, "conditions": [{"type": "Available", "status": "True", "reason": "x", "message": "",
             "lastTransitionTime": "2026-01-01T00:00:00Z", "lastUpdateTime": "2026-01-01T00:00:00Z"}]}, "apps")
    equal(k("wait", "deploy/web", "--for=condition=Available", "--timeout=20s"), "deployment.apps/web condition met\n")
    has(k("wait", "deploy/web", "--for=condition=Nope", "--timeout=1s", code=1), "timed out waiting for the condition")
    waiter = k.start("wait", "cm/gone", "--for=delete", "--timeout=20s")
    k("delete", "cm", "gone")
    text, _ = waiter.communicate(timeout=30)
    check(waiter.returncode == 0 or "no matching resources" in text or "not found" in text, text)
    if k.minor >= 31:
        waiter = k.start("wait", "cm/new", "--for=create", "--timeout=20s")
        k("create", "cm", "new")
        text, _ = waiter.communicate(timeout=30)
        has(text, "condition met")


@row("diff")
def diff(k):
    k("apply", "-f", "-", stdin=deployment())
    equal(k("diff", "-f", "-", stdin=deployment()), "")
    has(k("diff", "-f", "-", stdin=deployment(replicas=7), code=1), "-  replicas: 2", "+  replicas: 7")
    if k.minor >= 22:
        has(k("diff", "--server-side", "--force-conflicts", "-f", "-", stdin=deployment(replicas=8), code=1), "+  replicas: 8")
    has(k("diff", "-f", "-", stdin=config("new"), code=1), "+kind: ConfigMap")
    equal(k.jsonpath("deploy web", ".spec.replicas"), "2")


# ---- finding out

@row("explain")
def explain(k):
    has(k("explain", "deploy", ns=False), "KIND:", "Deployment", "spec", "status")
    has(k("explain", "deploy.spec.template.spec.containers", ns=False), "image", "livenessProbe")
    has(k("explain", "deployment.spec", "--recursive", ns=False), "maxSurge", "containerPort")
    has(k("explain", "hpa", "--api-version=autoscaling/v1", ns=False), "autoscaling/v1" if k.minor < 27 else "HorizontalPodAutoscaler")
    has(k("explain", "vs.spec.http.route", ns=False), "weight")
    has(k("explain", "deploy.spec.nope", code=1, ns=False), "does not exist")
    has(k("explain", "nonsense", code=1, ns=False), "nonsense")


@row("api-resources, api-versions")
def api_resources(k):
    text = k("api-resources", ns=False)
    has(text, "configmaps", "deployments", "virtualservices", "poddisruptionbudgets")
    names = k("api-resources", "--namespaced=true", "--verbs=list", "--api-group=apps", "-o", "name", ns=False).split()
    has(" ".join(names), "deployments.apps", "replicasets.apps")
    has(k("api-versions", ns=False), "apps/v1\n", "v1\n", "events.k8s.io/v1\n")


@row("events, get events")
def events(k):
    k("create", "-f", "-", stdin=pod())
    uid = k.jsonpath("pod p", ".metadata.uid", remember=False)
    k.make("events", {"apiVersion": "v1", "kind": "Event", "metadata": meta("p.1"), "type": "Warning", "reason": "Odd", "message": "looks odd", "count": 3,
                      "involvedObject": {"kind": "Pod", "apiVersion": "v1", "namespace": k.ns, "name": "p", "uid": uid},
                      "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:01:00Z", "source": {"component": "test"}})
    k.make("events", {"metadata": meta("p.2"), "type": "Normal", "reason": "Fine", "note": "goes well", "action": "Look", "reportingController": "test.dev/x",
                      "reportingInstance": "one", "eventTime": "2026-01-01T00:00:00.000000Z",
                      "regarding": {"kind": "Pod", "apiVersion": "v1", "namespace": k.ns, "name": "p", "uid": uid}}, "events.k8s.io")
    has(k("get", "events"), "LAST SEEN", "Odd", "pod/p", "looks odd", "goes well")
    has(k("get", "ev", "-o", "wide"), "FIRST SEEN", "COUNT", "test")
    equal(k("get", "events", "--field-selector", "type=Warning", "-o", "name"), "event/p.1\n")
    equal(k("get", "events.v1.events.k8s.io", "p.1", "-o", "jsonpath={.note} {.regarding.name} {.deprecatedCount}"), "looks odd p 3")
    has(k("describe", "pod", "p"), "looks odd", "x3 over", "goes well")
    if k.minor >= 26:
        text = k("events", "--for", "pod/p", "--types=Warning")
        has(text, "looks odd")
        check("goes well" not in text, text)


@row("auth can-i, whoami")
def auth(k):
    equal(k("auth", "can-i", "create", "pods"), "yes\n")
    has(k("auth", "can-i", "--list"), "Resources", "Verbs")
    if k.minor >= 28:
        has(k("auth", "whoami", ns=False), "Username")


@row("cluster-info, version")
def cluster_info(k):
    text = k("cluster-info", ns=False)
    has(text, "127.0.0.1", "is running at")
    version = json.loads(k("version", "-o", "json", ns=False).partition("WARNING")[0])
    has(version["serverVersion"]["gitVersion"], "v1.")
    equal(version["clientVersion"]["minor"].rstrip("+"), str(k.minor))


# ---- rollout, logs

def replica_set(k, owner, name, revision, image):
    body = deployment(owner["metadata"]["name"], images=(image,))
    body["kind"] = "ReplicaSet"
    body["spec"]["replicas"] = 0
    labels = {"app": owner["metadata"]["name"], "pod-template-hash": name}
    body["spec"]["selector"]["matchLabels"] = body["spec"]["template"]["metadata"]["labels"] = labels
    body["metadata"] = meta(f"{owner['metadata']['name']}-{name}", labels=labels, annotations={"deployment.kubernetes.io/revision": str(revision)}, ownerReferences=[
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"], "controller": True}])
    return k.make("replicasets", body, "apps")


@row("rollout status, restart, pause, resume")
def rollout_moves(k):
    k("create", "-f", "-", stdin=deployment())
    equal(k("rollout", "pause", "deploy/web"), "deployment.apps/web paused\n")
    has(k("rollout", "pause", "deploy/web", code=1), "is already paused")
    equal(k("rollout", "resume", "deploy/web"), "deployment.apps/web resumed\n")
    equal(k("rollout", "restart", "deploy/web"), "deployment.apps/web restarted\n")
    check(k.jsonpath("deploy web", r".spec.template.metadata.annotations.kubectl\.kubernetes\.io/restartedAt"), "no annotation")
    waiter = k.start("rollout", "status", "deploy/web", "--timeout=20s")
    generation = int(k.jsonpath("deploy web", ".metadata.generation"))
    k.status("deployments", "web", {"observedGeneration": generation, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}, "apps")
    text, _ = waiter.communicate(timeout=30)
    has(text, 'deployment "web" successfully rolled out')


@row("rollout history, undo")
def rollout_history(k):
    owner = deployment(images=("nginx:2",))
    owner["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "2"}  # kubectl 1.20 counts on there being some
    owner = k.make("deployments", owner, "apps")
    replica_set(k, owner, "aaa", 1, "nginx:1")
    replica_set(k, owner, "bbb", 2, "nginx:2")
    has(k("rollout", "history", "deploy/web"), "REVISION  CHANGE-CAUSE\n1         <none>\n2         <none>")
    has(k("rollout", "history", "deploy/web", "--revision=1"), "nginx:1")
    has(k("rollout", "undo", "deploy/web"), "deployment.apps/web rolled back")
    equal(k.jsonpath("deploy web", ".spec.template.spec.containers[0].image"), "nginx:1")
    has(k("rollout", "undo", "deploy/web", "--to-revision=7", code=1), "unable to find specified revision 7 in history")
    equal(k("rollout", "undo", "deploy/web", "--to-revision=2"), "deployment.apps/web rolled back\n")
    equal(k.jsonpath("deploy web", ".spec.template.spec.containers[0].image"), "nginx:2")


@row("logs", acts="the files are ours")
def logs(k):
    k("create", "-f", "-", stdin=many(pod("p", ("one", "two"), {"app": "web"}), deployment()))
    folder = k.server.data / "logs" / f"{k.ns}_p"
    folder.mkdir(parents=True)
    (folder / "one.log").write_text("a\nb\nc\n")
    (folder / "one.previous.log").write_text("before\n")
    (folder / "two.log").write_text("z\n")
    # What the writer keeps beside a log: where bytes begin, and when they were written.
    (folder / "one.log.times").write_bytes(struct.pack("<qqqq", 0, 1767225600000, 4, 1767225605123))  # "c" five seconds after the others
    k.status("pods", "p", {"phase": "Running"})
    equal(k("logs", "p", "-c", "one"), "a\nb\nc\n")
    equal(k("logs", "p", "-c", "one", "--tail=1"), "c\n")
    equal(k("logs", "p", "-c", "one", "--limit-bytes=3"), "a\nb")
    equal(k("logs", "p", "-c", "one", "--previous"), "before\n")
    equal(sorted(k("logs", "p", "--all-containers").split()), ["a", "b", "c", "z"])
    has(k("logs", "-l", "app=web", "--all-containers", "--prefix"), "[pod/p/one] a", "[pod/p/two] z")
    equal(k("logs", "p", "-c", "one", "--timestamps"), "2026-01-01T00:00:00.000000000Z a\n2026-01-01T00:00:00.000000000Z b\n2026-01-01T00:00:05.123000000Z c\n")
    equal(k("logs", "p", "-c", "one", "--since-time=2026-01-01T00:00:03Z"), "c\n")
    equal(k("logs", "p", "-c", "one", "--since=1s"), "")
    has(k("logs", "p", "-c", "nope", code=1), "container nope is not valid for pod p")
    has(k("logs", "nope", code=1), 'pods "nope" not found')
    follow = k.start("logs", "p", "-c", "one", "-f", "--tail=1")
    try:
        equal(follow.stdout.readline(), "c\n")
        with open(folder / "one.log", "a") as file:
            file.write("d\n")
        equal(follow.stdout.readline(), "d\n")
        os.rename(folder / "one.log", folder / "one.previous.log")  # the container starts again
        (folder / "one.log").write_text("again\n")
        equal(follow.stdout.readline(), "again\n")
        k.status("pods", "p", {"phase": "Succeeded"})
        equal(follow.wait(20), 0)
    finally:
        follow.kill()
        follow.stdout.close()


@row("logs deploy/x", acts="the files are ours")
def logs_of_a_deployment(k):
    k("create", "-f", "-", stdin=many(deployment(), pod("p", ("c0",), {"app": "web"})))
    folder = k.server.data / "logs" / f"{k.ns}_p"
    folder.mkdir(parents=True)
    (folder / "c0.log").write_text("hello\n")
    k.status("pods", "p", {"phase": "Running"})
    equal(k("logs", "deploy/web"), "hello\n")


# ---- what needs more than an API server

@row("exec, attach, cp, port-forward, debug", acts="a real one answers from its kubelet")
def streams(k):
    k("create", "-f", "-", stdin=pod())
    k.status("pods", "p", {"phase": "Running", "containerStatuses": [{"name": "c", "image": "img:1", "imageID": "", "ready": True, "restartCount": 0,
             "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]})
    for args in (("exec", "p", "--", "true"), ("attach", "p"), ("port-forward", "p", ":80"), ("cp", "p:/etc/hosts", str(k.folder / "hosts"))):
        has(k(*args, code=None), "does not serve pods/", "the pod is a process of this machine", "kubectl logs p")
        check(k.said[-1][1] != 0, f"{args[0]} went well")
    has(k("exec", "nope", "--", "true", code=1), 'pods "nope" not found')


@row("top, drain, cordon, taint")
def nodes(k):
    has(k("top", "pods", code=1), "Metrics API not available")
    if k.ours:
        for args in (("drain", "machine"), ("cordon", "machine"), ("get", "nodes"), ("taint", "nodes", "machine", "a=b:NoSchedule")):
            has(k(*args, code=1, ns=False), "the server doesn't have a resource type", "node")


@row("proxy")
def proxy(k):
    process = k.start("proxy", "--port=0")
    try:
        address = re.search(r"127\.0\.0\.1:\d+", process.stdout.readline()).group(0)
        with urllib.request.urlopen(f"http://{address}/api/v1/namespaces/{k.ns}", timeout=10) as reply:
            equal(json.loads(reply.read())["metadata"]["name"], k.ns)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


# ---- our own kinds

@row("get, describe, patch of Rollouts")
def our_kinds(k):
    k("apply", "-f", "-", stdin=rollout())
    has(k("get", "sro", "agent"), "NAME", "agent")
    has(k("describe", "rollout", "agent"), "Subset:")
    bad = rollout("other", bogus=1)
    has(k("apply", "-f", "-", stdin=bad, code=1), 'unknown field "')
    k("create", "-f", "-", stdin={"apiVersion": "serin.dev/v1alpha1", "kind": "RolloutAction", "metadata": meta("act"), "spec": {"rollout": "agent", "verb": "promote"}})
    has(k("patch", "rolloutaction", "act", "--type=merge", "-p", '{"spec":{"verb":"abort"}}', code=1), "immutable")
    if k.ours:  # the server says who asked, whatever the client claims
        user = k.server.ok("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})["status"]["userInfo"]["username"]
        equal(k.jsonpath("rolloutaction act", r".metadata.annotations.serin\.dev/user", remember=False), user)
    if k.minor >= 24:
        k("patch", "rollout", "agent", "--subresource=status", "--type=merge", "-p", '{"status":{"phase":"Healthy"},"spec":{"suspend":true}}')
        equal(k.jsonpath("rollout agent", ".status.phase"), "Healthy")
        check(k.jsonpath("rollout agent", ".spec.suspend") != "true", "a status patch changed the spec")
    has(k("explain", "rollout.spec.steps", ns=False), "setWeight")
