#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may do what on `serin apiserver`: tokens, roles, their rotation, certificates that change while it runs; and what a client may not
take: time, connections, memory, more requests than its share."""
import os
import pathlib
import re
import resource
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import BIN, KUBECTL, Failure, Server, check, equal, main, wait_for  # noqa: E402

CM = "/api/v1/namespaces/default/configmaps"
SECRETS = "/api/v1/namespaces/default/secrets"
ACTIONS = "/apis/serin.dev/v1alpha1/namespaces/default/rolloutactions"
LONG = os.environ.get("SERIN_LONG")


def serin(server, *args, code=0):
    done = subprocess.run([BIN, *args, "--data", str(server.data)], capture_output=True, text=True, timeout=30)
    equal(done.returncode, code, f"{args}: {done.stdout}{done.stderr}")
    return (done.stdout + done.stderr).strip()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def status(server, token, method, path, body=None, **more):
    return server.request(method, path, body, token=False, headers=bearer(token), **more).status


def made(server, name, *options):
    token = serin(server, "token", "create", name, *options)
    wait_for(f"the token of {name}", lambda: status(server, token, "GET", "/api") == 200)
    return token


def test_roles(server):
    server.ok("POST", SECRETS, {"metadata": {"name": "s"}})
    viewer, promote = made(server, "vera"), made(server, "petra", "--role", "promote")
    action = {"apiVersion": "serin.dev/v1alpha1", "kind": "RolloutAction", "metadata": {"name": "a"}, "spec": {"rollout": "r", "verb": "promote"}}
    rows = [(viewer, "GET", CM, None, 200), (viewer, "GET", "/api/v1/configmaps", None, 200), (viewer, "POST", CM, {"metadata": {"name": "x"}}, 403),
            (viewer, "DELETE", CM, None, 403), (viewer, "GET", SECRETS, None, 403), (viewer, "GET", f"{SECRETS}/s", None, 403),
            (viewer, "GET", f"{SECRETS}?watch=1", None, 403), (viewer, "POST", ACTIONS, action, 403), (viewer, "GET", "/nothing", None, 403),
            (promote, "POST", ACTIONS, action, 201), (promote, "GET", f"{ACTIONS}/a", None, 200), (promote, "PUT", f"{ACTIONS}/a", action, 403),
            (promote, "GET", SECRETS, None, 403), (server.token, "GET", SECRETS, None, 200)]
    for token, method, path, body, want in rows:
        equal(status(server, token, method, path, body), want, f"{method} {path}")


def test_nobody_acts_in_the_name_of_another(server):
    """Whoever makes a RolloutAction is written into it, whatever it says itself, and stays there."""
    token = made(server, "ann", "--role", "promote")
    forged = {"apiVersion": "serin.dev/v1alpha1", "kind": "RolloutAction", "metadata": {"name": "forged", "annotations": {"serin.dev/user": "eve"}}, "spec": {"rollout": "r", "verb": "abort"}}
    equal(status(server, token, "POST", ACTIONS, forged), 201)
    by = lambda: server.get(f"{ACTIONS}/forged").json["metadata"]["annotations"]["serin.dev/user"]  # noqa: E731
    equal(by(), "ann", "who aborted")
    again = {"metadata": {"annotations": {"serin.dev/user": "eve"}}}
    equal(status(server, token, "PATCH", f"{ACTIONS}/forged", again, content_type="application/merge-patch+json"), 403, "ann rewrites it")
    server.request("PATCH", f"{ACTIONS}/forged", again, content_type="application/merge-patch+json")
    equal(by(), "ann", "who aborted, after its owner rewrote it")


def test_refusals_are_in_kubernetes_words(server):
    token = made(server, "walter")

    def message(method, path, body=None):
        reply = server.request(method, path, body, token=False, headers=bearer(token)).json
        equal((reply["kind"], reply["reason"], reply["code"]), ("Status", "Forbidden", 403))
        return reply["message"], reply["details"]
    equal(message("GET", SECRETS), ('secrets is forbidden: User "walter" cannot list resource "secrets" in API group "" in the namespace "default"',
                                    {"kind": "secrets"}))
    equal(message("DELETE", f"{ACTIONS}/x"), ('rolloutactions.serin.dev "x" is forbidden: User "walter" cannot delete resource "rolloutactions" in '
                                              'API group "serin.dev" in the namespace "default"',
                                              {"kind": "rolloutactions", "group": "serin.dev", "name": "x"}))
    equal(message("GET", "/api/v1/secrets?watch=true")[0],
          'secrets is forbidden: User "walter" cannot watch resource "secrets" in API group "" at the cluster scope')
    equal(message("PATCH", "/apis/apps/v1/namespaces/n/deployments/d/status", {})[0],
          'deployments.apps "d" is forbidden: User "walter" cannot patch resource "deployments/status" in API group "apps" in the namespace "n"')


def test_nobody_acts_as_another_unnoticed(server):
    """kubectl --as: it would be answered as its own user, who may more."""
    for name, value, what in (("Impersonate-User", "bob", "users"), ("Impersonate-Group", "system:masters", "groups"), ("Impersonate-Uid", "7", "uids")):
        reply = server.request("GET", SECRETS, headers={name: value})
        equal((reply.status, reply.json["reason"]), (403, "Forbidden"), name)
        check(f'{what} "{value}" is forbidden' in reply.json["message"] and f'cannot impersonate resource "{what}"' in reply.json["message"], reply.text)
    said = server.kubectl("get", "secrets", "--as", "bob", code=1)
    check("cannot impersonate" in said, said)


def test_others_words_do_not_move_the_terminal(server):
    """Escape sequences in what somebody wrote into an object, or sent as a header, are shown as blanks."""
    rollouts = "/apis/serin.dev/v1alpha1/namespaces/default/rollouts"
    server.ok("POST", rollouts, {"apiVersion": "serin.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "esc"}, "spec": {
        "stable": {"deployment": "x", "subset": "x"}, "canary": {"deployment": "y", "subset": "y"},
        "traffic": {"virtualService": {"name": "x"}, "destinationRule": "x"}}})
    evil = "a \x1b[2J\x1b]0;x\x07 \x9b31m b"
    server.ok("PATCH", f"{rollouts}/esc/status", {"status": {"phase": "Paused", "message": evil, "step": {"waitingFor": evil}, "decisions": [
        {"number": 1, "reason": "X", "measured": evil, "who": evil}], "history": [{"revision": 1, "result": "Promoted", "who": evil, "reason": evil}]}},
              content_type="application/merge-patch+json")
    for command in ("get rollouts", "status esc", "explain esc", "history esc", "describe rollout esc", "get rollout esc -o yaml"):
        done = subprocess.run([BIN, *command.split()], env={**os.environ, "KUBECONFIG": str(server.data / "kubeconfig")}, capture_output=True, timeout=30)
        check(not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", done.stdout + done.stderr), f"{command}: {done.stdout} {done.stderr}")
    equal(server.request("POST", CM, {"metadata": {"name": "evil"}}, headers={"User-Agent": "evil\x1b[31m level=error\xc2\x9b31m"}).status, 201, "status")
    log = wait_for("the log", lambda: (lambda text: text if b"evil" in text else None)((server.data / "stderr").read_bytes()))
    line = [line for line in log.split(b"\n") if b"evil" in line][0]
    check(b"\x1b" not in line and b"\xc2\x9b" not in line and b'"evil' in line, line)


def test_no_core_is_left(server):
    limits = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()
    equal(re.search(r"Max core file size +(\S+) +(\S+)", limits).groups(), ("0", "0"), "core files")
    equal(stat.S_IMODE(os.stat(server.data).st_mode), 0o700, "mode of the folder")


def test_a_token_of_one_namespace(server):
    server.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})
    token = made(server, "tim", "--role", "admin", "--namespace", "team")
    equal(status(server, token, "POST", CM.replace("default", "team"), {"metadata": {"name": "x"}}), 201)
    equal(status(server, token, "GET", "/api/v1/namespaces/team"), 200)
    for path in (CM, "/api/v1/configmaps", "/api/v1/namespaces", "/api/v1/namespaces/default"):
        equal(status(server, token, "GET", path), 403, path)
    equal(status(server, token, "DELETE", "/api/v1/namespaces/team"), 403)


def test_can_i(server):
    token = made(server, "ina", "--role", "promote")

    def may(**attributes):
        reply = server.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {"resourceAttributes": attributes}},
                               token=False, headers=bearer(token))
        equal(reply.status, 201)
        return reply.json["status"]["allowed"]
    equal([may(verb="list", resource="pods"), may(verb="list", resource="secrets"), may(verb="*", resource="*", group="*"),
           may(verb="create", group="serin.dev", resource="rolloutactions"), may(verb="delete", group="apps", resource="deployments"),
           may(verb="get", resource="pods", subresource="log")], [True, False, False, True, False, True])
    rules = server.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}, token=False,
                           headers=bearer(token)).json["status"]
    core = [rule for rule in rules["resourceRules"] if rule["apiGroups"] == [""]][0]
    check("pods" in core["resources"] and "secrets" not in core["resources"] and core["verbs"] == ["get", "list", "watch"], core)
    if KUBECTL:
        file = server.data / "ina.kubeconfig"
        serin(server, "token", "rotate", "ina", "--kubeconfig", str(file))
        equal(stat.S_IMODE(file.stat().st_mode), 0o600)
        # The server takes the new secret a moment after the command.
        wait_for("the new secret", lambda: "promote" in server.kubectl("--kubeconfig", str(file), "auth", "whoami", code=None)
                 or "unknown command" in server.kubectl("--kubeconfig", str(file), "auth", "whoami", code=None))
        equal(server.kubectl("--kubeconfig", str(file), "auth", "can-i", "list", "pods").strip().splitlines()[-1], "yes")
        equal(server.kubectl("--kubeconfig", str(file), "auth", "can-i", "list", "secrets", code=1).strip().splitlines()[-1], "no")
        check("rolloutactions.serin.dev" in server.kubectl("--kubeconfig", str(file), "auth", "can-i", "--list"), "can-i --list")


def test_apply_needs_create(server):
    """The proxy may patch a status but make no Gateway, with server-side apply neither."""
    proxy = (server.data / "access" / "proxy.token").read_text()
    leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
    apply = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}}
    equal(status(server, proxy, "PATCH", f"{leases}/l?fieldManager=m", apply, content_type="application/apply-patch+yaml"), 201)
    operator = (server.data / "access" / "operator.token").read_text()
    service = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "v"}, "spec": {"hosts": ["a"]}}
    reply = server.request("PATCH", "/apis/networking.istio.io/v1/namespaces/default/virtualservices/v?fieldManager=m", service, token=False,
                           headers=bearer(operator), content_type="application/apply-patch+yaml")
    equal(reply.status, 403, reply.text)
    check("cannot create" in reply.json["message"], reply.text)


def test_a_deleted_token_ends_what_it_had_open(server):
    token = made(server, "gone")
    connection = server.connect()
    connection.request("GET", f"{CM}?watch=1&resourceVersion=1", headers=bearer(token))
    response = connection.getresponse()
    equal(response.status, 200)
    serin(server, "token", "delete", "gone")
    connection.sock.settimeout(10)
    try:
        while response.readline():
            pass
    except (OSError, ValueError, Exception):  # noqa: B014 (the end of a broken stream has many names)
        pass
    wait_for("the token to be refused", lambda: status(server, token, "GET", "/api") == 401)
    connection.close()
    text = serin(server, "token", "list")
    check("owner" in text and "proxy" in text and "gone" not in text, text)
    check(server.token not in text, "no secret is listed")


def test_rotation_of_the_owner_and_components(server):
    before, operator = server.token, (server.data / "access" / "operator.token").read_text()
    check(before not in serin(server, "token", "rotate", "owner"), "the secret of the owner is in its file")
    serin(server, "token", "rotate", "operator", "--grace", "0s")
    server.token = (server.data / "token").read_text()
    check(before != server.token, "a new secret")
    wait_for("the new secret", lambda: server.get("/api").status == 200)
    equal(status(server, before, "GET", "/api"), 200, "the old one is good for its grace")
    wait_for("the kubeconfig", lambda: server.token in (server.data / "kubeconfig").read_text())
    wait_for("the end of the operator's old secret", lambda: status(server, operator, "GET", "/api") == 401)
    equal(status(server, (server.data / "access" / "operator.token").read_text(), "GET", "/api"), 200)


def test_certificates_change_while_it_runs(server):
    """kubectl with an old copy of the kubeconfig goes on through the overlap, a watch through all of it."""
    revision = server.ok("GET", CM)["metadata"]["resourceVersion"]
    watch = server.watch(f"{CM}?watch=1&resourceVersion={revision}")
    first = server.context

    def shown(context):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw, context.wrap_socket(raw, server_hostname="127.0.0.1") as tls:
            return tls.getpeercert(binary_form=True)
    certificate = shown(first)
    serin(server, "certificates", "rotate", "--server")
    wait_for("the server's new certificate", lambda: shown(first) != certificate)
    serin(server, "certificates", "rotate")
    bundle = server.data / "access" / "ca.crt"
    wait_for("both authorities", lambda: bundle.read_text().count("BEGIN CERTIFICATE") == 2)
    shown(first)  # the old copy still works
    check("already" in serin(server, "certificates", "rotate", code=1), "one exchange at a time")
    both = ssl.create_default_context(cafile=str(bundle))
    serin(server, "certificates", "rotate", "--overlap", "0s")
    wait_for("the new authority alone", lambda: bundle.read_text().count("BEGIN CERTIFICATE") == 1)
    shown(both)
    try:
        shown(first)
        raise Failure("the old authority is trusted no more")
    except ssl.SSLError:
        pass
    server.context = ssl.create_default_context(cafile=str(bundle))
    server.ok("POST", CM, {"metadata": {"name": "after-all"}})
    equal(watch.next()["object"]["metadata"]["name"], "after-all")
    watch.close()
    if KUBECTL:
        check("after-all" in server.kubectl("get", "configmap", "after-all"), "kubectl")


def test_a_broken_token_file_changes_nothing(server):
    token, file = made(server, "hugo"), server.data / "access" / "tokens.json"
    good = file.read_text()
    file.write_text(good.replace("viewer", "emperor"))
    wait_for("a word about it", lambda: "emperor" in (server.data / "stderr").read_text())
    equal(status(server, token, "GET", "/api"), 200)
    file.write_text(good)


def test_everything_is_private(server):
    for folder, _, files in os.walk(server.data):
        if pathlib.Path(folder).name in ("kubectl-cache",) or "kubectl-cache" in folder:
            continue
        equal(stat.S_IMODE(os.stat(folder).st_mode) & 0o077, 0, folder)
        for name in files:
            if name != "stderr":  # the test's own
                equal(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) & 0o077, 0, name)


def test_no_secret_in_logs(server):
    token = made(server, "leo", "--role", "admin")
    equal(status(server, token, "POST", SECRETS, {"metadata": {"name": "leo"}, "stringData": {"password": "swordfish-4711"}}), 201)
    equal(status(server, token + "x", "POST", SECRETS, {"metadata": {"name": "leo2"}}), 401)
    log = wait_for("the log", lambda: (lambda text: text if "leo" in text else None)((server.data / "stderr").read_text()))
    for secret in (token, server.token, "swordfish-4711", "Bearer"):
        check(secret not in log, "a secret is in the log")
    line = [line for line in log.splitlines() if "leo" in line and "POST" in line][0]
    check("secrets" in line and "201" in line, line)


def old_tls(server, version, cipher=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is the point
        context.minimum_version = context.maximum_version = version
    if cipher:
        context.set_ciphers(cipher)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw, context.wrap_socket(raw) as tls:
        return tls.version(), tls.cipher()[0]


def test_only_strong_tls(server):
    equal(old_tls(server, ssl.TLSVersion.TLSv1_3)[0], "TLSv1.3")
    equal(old_tls(server, ssl.TLSVersion.TLSv1_2)[0], "TLSv1.2")
    for version, cipher in ((ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"), (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
                            (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"), (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-SHA384")):
        try:
            raise Failure(f"{version} {cipher}: {old_tls(server, version, cipher)}")
        except (ssl.SSLError, OSError):
            pass


def tls(server):
    return server.context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=30), server_hostname="127.0.0.1")


def drip(connection, data, seconds):
    """Sends a byte now and then until the other side closes; how long that took. None: it never did."""
    began = time.monotonic()
    connection.settimeout(0.1)
    for byte in data:
        if time.monotonic() - began > seconds:
            return None
        try:
            connection.send(bytes([byte]))
            if connection.recv(1000) == b"":
                return time.monotonic() - began
        except (TimeoutError, ssl.SSLWantReadError):
            continue
        except OSError:
            return time.monotonic() - began
    return None


def test_slow_clients_are_cut(server):
    """Nobody who trickles holds a connection; those who do meanwhile keep nobody out. The deadlines are 10 s for a head and 30 s for a body."""
    heads = [tls(server) for _ in range(3)]
    took = []
    threads = [threading.Thread(target=lambda c=c: took.append(drip(c, b"GET /api HTTP/1.1\r\nHost: a\r\nX-Slow: " + b"a" * 5000, 25))) for c in heads]
    if LONG:
        body = tls(server)
        body.send(f"POST {CM} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {server.token}\r\nContent-Length: 100000\r\n\r\n".encode())
        threads.append(threading.Thread(target=lambda: took.append(drip(body, b"{" * 5000, 60))))
    for thread in threads:
        thread.start()
    equal(server.get("/livez", token=False).status, 200)
    if not LONG:  # the deadline itself takes its time; the long form waits for it
        for connection in heads:
            connection.close()
        for thread in threads:
            thread.join()
        return
    for thread in threads:
        thread.join()
    check(None not in took and len(took) == 4, f"cut after {took}")


def test_a_crowd_without_credentials_keeps_nobody_out(server):
    crowd, limit = [], resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, limit[1]), limit[1]))
    for _ in range(1100):
        raw = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        crowd.append(raw)
    server.ok("GET", CM)
    # The oldest have gone to make room: all but about 1,024.
    def gone():
        count = 0
        for raw in crowd:
            raw.setblocking(False)
            try:
                count += raw.recv(1) == b""
            except BlockingIOError:
                pass
            except OSError:
                count += 1
        return count
    wait_for("the oldest of them to go", lambda: gone() >= 50)
    for raw in crowd:
        raw.close()


def test_heads_and_objects_have_limits(server):
    reply = server.get("/api", headers={"X-Large": "x" * 40000})
    equal(reply.status, 431, reply.text[:200])
    container = {"name": "c", "image": "i", "args": ["x" * (1600 << 10)]}
    reply = server.request("POST", "/api/v1/namespaces/default/pods", {"metadata": {"name": "huge"}, "spec": {"containers": [container]}})
    equal((reply.status, reply.json["reason"]), (413, "RequestEntityTooLarge"))
    equal(server.request("POST", CM, {"metadata": {"name": "large"}, "data": {"a": "x" * (1000 << 10)}}).status, 201)
    server.ok("DELETE", f"{CM}/large")


def test_each_client_has_its_share(_):
    """A client that asks too fast is told when to come back; others, watches, health checks and components are not held up."""
    server = Server(options=("--rate", "1", "--burst", "30")) # slow enough for a slow machine
    try:
        greedy, other = serin(server, "token", "create", "greedy"), serin(server, "token", "create", "other")
        wait_for("the tokens", lambda: status(server, other, "GET", "/api") == 200)
        connection = server.connect()
        replies = [server.request("GET", CM, token=False, headers=bearer(greedy), connection=connection) for _ in range(60)]
        late = [reply for reply in replies if reply.status == 429]
        check(15 <= len(late) <= 30, f"{len(late)} of 60 were refused")
        equal((late[0].headers["Retry-After"], late[0].json["reason"]), ("1", "TooManyRequests"))
        equal(status(server, other, "GET", CM), 200)
        stream = server.connect()
        stream.request("GET", f"{CM}?watch=1&resourceVersion=1", headers=bearer(greedy))
        equal(stream.getresponse().status, 200, "watches have a share of their own")
        operator = (server.data / "access" / "operator.token").read_text()
        rollouts = "/apis/serin.dev/v1alpha1/rollouts"
        equal({server.request("GET", rollouts, token=False, headers=bearer(operator), connection=connection).status for _ in range(100)}, {200})
        equal({server.request("GET", "/readyz", token=False, connection=connection).status for _ in range(300)}, {200})
        nobody = [server.request("GET", CM, token=False, connection=connection).status for _ in range(300)]
        check(nobody[0] == 401 and 429 in nobody, "guesses are slowed down")
        equal(status(server, other, "GET", CM), 200)
        stream.close()
    finally:
        server.stop()


if __name__ == "__main__":
    main(globals())
