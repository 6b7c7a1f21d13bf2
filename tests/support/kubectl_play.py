# SPDX-License-Identifier: Apache-2.0
"""One kubectl on one server, the rows it plays (kubectl_rows.py) and the objects they make."""
import json
import os
import pathlib
import re
import subprocess

from apiserver import Failure, check, die_with_parent

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
