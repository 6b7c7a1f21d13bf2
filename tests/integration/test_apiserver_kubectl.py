#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real kubectl against `serin apiserver`: what a person types, and what comes out."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import check, equal, main  # noqa: E402

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c, image: "nginx:1", ports: [{containerPort: 80}]}
      - {name: side, image: "side:1"}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""
ROLLOUT = """
apiVersion: serin.dev/v1alpha1
kind: Rollout
metadata: {name: agent, namespace: default}
spec:
  stable: {deployment: agent-v1, subset: v1}
  canary: {deployment: agent-v2, subset: v2}
  traffic: {virtualService: {name: agent}, destinationRule: agent-dr}
"""
VIRTUAL_SERVICE = """
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata: {name: agent, namespace: default}
spec:
  hosts: [agent]
  http:
  - route:
    - {destination: {host: agent, subset: v1}, weight: 90}
    - {destination: {host: agent, subset: v2}, weight: 10}
"""


def set_status(server, patch):
    if server.kubectl_minor() >= 24:
        server.kubectl("patch", "rollout", "agent", "--subresource=status", "--type=merge", "-p", json.dumps(patch))
    else:
        server.ok("PATCH", "/apis/serin.dev/v1alpha1/namespaces/default/rollouts/agent/status", patch, content_type="application/merge-patch+json")


def test_apply_creates_then_is_unchanged_then_configures(server):
    for manifest, name in ((DEPLOYMENT, "deployment.apps/web"), (SERVICE, "service/web"),
                           (ROLLOUT, "rollout.serin.dev/agent"),
                           (VIRTUAL_SERVICE, "virtualservice.networking.istio.io/agent")):
        equal(server.kubectl("apply", "-f", "-", stdin=manifest), f"{name} created\n")
        equal(server.kubectl("apply", "-f", "-", stdin=manifest), f"{name} unchanged\n")
    changed = DEPLOYMENT.replace("nginx:1", "nginx:2")
    equal(server.kubectl("apply", "-f", "-", stdin=changed), "deployment.apps/web configured\n")
    images = server.kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[*].image}")
    equal(images, "nginx:2 side:1")
    changed = VIRTUAL_SERVICE.replace("90", "50").replace("10", "50")
    equal(server.kubectl("apply", "-f", "-", stdin=changed), "virtualservice.networking.istio.io/agent configured\n")


def test_apply_removes_what_left_the_file(server):
    without = "\n".join(line for line in DEPLOYMENT.splitlines() if "side" not in line)
    server.kubectl("apply", "-f", "-", stdin=without)
    equal(server.kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[*].name}"), "c")
    server.kubectl("apply", "-f", "-", stdin=DEPLOYMENT)


def test_get_in_every_form(server):
    table = server.kubectl("get", "deploy")
    check("READY" in table and "UP-TO-DATE" in table and "0/2" in table, table)
    check("SELECTOR" in server.kubectl("get", "deploy", "-o", "wide"), "no wide columns")
    check("CLUSTER-IP" in server.kubectl("get", "svc"), "no service columns")
    equal(server.kubectl("get", "deploy", "-o", "name"), "deployment.apps/web\n")
    equal(json.loads(server.kubectl("get", "sro", "agent", "-o", "json"))["kind"], "Rollout")
    check("kind: Rollout" in server.kubectl("get", "rollouts", "agent", "-o", "yaml"), "no yaml")
    check("agent" in server.kubectl("get", "rollout"), "no rollout row")
    check("web" in server.kubectl("get", "all"), "get all")
    listed = server.kubectl("get", "deploy,svc", "-l", "app in (web,other),!none", "-o", "name")
    equal(listed, "deployment.apps/web\n")
    equal(server.kubectl("get", "svc", "--field-selector", "metadata.name=web", "-o", "name"), "service/web\n")
    check("not supported" in server.kubectl("get", "svc", "--field-selector", "spec.nope=1", code=1), "bad field selector")
    check('deployments.apps "nope" not found' in server.kubectl("get", "deploy", "nope", code=1), "not found text")
    check("No resources found" in server.kubectl("get", "pods"), "empty list")
    check("Active" in server.kubectl("get", "ns"), "namespaces")
    server.kubectl("get", "deploy", "--sort-by=.metadata.name")


