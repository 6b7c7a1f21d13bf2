#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Caches built from watches: after any mix of writes, deletions, label changes and kill -9, what a client pieced together from its
list and watches is what the server lists. The seed is printed; give it in SEED to repeat a run."""
import os
import pathlib
import random
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import check, equal, main, wait_for  # noqa: E402

CM = "/api/v1/namespaces/default/configmaps"
MERGE = "application/merge-patch+json"
SEED = int(os.environ.get("SEED") or random.randrange(1 << 30))


class Cache(threading.Thread):
    """Lists, watches, and after each end of the stream watches again from the last revision it saw."""

    def __init__(self, server, query=""):
        super().__init__(daemon=True)
        self.server, self.query = server, query
        self.objects, self.revision, self.faults, self.stopped, self.stream = {}, None, [], False, None

    def list(self):
        reply = self.server.ok("GET", f"{CM}?{self.query}")
        self.objects = {i["metadata"]["name"]: i for i in reply["items"]}
        self.revision = int(reply["metadata"]["resourceVersion"])

    def take(self, event):
        kind, obj = event["type"], event["object"]
        if kind == "ERROR":
            self.faults.append(f"{obj}")
            return
        name, version = obj["metadata"]["name"], int(obj["metadata"]["resourceVersion"])
        known = name in self.objects
        if version <= self.revision:
            self.faults.append(f"{name} goes back from {self.revision} to {version}")
        if (kind == "ADDED") == known:
            self.faults.append(f"{kind} {name} at {version}, known: {known}")
        if kind == "DELETED":
            self.objects.pop(name, None)
        else:
            self.objects[name] = obj
        self.revision = version

    def run(self):
        while not self.stopped:
            try:
                self.stream = self.server.watch(f"{CM}?watch=1&resourceVersion={self.revision}&{self.query}")
                while (event := self.stream.next(30)) is not None:
                    self.take(event)
            except Exception:  # the server was killed, or we were stopped: go on from where we are
                pass


def random_write(server, rng, connection):
    name = f"o{rng.randrange(12)}"
    dice = rng.random()
    labels = {"color": rng.choice(["red", "blue", None]), "size": rng.choice(["s", "m", None])}
    if dice < 0.35:
        body = {"metadata": {"name": name, "labels": {k: v for k, v in labels.items() if v}}, "data": {"n": str(rng.randrange(1000))}}
        server.request("POST", CM, body, connection=connection)
    elif dice < 0.6:
        server.request("PATCH", f"{CM}/{name}", {"metadata": {"labels": labels}}, content_type=MERGE, connection=connection)
    elif dice < 0.85:
        server.request("PATCH", f"{CM}/{name}", {"data": {"n": str(rng.randrange(1000))}}, content_type=MERGE, connection=connection)
    else:
        server.request("DELETE", f"{CM}/{name}", connection=connection)


def test_caches_agree_with_the_server(server):
    print(f"# SEED={SEED}")
    rng = random.Random(SEED)
    queries = ["", "labelSelector=color%3Dred", "labelSelector=color+in+(red,blue),size%3Ds", "labelSelector=!color",
               "fieldSelector=metadata.name%3Do3", "labelSelector=size!%3Dm"]
    caches = [Cache(server, query) for query in queries]
    for cache in caches:
        cache.list()
        cache.start()
    for round_ in range(6):
        connection = server.connect()
        for _ in range(120):
            random_write(server, rng, connection)
        connection.close()
        if round_ % 2:
            server.kill()
            server.start()
    server.ok("POST", CM, {"metadata": {"name": "end"}})  # matched by no selector of two; nothing follows it

    def settled(cache):
        want = {i["metadata"]["name"]: i for i in server.ok("GET", f"{CM}?{cache.query}")["items"]}
        return cache.faults or cache.objects == want
    for cache in caches:
        wait_for(f"the cache of {cache.query or 'everything'} (SEED={SEED})", lambda c=cache: settled(c))
        equal(cache.faults, [], f"faults with {cache.query}, SEED={SEED}")
        cache.stopped = True
    check(any(len(cache.objects) > 1 for cache in caches), "there was something to see")


if __name__ == "__main__":
    main(globals())
