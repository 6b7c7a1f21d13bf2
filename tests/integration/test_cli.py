#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of the user against the real API server: apply, get, delete, wait, status, the manual verbs, exit codes."""
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import BIN, KUBECTL, Server, check, equal, main, wait_for  # noqa: E402
from cli import Cli, Operator, set_status  # noqa: E402

ROLLOUT = {
    "apiVersion": "serin.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "agent"},
    "spec": {"stable": {"deployment": "agent-v1", "subset": "v1"}, "canary": {"deployment": "agent-v2", "subset": "v2"},
             "traffic": {"virtualService": {"name": "agent"}, "destinationRule": "agent"}}}


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def namespace(server, name):
    server.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return Cli(server, name)


def apply(cli, *objects, **more):
    return cli("apply", "-f", "-", stdin="\n---\n".join(json.dumps(o) for o in objects), **more)


def test_apply_creates_changes_and_forgets(server):
    cli = namespace(server, "apply")
    path = "/api/v1/namespaces/apply/configmaps/a"
    apply(cli, config_map("a", x="1", y="2")).says("configmap/a created").says(f"127.0.0.1:{server.port}", where="err")
    apply(cli, config_map("a", x="1", y="2")).says("configmap/a unchanged")
    before = server.ok("GET", path)["metadata"]["resourceVersion"]
    server.ok("PATCH", path, {"data": {"other": "theirs"}}, content_type="application/merge-patch+json")
    apply(cli, config_map("a", x="9")).says("configmap/a configured")
    after = server.ok("GET", path)
    equal(after["data"], {"x": "9", "other": "theirs"}, "data")
    check(after["metadata"]["resourceVersion"] != before, "nothing was written")
    apply(cli, config_map("b", x="1"), {**config_map("c"), "metadata": {}}, code=2).says("no name", where="err")
    equal(server.get("/api/v1/namespaces/apply/configmaps/b").status, 404, "one bad document, nothing sent")


def test_apply_and_kubectl_agree(server):
    cli = namespace(server, "agree")
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "agree"}, "spec": {
        "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
            "containers": [{"name": "web", "image": "x", "command": ["sleep", "1"], "ports": [{"containerPort": 80}]}]}}}}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(deployment))
        file.flush()
        cli("apply", "-f", file.name).says("deployment.apps/web created")
        check("web unchanged" in server.kubectl("apply", "-f", file.name), "kubectl sees a difference in what serin applied")
        # A sidecar that somebody else put in stays, as with a strategic merge.
        server.kubectl("-n", "agree", "patch", "deployment", "web", "-p",
                       '{"spec":{"template":{"spec":{"containers":[{"name":"sidecar","image":"y"}]}}}}')
        deployment["spec"]["replicas"] = 3
        file.seek(0)
        file.write(json.dumps(deployment))
        file.flush()
        cli("apply", "-f", file.name).says("configured")
        live = cli("get", "deploy", "web", "-o", "json").json()
        equal(live["spec"]["replicas"], 3, "replicas")
        names = [c["name"] for c in live["spec"]["template"]["spec"]["containers"]]
        equal(sorted(names), ["sidecar", "web"], "containers")


def test_apply_says_what_is_wrong_and_where(server):
    cli = namespace(server, "wrong")
    done = apply(cli, config_map("good", x="1"), {**ROLLOUT, "spec": {**ROLLOUT["spec"], "stepz": []}}, code=2)
    done.says("stepz", "<stdin>:", where="err").says("configmap/good created")
    cli("apply", "-f", "/nonexistent.yaml", code=5).says("/nonexistent.yaml", where="err")
    cli("apply", code=2).says("-f", where="err")
    apply(cli, {"apiVersion": "v1", "kind": "ConfigMapp", "metadata": {"name": "x"}}, code=2).says("ConfigMap", where="err")
    cli("apply", "-f", "-", stdin="a: [", code=2).says("<stdin>:2: error", where="err")


