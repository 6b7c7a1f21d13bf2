#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""manifests/install on a real API server: applied by kubectl and by helm, the operator and the proxy run from it as the accounts it makes,
and what they asked for is compared with what they were granted. The commands of docs/install.md are run here."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
import install  # noqa: E402
from apiserver import BIN, check, equal, wait_for  # noqa: E402
from install_service import APPS, GATEWAY, ISTIO, PAUSED, SERIN, Clients, Service, agent, ask, proxies  # noqa: E402
from receiver import Receiver, secret  # noqa: E402

RAN = set()  # commands of docs/install.md
LONG = bool(os.environ.get("SERIN_LONG"))
RUN_LONG = {"kubectl delete -f manifests/install/crds", "serin uninstall --keep-operator"}


# ---- the commands of the page

def documented():
    text = (install.ROOT / "docs" / "install.md").read_text()
    return [line for block in re.findall(r"^```console\n(.*?)^```$", text, re.S | re.M) for line in block.splitlines() if line]


def run(cluster, command, code=0):
    """One command of the page, as it stands there."""
    check(command in documented(), f"docs/install.md does not have: {command}")
    RAN.add(command)
    tools = cluster.folder / "tools"
    if not tools.exists():
        tools.mkdir()
        (tools / "serin").symlink_to(pathlib.Path(BIN).resolve())
        (tools / "kubectl").symlink_to(shutil.which("kubectl"))
    helm = install.helm()
    if helm and not (tools / "helm").exists():
        (tools / "helm").symlink_to(helm)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "KUBECONFIG": str(cluster.kubeconfig), "HOME": str(cluster.folder)}
    done = subprocess.run(["bash", "-c", command], cwd=install.ROOT, env=environment, capture_output=True, text=True, timeout=120)
    check(done.returncode == code, f"{command}: {done.returncode} {done.stdout[-500:]} {done.stderr[-800:]}")
    return done.stdout + done.stderr


def serin(cluster, *arguments):
    done = subprocess.run([BIN, *arguments], env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}, capture_output=True, text=True, timeout=90)
    check(done.returncode == 0, f"serin {' '.join(arguments)}: {done.stdout} {done.stderr}")
    return done.stdout


def available(cluster, name, replicas=2, namespace="serin-system"):
    path = f"{APPS}/namespaces/{namespace}/deployments/{name}"
    wait_for(f"{name} to be available", lambda: cluster.get(path).json.get("status", {}).get("availableReplicas") == replicas, 60, 0.2)


PAIR = {"stable": {"deployment": "agent-v1", "subset": "v1"}, "canary": {"deployment": "agent-v2", "subset": "v2"}}


# ---- tests, in this order

def test_kubectl_apply_k(cluster):
    run(cluster, "kubectl apply -k manifests/install")
    # All pods share this machine's addresses here.
    proxy = install.kustomize(shutil.which("kubectl"), "proxy").replace("=0.0.0.0:", "=$(POD_IP):")
    cluster.kubectl("apply", "-f", "-", stdin=proxy)
    available(cluster, "serin-operator")
    available(cluster, "serin-proxy")
    check("serin-operator" in run(cluster, "kubectl -n serin-system get deployments"), "no Deployment is shown")
    again = cluster.kubectl("apply", "-k", str(install.INSTALL))
    check(again.count("unchanged") >= 12 and "created" not in again, again)
    # One of the two leads, and both answer where probes and Prometheus ask.
    pods = cluster.get("/api/v1/namespaces/serin-system/pods?labelSelector=app.kubernetes.io/component%3Doperator").json["items"]

    def leaders():
        texts = [urllib.request.urlopen(f"http://{pod['status']['podIP']}:8080/metrics", timeout=5).read().decode() for pod in pods]
        return [re.search(r"^serin_operator_leader (\d)", text, re.M)[1] for text in texts]
    wait_for("one leader", lambda: sorted(leaders()) == ["0", "1"], 30, 0.2)


