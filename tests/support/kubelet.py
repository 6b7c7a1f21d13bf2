#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kubelet's and the scheduler's part for tests/support/cluster.py: binds Pods to the one node, starts their containers' commands as
processes of this machine at the Pod's own address, probes them, says so in their status, restarts what ends, and ends what is deleted.

usage: kubelet.py FOLDER [--image NAME=COMMAND]...    (FOLDER: that of the running Cluster)

A container's command is its image's, as `serin up --image`, or its own `command`; one with neither is a pretence: Running and Ready, no
process. POD_IP, PORT (its first containerPort) and KUBERNETES_SERVICE_* are in the environment, and SERIN_POD=NAMESPACE/NAME tells whose it
is. A Pod with a service account other than "default" has its token where Pods have it. Logs: FOLDER/pods/NAMESPACE_NAME_CONTAINER.log."""
import base64
import ctypes
import http.client
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from apiserver import Rest, mortal  # noqa: E402
from waiting import takes  # noqa: E402

NODE = "machine"
ACCOUNT = "run/secrets/kubernetes.io/serviceaccount"


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Api(Rest):
    """Requests with one connection for each thread."""

    def __init__(self, folder):
        shared = json.loads((folder / "cluster.json").read_text())
        self.port, self.token = shared["port"], shared["token"]
        self.context = ssl.create_default_context(cafile=str(folder / "pki" / "ca.crt"))
        self.local = threading.local()

    def call(self, method, path, body=None, content_type="application/json"):
        """The reply; tries again while the server is away."""
        while True:
            connection = getattr(self.local, "connection", None) or self.connect()
            self.local.connection = connection
            try:
                reply = self.request(method, path, body, content_type, connection=connection)
                if reply.status not in (429, 500, 503):
                    return reply
            except (OSError, http.client.HTTPException):
                connection.close()
                self.local.connection = None
            takes(0.2)


class Container:
    def __init__(self, pod, spec):
        self.pod, self.spec, self.name = pod, spec, spec["name"]
        self.process, self.restarts, self.start_at = None, 0, 0
        self.config = {}  # variables from ConfigMaps and Secrets, as they were at its start
        self.ready, self.probed_at, self.misses, self.started_at = False, 0, 0, None
        self.code, self.ended_at = None, None # of one that is not started again
        command = pod.kubelet.images.get(spec["image"].rsplit("/", 1)[-1].split(":")[0])
        self.command = [command] if command and not spec.get("command") else [self.expand(part) for part in spec.get("command", [])]
        if self.command:
            self.command += [self.expand(part) for part in spec.get("args", [])]

    def expand(self, text):
        for name, value in self.environment().items():
            text = text.replace(f"$({name})", value)
        return text

    def environment(self):
        meta, spec = self.pod.object["metadata"], self.pod.object["spec"]
        fields = {"metadata.name": meta["name"], "metadata.namespace": meta["namespace"], "metadata.uid": meta["uid"], "status.podIP": self.pod.ip,
                  "spec.nodeName": NODE, "spec.serviceAccountName": spec.get("serviceAccountName", "default")}
        port = next((str(p["containerPort"]) for p in self.spec.get("ports", [])), "8080")
        result = {"PATH": os.environ.get("PATH", ""), "POD_IP": self.pod.ip, "PORT": port, "SERIN_POD": f"{meta['namespace']}/{meta['name']}",
                  "KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.pod.kubelet.api.port)}
        result.update(self.config)
        for item in self.spec.get("env", []):
            field = item.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            result[item["name"]] = item.get("value", "") if field is None else fields.get(field, "")
        return result

    def fetch_config(self):
        """envFrom, as it is now. False: something is missing that must be there."""
        found = {}
        for source in self.spec.get("envFrom", []):
            kind, reference = ("configmaps", source["configMapRef"]) if "configMapRef" in source else ("secrets", source["secretRef"])
            reply = self.pod.kubelet.api.call("GET", f"/api/v1/namespaces/{self.pod.key.split('/')[0]}/{kind}/{reference['name']}")
            if reply.status != 200 and not reference.get("optional"):
                return False
            data = reply.json.get("data", {}) if reply.status == 200 else {}
            found.update(data if kind == "configmaps" else {name: base64.b64decode(value).decode() for name, value in data.items()})
        self.config = found
        return True

    def start(self):
        self.started_at = now()
        if not self.command:
            return
        path = self.pod.kubelet.folder / "pods"
        path.mkdir(exist_ok=True)
        meta = self.pod.object["metadata"]
        with open(path / f"{meta['namespace']}_{meta['name']}_{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(mortal(self.command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment(),
                                            preexec_fn=self.mount_account if self.pod.account_files else None)

    def mount_account(self):
        """In the child: the account's files, in a mount namespace of its own."""
        files = self.pod.account_files
        libc = ctypes.CDLL(None, use_errno=True)
        new_mounts, rec_private = 0x20000, 0x4000 | 0x40000
        if libc.unshare(new_mounts) or libc.mount(None, b"/", None, rec_private, None) or libc.mount(b"none", b"/run", b"tmpfs", 0, None):
            raise OSError(ctypes.get_errno(), "no mount namespace for the service account's files")
        folder = pathlib.Path("/", ACCOUNT)
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(text)

    def check(self):
        """Starts, restarts and probes it. True when something of its status changed."""
        if self.code is not None:
            return False
        if self.command and self.process and self.process.poll() is not None:
            self.pod.kubelet.say(f"{self.pod.key} {self.name} ended with code {self.process.returncode}")
            if self.pod.object["spec"].get("restartPolicy") == "Never":
                self.code, self.ended_at, self.ready, self.process = self.process.returncode, now(), False, None
                return True
            self.process, self.ready, self.restarts = None, False, self.restarts + 1
            self.start_at = time.monotonic() + min(2 ** (self.restarts - 1), 30) - 1
            return True
        if self.started_at is None or (self.command and not self.process):
            if time.monotonic() < self.start_at:
                return False
            if not self.fetch_config():
                self.start_at = time.monotonic() + 0.5
                return False
            self.start()
            self.misses = self.probed_at = 0
        return self.probe()

    def probe(self):
        probe = self.spec.get("readinessProbe", {}) if self.command else {}
        period = probe.get("periodSeconds", 10) if self.ready else 0.2
        if probe and time.monotonic() < self.probed_at + period:
            return False
        self.probed_at = time.monotonic()
        good = not probe or self.answers(probe)
        self.misses = 0 if good else self.misses + 1
        ready = good or (self.ready and self.misses < probe.get("failureThreshold", 3))
        changed, self.ready = ready != self.ready, ready
        return changed

    def answers(self, probe):
        if "exec" in probe:
            return subprocess.run(probe["exec"]["command"], env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, timeout=10, check=False).returncode == 0
        seconds, probe = probe.get("timeoutSeconds", 1), probe["httpGet"]
        port = probe["port"]
        if isinstance(port, str):
            port = next((p["containerPort"] for p in self.spec.get("ports", []) if p.get("name") == port), 0)
        try:
            connection = http.client.HTTPConnection(self.pod.ip, port, timeout=seconds)
            connection.request("GET", probe.get("path", "/"))
            status = connection.getresponse().status
            connection.close()
            return 200 <= status < 400
        except (OSError, http.client.HTTPException):
            return False

    def status(self):
        running = self.started_at is not None and (not self.command or self.process)
        state = {"running": {"startedAt": self.started_at}} if running else \
            {"waiting": {"reason": "CrashLoopBackOff" if self.restarts else "ContainerCreating"}}
        if self.code is not None:
            state = {"terminated": {"exitCode": self.code, "reason": "Error" if self.code else "Completed", "startedAt": self.started_at,
                                    "finishedAt": self.ended_at}}
        return {"name": self.name, "image": self.spec["image"], "imageID": self.spec["image"], "containerID": f"process://{self.pod.key}/{self.name}",
                "ready": self.ready, "started": bool(running), "restartCount": self.restarts, "state": state}

    def before_stop(self):
        hook = self.spec.get("lifecycle", {}).get("preStop", {})
        if self.process and "sleep" in hook:
            self.pod.wait(hook["sleep"]["seconds"])
        elif self.process and "exec" in hook:
            subprocess.run(hook["exec"]["command"], env=self.environment(), stdin=subprocess.DEVNULL, timeout=60, check=False)


