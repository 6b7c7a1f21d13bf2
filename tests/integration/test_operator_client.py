#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`serin operator` and the commands as clients: credentials that expire and rotate, plugins that hand them out, forms of kubeconfig, one
namespace only. No credential is shown to anybody else (tests/support/operator_client.py looks at the log)."""
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import api_faults  # noqa: E402
import apiserver  # noqa: E402
from apiserver import BIN, check, equal, wait_for  # noqa: E402
from operator_client import SECRET, Through, begin, reaches  # noqa: E402


def test_a_server_that_restarts(server):
    with Through(server, "restart") as through:
        through.faults.down()
        begin(server, "restart")
        through.faults.up()
        reaches(server, through, "restart", "Paused")


def test_a_new_ca_and_a_new_token(server):
    """As a service account: token and CA are files that are replaced while the operator runs."""
    token = server.data / "rotating-token"
    token.write_text(SECRET)
    kept = server.data / "rotating-ca.crt"
    through = Through(server, "rotates")
    faults = through.faults
    kept.write_bytes(faults.ca.read_bytes())
    faults.kubeconfig(through.config, {"tokenFile": str(token)}, cluster={"certificate-authority": str(kept)})
    faults.accepts = {SECRET}
    with through:
        faults.accepts = {SECRET + "-2"}
        faults.rotate()
        kept.write_bytes(faults.ca.read_bytes())
        token.write_text(SECRET + "-2\n")
        begin(server, "rotated")
        reaches(server, through, "rotated", "Paused")


def test_a_plugin_hands_out_tokens(server):
    """It is run once for all watches, again when its token is refused; neither log nor argv has the token."""
    plugin = server.data / "plugin"
    runs = server.data / "plugin-runs"
    plugin.write_text(f"""#!/bin/sh
echo "$KUBERNETES_EXEC_INFO $1 $HELLO" >> {runs}
n=$(wc -l < {runs})
printf '{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{{"token":"{SECRET}-%s"}}}}' "$n"
""")
    plugin.chmod(0o700)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "args": ["--for-serin"], "interactiveMode": "Never",
                     "env": [{"name": "HELLO", "value": "you"}], "provideClusterInfo": True}}
    through = Through(server, "plugin", user)
    through.faults.accepts = {SECRET + "-1"}
    with through:
        told = runs.read_text().splitlines()
        equal(len(told), 1, "runs")
        check(told[0].endswith("--for-serin you"), told)
        equal(json.loads(told[0].rpartition("}")[0] + "}")["spec"]["cluster"]["server"], through.faults.url, "what it is told")
        wait_for("it to be old enough to be run again", lambda: time.time() - runs.stat().st_mtime > 1.1)
        through.faults.accepts = {SECRET + "-2"}
        begin(server, "plugin")
        reaches(server, through, "plugin", "Paused")
        equal(len(runs.read_text().splitlines()), 2, "runs")
        check(SECRET.encode() not in pathlib.Path(f"/proc/{through.process.pid}/cmdline").read_bytes(), "argv shows the token")


def command(server, config, *args, env=None):
    return subprocess.run([BIN, *args, "--kubeconfig", str(config)], capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})})


def test_forms_of_kubeconfig(server):
    """Certificates as files and inline, a name of the server's own, a proxy; what is not supported says so."""
    faults = api_faults.Faults(f"https://127.0.0.1:{server.port}", server.data / "pki" / "ca.crt", server.token)
    try:
        certificate, key = faults.authority.issue("someone")
        files = {"client-certificate": str(certificate), "client-key": str(key)}
        cases = [
            ("certificate files", files, {}, 0, "default"),
            ("half a certificate", {"client-certificate": str(certificate)}, {}, 2, "only one of client-certificate and client-key"),
            ("a server name it has", {"token": "x"}, {"tls-server-name": "api.test"}, 0, "default"),
            ("a server name it has not", {"token": "x"}, {"tls-server-name": "other.test"}, None, "other.test"),
            ("no verification", {"token": "x"}, {"certificate-authority": "", "insecure-skip-tls-verify": True}, 0, "default"),
            ("a proxy that is away", {"token": "x"}, {"proxy-url": "http://127.0.0.1:9"}, None, "127.0.0.1"),
            ("a plugin of old", {"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1alpha1"}}, {}, 2, "v1beta1"),
            ("a plugin that is not there", {"exec": {"command": "no-such-plugin", "apiVersion": "client.authentication.k8s.io/v1",
                                                     "installHint": "get it at example.com"}}, {}, None, "get it at example.com"),
            ("somebody else", {"token": "x", "as": "root"}, {}, 2, "acts as somebody else"),
        ]
        for name, user, cluster, code, says in cases:
            done = command(server, faults.kubeconfig(server.data / "forms", user, cluster=cluster), "get", "namespaces")
            if code is None:
                check(done.returncode != 0, f"{name}: it worked")
            else:
                equal(done.returncode, code, f"{name}: {done.stdout}{done.stderr}: exit code")
            check(says in done.stdout + done.stderr, f"{name}: {done.stdout}{done.stderr}")
        first, second = faults.kubeconfig(server.data / "first"), server.data / "second"
        text = json.loads(first.read_text())
        second.write_text(json.dumps({**text, "clusters": [], "users": [], "current-context": "gone"}))
        first.write_text(json.dumps({**text, "contexts": []}))
        done = subprocess.run([BIN, "get", "namespaces"], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "KUBECONFIG": f"/nonexistent:{first}:{second}"})
        equal(done.returncode, 0, f"two files read as one: {done.stderr}")
        faults.add(api_faults.status(429, retry_after=1), times=1)
        done = command(server, faults.kubeconfig(server.data / "forms"), "get", "namespaces")
        equal((done.returncode, faults.hits["status 429"]), (0, 1), f"a busy server is waited for: {done.stderr}")
    finally:
        faults.close()


def test_one_namespace_only(server):
    """--namespace: nothing outside of it is asked for, but the Leases of the proxies."""
    with Through(server, "scoped", None, "--namespace", "scoped", "--lease-namespace", "scoped", "--leader-elect") as through:
        begin(server, "scoped")
        reaches(server, through, "scoped", "Paused")
        outside = {path.split("?")[0] for _, _, path in through.faults.log if "/namespaces/scoped" not in path}
        equal(outside, set(), "paths outside of its namespace")


def test_a_proxy_of_one_namespace_only(server):
    faults = api_faults.Faults(f"https://127.0.0.1:{server.port}", server.data / "pki" / "ca.crt", server.token)
    server.lease_namespace("one")
    process = subprocess.Popen([BIN, "proxy", "--kubeconfig", str(faults.kubeconfig(server.data / "proxy.kubeconfig")), "--listen", "127.0.0.1:0",
                                "--admin", "off", "--workers", "1", "--namespace", "one", "--one-namespace"], stderr=subprocess.DEVNULL,
                               preexec_fn=apiserver.die_with_parent)
    try:
        leases = "/apis/coordination.k8s.io/v1/namespaces/one/leases"
        wait_for("its Lease", lambda: [item for item in server.get(leases).json["items"] if item["metadata"]["name"] != "serin-operator"])
        paths = {path.split("?")[0] for _, _, path in faults.log}
        equal({path for path in paths if "/namespaces/one/" not in path}, set(), "paths outside of its namespace")
        check({"virtualservices", "endpointslices", "pods", "httproutes"} <= {path.rsplit("/", 1)[1] for path in paths}, paths)
    finally:
        process.terminate()
        equal(process.wait(30), 0, "exit code")
        faults.close()


if __name__ == "__main__":
    apiserver.main(globals())