def test_describe(server):
    text = server.kubectl("describe", "deploy", "web")
    check("nginx:1" in text and "RollingUpdate" in text, text)
    check("Subset:" in server.kubectl("describe", "rollout", "agent"), "rollout")
    check("Endpoints" in server.kubectl("describe", "svc", "web"), "service")


def test_patch_in_every_type(server):
    server.kubectl("patch", "deploy", "web", "-p", '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"side:9"}]}}}}')
    equal(server.kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[*].image}"), "nginx:1 side:9")
    server.kubectl("patch", "deploy", "web", "--type=merge", "-p", '{"spec":{"replicas":4}}')
    server.kubectl("patch", "deploy", "web", "--type=json", "-p", '[{"op":"replace","path":"/spec/replicas","value":5}]')
    equal(server.kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas} {.metadata.generation}").split()[0], "5")
    server.kubectl("patch", "vs", "agent", "--type=json", "-p",
                   '[{"op":"test","path":"/spec/http/0/route/0/weight","value":50},'
                   '{"op":"replace","path":"/spec/http/0/route/0/weight","value":60},'
                   '{"op":"replace","path":"/spec/http/0/route/1/weight","value":40}]')
    text = server.kubectl("patch", "vs", "agent", "-p", "{}", code=1)
    check("415" in text or "media type" in text.lower() or "unsupported" in text.lower() or "invalid" in text, text)
    text = server.kubectl("patch", "vs", "agent", "--type=json", "-p", '[{"op":"test","path":"/spec/hosts/0","value":"no"}]', code=1)
    check("rejected our request" in text or "invalid" in text, text)
    set_status(server, {"status": {"phase": "Healthy"}, "spec": {"suspend": True}})
    equal(server.kubectl("get", "rollout", "agent", "-o", "jsonpath={.status.phase}"), "Healthy")
    check(server.kubectl("get", "rollout", "agent", "-o", "jsonpath={.spec.suspend}") != "true", "a status patch changed the spec")


def test_label_annotate_scale_set(server):
    equal(server.kubectl("label", "deploy", "web", "x=1"), "deployment.apps/web labeled\n")
    check("labeled" in server.kubectl("label", "deploy", "web", "x-"), "unlabel")
    check(server.kubectl("annotate", "rollout", "agent", "note=hello").startswith("rollout.serin.dev/agent annotate"), "annotate")
    check("valid label" in server.kubectl("label", "deploy", "web", "x=-bad-", code=1), "bad label")
    equal(server.kubectl("scale", "deploy", "web", "--replicas=3"), "deployment.apps/web scaled\n")
    equal(server.kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}"), "3")
    server.kubectl("set", "image", "deploy/web", "c=nginx:7")
    equal(server.kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}"), "nginx:7")
    server.kubectl("set", "env", "deploy/web", "A=b")
    server.kubectl("rollout", "restart", "deploy/web")
    check("restartedAt" in server.kubectl("get", "deploy", "web", "-o", "yaml"), "restart")


def test_edit(server):
    editor = server.data / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/replicas: 3/replicas: 6/' \"$1\"\n")
    editor.chmod(0o755)
    check("edited" in server.kubectl("edit", "deploy", "web", env={"EDITOR": str(editor)}), "edit deploy")
    equal(server.kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}"), "6")
    editor.write_text("#!/bin/sh\nsed -i 's/subset: v2/subset: v9/' \"$1\"\n")
    check("edited" in server.kubectl("edit", "rollout", "agent", env={"EDITOR": str(editor)}), "edit rollout")
    equal(server.kubectl("get", "rollout", "agent", "-o", "jsonpath={.spec.canary.subset}"), "v9")


