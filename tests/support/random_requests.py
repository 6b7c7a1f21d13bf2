# SPDX-License-Identifier: Apache-2.0
"""Random requests about one object, good and bad, from a seed: what random_writes.py makes, updates and patches of its status and scale, deletions,
and all of that spoiled: other types, unknown and doubled fields, broken JSON, wrong names, stale revisions, options of every kind.
tests/kubernetes/test_same_requests.py sends them to two servers.

A body is a text in which "@rv", "@uid", "@created" and "@managed" stand for what the server that gets it has there."""
import copy
import json
import random

import random_writes
from random_kinds import maybe
from random_writes import APPLY, JSON_PATCH, MERGE, STRATEGIC

JSON = "application/json"
OWN = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "selfLink")
ODD = (None, "", "x", -1, 0, 7, 1.5, True, [], {}, ["x"], {"x": "y"}, 70000, "x" * 300, "A_b c")


class Request:
    def __init__(self, method, path, body=None, content_type=JSON, **query):
        self.method, self.path, self.body, self.content_type = method, path, body, content_type
        self.query = query

    def url(self):
        query = "&".join(f"{key}={value}" for key, value in self.query.items())
        return self.path + ("?" + query if query else "")

    def text(self):
        return self.body if self.body is None or isinstance(self.body, str) else json.dumps(self.body)

    def __str__(self):
        return f"{self.method} {self.url()} {self.content_type} {(self.text() or '')[:1500]}"


def places(value, at=(), but=()):
    """The paths of all values within, but for what the server sets itself and for members of these names."""
    if at and at[-1] in but or len(at) > 1 and at[0] == "metadata" and at[1] in OWN:
        return
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*at, key), but)


def parent(value, at):
    for key in at[:-1]:
        value = value[key]
    return value


def pointer(at):
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in at)


# ---- good ones

def from_writes(rng, kind, name, live):
    method, path, body, options = random_writes.request(rng, kind, name, live)
    path, _, query = path.partition("?")
    if method == "PUT":
        body = live_again(body, kind)
    return Request(method, path, copy.deepcopy(body), options.get("content_type", JSON), **dict(part.split("=") for part in query.split("&")))


def without(value, names):
    if isinstance(value, list):
        return [without(item, names) for item in value]
    return {key: without(item, names) for key, item in value.items() if key not in names} if isinstance(value, dict) else value


def live_again(body, kind):
    """What a client has read and writes back."""
    body = {**copy.deepcopy(body), "spec": without(body["spec"], kind.dropped)} if "spec" in body else copy.deepcopy(body)
    body["metadata"].pop("deletionTimestamp", None) # each server has its own
    body["metadata"].update(uid="@uid", resourceVersion="@rv", creationTimestamp="@created")
    if "managedFields" in body["metadata"]:
        body["metadata"]["managedFields"] = "@managed"
    return body


def scale(rng, kind, name, live):
    path = f"{kind.path}/{name}/scale"
    who = {"fieldManager": rng.choice(random_writes.PATIENT)}
    spec = {"replicas": rng.choice((0, 1, 2, 3, -1, "x", None))}
    whole = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": name}, "spec": spec}
    choice = rng.randrange(5)
    if choice == 0:
        return Request("GET", path)
    if choice == 1:
        if maybe(rng):
            whole["metadata"].update(uid="@uid", resourceVersion="@rv", namespace="default", creationTimestamp="@created")
        return Request("PUT", path, whole, **who)
    if choice == 2:
        return Request("PATCH", path, [{"op": rng.choice(("add", "replace", "test", "remove")), "path": "/spec/replicas", "value": spec["replicas"]}],
                       JSON_PATCH, **who)
    if choice == 3:
        return Request("PATCH", path, whole, APPLY, **who, **({"force": "true"} if maybe(rng) else {}))
    return Request("PATCH", path, {"spec": spec}, rng.choice((MERGE, STRATEGIC)), **who)


def status(rng, kind, name, live):
    path = f"{kind.path}/{name}/status"
    who = {"fieldManager": rng.choice(random_writes.PATIENT)}
    choice = rng.randrange(4)
    if choice == 0:
        return Request("GET", path)
    if choice == 1: # the spec that comes along changes nothing
        return Request("PUT", path, {**live_again(live, kind), "status": kind.status_of(rng), **({"spec": kind.spec(rng)} if maybe(rng, 0.3) else {})}, **who)
    if choice == 2:
        return Request("PATCH", path, json_patch(rng, {"status": live.get("status") or {}}, rng.randrange(1, 3)), JSON_PATCH, **who)
    body = {"status": kind.status_of(rng)}
    if maybe(rng, 0.3):
        body["metadata"] = {"labels": {"a": rng.choice("xy")}, "annotations": {"example.io/a": rng.choice("xy")}}
    return Request("PATCH", path, body, rng.choice((MERGE, STRATEGIC)), **who)


def json_patch(rng, live, count, but=()):
    """Operations at places that are there, or nearly."""
    operations = []
    every = list(places(live, but=but)) or [("spec",)]
    for _ in range(count):
        at = rng.choice(every)
        if maybe(rng, 0.2):
            at = (*at[:-1], rng.choice(("-", "a", 0, 5, "x/y~z")))
        operation = {"op": rng.choice(("add", "remove", "replace", "move", "copy", "test", "test")), "path": pointer(at)}
        # What each server gives; what a real one keeps without an owner when it is left out; what is always there on a real one.
        if at in (("metadata",), ("spec",), ("status",)):
            operation["op"] = "copy"
        if operation["op"] in ("add", "replace", "test"):
            try:
                operation["value"] = without(parent(live, at)[at[-1]], but) if maybe(rng, 0.7) else rng.choice(ODD)
            except (KeyError, IndexError, TypeError):
                operation["value"] = rng.choice(ODD)
        elif operation["op"] in ("move", "copy"):
            operation["from"] = pointer(rng.choice(every))
        operations.append(operation)
    return operations


