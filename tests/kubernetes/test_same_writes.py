#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random writes by several managers: the embedded API server and a real one answer the same and store the same, managedFields included.
SERIN_LONG=1: many more; SERIN_SEED=N: one sequence of each kind, with that seed."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import both  # noqa: E402
import random_kinds  # noqa: E402
import random_writes  # noqa: E402
from apiserver import Failure  # noqa: E402

LONG = os.environ.get("SERIN_LONG") == "1"
SEED = os.environ.get("SERIN_SEED")
SEEDS = [int(SEED)] if SEED else range(1, 400 if LONG else 7)
LENGTH = 14


# Where a real server refuses what ours takes: a null that it made itself of a map that became empty; addresses, which it gives out and ours
# does not; a container without an image, which ours may run by its command.
TRIPS = ('\\"null\\"', "ipFamilyPolicy", "clusterIPs", "image: Required value")


def as_of(body, server, path, dropped):
    """A PUT carries the object as that server has it: its uid and revision."""
    live = server.get(path).json
    body = dict(body)
    body["metadata"] = dict(body["metadata"])
    for key in ("uid", "resourceVersion", "creationTimestamp"):
        body["metadata"][key] = live["metadata"][key]
    if "managedFields" in body["metadata"]:
        body["metadata"]["managedFields"] = live["metadata"].get("managedFields")
    if "clusterIP" in live.get("spec", {}):
        body["spec"] = {**body["spec"], "clusterIP": live["spec"]["clusterIP"]}
    return {**body, "spec": both.drop(body["spec"], dropped)} if "spec" in body else body


def run(servers, kind, seed):
    name = f"{kind.plural}-{seed}"
    steps = random_writes.sequence(seed, kind, LENGTH, name)
    next(steps)
    live, done = None, []
    while True:
        try:
            step = steps.send(live)
        except StopIteration:
            return
        method, path, body, options = step
        done.append(random_writes.text(step))
        item = path.partition("?")[0].removesuffix("/status").removesuffix("/scale")
        replies, before = [], {}
        for server in (servers.real, servers.ours):
            own = as_of(body, server, item, kind.dropped) if method == "PUT" else body
            if live is not None:
                before[server] = server.get(item).json
            replies.append(server.request(method, path, own, headers={"User-Agent": "agent/1"}, **options))
        if replies[0].status == 422 and any(why in replies[0].text for why in TRIPS):
            return
        found = both.compare(*replies, kind.ignore, kind.dropped)
        item = f"{kind.path}/{name}"
        stored = [server.get(item) for server in (servers.real, servers.ours)]
        found += [f"stored {line}" for line in both.compare(*stored, kind.ignore, kind.dropped)]
        if not found and live is not None and not kind.dropped: # what a real server fills in moves its revision
            moved = [after.json["metadata"]["resourceVersion"] != before[server]["metadata"]["resourceVersion"]
                     for server, after in zip((servers.real, servers.ours), stored)]
            if moved[0] != moved[1]:
                found.append(f"a new revision: real {moved[0]}, ours {moved[1]}")
        if found:
            raise Failure(f"seed {seed}: " + "\n      ".join(done[-3:]) + "\n    " + "\n    ".join(found[:8]))
        live = stored[0].json if stored[0].status == 200 else None


def all_seeds(servers, kind):
    faults = []
    for seed in SEEDS:
        try:
            run(servers, kind, seed)
        except Failure as fault:
            faults.append(str(fault))
    if faults:
        raise Failure(f"{len(faults)} of {len(list(SEEDS))} sequences differ\n  " + "\n  ".join(faults[:6]))


def test_custom_objects(servers):
    both.serve(servers, random_kinds.Thing)
    all_seeds(servers, random_kinds.Thing())


def test_config_maps(servers):
    all_seeds(servers, random_kinds.ConfigMap())


def test_services(servers):
    all_seeds(servers, random_kinds.Service())


def test_deployments(servers):
    all_seeds(servers, random_kinds.Deployment())


if __name__ == "__main__":
    both.main(globals())
