# SPDX-License-Identifier: Apache-2.0
"""Rows of kubectl_rows.py: get and describe."""
import json
import re

from apiserver import Failure, equal, wait_for
from kubectl_play import config, deployment, has, many, meta, pod, row, service, virtual_service


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