def test_bad_rollouts_are_refused_in_words(cluster):
    cluster.namespace("bad")
    good = {"apiVersion": "serin.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "a"}, "spec": {
        **PAIR, "traffic": {"virtualService": {"name": "x"}, "destinationRule": "x"}, "steps": [
            {"deploy": {"replicas": "50%"}}, {"setWeight": 0.5}, {"setWeight": "10%"}, {"setWeight": 100}, {"decommission": {}}],
        "analysis": {"judge": {"alpha": 0.05}}, "notifications": [{"name": "n", "secretRef": {"name": "s"}}]}}

    def ask(change):
        body = json.loads(json.dumps(good))
        change(body["spec"])
        return cluster.request("POST", f"{SERIN}/namespaces/bad/rollouts?dryRun=All&fieldValidation=Strict", body)

    equal(ask(lambda spec: None).status, 201, "a good one")
    http = {"name": "n", "url": "http://x", "secretRef": {"name": "s"}}
    for change, words in (
            (lambda s: s.pop("traffic"), "traffic is required"),
            (lambda s: s.pop("stable"), "stable and canary are given together"),
            (lambda s: s.update(template={"spec": {"containers": [{"name": "a"}]}}, selector={"matchLabels": {"a": "b"}}), "in one form"),
            (lambda s: s["canary"].update(subset="v1"), "same subset as stable"),
            (lambda s: s["canary"].update(deployment="agent-v1"), "same Deployment as stable"),
            (lambda s: s["steps"].insert(0, {"decommission": {}}), "decommission must be the last step"),
            (lambda s: s["steps"].insert(0, {"pause": {}, "deploy": {}}), "at most 1"),
            (lambda s: s["steps"].insert(0, {"setWeight": 101}), "less than or equal to 100"),
            (lambda s: s["steps"].insert(0, {"setWeight": "much"}), "should match"),
            (lambda s: s["steps"].insert(0, {"deploy": {"replicas": "200%"}}), "a percentage up to 100%"),
            (lambda s: s["steps"].insert(0, {"deploy": {"timeout": "soon"}}), "should match"),
            (lambda s: s["traffic"].pop("destinationRule"), "destinationRule is required"),
            (lambda s: s["analysis"].update(metrics=[{"name": "depth"}]), "any other metric needs one"),
            (lambda s: s["analysis"].update(metrics=[{"name": "error-rate"}] * 2), "Duplicate value"),
            (lambda s: s["analysis"].update(prometheus={"address": "http://u:p@x"}), "credentials belong into the Secret"),
            (lambda s: s["analysis"]["judge"].update(alpha=0.6), "less than or equal to 0.5"),
            (lambda s: s.update(onDeadline="never"), "supported values"),
            (lambda s: s.update(notifications=[http]), "http:// beside allowHTTP"),
            (lambda s: s.update(notifications=[{"name": "n"}]), "url is required"),
            (lambda s: s.update(stepz=[]), "unknown field")):
        reply = ask(change)
        check(reply.status in (400, 422) and words in reply.text, f"expected a refusal with {words!r}: {reply.status} {reply.text[:600]}")
    action = {"apiVersion": "serin.dev/v1alpha1", "kind": "RolloutAction", "metadata": {"name": "x"}, "spec": {"rollout": "a", "verb": "promote"}}
    cluster.ok("POST", f"{SERIN}/namespaces/bad/rolloutactions", action)
    reply = cluster.request("PATCH", f"{SERIN}/namespaces/bad/rolloutactions/x", {"spec": {"verb": "abort"}}, content_type="application/merge-patch+json")
    check(reply.status == 422 and "immutable" in reply.text, reply.text)
    check("error" not in cluster.kubectl("get", "serin,sro,sra", "-n", "bad").lower(), "category or short names")


def test_people_get_the_standard_roles(cluster):
    cluster.namespace("people")
    for user, role in (("vera", "view"), ("ed", "edit"), ("pia", "serin-promote")):
        config = cluster.user(user)
        cluster.kubectl("create", "rolebinding", user, f"--clusterrole={role}", f"--user={user}", "-n", "people")
        may = lambda *what: cluster.kubectl("--kubeconfig", str(config), "-n", "people", "auth", "can-i", *what, code=None).strip() == "yes"  # noqa: E731
        wait_for(f"the rights of {user}", lambda: may("list", "rollouts.serin.dev"), 30, 0.2)
        equal(may("create", "rolloutactions.serin.dev"), user != "vera", f"{user} may promote")
        equal(may("update", "rollouts.serin.dev"), user == "ed", f"{user} may change a Rollout")
        check(not may("update", "rolloutactions.serin.dev"), f"{user} may rewrite the record")
        check(not may("update", "rollouts.serin.dev", "--subresource=status"), f"{user} may write status")