def test_apply_dry_run_and_server_side(server):
    cli = namespace(server, "dry")
    apply_dry = cli("apply", "--dry-run", "-f", "-", stdin=json.dumps(config_map("a", x="1")))
    apply_dry.says("created (server dry run)")
    equal(server.get("/api/v1/namespaces/dry/configmaps/a").status, 404, "dry run")
    cli("apply", "--server-side", "-f", "-", stdin=json.dumps(config_map("a", x="1"))).says("serverside-applied")
    server.ok("PATCH", "/api/v1/namespaces/dry/configmaps/a?fieldManager=bob", {"data": {"x": "bobs"}},
              content_type="application/merge-patch+json")
    done = cli("apply", "--server-side", "-f", "-", stdin=json.dumps(config_map("a", x="2")), code=1)
    done.says("bob", "--force-conflicts", where="err")
    cli("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(config_map("a", x="2")))
    equal(server.ok("GET", "/api/v1/namespaces/dry/configmaps/a")["data"]["x"], "2", "x")


def test_get_in_all_forms(server):
    cli = namespace(server, "get")
    apply(cli, config_map("a", x="1"), config_map("b", x="2"), ROLLOUT)
    cli("get", "cm").says("NAME", "a ", "b ")
    cli("get", "cm", "a", "-o", "name").says("configmap/a\n")
    one = cli("get", "configmap/a", "-o", "json").json()
    equal((one["kind"], one["data"]), ("ConfigMap", {"x": "1"}), "one")
    check("managedFields" not in one["metadata"], "managedFields are for machines")
    listed = cli("get", "cm", "-o", "json").json()
    equal([(i["kind"], i["apiVersion"]) for i in listed["items"]], [("ConfigMap", "v1")] * 2, "items know their kind")
    cli("get", "cm", "b", "-o", "yaml").says("kind: ConfigMap", "  name: b")
    cli("get", "cm", "-A").says("NAMESPACE", "get ")
    cli("get", "cm,sro").says("configmap/a", "rollout.serin.dev/agent")
    cli("list").says("agent", "PHASE")
    cli("get", "cm", "--no-headers", "--field-selector", "metadata.name=b").says("b")
    cli("get", "secrets").says("No resources found in get namespace", where="err")
    cli("get", "cm", "zz", code=5).says('"zz" not found', where="err")
    cli("get", "configmapz", code=5).says('did you mean "configmap', where="err")
    cli("get", "cm", "-o", "xml", code=2).says("json, yaml", where="err")
    cli("get", code=2)


def test_get_follows_changes(server):
    cli = namespace(server, "follow")
    apply(cli, config_map("a", x="1"))
    process = cli.start("get", "cm", "-w")
    try:
        check("NAME" in process.stdout.readline(), "header")
        check(process.stdout.readline().startswith("a "), "row")
        apply(cli, config_map("second", x="1"))
        check(process.stdout.readline().startswith("second "), "a new object")
        cli("delete", "cm", "a")
        check(process.stdout.readline().startswith("follow/a "), "a deleted object")
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_describe_shows_events_and_hides_secrets(server):
    cli = namespace(server, "describe")
    apply(cli, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"password": "hushhush"}}, ROLLOUT)
    done = cli("describe", "secret", "s").says("password: 8 bytes")
    check("hushhush" not in done.out and "aHVzaGh1c2g" not in done.out, "the secret is on the screen")
    uid = server.ok("GET", "/apis/serin.dev/v1alpha1/namespaces/describe/rollouts/agent")["metadata"]["uid"]
    server.ok("POST", "/api/v1/namespaces/describe/events", {
        "metadata": {"name": "e1"}, "type": "Warning", "reason": "Shaky", "message": "it shakes", "count": 3,
        "involvedObject": {"kind": "Rollout", "name": "agent", "namespace": "describe", "uid": uid}})
    cli("describe", "rollout", "agent").says("Name:         agent", "Shaky", "it shakes", "(x3)")


def test_delete_waits_and_says_what_holds(server):
    cli = namespace(server, "delete")
    apply(cli, config_map("a"), config_map("b"))
    cli("delete", "cm", "a").says("configmap/a deleted")
    cli("delete", "cm", "a", code=5).says("not found", where="err")
    cli("delete", "cm", "a", "--ignore-not-found")
    cli("delete", "cm", code=2).says("--all", where="err")
    held = config_map("held")
    held["metadata"]["finalizers"] = ["example.com/held"]
    apply(cli, held)
    cli("delete", "cm", "held", "--timeout", "1s", code=124).says("finalizer", where="err")
    server.ok("PATCH", "/api/v1/namespaces/delete/configmaps/held", {"metadata": {"finalizers": None}},
              content_type="application/merge-patch+json")
    cli("wait", "cm/held", "--for=delete", "--timeout", "10s")
    cli("delete", "-f", "-", stdin=json.dumps(config_map("b"))).says("configmap/b deleted")


