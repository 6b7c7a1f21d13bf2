# SPDX-License-Identifier: Apache-2.0
"""Rows of kubectl_rows.py: what is known of the server, events, rights, rollouts, logs, and what is refused."""
import json
import os
import re
import struct
import urllib.request

from apiserver import check, equal
from kubectl_play import deployment, has, many, meta, pod, rollout, row


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
