# SPDX-License-Identifier: Apache-2.0
"""Rows of kubectl_rows.py: edit, patch, scale, delete, wait, diff."""
import json

from apiserver import check, equal, wait_for
from kubectl_play import config, deployment, has, many, row, service, virtual_service


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
    has(k("patch", "vs", "agent", "--type=json", "-p", '[{"op":"test","path":"/spec/hosts/0","value":"no"}]', code=1),
        "rejected our request" if k.minor > 20 else "The request is invalid") # the old one shows no message without causes
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