def test_diff_and_dry_run(server):
    current = server.kubectl("get", "deploy", "web", "-o", "jsonpath={.metadata.resourceVersion}")
    text = server.kubectl("diff", "-f", "-", stdin=DEPLOYMENT.replace("replicas: 2", "replicas: 7"), code=1)
    check("replicas: 7" in text, text)
    server.kubectl("apply", "--dry-run=server", "-f", "-", stdin=DEPLOYMENT.replace("replicas: 2", "replicas: 8"))
    equal(server.kubectl("get", "deploy", "web", "-o", "jsonpath={.metadata.resourceVersion}"), current, "dry run wrote")
    server.kubectl("apply", "-f", "-", stdin=SERVICE)
    equal(server.kubectl("diff", "-f", "-", stdin=SERVICE), "", "diff of the same")


def test_strict_validation(server):
    bad = ROLLOUT.replace("name: agent,", "name: other,").replace("spec:\n", "spec:\n  bogus: 1\n")
    text = server.kubectl("apply", "-f", "-", stdin=bad, code=1)
    if server.kubectl_minor() < 25:  # finds it out on its own side
        check('unknown field "bogus" in dev.serin' in text, text)
        return
    check('unknown field "spec.bogus"' in text, text)
    text = server.kubectl("apply", "--validate=warn", "-f", "-", stdin=bad)
    check('unknown field "spec.bogus"' in text and "created" in text, text)
    server.kubectl("delete", "rollout", "other")
    text = server.kubectl("create", "-f", "-", stdin=VIRTUAL_SERVICE.replace("weight: 90", "weight: many").replace("name: agent,", "name: bad,"), code=1)
    check("is invalid" in text and "weight" in text, text)