def gateway(cluster, namespace):
    """A Gateway of ours with a route: the proxy says in their statuses what it made of them."""
    names = f"{GATEWAY}/namespaces/{namespace}"
    cluster.ok("POST", f"{GATEWAY}/gatewayclasses", {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {
        "name": "serin-install"}, "spec": {"controllerName": "serin.dev/gateway-controller"}})
    cluster.ok("POST", f"{names}/gateways", {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "door"}, "spec": {
        "gatewayClassName": "serin-install", "listeners": [{"name": "http", "port": 18090, "protocol": "HTTP"}]}})
    cluster.ok("POST", f"{names}/httproutes", {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "way"}, "spec": {
        "parentRefs": [{"name": "door"}], "hostnames": ["install.example.com"], "rules": [{"backendRefs": [{"name": "nobody", "port": 80}]}]}})
    wait_for("the route's status", lambda: cluster.get(f"{names}/httproutes/way").json.get("status", {}).get("parents"), 30, 0.2)
    wait_for("the class's status", lambda: any(c["type"] == "Accepted" and c["status"] == "True" for c in cluster.get(
        f"{GATEWAY}/gatewayclasses/serin-install").json.get("status", {}).get("conditions", [])), 30, 0.2)
    cluster.ok("DELETE", f"{names}/gateways/door")


