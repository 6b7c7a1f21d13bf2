#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""manifests/install: what `kubectl apply -k` takes is what the chart renders, and keeps the promises of docs/install.md. REFRESH=1 writes it
anew from the chart (needs helm)."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import install  # noqa: E402
from apiserver import Failure, check, equal  # noqa: E402

KUBECTL = shutil.which("kubectl")
HELM = install.helm()
VERBS = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}


class Skip(Exception):
    pass


def need_helm():
    if not HELM:
        raise Skip("there is no helm: set HELM, or run tests/kubernetes/assets")
    return HELM


def all_objects():
    return [item for folder in ("", "proxy", "namespaced", "policy", "monitoring") for item in install.objects(KUBECTL, install.kustomize(KUBECTL, folder))]


def test_the_chart_was_not_changed_since():
    for folder in install.RENDERED:
        text = (install.INSTALL / folder / f"{folder}.yaml").read_text()
        check(text.startswith(install.header(folder)), f"manifests/install/{folder} is older than the chart: REFRESH=1 python3 {sys.argv[0]}")


def test_helm_renders_the_same():
    tool = need_helm()
    for folder in install.RENDERED:
        equal(install.rendered(tool, folder), (install.INSTALL / folder / f"{folder}.yaml").read_text(), f"manifests/install/{folder}")


def test_chart_and_kustomization_install_the_same():
    tool = need_helm()
    chart = {install.key(item): item for item in install.objects(KUBECTL, install.template(tool, "--no-hooks"))}
    for item in chart.values():
        item["metadata"].get("annotations", {}).pop("helm.sh/resource-policy", None)
        if not item["metadata"].get("annotations", True):
            del item["metadata"]["annotations"]
    kustomized = {install.key(item): item for item in install.objects(KUBECTL, install.kustomize(KUBECTL))}
    namespace = ("v1", "Namespace", "", "serin-system")  # helm makes it itself
    check(namespace in kustomized, sorted(kustomized))
    del kustomized[namespace]
    equal(sorted(chart), sorted(kustomized), "objects")
    for key, item in chart.items():
        equal(item, kustomized[key], str(key))
    equal(sum(key[1] == "CustomResourceDefinition" for key in chart), 3, "CRDs")


def test_the_chart_takes_its_values():
    tool = need_helm()
    text = install.template(tool, "--set", "operator.prometheus=http://p:9090,image.repository=r/serin,image.tag=x,notifications.secretName=chat",
                            "--set", "notifications.allowNetworks={10.2.0.0/16,fd00::/8},notifications.hosts={*.example.com},notifications.proxy=http://q:3128",
                            "--set", "secrets[0].name=creds,secrets[0].namespace=team1,secrets[0].use=prometheus",
                            "--set", "crds.install=false,roles.create=false,networkPolicy.enabled=false,podDisruptionBudget.enabled=false")
    found = {(item["kind"], item["metadata"]["name"]): item for item in install.objects(KUBECTL, text)}
    container = found["Deployment", "serin-operator"]["spec"]["template"]["spec"]["containers"][0]
    equal(container["image"], "r/serin:x", "image")
    for argument in ("--prometheus=http://p:9090", "--notify-secret=$(POD_NAMESPACE)/chat", "--notify-form=generic", "--notify-allow=10.2.0.0/16",
                     "--notify-allow=fd00::/8", "--notify-host=*.example.com", "--notify-proxy=http://q:3128"):
        check(argument in container["args"], container["args"])
    rule = found["Role", "serin-operator-secret-creds"]["rules"][0]
    equal((rule["resourceNames"], rule["verbs"]), (["creds"], ["list", "watch"]), "rule of the Secret")
    equal(found["Role", "serin-operator-secret-chat"]["rules"][0]["verbs"], ["get"], "verbs of the Secret")
    for kind in ("CustomResourceDefinition", "NetworkPolicy", "PodDisruptionBudget"):
        check(not any(key[0] == kind for key in found), f"{kind} in {sorted(found)}")
    text = install.template(tool, "--set", "configTracking.configMaps=false,configTracking.keySecretName=content",
                            "--set", "configTracking.secrets[0].namespace=team1,configTracking.secrets[0].names={database,cache}")
    found = {(item["kind"], item["metadata"]["name"]): item for item in install.objects(KUBECTL, text)}
    rules = found["Role", "serin-operator-tracking"]["rules"]
    equal([(rule.get("resourceNames"), rule["verbs"]) for rule in rules], [(["database", "cache"], ["get"]), (None, ["create", "delete"])], "Secrets")
    check("configmaps" not in str(found["ClusterRole", "serin-operator"]["rules"]), "ConfigMaps are granted")
    pod = found["Deployment", "serin-operator"]["spec"]["template"]["spec"]
    check("--content-key=/etc/serin/content-key/key" in pod["containers"][0]["args"], pod["containers"][0]["args"])
    equal(pod["volumes"], [{"name": "content-key", "secret": {"secretName": "content"}}], "volumes")