def test_wait(server):
    cli = namespace(server, "wait")
    apply(cli, ROLLOUT, config_map("a", x="1"))
    cli("wait", "cm/a", "--for=jsonpath={.data.x}=1").says("configmap/a condition met")
    cli("wait", "rollout/agent", "--for=condition=Ready", "--timeout", "200ms", code=124).says("timed out", where="err")
    cli("wait", "cm/none", "--for=condition=Ready", code=5)
    cli("wait", "cm/a", "--for=nonsense", code=2).says("condition=", where="err")
    process = cli.start("wait", "rollout/agent", "--for=phase=Healthy", "--timeout", "20s")
    set_status(server, "wait", "agent", phase="Progressing")
    set_status(server, "wait", "agent", phase="Healthy")
    out, err = process.communicate(timeout=20)
    equal(process.returncode, 0, f"wait for a phase: {out}{err}")
    process = cli.start("wait", "rollout/agent", "--for=condition=Promoted", "--timeout", "20s")
    set_status(server, "wait", "agent", phase="RolledBack", message="too many errors")
    out, err = process.communicate(timeout=20)
    equal(process.returncode, 1, "a release that was put back ends the wait")
    check("too many errors" in err, err)
    process = cli.start("wait", "cm/later", "--for=create", "--timeout", "20s")
    apply(cli, config_map("later"))
    equal(process.wait(20), 0, "wait for create")
    process.communicate()


def test_status_exit_codes(server):
    cli = namespace(server, "status")
    cli("status", "agent", code=5).says("serin list -A", where="err")
    apply(cli, ROLLOUT)
    cli("status", "agent", code=4).says("no operator has looked at it yet")
    for phase, code in {"Progressing": 4, "Paused": 3, "Holding": 3, "RolledBack": 1, "Aborted": 1, "Degraded": 1, "Healthy": 0}.items():
        set_status(server, "status", "agent", phase=phase)
        done = cli("status", "agent", code=code).says(phase)
        check("\x1b" not in done.out, "colour in a pipe")
        equal(cli("status", "agent", "-o", "json", code=code).json()["status"]["phase"], phase, "json")
    # A newer spec that the operator has not seen: not done.
    apply(cli, {**ROLLOUT, "spec": {**ROLLOUT["spec"], "suspend": True}})
    cli("status", "agent", code=4)
    cli("status", "rollout/agent", code=4)


def test_status_follows_until_the_end(server):
    cli = namespace(server, "live")
    apply(cli, ROLLOUT)
    set_status(server, "live", "agent", phase="Progressing", step={"index": 1, "name": "setWeight"}, weight={"canary": "10", "stable": "90"})
    process = cli.start("status", "agent", "-w")
    check("weight=10%" in process.stdout.readline(), "the first line")
    set_status(server, "live", "agent", weight={"canary": "50", "stable": "50"})
    check("weight=50%" in process.stdout.readline(), "a line a change")
    set_status(server, "live", "agent", phase="RolledBack", weight={"canary": "0", "stable": "100"}, message="put back")
    out, _ = process.communicate(timeout=20)
    check("RolledBack" in out and "put back" in out, out)
    equal(process.returncode, 1, "exit code")
    set_status(server, "live", "agent", phase="Progressing")
    cli("status", "agent", "-w", "--timeout", "300ms", code=124)
    cli("get", "rollout", "agent", "-w", "--timeout", "300ms", code=124)
    cli("status", "none", "-w", code=5).says('no rollout "none"', where="err")


def test_manual_verbs(server):
    cli = namespace(server, "verbs")
    cli("promote", "agent", code=5).says("serin list -A", where="err")
    apply(cli, ROLLOUT)
    cli("pause", "agent", "--timeout", "300ms", code=124).says("is one running?", "--direct", where="err")
    operator = Operator(server, "verbs")
    try:
        wait_for("the first to be answered", lambda: operator.asked)
        done = cli("promote", "agent", "--full", "--reason", "looks good").says("promote: as you wish")
        done.says(f"127.0.0.1:{server.port}", where="err")
        asked = operator.asked[-1]
        equal(asked["spec"], {"rollout": "agent", "verb": "promoteFull", "reason": "looks good"}, "spec")
        check(asked["metadata"]["annotations"]["serin.dev/claimed-user"].startswith("ann@"), "who")
        cli("undo", "agent", "--to-revision", "3")
        equal(operator.asked[-1]["spec"]["toRevision"], 3, "toRevision")
        for verb in ("abort", "retry", "resume"):
            cli(verb, "rollout/agent")
            equal(operator.asked[-1]["spec"]["verb"], verb, "verb")
        operator.result, operator.message = "Refused", "nothing runs"
        cli("promote", "agent", code=1).says("refused: nothing runs", where="err")
        cli("undo", "agent", "--to-revision", "x", code=2)
    finally:
        operator.close()