def any_json_patch(rng, kind, name, live):
    return Request("PATCH", f"{kind.path}/{name}", json_patch(rng, live, rng.randrange(1, 4), (*kind.dropped, "status")), JSON_PATCH, fieldManager=rng.choice(random_writes.PATIENT))


def delete(rng, kind, name, live):
    body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"resourceVersion": rng.choice(("@rv", "1")), "uid": rng.choice(("@uid", "other"))}}
    return Request("DELETE", f"{kind.path}/{name}", body if maybe(rng, 0.7) else None, **({"dryRun": "All"} if maybe(rng) else {}))


def read(rng, kind, name, live):
    return Request("GET", f"{kind.path}/{name}")


# ---- spoiled ones

def with_options(rng, request):
    name, value = rng.choice((
        ("fieldValidation", "Strict"), ("fieldValidation", "Strict"), ("fieldValidation", "Warn"), ("fieldValidation", "Ignore"), ("fieldValidation", "Never"),
        ("dryRun", "All"), ("dryRun", "All"), ("dryRun", "Some"), ("dryRun", ""), ("force", "true"), ("force", "false"), ("force", "x"),
        ("fieldManager", ""), ("fieldManager", "m" * 129), ("fieldManager", "m%01"), ("pretty", "true")))
    request.query[name] = value


def with_value(rng, request):
    if request.path.endswith("/scale"): # its own maker has bad values
        return
    # What is bad in a spec that comes along with a status makes a real server forget all owners.
    every = list(places(request.body, but=("spec" if request.path.endswith("/status") else "status",)))
    if every:
        at = rng.choice(every)
        parent(request.body, at)[at[-1]] = rng.choice(ODD if at != ("spec",) else ODD[1:]) # an apply of no spec leaves a null behind


def without_value(rng, request):
    every = list(places(request.body))
    if every:
        at = rng.choice(every)
        if at[-1] != "value": # a test without it ends the connection to a real server
            del parent(request.body, at)[at[-1]]


def with_unknown(rng, request):
    every = [(), *places(request.body)]
    for at in rng.sample(every, min(len(every), rng.randrange(1, 3))):
        place = parent(request.body, (*at, None))
        if isinstance(place, dict):
            place[rng.choice(("bogus", "Replicas"))] = rng.choice((1, "x", {"y": [1]}))
    if maybe(rng, 0.7):
        request.query["fieldValidation"] = rng.choice(("Strict", "Warn", "Strict"))


def with_precondition(rng, request):
    if isinstance(request.body, dict):
        meta = request.body.setdefault("metadata", {})
        if isinstance(meta, dict):
            meta.update(rng.choice(({"resourceVersion": "@rv"}, {"resourceVersion": "1"}, {"resourceVersion": "x"}, {"resourceVersion": "0"},
                                    {"resourceVersion": ""}, {"uid": "@uid"}, {"uid": "other"}, {"uid": None})))


def with_identity(rng, request):
    if isinstance(request.body, dict):
        name, value = rng.choice((("apiVersion", "v9"), ("apiVersion", None), ("kind", "Other"), ("kind", ""), ("name", "other"), ("name", None),
                                  ("namespace", "other"), ("namespace", "default"),
                                  ("creationTimestamp", None), ("managedFields", []), ("managedFields", [{"manager": "x"}]), ("generateName", "g-"),
                                  ("finalizers", ["bad"]),
                                  ("labels", {"a b": "c"}), ("labels", {"a": 5}), ("annotations", {"x": None})))
        place = request.body if name in ("apiVersion", "kind") else request.body.setdefault("metadata", {})
        if isinstance(place, dict):
            place[name] = value


def with_text(rng, request):
    text = request.text()
    request.body = rng.choice((text[:-1], text.replace("{", '{"kind": "Twice", ', 1), text.replace('"metadata": {', '"metadata": {"name": "twice", ', 1),
                               "", "null", "[]", '"text"', "{}", text.replace(":", "=", 1), "\ufeff" + text))
    if maybe(rng):
        request.query["fieldValidation"] = "Strict"


def with_type(rng, request):
    request.content_type = rng.choice((JSON, MERGE, JSON_PATCH, STRATEGIC, APPLY, "application/yaml", "text/plain", "application/merge-patch+json; charset=utf-8"))


SPOILERS = (with_options, with_value, with_value, without_value, with_unknown, with_precondition, with_identity, with_text, with_type)


def request(rng, kind, name, live):
    makers = [from_writes] * 5
    if live is not None:
        makers += [any_json_patch, any_json_patch, read] + [scale] * (2 * kind.scale) + [status] * (3 * kind.status) + [delete] * (rng.random() < 0.15)
    made = rng.choice(makers)(rng, kind, name, live)
    if made.body is not None and made.method != "DELETE" and maybe(rng, 0.5):
        for spoil in rng.sample(SPOILERS, rng.choice((1, 1, 2))):
            if not isinstance(made.body, str):
                spoil(rng, made)
    return made


def sequence(seed, kind, length, name):
    """Yields Requests after being sent the live object (or None) each time."""
    rng = random.Random(seed)
    live = yield None
    for _ in range(length):
        live = yield request(rng, kind, name, live)



