#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random deletions of objects that own one another, on a real API server with its garbage collector and on the embedded one: the same
answers, and in the end the same objects with the same owners and finalizers. SERIN_LONG=1: many more; SERIN_SEED=N: that one."""
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
from apiserver import Failure, Server, check, equal, wait_for  # noqa: E402
from waiting import settled  # noqa: E402

LONG = os.environ.get("SERIN_LONG") == "1"
SEED = os.environ.get("SERIN_SEED")
SEEDS = [int(SEED)] if SEED else range(1, 60 if LONG else 4)
LETTERS = "abcdef"
MERGE = "application/merge-patch+json"
GHOST = "00000000-0000-4000-8000-000000000000"


class World:
    """ConfigMaps a to f in a namespace of their own, some of which own others."""

    def __init__(self, server, ns):
        self.server, self.ns, self.uids, self.names = server, ns, {}, {}
        self.path = f"/api/v1/namespaces/{ns}/configmaps"
        server.ok("POST", "/api/v1/namespaces", {"metadata": {"name": ns}})

    def owner(self, name, block):
        return {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": self.uids.get(name, GHOST), **({"blockOwnerDeletion": True} if block else {})}

    def make(self, name, owners, finalizers, label):
        body = {"metadata": {"name": name, "labels": {"l": label}, "ownerReferences": [self.owner(*o) for o in owners], "finalizers": finalizers}}
        uid = self.server.ok("POST", self.path, body)["metadata"]["uid"]
        self.uids[name], self.names[uid] = uid, name

    def state(self):
        found = {}
        for item in self.server.ok("GET", self.path)["items"]:
            meta = item["metadata"]
            if meta["name"] in LETTERS:
                owners = sorted((self.names.get(o["uid"], "?"), o.get("blockOwnerDeletion", False)) for o in meta.get("ownerReferences", []))
                found[meta["name"]] = (sorted(meta.get("finalizers", [])), meta.get("deletionGracePeriodSeconds"), "deletionTimestamp" in meta, owners)
        return found

    def settled(self):
        """What is left when the garbage collector has come to rest."""
        return settled("the garbage collector to come to rest", lambda: (self.state(),), 0.6)[0]

    def ask(self, method, path, body, **more):
        """What is the same of an answer on every server."""
        if "preconditions" in body and body["preconditions"].get("uid") == "own":
            body = {**body, "preconditions": {"uid": self.uids[path[-1]]}}
        reply = self.server.request(method, self.path + path, body, **more)
        meta = reply.json.get("metadata", {})
        return reply.status, reply.json.get("reason"), reply.json["kind"], "deletionTimestamp" in meta, sorted(meta.get("finalizers", []))


# In some worlds all dependents hold back their owner (blockOwnerDeletion), and it may be deleted in the foreground; in the others only some
# do, and none is: whether the collector sees those that do not before their owner has gone is a race.
BLOCKING, MIXED = ("Foreground", "Background", "Orphan", None), ("Background", "Orphan", None)


def made(rng, policies):
    """[(name, owners, finalizers, label)]"""
    objects = []
    for index, name in enumerate(LETTERS):
        owners = [(other, policies is BLOCKING or rng.random() < 0.6) for other in LETTERS[:index] if rng.random() < 0.35]
        if rng.random() < 0.1:
            owners.append(("ghost", False))
        finalizers = [f"example.io/{x}" for x in "pq" if rng.random() < 0.6] if rng.random() < 0.25 else []
        objects.append((name, owners, finalizers, rng.choice("xy")))
    return objects


def step(rng, policies):
    """(method, path, body, options) of one request."""
    choice, name = rng.random(), rng.choice(LETTERS)
    if choice < 0.7:
        options = {"kind": "DeleteOptions", "apiVersion": "v1"}
        policy = rng.choice(policies)
        if policy:
            options["propagationPolicy"] = policy
        if rng.random() < 0.2:
            options["preconditions"] = rng.choice(({"uid": "own"}, {"uid": GHOST}, {"resourceVersion": "1"}))
        if rng.random() < 0.1:
            options["gracePeriodSeconds"] = rng.choice((0, 5))
        if rng.random() < 0.1:
            options["dryRun"] = ["All"]
        return "DELETE", f"/{name}", options, {}
    if choice < 0.8:
        # Foreground would be a race here: the collector sees some of them before the others are marked.
        return "DELETE", f"?labelSelector=l%3D{rng.choice('xy')}", {"propagationPolicy": rng.choice(("Background", "Orphan"))}, {}
    finalizers = [f"example.io/{x}" for x in "pq" if rng.random() < 0.3]
    return "PATCH", f"/{name}", {"metadata": {"finalizers": finalizers or None}}, {"content_type": MERGE}


def agreed(worlds):
    """Both states: when they have come to rest, and at the latest when they are the same."""
    states = [world.settled() for world in worlds]
    try:
        wait_for("the same on both", lambda: worlds[0].state() == worlds[1].state(), 15, every=0.2)
    except Failure:
        return [world.state() for world in worlds]
    return [states[1], states[1]]


def run(worlds, seed):
    rng = random.Random(seed)
    policies = MIXED if seed % 3 == 0 else BLOCKING
    for args in made(rng, policies):
        for world in worlds:
            world.make(*args)
    done = ["made"]
    for _ in range(8):
        real, ours = agreed(worlds)
        if real != ours:
            raise Failure(f"seed {seed}: after {done[-1]}\n    real {real}\n    ours {ours}")
        if not real:
            return
        method, path, body, more = step(rng, policies)
        done.append(f"{method} {path} {body}")
        real, ours = (world.ask(method, path, body, **more) for world in worlds)
        if real != ours:
            raise Failure(f"seed {seed}: {done[-1]}\n    real {real}\n    ours {ours}")


def test_owners_and_finalizers(cluster):
    ours, faults = Server(), []
    try:
        for seed in SEEDS:
            try:
                run([World(cluster, f"deletes-{seed}"), World(ours, f"deletes-{seed}")], seed)
            except Failure as failure:
                faults.append(str(failure))
    finally:
        ours.stop()
    check(not faults, f"{len(faults)} of {len(SEEDS)} sequences differ\n  " + "\n  ".join(faults[:6]))


def test_a_namespace_with_what_it_holds(cluster):
    ours, seen = Server(), []
    try:
        for server in (cluster, ours):
            world = World(server, "deletes-ns")
            world.make("a", [], [], "x")
            world.make("b", [], ["example.io/p"], "x")
            reply = server.request("DELETE", "/api/v1/namespaces/deletes-ns")
            answers = [reply.status, reply.json["kind"], reply.json["status"]["phase"], reply.json["spec"]]
            wait_for("what nobody holds to go", lambda world=world: list(world.state()) == ["b"])
            reply = server.request("POST", world.path, {"metadata": {"name": "late"}})
            answers += [reply.status, reply.json["reason"], reply.json["message"].partition(" because")[0]]
            answers.append(world.ask("PATCH", "/b", {"metadata": {"finalizers": None}}, content_type=MERGE)[:3])
            wait_for("the namespace to go", lambda server=server: server.request("GET", "/api/v1/namespaces/deletes-ns").status == 404)
            reply = server.request("DELETE", "/api/v1/namespaces/deletes-ns")
            seen.append(answers + [reply.status, reply.json["message"]])
    finally:
        ours.stop()
    equal(seen[1], seen[0], "ours and the real one's")


if __name__ == "__main__":
    support.main(globals())
