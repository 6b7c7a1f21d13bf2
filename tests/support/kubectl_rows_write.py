# SPDX-License-Identifier: Apache-2.0
"""Rows of kubectl_rows.py: apply, create, run, replace."""
import json
import re

from apiserver import check, equal
from kubectl_play import config, deployment, has, many, row, service, virtual_service


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