def test_helm_lint():
    tool = need_helm()
    done = subprocess.run([tool, "lint", "--strict", str(install.CHART)], capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, done.stdout + done.stderr)


def test_every_value_of_the_chart():
    """Each of values.yaml set to something else, alone: it renders, and renders something else."""
    tool = need_helm()
    if not os.environ.get("SERIN_LONG"):
        raise Skip("SERIN_LONG is not set") # 45 times helm
    everything = [part for name, text in (("proxy.enabled", "true"), ("serviceMonitor.enabled", "true"), ("prometheusRule.enabled", "true"),
                                          ("admissionPolicy.enabled", "true"), ("notifications.secretName", '"s"')) for part in ("--set-json", f"{name}={text}")]
    before = install.template(tool, *everything)
    other = {  # the rest are texts
        "imagePullSecrets": "[{\"name\":\"x\"}]", "operator.extraArgs": "[\"--x\"]", "proxy.extraArgs": "[\"--x\"]", "proxy.listen": "[\"[::]:81\"]",
        "operator.nodeSelector": "{\"a\":\"b\"}", "proxy.nodeSelector": "{\"a\":\"b\"}", "operator.tolerations": "[{\"key\":\"x\"}]",
        "proxy.tolerations": "[{\"key\":\"x\"}]", "secrets": "[{\"namespace\":\"n\",\"name\":\"x\",\"use\":\"notifications\"}]",
        "operator.resources": "{\"limits\":{\"memory\":\"1Gi\"}}", "proxy.resources": "{\"limits\":{\"memory\":\"1Gi\"}}",
        "notifications.allowNetworks": "[\"10.0.0.0/8\"]", "notifications.hosts": "[\"*.x.org\"]", "networkPolicy.egressPorts": "[443,1234]",
        "operator.replicas": "3", "proxy.replicas": "3", "proxy.servicePort": "81", "notifications.form": '"slack"', "scope": None}
    tried = 0
    for name, value in values():
        if name in other and other[name] is None:
            continue # with its own test
        text = other.get(name) or {"true": "false", "false": "true"}.get(value, '"other"')
        changed = ["--set-json", f"{name}={text}"]
        same = install.template(tool, *everything, *changed) == before
        check(not same or name in ("proxy.enabled", "serviceMonitor.enabled", "prometheusRule.enabled", "admissionPolicy.enabled"), f"{name} changes nothing")
        tried += 1
    check(tried > 30, tried)


def values():
    """(name, text) of each value of values.yaml."""
    path = []
    for line in (install.CHART / "values.yaml").read_text().splitlines():
        found = re.match(r"( *)([A-Za-z]+):\s*([^#]*?)\s*(#.*)?$", line)
        if not found:
            continue
        depth = len(found[1]) // 2
        path = path[:depth] + [found[2]]
        if path[-1] in ("requests", "limits"):
            continue
        if found[3] or path[-1] == "resources":
            yield ".".join(path), found[3]


def test_helm_uninstalls_with_a_hook():
    tool = need_helm()
    for scope, kind in (("cluster", "ClusterRole"), ("namespace", "Role")):
        hooks = [item for item in install.objects(KUBECTL, install.template(tool, "--set", f"scope={scope}"))
                 if item["metadata"].get("annotations", {}).get("helm.sh/hook") == "pre-delete"]
        found = {(item["kind"], item["metadata"]["name"]): item for item in hooks}
        check((kind, "serin-uninstall") in found and len(found) == 4, sorted(found))
        pod = found["Job", "serin-uninstall"]["spec"]["template"]["spec"]
        check(pod["securityContext"]["runAsNonRoot"] and pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}, pod)
        equal(pod["containers"][0]["args"], ["uninstall"] if scope == "cluster" else ["uninstall", "--namespace=serin-system"], "command")
    check("serin-uninstall" not in install.template(tool, "--set", "uninstallHook.enabled=false"), "the hook is there")