def test_releases_with_the_installed_accounts(cluster):
    """Everything the operator can do, so that each right is asked for."""
    receiver = Receiver()
    pair = Service(cluster, "pair", **PAIR, notifications=[{"name": "n", "allowHTTP": True, "secretRef": {"name": "hook"}}])
    cluster.ok("POST", "/api/v1/namespaces/pair/secrets", secret("pair", "hook", url=f"{receiver.url}/pair", key=receiver.key))
    cluster.grant("serin-operator-secret-hook", [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["hook"], "verbs": ["get"]}],
                  "pair", account="serin-system/serin-operator")
    pair.wait("Paused")
    equal(pair.weights(), {"v1": 80, "v2": 20}, "weights")
    # As installed the operator sends nothing to this machine; its administrator may allow it.
    wait_for("the refusal", lambda: any(c["type"] == "NotificationsDelivered" and c.get("reason") == "GivenUp" and "--notify-allow" in c["message"]
                                        for c in pair.status().get("conditions", [])), 30, 0.2)
    equal(receiver.of("pair"), [], "calls")
    operators = f"{APPS}/namespaces/serin-system/deployments/serin-operator"
    cluster.ok("PATCH", operators, [{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--notify-allow=127.0.0.1/32"}],
               content_type="application/json-patch+json")
    wait_for("the operator to be replaced", lambda: (lambda o: o["status"].get("observedGeneration") == o["metadata"]["generation"] and all(
        o["status"].get(f) == 2 for f in ("replicas", "updatedReplicas", "availableReplicas")))(cluster.get(operators).json), 60, 0.2)
    # Somebody else writes the route: whose write it was is asked with get.
    cluster.ok("PATCH", f"{ISTIO}/namespaces/pair/virtualservices/agent?fieldManager=somebody",
               [{"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 70}, {"op": "replace", "path": "/spec/http/0/route/1/weight", "value": 30}],
               content_type="application/json-patch+json")
    wait_for("the weights to be put right", lambda: pair.weights() == {"v1": 80, "v2": 20}, 20, 0.05)
    for number in range(24):  # refused ones; all but the last 20 are deleted
        pair.act("resume", f"resume-{number}")
    wait_for("old RolloutActions to go", lambda: len(cluster.get(f"{SERIN}/namespaces/pair/rolloutactions").json["items"]) <= 20, 30, 0.2)
    pair.act("promote")
    pair.wait("Healthy")
    wait_for("the stable to be deleted", lambda: cluster.get(f"{APPS}/namespaces/pair/deployments/agent-v1").status == 404, 30, 0.2)
    wait_for("a notification", lambda: receiver.of("pair", "promoted"), 30, 0.2)
    check(all(call["signed"] for call in receiver.of("pair")), "a signature does not verify")
    configured = Service.deployment("1")
    configured["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    made = Service(cluster, "template", **configured, steps=[*PAUSED[:-1], {"decommission": {}}])
    cluster.ok("POST", "/api/v1/namespaces/template/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"A": "1"}})
    made.wait("Healthy")
    cluster.ok("PATCH", made.path, {"spec": {"template": {"spec": {"containers": [{"name": "agent", "image": "agent:2"}]}}}},
               content_type="application/merge-patch+json")
    made.wait("Paused")
    made.act("promote")
    made.wait("Healthy")
    gateway(cluster, "template")
    made.act("undo")
    made.wait("Paused")
    made.act("abort")
    made.wait("Aborted")
    receiver.stop()


def test_what_was_asked_is_what_was_granted(cluster):
    """The API server's audit log: nothing was refused, and every right was used or is justified here."""
    justified = {  # right -> why the releases above do not ask for it
        ("serin-operator", "serin.dev", "rollouts/finalizers", "update"): "asked by admission (OwnerReferencesPermissionEnforcement), not by us",
        ("serin-operator", "gateway.networking.k8s.io", "httproutes", "get"): "as for VirtualServices: whose write it was",
        ("serin-operator", "gateway.networking.k8s.io", "grpcroutes", "get"): "the same",
        ("serin-operator", "gateway.networking.k8s.io", "httproutes", "patch"): "test_routers.py",
        ("serin-operator", "gateway.networking.k8s.io", "grpcroutes", "patch"): "test_routers.py",
        ("serin-operator", "apps", "replicasets", "list"): "only where a Rollout has a workloadRef",
        ("serin-operator", "", "configmaps", "delete"): "when a version goes: test_tracking.py",
        ("serin-operator", "", "services", "create"): "template form behind an HTTPRoute",
        ("serin-operator", "", "services", "patch"): "the same",
        ("serin-operator", "", "services", "delete"): "the same",
        ("serin-proxy", "coordination.k8s.io", "leases", "get"): "the Lease of who writes the status of Gateways, at a second look",
        ("serin-proxy", "coordination.k8s.io", "leases", "update"): "the same",
        ("serin-proxy", "coordination.k8s.io", "leases", "delete"): "at its end",
    }
    used, refused = set(), []
    for account, event in audited(cluster, "serin-system"):
        what = event["objectRef"]
        resource = what["resource"] + (f"/{what['subresource']}" if what.get("subresource") else "")
        used.add((account, what.get("apiGroup", ""), resource, event["verb"]))
        if is_refused(event):
            refused.append(f"{account} {event['verb']} {event['requestURI']}")
        if resource == "secrets":
            check(event["verb"] == "get" and what.get("name"), f"a wide look at Secrets: {event['requestURI']}")
    # Before the Secret's Role was there its reading may have been refused.
    equal([r for r in refused if "/secrets/hook" not in r], [], "requests that were refused")
    granted = set()
    for text in (install.kustomize(shutil.which("kubectl"), folder) for folder in ("", "proxy")):
        for role in install.objects(shutil.which("kubectl"), text):
            if role["kind"] in ("Role", "ClusterRole") and re.match(r"serin-(operator|proxy)", role["metadata"]["name"]):
                account = re.match(r"serin-(operator|proxy)", role["metadata"]["name"])[0]
                granted |= {(account, group, resource, verb) for rule in role["rules"] for group in rule["apiGroups"]
                            for resource in rule["resources"] for verb in rule["verbs"]}
    check(len(used) > 30, f"the audit log has only {used}")
    unused = sorted(granted - used - set(justified))
    equal(unused, [], "rights that nobody used")


def audited(cluster, namespace):
    """(account, event) of our accounts in that namespace."""
    for line in (cluster.folder / "audit.jsonl").read_text().splitlines():
        event = json.loads(line)
        account = re.fullmatch(rf"system:serviceaccount:{namespace}:(serin-\w+)", event["user"]["username"])
        if account and "objectRef" in event:
            yield account[1], event


def is_refused(event):
    return event.get("responseStatus", {}).get("code") in (401, 403)


def test_a_rolling_restart_of_the_proxy_loses_nothing(cluster):
    host = agent(cluster, "rolling")
    wait_for("the proxies to serve it", lambda: (lambda all: len(all) == 2 and {ask(one, host) for one in all} == {200})(proxies(cluster, "serin-system")))
    before = set(proxies(cluster, "serin-system"))
    with Clients(cluster, host) as clients:
        wait_for("some answers", lambda: clients.answers.get(200, 0) > 20)
        cluster.kubectl("-n", "serin-system", "rollout", "restart", "deployment/serin-proxy")
        wait_for("other proxies", lambda: len(proxies(cluster, "serin-system")) == 2 and not before & set(proxies(cluster, "serin-system")), 120, 0.2)
        wait_for("the old ones to be gone", lambda: len(cluster.get(
            "/api/v1/namespaces/serin-system/pods?labelSelector=app.kubernetes.io/component%3Dproxy").json["items"]) == 2, 120, 0.2)
        seen = clients.answers.get(200, 0)
        wait_for("answers of the new ones", lambda: clients.answers.get(200, 0) > seen + 20)
    equal(set(clients.answers), {200}, f"answers: {clients.answers}")
    check(len(clients.asked) >= 4, f"only {clients.asked} were asked")


def test_one_namespace_with_roles_only(cluster):
    service = Service(cluster, "alone", **PAIR)
    text = "---\n".join(install.kustomize(shutil.which("kubectl"), part) for part in ("namespaced", "namespaced-proxy"))
    text = text.replace("namespace: serin-system", "namespace: alone").replace("=0.0.0.0:", "=$(POD_IP):")
    cluster.kubectl("apply", "-f", "-", stdin=text)
    available(cluster, "serin-operator", namespace="alone")
    available(cluster, "serin-proxy", namespace="alone")
    host, other = agent(cluster, "alone"), agent(cluster, "rolling")
    wait_for("the proxies to serve it", lambda: {ask(one, host) for one in proxies(cluster, "alone")} == {200})
    equal({ask(one, other) for one in proxies(cluster, "alone")}, {502}, "a service of another namespace")
    cluster.kubectl("-n", "serin-system", "scale", "deployment/serin-operator", "--replicas=0")  # the other one would do it
    service.act("pause", "wake")
    wait_for("an answer", lambda: cluster.get(f"{SERIN}/namespaces/alone/rolloutactions/wake").json.get("status", {}).get("result"), 60, 0.2)
    cluster.kubectl("-n", "serin-system", "scale", "deployment/serin-operator", "--replicas=2")
    available(cluster, "serin-operator")
    found = list(audited(cluster, "alone"))
    equal({account for account, _ in found}, {"serin-operator", "serin-proxy"}, "accounts")
    equal([event["requestURI"] for _, event in found if is_refused(event)], [], "requests that were refused")
    equal([event["requestURI"] for _, event in found if not event["objectRef"].get("namespace")], [], "requests beyond the namespace")
    cluster.kubectl("delete", "-f", "-", "--wait=false", stdin=text)


def test_monitoring(cluster):
    needed = cluster.folder / "monitoring-crds"
    needed.mkdir()
    for file in (pathlib.Path(support.assets("core", "crds")["crds"]) / "prometheus-operator").glob("*.yaml"):
        if re.search(r"(servicemonitor|prometheusrule)s?\b", file.name.lower()):
            shutil.copyfile(file, needed / file.name)
    cluster.install_crds(needed)
    cluster.kubectl("apply", "-k", str(install.INSTALL / "monitoring"))
    rule = cluster.get("/apis/monitoring.coreos.com/v1/namespaces/serin-system/prometheusrules/serin").json
    check(len(rule["spec"]["groups"][0]["rules"]) >= 6, rule)
    equal(cluster.get("/apis/monitoring.coreos.com/v1/namespaces/serin-system/servicemonitors/serin").status, 200, "ServiceMonitor")


def test_a_namespace_goes_while_the_operator_runs(cluster):
    """Its objects are deleted in any order: the route that the finalizer wants to put back may be gone before it."""
    services = {name: Service(cluster, name, **PAIR) for name in ("going", "half-gone")}
    for service in services.values():
        service.wait("Paused")
    for part in ("virtualservices", "destinationrules"):
        cluster.ok("DELETE", f"{ISTIO}/namespaces/half-gone/{part}/agent")
    for name in services:
        cluster.ok("DELETE", f"/api/v1/namespaces/{name}")
    for service in services.values():
        service.wait_gone()


def test_uninstall_lets_go_and_leaves_the_traffic(cluster):
    kept = Service(cluster, "kept", **PAIR)
    wedged = Service(cluster, "wedged", **PAIR)
    kept.wait("Paused")
    wedged.wait("Paused")
    check(cluster.get(kept.path).json["metadata"]["finalizers"], "no finalizer")
    # While no operator runs the namespace hangs, as any finalizer's would.
    cluster.kubectl("-n", "serin-system", "scale", "deployment/serin-operator", "--replicas=0")
    wait_for("the operator to be gone", lambda: not cluster.get("/api/v1/namespaces/serin-system/pods?labelSelector=app.kubernetes.io/component%3Doperator").json["items"], 60, 0.2)
    cluster.ok("DELETE", "/api/v1/namespaces/wedged")
    wait_for("all but the Rollout to go", lambda: cluster.get(f"{APPS}/namespaces/wedged/deployments").json["items"] == [], 30, 0.2)
    check(cluster.get(wedged.path).status == 200, "the Rollout went without an operator")
    said = serin(cluster, "uninstall", "-n", "wedged", "--keep-operator")
    check("wedged/agent: finalizer removed" in said, said)
    wedged.wait_gone()
    check(cluster.get(kept.path).json["metadata"]["finalizers"], "another namespace was touched")
    cluster.kubectl("-n", "serin-system", "scale", "deployment/serin-operator", "--replicas=2")
    available(cluster, "serin-operator")
    check("server dry run" in serin(cluster, "uninstall", "--dry-run"), "a dry run")
    check(cluster.get(kept.path).json["metadata"]["finalizers"], "a dry run changed something")
    said = run(cluster, "serin uninstall")
    check("kept/agent: finalizer removed; the release stops where it is: v2 keeps 20 % of the traffic, v1 the rest" in said, said)
    check("stopped, its Deployment has 0 replicas" in said, said)
    equal(cluster.get(kept.path).json["metadata"].get("finalizers"), None, "finalizers")
    equal(kept.weights(), {"v1": 80, "v2": 20}, "weights")
    run(cluster, "kubectl delete -k manifests/install")  # with the CRDs, and with them all Rollouts
    wait_for("the CRDs to go", lambda: cluster.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/rollouts.serin.dev").status == 404, 60, 0.2)
    wait_for("its namespace to go", lambda: cluster.get("/api/v1/namespaces/serin-system").status == 404, 60, 0.2)
    equal(kept.weights(), {"v1": 80, "v2": 20}, "weights")
    check(cluster.get(f"{APPS}/namespaces/kept/deployments/agent-v2").status == 200, "a workload went")


def install_again(cluster):
    cluster.kubectl("apply", "-k", str(install.INSTALL))
    available(cluster, "serin-operator")


def test_the_crds_first_puts_the_traffic_back(cluster):
    """While the operator runs and has its rights every Rollout that goes leaves its traffic on stable."""
    install_again(cluster)
    service = Service(cluster, "crds-first", **PAIR)
    service.wait("Paused")
    run(cluster, "kubectl delete -f manifests/install/crds")
    equal({name: weight for name, weight in service.weights().items() if weight}, {"v1": 100}, "weights")
    cluster.kubectl("delete", "-k", str(install.INSTALL), "--ignore-not-found", "--timeout=60s")


def test_all_at_once_in_a_release_can_be_freed(cluster):
    """Then operator, rights and Rollouts go together, and who is first is chance: `serin uninstall` frees what hangs."""
    install_again(cluster)
    service = Service(cluster, "at-once", **PAIR)
    service.wait("Paused")
    gone = subprocess.Popen([shutil.which("kubectl"), "delete", "-k", str(install.INSTALL)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)})
    wait_for("the operator to be gone", lambda: gone.poll() is not None or cluster.get(f"{APPS}/namespaces/serin-system/deployments/serin-operator").status == 404,
             60, 0.2)
    print(f"# kubectl delete -k without serin uninstall before: {'ended by itself' if gone.poll() is not None or cluster.get(service.path).status == 404 else 'hung'}")
    if cluster.get(service.path).status == 200:
        run(cluster, "serin uninstall --keep-operator")
    check(gone.wait(90) == 0, gone.stderr.read()[-500:])
    check(service.weights() in ({"v1": 80, "v2": 20}, {"v1": 100, "v2": 0}), service.weights())


def test_helm(cluster):
    if not install.helm():
        print("ok - helm installs it # SKIP there is no helm: run tests/kubernetes/assets helm")
        return
    run(cluster, "helm install serin manifests/install/chart -n serin-system --create-namespace")
    available(cluster, "serin-operator")
    run(cluster, "helm upgrade serin manifests/install/chart -n serin-system --set operator.prometheus=http://prometheus.observability:9090")
    pods = f"{APPS}/namespaces/serin-system/deployments/serin-operator"
    check("--prometheus=http://prometheus.observability:9090" in cluster.get(pods).json["spec"]["template"]["spec"]["containers"][0]["args"], "the value")
    service = Service(cluster, "by-helm", **PAIR)
    service.wait("Paused")
    check(cluster.get(service.path).json["metadata"]["finalizers"], "no finalizer")
    cluster.namespace("team1")
    run(cluster, "kubectl -n serin-system create secret generic content-key --from-literal=key=$(openssl rand -hex 32)")
    run(cluster, "helm upgrade serin manifests/install/chart -n serin-system --reuse-values --set configTracking.keySecretName=content-key "
                 "--set 'configTracking.secrets[0].namespace=team1,configTracking.secrets[0].names={database}'")
    may = {verb: cluster.kubectl("auth", "can-i", verb, f"secrets/{name}", "-n", "team1", "--as", "system:serviceaccount:serin-system:serin-operator", code=None).strip()
           for verb, name in (("get", "database"), ("create", ""), ("delete", "copy"), ("list", ""), ("watch", "database"))}
    equal(may, {"get": "yes", "create": "yes", "delete": "yes", "list": "no", "watch": "no"}, "rights on Secrets of team1")
    run(cluster, "helm uninstall serin -n serin-system") # its hook lets go of the Rollouts
    rollout = cluster.get(service.path).json
    equal((rollout["metadata"].get("finalizers"), service.weights()), (None, {"v1": 80, "v2": 20}), "a Rollout, which helm keeps")
    left = cluster.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/serin-uninstall").status, cluster.get(
        "/apis/batch/v1/namespaces/serin-system/jobs/serin-uninstall").status
    equal(left, (404, 404), "what the hook needed")
    # Installed again the operator goes on where the release stood.
    run(cluster, "helm install serin manifests/install/chart -n serin-system --create-namespace")
    available(cluster, "serin-operator")
    service.act("abort")
    wait_for("the traffic to go back", lambda: {name: weight for name, weight in service.weights().items() if weight} == {"v1": 100}, 60, 0.2)
    run(cluster, "helm uninstall serin -n serin-system")
    cluster.kubectl("delete", "crd", "rollouts.serin.dev", "rolloutactions.serin.dev", "metricsets.serin.dev", "--timeout=60s")


def test_every_command_of_the_page_was_run(cluster):
    left = [command for command in documented() if command not in RAN and (LONG or command not in RUN_LONG) and (install.helm() or not command.startswith("helm "))]
    equal(left, [], "commands of docs/install.md")


if __name__ == "__main__":
    support.main(globals(), long={"test_the_crds_first_puts_the_traffic_back", "test_all_at_once_in_a_release_can_be_freed"},
                 needs=lambda: support.Cluster(audit=True, images=support.programs_to_run()))
