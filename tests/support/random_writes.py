# SPDX-License-Identifier: Apache-2.0
"""Random sequences of writes by several managers on one object, from a seed: server-side applies, updates, patches of three kinds, of the
object and its status, and moves of managedFields. tests/kubernetes/test_same_writes.py sends them to two servers; the scale subresource and bad ones are in random_requests.py."""
import copy
import json
import random

from random_kinds import NAMES, labels, maybe

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
PATIENT = ("kubectl", "m1", "m2", "m3")


def strategic_patch(rng, kind, name):
    body = kind.body(rng, name)
    patch = {"metadata": {k: v for k, v in body["metadata"].items() if k in ("labels", "annotations")}}
    if "spec" in body:
        patch["spec"] = {k: v for k, v in body["spec"].items() if k not in ("selector", "clusterIP") and maybe(rng)}
        template = patch["spec"].get("template")
        if template and maybe(rng, 0.4):
            template["spec"]["containers"].append({"name": rng.choice(NAMES), "$patch": "delete"})
            if len({c["name"] for c in template["spec"]["containers"]}) < len(template["spec"]["containers"]):
                template["spec"]["containers"].pop()
    elif "data" in body:
        patch["data"] = {k: (None if maybe(rng, 0.3) else v) for k, v in body["data"].items()}
    return patch


def json_patch(rng, kind, live):
    """Operations on what is there; some of them must fail."""
    operations = []
    labels_now = live["metadata"].get("labels") or {}
    for _ in range(rng.randrange(1, 3)):
        choice = rng.randrange(5)
        label = rng.choice(NAMES)
        if choice == 0 and labels_now:
            operations.append({"op": "remove", "path": f"/metadata/labels/{label}"})
        elif choice == 1 and labels_now:
            operations.append({"op": "add", "path": f"/metadata/labels/{label}", "value": rng.choice("xyz")})
        elif choice == 2:
            operations.append({"op": "test", "path": "/metadata/name", "value": live["metadata"]["name"] if maybe(rng, 0.8) else "other"})
        elif choice == 3 and kind.plural == "widgets":
            operations.append({"op": "replace", "path": "/spec/text", "value": rng.choice("xyz")})
        else:
            operations.append({"op": "add", "path": "/metadata/labels", "value": labels(rng)})
    return operations


def partial(rng, kind, name):
    """An applied configuration: some of what the kind may have."""
    body = kind.body(rng, name)
    if "spec" in body and kind.plural in ("widgets",) and maybe(rng, 0.2):
        del body["spec"]
    return body


def sequence(seed, kind, length, name):
    """Yields (method, path, body, options) after being sent the live object (or None) each time."""
    rng = random.Random(seed)
    live = yield None
    for _ in range(length):
        live = yield request(rng, kind, name, live)


def request(rng, kind, name, live):
    manager = rng.choice(PATIENT)
    path = f"{kind.path}/{name}"
    choice = rng.random()
    who = f"fieldManager={manager}"
    if live is None:
        if choice < 0.5:
            return "PATCH", f"{path}?{who}", partial(rng, kind, name), {"content_type": APPLY}
        return "POST", f"{kind.path}?{who}", kind.body(rng, name), {}
    if choice < 0.45:
        force = "&force=true" if maybe(rng, 0.6) else ""
        dry = "&dryRun=All" if maybe(rng, 0.1) else ""
        return "PATCH", f"{path}?{who}{force}{dry}", partial(rng, kind, name), {"content_type": APPLY}
    if choice < 0.6:
        body = copy.deepcopy(live)
        fresh = kind.body(rng, name)
        for key in ("labels", "annotations", "finalizers"):
            if key in fresh["metadata"]:
                body["metadata"][key] = fresh["metadata"][key]
        for key in ("spec", "data"):
            if key in fresh and maybe(rng, 0.8):
                kept = {k: v for k, v in (body.get(key) or {}).items() if k in ("selector", "clusterIP", "clusterIPs", "ipFamilies",
                                                                               "ipFamilyPolicy")} if key == "spec" and kind.strategic else {}
                body[key] = {**fresh[key], **kept}
        if maybe(rng, 0.3):
            body["metadata"].pop("managedFields", None)
        return "PUT", f"{path}?{who}", body, {}
    if choice < 0.72:
        body = kind.body(rng, name)
        patch = {"metadata": {k: v for k, v in body["metadata"].items() if k != "name"}}
        for key in ("spec", "data"):
            if key in body:
                patch[key] = {k: (None if maybe(rng, 0.15) and k not in ("selector", "template", "ports", "clusterIP") else v)
                              for k, v in body[key].items() if maybe(rng, 0.6) and k not in ("selector", "clusterIP")}
        return "PATCH", f"{path}?{who}", patch, {"content_type": MERGE}
    if choice < 0.8:
        return "PATCH", f"{path}?{who}", json_patch(rng, kind, live), {"content_type": JSON_PATCH}
    if choice < 0.86 and kind.strategic:
        return "PATCH", f"{path}?{who}", strategic_patch(rng, kind, name), {"content_type": STRATEGIC}
    if choice < 0.93 and kind.status:
        status = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}, "status": kind.status_of(rng)}
        if maybe(rng):
            return "PATCH", f"{path}/status?{who}&force=true", status, {"content_type": APPLY}
        return "PATCH", f"{path}/status?{who}", {"status": status["status"]}, {"content_type": MERGE}
    if choice < 0.97:
        return "PATCH", path + f"?{who}", {"metadata": {"managedFields": [{}]}}, {"content_type": MERGE}
    return "PATCH", f"{path}?{who}", {"metadata": {"labels": labels(rng) or None}}, {"content_type": MERGE}


def text(step):
    method, path, body, options = step
    return f"{method} {path} {options.get('content_type', '')} {json.dumps(body)}"