def test_one_namespace_needs_no_cluster_role():
    for folder in ("namespaced", "namespaced-proxy"):
        kinds = {item["kind"] for item in install.objects(KUBECTL, install.kustomize(KUBECTL, folder))}
        check("Role" in kinds and not any("Cluster" in kind for kind in kinds), f"{folder}: {kinds}")


def test_no_right_is_wider_than_it_must_be():
    roles = [item for item in all_objects() if item["kind"] in ("Role", "ClusterRole")]
    check(len(roles) >= 8, len(roles))
    for role in roles:
        for rule in role["rules"]:
            named = f"{role['metadata']['name']}: {rule}"
            check(set(rule["verbs"]) <= VERBS, named)
            check("*" not in rule["resources"] + rule["apiGroups"], named)
            check("secrets" not in rule["resources"], f"{named}: Secrets are granted by name")
            check(not {"pods/exec", "serviceaccounts/token", "roles", "clusterroles"} & set(rule["resources"]), named)


def test_each_verb_is_justified():
    for folder in ("operator", "namespaced", "proxy", "namespaced-proxy"):
        text = (install.INSTALL / folder / f"{folder}.yaml").read_text()
        for document in re.split(r"^---$", text, flags=re.M):
            if not re.search(r"^kind: (Cluster)?Role$", document, re.M) or re.search(r"name: serin-(view|edit|promote)$", document, re.M):
                continue
            for rule in document.split("rules:")[1].split("- apiGroups:")[1:]:
                verbs = re.search(r"verbs: \[(.*)\]", rule)[1].split(", ")
                said = " ".join(re.findall(r"# (.*)", rule))
                for verb in verbs:
                    check(re.search(rf"\b{verb}\b[^.]*:", said), f"{folder}: nothing says why {verb} is granted: {rule}")


def test_pods_have_what_they_need_and_no_more():
    deployments = [item for item in all_objects() if item["kind"] == "Deployment"]
    equal(len(deployments), 3, "Deployments")
    for deployment in deployments:
        pod = deployment["spec"]["template"]["spec"]
        name, security = deployment["metadata"]["name"], pod["securityContext"]
        check(security["runAsNonRoot"] and security["runAsUser"] >= 10000, f"{name}: {security}")
        equal(security["seccompProfile"], {"type": "RuntimeDefault"}, f"{name}: seccomp")
        check(pod["serviceAccountName"] == name, name)
        check(pod["affinity"]["podAntiAffinity"] and pod["topologySpreadConstraints"], f"{name} is not spread")
        for container in pod["containers"]:
            own = container["securityContext"]
            equal(own, {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}, name)
            check(container["resources"]["requests"] and container["resources"]["limits"]["memory"], f"{name}: {container['resources']}")
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                check(container[probe]["httpGet"]["path"], f"{name}: {probe}")
    budgets = {item["metadata"]["name"] for item in all_objects() if item["kind"] == "PodDisruptionBudget"}
    equal(budgets, {"serin-operator", "serin-proxy"}, "PodDisruptionBudgets")


def test_alerts_ask_for_metrics_that_exist():
    rules = [item for item in all_objects() if item["kind"] == "PrometheusRule"][0]["spec"]["groups"]
    documented = (install.ROOT / "docs" / "metrics.md").read_text()
    names = set(re.findall(r"\bserin_[a-z_]+", " ".join(rule["expr"] for group in rules for rule in group["rules"])))
    check(len(names) >= 5, names)
    for name in names:
        check(name in documented, f"{name} is not in docs/metrics.md")
    promtool = shutil.which("promtool")
    if promtool:
        done = subprocess.run([promtool, "check", "rules", str(install.CHART / "files" / "rules.yaml")], capture_output=True, text=True, timeout=60)
        check(done.returncode == 0, done.stderr + done.stdout)


def refresh():
    for folder in install.RENDERED:
        (install.INSTALL / folder / f"{folder}.yaml").write_text(install.rendered(need_helm(), folder))


def main():
    if os.environ.get("REFRESH"):
        refresh()
    failed = 0
    for name, function in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            function()
            print(f"ok - {name[5:]}")
        except Skip as why:
            print(f"ok - {name[5:]} # SKIP {why}")
        except (Failure, RuntimeError, KeyError, IndexError) as error:
            failed += 1
            print(f"not ok - {name[5:]}: {type(error).__name__} {error}")
    sys.exit(1 if failed else 0)


main()
