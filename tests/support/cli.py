# SPDX-License-Identifier: Apache-2.0
"""`serin COMMAND` against a `serin apiserver`, and a stand-in for the operator that answers and writes status.
Used by tests/integration/test_cli*.py."""
import json
import os
import subprocess
import threading

from apiserver import BIN, Failure, check

BARE = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", "USER": "ann"}


class Done:
    def __init__(self, command, done):
        self.command, self.code, self.out, self.err = command, done.returncode, done.stdout, done.stderr

    def says(self, *words, where="out"):
        text = getattr(self, where)
        for word in words:
            check(word in text, f"{self.command}: {word!r} is not in std{where}: {self.out!r} {self.err!r}")
        return self

    def json(self):
        return json.loads(self.out)


class Cli:
    def __init__(self, server, namespace="default"):
        self.server, self.namespace = server, namespace
        self.env = {**BARE, "KUBECONFIG": str(server.data / "kubeconfig")}

    def __call__(self, *arguments, code=0, stdin="", env=None, binary=BIN, seconds=60):
        command = [binary, *map(str, arguments)]
        if arguments and arguments[0] not in ("version", "completion", "plan", "--help"):
            command[2:2] = ["-n", self.namespace]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds,
                              env=env if env is not None else self.env)
        result = Done("serin " + " ".join(command[1:]), done)
        if code is not None and done.returncode != code:
            raise Failure(f"{result.command}: exit {done.returncode}, not {code}: {done.stdout}{done.stderr}")
        return result

    def start(self, *arguments):
        return subprocess.Popen([BIN, arguments[0], "-n", self.namespace, *map(str, arguments[1:])], env=self.env, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Operator:
    """Answers each RolloutAction as told, and keeps what was asked."""

    def __init__(self, server, namespace, result="Done", message="as you wish"):
        self.server, self.base = server, f"/apis/serin.dev/v1alpha1/namespaces/{namespace}"
        self.result, self.message, self.asked = result, message, []
        self.stream = server.watch(f"{self.base}/rolloutactions?watch=true&resourceVersion=0")
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                event = self.stream.next(30)
                if event is None:
                    return
                action = event["object"]
                if event["type"] != "ADDED" or action.get("status", {}).get("result"):
                    continue
                self.asked.append(action)
                self.server.request("PATCH", f"{self.base}/rolloutactions/{action['metadata']['name']}/status",
                                    {"status": {"result": self.result, "message": self.message}}, "application/merge-patch+json")
        except (OSError, ValueError):
            return

    def close(self):
        self.stream.close()
        self.thread.join(5)


def set_status(server, namespace, name, **status):
    path = f"/apis/serin.dev/v1alpha1/namespaces/{namespace}/rollouts/{name}"
    generation = server.ok("GET", path)["metadata"]["generation"]
    server.ok("PATCH", f"{path}/status", {"status": {"observedGeneration": generation, **status}},
              content_type="application/merge-patch+json")
