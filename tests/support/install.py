# SPDX-License-Identifier: Apache-2.0
"""The manifests of an installation: rendered from the chart, written to manifests/install, read back as objects."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSTALL = ROOT / "manifests" / "install"
CHART = INSTALL / "chart"
KUBE_VERSION = "1.30.0"  # of a cluster that a chart without one is rendered for

# What is kept beside the chart for people without helm: folder, templates, values.
RENDERED = {
    "operator": (["rbac", "roles", "operator"], []),
    "namespaced": (["rbac", "operator"], ["scope=namespace"]),
    "proxy": (["proxy"], ["proxy.enabled=true"]),
    "namespaced-proxy": (["proxy"], ["scope=namespace", "proxy.enabled=true"]),
    "policy": (["policy"], ["admissionPolicy.enabled=true"]),
    "monitoring": (["monitoring"], ["serviceMonitor.enabled=true", "prometheusRule.enabled=true"]),
}


def helm():
    """Where helm is, or None: HELM, the PATH, or what tests/kubernetes/assets has built."""
    found = os.environ.get("HELM") or shutil.which("helm")
    if found:
        return found
    done = subprocess.run([sys.executable, ROOT / "tests" / "kubernetes" / "assets", "--cached", "helm"], capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout)["helm"] if done.returncode == 0 else None


def template(tool, *arguments, namespace="serin-system", fail=True):
    done = subprocess.run([tool, "template", "serin", str(CHART), "-n", namespace, "--kube-version", KUBE_VERSION, *arguments],
                          capture_output=True, text=True, timeout=60)
    if fail and done.returncode:
        raise RuntimeError(f"helm template {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout if fail else done


def digest(folder):
    """Of everything in the chart that the folder's text depends on."""
    total = hashlib.sha256()
    names = ["Chart.yaml", "values.yaml", "templates/_helpers.tpl", *(f"templates/{name}.yaml" for name in RENDERED[folder][0])]
    for name in names + (["files/rules.yaml"] if folder == "monitoring" else []):
        total.update(f"{name}\0".encode() + (CHART / name).read_bytes() + b"\0")
    return total.hexdigest()[:16]


def header(folder):
    return (f"# Generated from manifests/install/chart (sources {digest(folder)}); do not edit:\n"
            "# REFRESH=1 python3 tests/integration/test_install.py\n")


def rendered(tool, folder):
    """The text of manifests/install/FOLDER/FOLDER.yaml."""
    templates, values = RENDERED[folder]
    shows = [part for name in templates for part in ("-s", f"templates/{name}.yaml")]
    text = template(tool, *shows, *[part for value in values for part in ("--set", value)])
    lines = [line for line in text.splitlines() if not line.startswith("# Source: ")]
    return header(folder) + "\n".join(lines).strip("\n").removeprefix("---\n") + "\n"


def objects(kubectl, text):
    """YAML to objects, by kubectl and without a server."""
    done = subprocess.run([kubectl, "patch", "--local", "--type=merge", "-p", "{}", "-f", "-", "-o", "json"], input=text,
                          capture_output=True, text=True, timeout=60, env={**os.environ, "KUBECONFIG": "/dev/null"})
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    found, rest, decoder = [], done.stdout.strip(), json.JSONDecoder()
    while rest:
        item, end = decoder.raw_decode(rest)
        found += item["items"] if item["kind"] == "List" else [item]
        rest = rest[end:].strip()
    return found


def kustomize(kubectl, folder=""):
    done = subprocess.run([kubectl, "kustomize", str(INSTALL / folder)], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"kubectl kustomize {folder}: {done.stderr.strip()}")
    return done.stdout


def key(item):
    return item["apiVersion"], item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]