def test_abort_without_an_operator(server):
    cli = namespace(server, "direct")
    rule = {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "agent"}, "spec": {
        "host": "agent", "subsets": [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")]}}
    service = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "agent"}, "spec": {
        "hosts": ["agent"], "http": [{"timeout": "5s", "route": [
            {"destination": {"host": "agent", "subset": "v1"}, "weight": 40}, {"destination": {"host": "agent", "subset": "v2"}, "weight": 60}]}]}}
    apply(cli, ROLLOUT, rule, service)
    cli("abort", "agent", "--direct").says("all traffic")
    http = server.ok("GET", "/apis/networking.istio.io/v1/namespaces/direct/virtualservices/agent")["spec"]["http"][0]
    weights = {r["destination"]["subset"]: r.get("weight", 0) for r in http["route"]}
    equal(weights, {"v1": 100, "v2": 0}, "weights")
    equal(http["timeout"], "5s", "the rest of the route")
    left = server.ok("GET", "/apis/serin.dev/v1alpha1/namespaces/direct/rolloutactions")["items"]
    equal([a["spec"]["verb"] for a in left], ["abort"], "what an operator finds when it comes back")
    cli("abort", "agent", "--direct").says("already")


def test_plan_reads_files_only(server):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rollout.yaml"
        path.write_text(json.dumps(ROLLOUT))
        cli = Cli(server)
        env = {**cli.env, "KUBECONFIG": "/nonexistent"}
        cli("plan", "-f", path, env=env).says("setWeight 10%", "REQUESTS NEEDED", "In all")
        path.write_text(json.dumps({**ROLLOUT, "spec": {**ROLLOUT["spec"], "steps": [{"setWeight": 500}]}}))
        cli("plan", "-f", path, env=env, code=2).says("rollout.yaml", "setWeight", where="err")
        path.write_text(json.dumps(config_map("a")))
        cli("plan", "-f", path, env=env, code=2).says("no Rollout", where="err")


def test_which_cluster(server):
    cli = Cli(server)
    nowhere = {k: v for k, v in cli.env.items() if k != "KUBECONFIG"}
    cli("list", env=nowhere, code=5).says("serin up", where="err")
    cli("list", "--kubeconfig", server.data / "kubeconfig", env=nowhere)
    cli("list", "--context", "nope", code=2).says("nope", where="err")
    with tempfile.TemporaryDirectory() as folder, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        text = (server.data / "kubeconfig").read_text().replace(f":{server.port}", f":{closed.getsockname()[1]}")
        path = pathlib.Path(folder) / "config"
        path.write_text(text)
        cli("list", "--kubeconfig", path, code=5).says("cannot reach", str(path), where="err")
        path.write_text((server.data / "kubeconfig").read_text().replace(server.token, "wrong-token"))
        done = cli("list", "--kubeconfig", path, code=1).says("does not accept the credentials", where="err")
        check("wrong-token" not in done.err, "the token is on the screen")
        with tempfile.TemporaryDirectory() as other:  # another server's certificate authority
            stranger = Server(pathlib.Path(other))
            text = (server.data / "kubeconfig").read_text()
            line = next(part for part in text.splitlines() if "certificate-authority" in part)
            foreign = next(part for part in (stranger.data / "kubeconfig").read_text().splitlines() if "certificate-authority" in part)
            path.write_text(text.replace(line, foreign))
            cli("list", "--kubeconfig", path, code=1).says("certificate", where="err")
            stranger.stop()
        # As kubectl-serin: where kubectl looks, so ~/.kube/config counts.
        link = pathlib.Path(folder) / "kubectl-serin"
        link.symlink_to(BIN)
        home = pathlib.Path(folder) / ".kube"
        home.mkdir()
        (home / "config").write_text((server.data / "kubeconfig").read_text())
        cli("list", env={**nowhere, "HOME": folder}, binary=str(link))
        if KUBECTL:  # kubectl finds the plugin by its name
            env = {**nowhere, "HOME": folder, "PATH": f"{folder}:{nowhere['PATH']}"}
            done = subprocess.run([KUBECTL, "serin", "list"], env=env, capture_output=True, text=True, timeout=30)
            equal(done.returncode, 0, f"kubectl serin list: {done.stdout}{done.stderr}")


def test_completion_and_help(server):
    cli = Cli(server)
    for shell in ("bash", "zsh", "fish"):
        cli("completion", shell).says("promote", "to-revision")
    cli("completion", "tcsh", code=2)
    for command in ("apply", "get", "list", "describe", "delete", "logs", "wait", "status", "promote", "abort", "retry", "pause", "resume",
                    "undo", "history", "explain", "plan", "proxy-config", "completion"):
        done = cli("--help")
        check(f"  {command} " in done.out, f"{command} is not in --help")


if __name__ == "__main__":
    os.umask(0o077)
    main(globals())