def test_create_and_generate_name(server):
    equal(server.kubectl("create", "ns", "team1"), "namespace/team1 created\n")
    check("already exists" in server.kubectl("create", "ns", "team1", code=1), "exists")
    equal(server.kubectl("create", "cm", "conf", "-n", "team1", "--from-literal=a=b"), "configmap/conf created\n")
    equal(server.kubectl("get", "cm", "conf", "-n", "team1", "-o", "jsonpath={.data.a}"), "b")
    equal(server.kubectl("create", "secret", "generic", "s", "-n", "team1", "--from-literal=p=q"), "secret/s created\n")
    equal(server.kubectl("get", "secret", "s", "-n", "team1", "-o", "jsonpath={.data.p}"), "cQ==")
    equal(server.kubectl("create", "deployment", "made", "-n", "team1", "--image=img:1", "--replicas=2", "--port=80", "--", "run", "-x"), "deployment.apps/made created\n")
    made = json.loads(server.kubectl("get", "deploy", "made", "-n", "team1", "-o", "json"))["spec"]
    container = made["template"]["spec"]["containers"][0]
    equal((made["replicas"], container["image"], container["command"], container["ports"][0]["containerPort"]), (2, "img:1", ["run", "-x"], 80))
    equal(server.kubectl("create", "service", "clusterip", "made", "-n", "team1", "--tcp=80:8080"), "service/made created\n")
    equal(server.kubectl("get", "svc", "made", "-n", "team1", "-o", "jsonpath={.spec.ports[0].targetPort}"), "8080")
    action = "apiVersion: serin.dev/v1alpha1\nkind: RolloutAction\nmetadata: {generateName: agent-}\nspec: {rollout: agent, verb: promote}\n"
    text = server.kubectl("create", "-f", "-", stdin=action)
    name = text.split()[0]
    check(name.startswith("rolloutaction.serin.dev/agent-"), text)
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    user = server.ok("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)["status"]["userInfo"]["username"]
    if server.kubectl_minor() >= 27:
        equal(server.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"), user)
    stamped = server.kubectl("get", name, "-o", r"jsonpath={.metadata.annotations.serin\.dev/user}")
    check(user and stamped == user, f"{stamped!r} is not {user!r}")
    text = server.kubectl("patch", name, "--type=merge", "-p", '{"spec":{"verb":"abort"}}', code=1)
    check("immutable" in text, text)
    equal(server.kubectl("auth", "can-i", "create", "pods"), "yes\n")
    check("*.*" in server.kubectl("auth", "can-i", "--list"), "can-i --list")
    check('namespaces "nowhere" not found' in server.kubectl("create", "cm", "x", "-n", "nowhere", code=1), "no namespace")


def test_api_resources_and_explain(server):
    resources = server.kubectl("api-resources")
    for word in ("deployments", "rollouts", "virtualservices", "httproutes"):
        check(word in resources, f"{word} not in api-resources")
    check("serin.dev/v1alpha1" in server.kubectl("api-versions"), "api-versions")
    text = server.kubectl("explain", "rollout.spec.steps")
    check("setWeight" in text and "MISSING" not in text, text)
    check("replicas" in server.kubectl("explain", "deployment.spec"), "explain deployment")
    check("hosts" in server.kubectl("explain", "virtualservice.spec"), "explain virtualservice")
    check('"gitVersion": "v1.' in server.kubectl("version", "-o", "json"), "version")


def test_watch(server):
    watcher = server.kubectl_start("get", "cm", "-w", "-o", "name")
    try:
        seen = []
        server.kubectl("create", "cm", "seen-by-watch")
        while not any("seen-by-watch" in line for line in seen):
            line = watcher.stdout.readline()
            check(line, f"the watch ended: {seen}")
            seen.append(line)
    finally:
        watcher.terminate()
        watcher.wait()
        watcher.stdout.close()
    server.kubectl("delete", "cm", "seen-by-watch")


def test_wait(server):
    if server.kubectl_minor() >= 23:
        waiter = server.kubectl_start("wait", "rollout/agent", "--for=jsonpath={.status.phase}=Paused", "--timeout=20s")
        set_status(server, {"status": {"phase": "Paused"}})
        text, _ = waiter.communicate(timeout=30)
        check("condition met" in text and waiter.returncode == 0, text)
    ready = {"type": "Ready", "status": "True", "reason": "x", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    set_status(server, {"status": {"conditions": [ready]}})
    check("condition met" in server.kubectl("wait", "rollout/agent", "--for=condition=Ready", "--timeout=20s"), "condition")
    server.kubectl("create", "cm", "gone")
    waiter = server.kubectl_start("wait", "cm/gone", "--for=delete", "--timeout=20s")
    server.kubectl("delete", "cm", "gone")
    text, _ = waiter.communicate(timeout=30)
    # An older kubectl that comes too late says that there is nothing to wait for.
    check(waiter.returncode == 0 or "no matching resources" in text, text)


def test_rollout_status(server):
    generation = server.kubectl("get", "deploy", "web", "-o", "jsonpath={.metadata.generation}")
    status = {"status": {"observedGeneration": int(generation), "replicas": 6, "updatedReplicas": 6, "readyReplicas": 6, "availableReplicas": 6}}
    server.ok("PATCH", "/apis/apps/v1/namespaces/default/deployments/web/status", status, content_type="application/merge-patch+json")
    check("successfully rolled out" in server.kubectl("rollout", "status", "deploy/web", "--timeout=20s"), "rollout status")
    check("6/6" in server.kubectl("get", "deploy", "web"), "ready column")


def test_events(server):
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e1", "namespace": "default"}, "reason": "WeightSet", "message": "weight is 10",
             "type": "Normal", "count": 1, "involvedObject": {"kind": "Rollout", "namespace": "default", "name": "agent", "apiVersion": "serin.dev/v1alpha1"}}
    server.ok("POST", "/api/v1/namespaces/default/events", event)
    check("WeightSet" in server.kubectl("get", "events"), "get events")
    if server.kubectl_minor() >= 26:
        check("WeightSet" in server.kubectl("events", "--for", "rollout/agent"), "events --for")


def test_logs(server):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    server.ok("POST", "/api/v1/namespaces/default/pods", pod)
    check("waiting to start" in server.kubectl("logs", "p", code=1), "no log yet")
    check("not serve pods/exec" in server.kubectl("exec", "p", "--", "ls", code=1), "exec")
    folder = server.data / "logs" / "default_p"
    folder.mkdir(parents=True)
    (folder / "c.log").write_text("one\ntwo\nthree\n")
    equal(server.kubectl("logs", "p"), "one\ntwo\nthree\n")
    equal(server.kubectl("logs", "p", "--tail=2"), "two\nthree\n")
    equal(server.kubectl("logs", "p", "--tail=0"), "")
    follower = server.kubectl_start("logs", "-f", "p", "--tail=1")
    equal(follower.stdout.readline(), "three\n")
    with open(folder / "c.log", "a", encoding="utf-8") as file:
        file.write("four\n")
    equal(follower.stdout.readline(), "four\n")
    server.kubectl("delete", "pod", "p")
    equal(follower.wait(20), 0, "a followed log ends with its pod")
    follower.stdout.close()


def test_server_side_apply(server):
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa, namespace: default}\ndata: {a: '1', b: '2'}\n"
    equal(server.kubectl("apply", "--server-side", "-f", "-", stdin=config), "configmap/ssa serverside-applied\n")
    server.kubectl("patch", "cm", "ssa", "--type=merge", "-p", '{"data":{"a":"9"}}', "--field-manager=other")
    text = server.kubectl("apply", "--server-side", "-f", "-", stdin=config, code=1)
    check('conflict with "other" using v1: .data.a' in text, text)
    server.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=config)
    equal(server.kubectl("get", "cm", "ssa", "-o", "jsonpath={.data.a}"), "1")
    server.kubectl("apply", "--server-side", "-f", "-", stdin=config.replace(", b: '2'", ""))
    equal(server.kubectl("get", "cm", "ssa", "-o", "jsonpath={.data}"), '{"a":"1"}')
    equal(server.kubectl("apply", "--server-side", "-f", "-", stdin=DEPLOYMENT.replace("name: web,", "name: web-ssa,")),
          "deployment.apps/web-ssa serverside-applied\n")
    server.kubectl("delete", "cm", "ssa")