class Pod(threading.Thread):
    """One Pod: a thread, so that a container that hangs holds up nothing else."""

    def __init__(self, kubelet, pod, ip):
        super().__init__(daemon=True)
        self.kubelet, self.object, self.ip = kubelet, pod, ip
        meta = pod["metadata"]
        self.key, self.uid = f"{meta['namespace']}/{meta['name']}", meta["uid"]
        self.path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        self.changed, self.leaving, self.gone = threading.Event(), False, False
        self.account_files, self.begun, self.ready_since, self.was_ready = {}, now(), None, None
        self.containers = [Container(self, spec) for spec in pod["spec"]["containers"]]

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while not self.gone and time.monotonic() < end:
            takes(0.05)

    def run(self):
        try:
            self.bind()
            self.fetch_account()
            while not (self.leaving or self.gone):
                if any([container.check() for container in self.containers]) or self.was_ready is None:
                    self.publish()
                self.changed.wait(0.1)
            self.end()
        except Exception:  # noqa: BLE001: one Pod's trouble is not the others'
            self.kubelet.say(f"{self.key}: {traceback.format_exc()}")
        finally:
            self.kill()

    def bind(self):
        if not self.object["spec"].get("nodeName"):
            self.kubelet.api.call("POST", self.path + "/binding", {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": self.path.rsplit("/", 1)[1]},
                                                                   "target": {"apiVersion": "v1", "kind": "Node", "name": NODE}})

    def fetch_account(self):
        account, namespace = self.object["spec"].get("serviceAccountName", "default"), self.key.split("/")[0]
        if account == "default" or self.object["spec"].get("automountServiceAccountToken") is False:
            return
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {
            "expirationSeconds": 3600, "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": self.key.split("/")[1], "uid": self.uid}}}
        reply = self.kubelet.api.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", request)
        if reply.status in (200, 201):
            self.account_files = {"token": reply.json["status"]["token"], "namespace": namespace,
                                  "ca.crt": (self.kubelet.folder / "pki" / "ca.crt").read_text()}

    def publish(self):
        ready = all(container.ready for container in self.containers)
        if ready != self.was_ready:
            self.was_ready, self.ready_since = ready, now()

        def condition(kind, status=True, since=self.begun):
            return {"type": kind, "status": str(bool(status)), "lastTransitionTime": since}
        codes = [container.code for container in self.containers]
        phase = "Running" if None in codes else "Failed" if any(codes) else "Succeeded"
        status = {"phase": phase, "podIP": self.ip, "podIPs": [{"ip": self.ip}], "hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.1"}],
                  "startTime": self.begun, "containerStatuses": [container.status() for container in self.containers],
                  "conditions": [condition("PodScheduled"), condition("Initialized"), condition("ContainersReady", ready, self.ready_since),
                                 condition("Ready", ready, self.ready_since)]}
        reply = self.kubelet.api.call("PATCH", self.path + "/status", {"metadata": {"uid": self.uid}, "status": status}, "application/merge-patch+json")
        if reply.status not in (200, 404, 409):
            self.kubelet.say(f"{self.key}: status: {reply.status} {reply.text[:300]}")

    def end(self):
        grace = self.object["metadata"].get("deletionGracePeriodSeconds", 30)
        deadline = time.monotonic() + grace
        for container in self.containers:
            container.before_stop()
        for container in self.containers:
            if container.process and container.process.poll() is None:
                container.process.send_signal(signal.SIGTERM)
        while not self.gone and time.monotonic() < deadline and any(c.process and c.process.poll() is None for c in self.containers):
            takes(0.05)
        self.kill()
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        self.kubelet.api.call("DELETE", self.path, body)

    def kill(self):
        for container in self.containers:
            if container.process:
                container.process.kill()
                container.process.wait()