def test_replace_and_delete(server):
    manifest = server.kubectl("get", "svc", "web", "-o", "json")
    check("replaced" in server.kubectl("replace", "-f", "-", stdin=manifest), "replace")
    stale = json.loads(manifest)
    server.kubectl("label", "svc", "web", "n=1")
    check("the object has been modified" in server.kubectl("replace", "-f", "-", stdin=json.dumps(stale), code=1), "stale replace")
    check("deleted" in server.kubectl("delete", "svc", "web"), "delete")
    check("not found" in server.kubectl("delete", "svc", "web", code=1), "delete twice")
    server.kubectl("delete", "svc", "web", "--ignore-not-found")
    server.kubectl("delete", "deploy", "--all")
    server.kubectl("delete", "deploy", "-l", "app=web")


def test_namespace_deletion_takes_its_content(server):
    server.kubectl("create", "cm", "more", "-n", "team1")
    check("deleted" in server.kubectl("delete", "ns", "team1"), "delete ns")
    equal(server.get("/api/v1/namespaces/team1/configmaps/more").status, 404)
    text = server.kubectl("delete", "ns", "default", code=1)
    check("may not be deleted" in text, text)


def test_definitions_of_known_kinds_apply(server):
    crd = ("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: virtualservices.networking.istio.io}\n"
           "spec: {group: networking.istio.io, scope: Namespaced, names: {kind: VirtualService, plural: virtualservices}, "
           "versions: [{name: v1, served: true, storage: true}]}\n")
    server.kubectl("apply", "-f", "-", stdin=crd)
    server.kubectl("wait", "--for=condition=Established", "crd/virtualservices.networking.istio.io", "--timeout=10s")
    text = server.kubectl("apply", "-f", "-", stdin=crd.replace("virtualservices", "widgets"), code=1)
    check("does not serve kinds of your own" in text, text)


if __name__ == "__main__":
    main(globals(), needs_kubectl=True)