class Kubelet:
    def __init__(self, folder, images):
        self.folder, self.images, self.api = folder, images, Api(folder)
        self.pods, self.given = {}, 0

    def say(self, text):
        print(now(), text, flush=True)

    def address(self):
        self.given += 1
        # Another cluster may run in the same network namespace: each kubelet has a range of its own.
        return f"10.{128 + os.getpid() % 100}.{self.given // 250 % 250}.{self.given % 250 + 2}"

    def register(self):
        self.api.call("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": {"kubernetes.io/hostname": NODE}}})
        status = {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now(), "lastTransitionTime": now()}],
                  "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}], "capacity": {"cpu": "64", "memory": "64Gi", "pods": "5000"},
                  "allocatable": {"cpu": "64", "memory": "64Gi", "pods": "5000"}}
        self.api.call("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": status}, "application/merge-patch+json")

    def saw(self, pod):
        uid = pod["metadata"]["uid"]
        known = self.pods.get(uid)
        if not known:
            if pod["spec"].get("nodeName", NODE) != NODE or pod.get("status", {}).get("phase") in ("Failed", "Succeeded"):
                return
            known = self.pods[uid] = Pod(self, pod, self.address())
            known.start()
        known.object = pod
        if pod["metadata"].get("deletionTimestamp"):
            known.leaving = True
            known.changed.set()

    def lost(self, uid):
        pod = self.pods.pop(uid, None)
        if pod:
            pod.gone = True
            pod.changed.set()

    def watch(self):
        found = self.api.call("GET", "/api/v1/pods").json
        there = {pod["metadata"]["uid"] for pod in found["items"]}
        for uid in list(self.pods):
            if uid not in there:
                self.lost(uid)
        for pod in found["items"]:
            self.saw(pod)
        connection = self.api.connect()
        connection.timeout = 300
        connection.request("GET", f"/api/v1/pods?watch=true&resourceVersion={found['metadata']['resourceVersion']}",
                           headers={"Authorization": f"Bearer {self.api.token}"})
        response = connection.getresponse()
        try:
            while line := response.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                (self.saw(event["object"]) if event["type"] != "DELETED" else self.lost(event["object"]["metadata"]["uid"]))
        finally:
            connection.close()

    def run(self):
        self.register()
        while True:
            try:
                self.watch()
            except (OSError, ValueError, http.client.HTTPException) as error:
                self.say(f"watch: {error}")
                takes(0.2)


def main(arguments):
    images = dict(value.split("=", 1) for option, value in zip(arguments[1::2], arguments[2::2]) if option == "--image")
    Kubelet(pathlib.Path(arguments[0]), images).run()


if __name__ == "__main__":
    main(sys.argv[1:])
