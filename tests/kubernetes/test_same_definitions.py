#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CustomResourceDefinitions of users: the embedded API server answers as a real one does."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import both  # noqa: E402
from apiserver import Failure, wait_for  # noqa: E402

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
STATUS = (".status", ".metadata.finalizers", ".metadata.managedFields")


def schema(spec, status=None, **more):
    properties = {"spec": spec}
    if status:
        properties["status"] = status
    return {"openAPIV3Schema": {"type": "object", "properties": properties, **more}}


def definition(plural, spec_schema, group="try.example.io", kind=None, versions=None, **more):
    kind = kind or plural[:-1].capitalize()
    version = {"name": "v1", "served": True, "storage": True, "schema": schema(spec_schema), "subresources": {"status": {}}}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
                     "versions": versions or [version], **more}}


def install(servers, crd, version="v1"):
    servers.ask("POST", CRDS, crd, ignore=STATUS)
    path = f"/apis/{crd['spec']['group']}/{version}/namespaces/default/{crd['spec']['names']['plural']}"
    for server in (servers.real, servers.ours):
        wait_for("the kind", lambda server=server: server.get(path).status == 200)
    # A real server serves the kind a moment before it prunes and defaults by it everywhere.
    return path


def item(crd, name, spec, version="v1", **more):
    return {"apiVersion": f"{crd['spec']['group']}/{version}", "kind": crd["spec"]["names"]["kind"], "metadata": {"name": name}, "spec": spec,
            **more}


RICH = {
    "type": "object",
    "required": ["target"],
    "properties": {
        "target": {"type": "string", "minLength": 2, "maxLength": 10, "pattern": "^[a-z]+$"},
        "mode": {"type": "string", "enum": ["fast", "slow"], "default": "fast"},
        "count": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 10, "default": 3},
        "ratio": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "multipleOf": 0.5},
        "port": {"x-kubernetes-int-or-string": True},
        "big": {"type": "integer", "format": "int64"},
        "maybe": {"type": "string", "nullable": True},
        "when": {"type": "string", "format": "date-time"},
        "address": {"type": "string", "format": "ipv4"},
        "nested": {"type": "object", "properties": {"a": {"type": "string", "default": "x"}, "b": {"type": "boolean"}}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"known": {"type": "string"}}},
        "labels": {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "string", "maxLength": 3}},
        "steps": {"type": "array", "minItems": 1, "maxItems": 3, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                  "items": {"type": "object", "required": ["name"],
                            "properties": {"name": {"type": "string"}, "weight": {"type": "integer", "default": 5}}}},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "one": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        "any": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "anyOf": [{"required": ["a"]}, {"properties": {"b": {"minimum": 5}}, "required": ["b"]}]},
        "not": {"type": "string", "not": {"pattern": "^bad"}},
        "all": {"type": "integer", "allOf": [{"minimum": 2}, {"maximum": 4}]},
        "template": {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True},
    },
}


def test_objects_are_pruned_defaulted_and_judged(servers):
    crd = definition("things", RICH)
    path = install(servers, crd)
    probe = item(crd, "probe", {"target": "abc", "bogus": 1})
    wait_for("a server that prunes", lambda: "bogus" not in servers.real.request("POST", path + "?dryRun=All", probe).json["spec"])
    good = [
        {"target": "abc"},
        {"target": "abc", "bogus": 1, "nested": {}, "free": {"x": {"y": [1, 2]}, "known": "k"}},
        {"target": "abc", "mode": None, "maybe": None, "nested": None, "labels": {"a": "x"}},
        {"target": "abc", "big": 9007199254740993, "port": "http", "ratio": 1.5},
        {"target": "abc", "port": 80, "steps": [{"name": "s1"}, {"name": "s2", "weight": 7, "bogus": True}], "tags": ["b", "a"]},
        {"target": "abc", "one": {"a": "x"}, "any": {"b": 7}, "not": "good", "all": 3},
        {"target": "abc", "template": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "bogus": 1}, "spec": {"x": 1}}},
    ]
    bad = [
        {}, {"target": "a"}, {"target": "abcdefghijklmn"}, {"target": "ABC"}, {"target": 5}, {"target": None},
        {"target": "abc", "mode": "other"}, {"target": "abc", "count": 0}, {"target": "abc", "count": 11}, {"target": "abc", "count": "3"},
        {"target": "abc", "count": 1.5}, {"target": "abc", "ratio": 0}, {"target": "abc", "ratio": 0.7}, {"target": "abc", "port": True},
        {"target": "abc", "when": "yesterday"}, {"target": "abc", "address": "10.0.0.256"}, {"target": "abc", "nested": []},
        {"target": "abc", "labels": {"a": "long"}}, {"target": "abc", "labels": {"a": "x", "b": "x", "c": "x"}},
        {"target": "abc", "labels": {"a": 1}},
        {"target": "abc", "steps": []}, {"target": "abc", "steps": [{"weight": 1}]}, {"target": "abc", "steps": [{"name": "a"}, {"name": "a"}]},
        {"target": "abc", "steps": ["x"]}, {"target": "abc", "steps": [{"name": str(n)} for n in range(4)]},
        {"target": "abc", "tags": ["a", "a", "b"]}, {"target": "abc", "one": {}}, {"target": "abc", "one": {"a": "x", "b": "y"}},
        {"target": "abc", "any": {"b": 1}}, {"target": "abc", "any": {}}, {"target": "abc", "not": "bad one"}, {"target": "abc", "all": 1},
        {"target": "abc", "all": 7}, {"target": "abc", "template": {"kind": "Pod"}}, {"target": "abc", "template": {"apiVersion": "v1", "kind": 1}},
        {"target": "X", "count": 0, "mode": "z"},
    ]
    faults = []
    for index, spec in enumerate(good + bad):
        for query in ("?fieldValidation=Strict", "?fieldValidation=Warn", "?fieldValidation=Ignore&dryRun=All"):
            try:
                servers.ask("POST", path + query, item(crd, f"x{index}-{query[17:18].lower()}", spec), ignore=(".metadata.managedFields",))
            except Failure as fault:
                faults.append(str(fault))
    if faults:
        raise Failure("\n  ".join([f"{len(faults)} differ"] + faults))


def broken(change):
    crd = definition("breaks", {"type": "object", "properties": {"a": {"type": "string"}}})
    change(crd, crd["spec"]["versions"][0], crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"])
    return crd


def test_definitions_that_are_refused(servers):
    def at(name, value):
        return lambda crd, version, properties: properties["spec"]["properties"].__setitem__(name, value)
    changes = [
        at("b", {}), at("b", {"type": "text"}), at("b", {"type": "array"}), at("b", {"type": "array", "items": {}}),
        at("b", {"type": "string", "pattern": "("}), at("b", {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        at("b", {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
        at("b", {"type": "string", "x-kubernetes-list-type": "set"}),
        at("b", {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "bag"}),
        at("b", {"type": "array", "items": {"type": "object", "properties": {"k": {"type": "string"}}}, "x-kubernetes-list-type": "map"}),
        at("b", {"type": "array", "items": {"type": "object", "properties": {"k": {"type": "string"}}}, "x-kubernetes-list-type": "map",
                 "x-kubernetes-list-map-keys": ["k"]}),
        at("b", {"type": "array", "items": {"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}}},
                 "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["other"]}),
        at("b", {"type": "array", "items": {"type": "object", "properties": {"k": {"type": "string"}}}, "x-kubernetes-list-type": "set"}),
        at("b", {"type": "string", "default": 5}), at("b", {"type": "object", "properties": {"c": {"type": "string"}}, "default": {"d": "x"}}),
        at("b", {"type": "object", "properties": {"c": {"type": "string"}}, "anyOf": [{"properties": {"d": {"minLength": 1}}}]}),
        at("b", {"type": "object", "properties": {"c": {"type": "string"}}, "oneOf": [{"type": "object"}, {"properties": {"c": {"type": "string"}}}]}),
        at("b", {"type": "string", "nullable": True, "x-kubernetes-embedded-resource": True}),
        at("b", {"type": "object", "x-kubernetes-embedded-resource": True}),
        at("b", {"x-kubernetes-int-or-string": True, "x-kubernetes-preserve-unknown-fields": True}),
        at("b", {"type": "object", "x-kubernetes-map-type": "other"}),
        at("b", {"type": "object", "x-kubernetes-preserve-unknown-fields": False}),
        at("b", {"type": "string", "x-kubernetes-map-type": "atomic"}),
        lambda crd, version, properties: properties.__setitem__("metadata", {"type": "object", "properties": {"labels": {"type": "object"}}}),
        lambda crd, version, properties: properties.__setitem__("metadata", {"type": "string"}),
        lambda crd, version, properties: properties.__setitem__("kind", {"type": "integer"}),
        lambda crd, version, properties: properties.__setitem__("apiVersion", {"type": "string", "default": "x"}),
        lambda crd, version, properties: version.pop("schema"),
        lambda crd, version, properties: version["schema"].__setitem__("openAPIV3Schema", {"type": "array"}),
        lambda crd, version, properties: version.__setitem__("name", "V1"),
        lambda crd, version, properties: version.__setitem__("storage", False),
        lambda crd, version, properties: crd["spec"].__setitem__("scope", "Everywhere"),
        lambda crd, version, properties: crd["spec"].pop("scope"),
        lambda crd, version, properties: crd["spec"].__setitem__("group", "nodot"),
        lambda crd, version, properties: crd["spec"].__setitem__("group", "Upper.io"),
        lambda crd, version, properties: crd["metadata"].__setitem__("name", "other.try.example.io"),
        lambda crd, version, properties: crd["spec"]["names"].__setitem__("kind", "bad kind"),
        lambda crd, version, properties: crd["spec"]["names"].__setitem__("shortNames", ["UP"]),
        lambda crd, version, properties: crd["spec"]["names"].__setitem__("listKind", "Break"),
        lambda crd, version, properties: crd["spec"]["names"].pop("kind"),
        lambda crd, version, properties: crd["spec"].update(preserveUnknownFields=True),
        lambda crd, version, properties: version["subresources"].__setitem__("scale", {"specReplicasPath": "spec.x"}),
        lambda crd, version, properties: version["subresources"].__setitem__("scale", {"specReplicasPath": ".x", "statusReplicasPath": ".status.x"}),
        lambda crd, version, properties: version.__setitem__("additionalPrinterColumns", [{"name": "x", "type": "text", "jsonPath": ".spec.a"}]),
        lambda crd, version, properties: version.__setitem__("additionalPrinterColumns", [{"name": "x", "type": "string"}]),
        lambda crd, version, properties: crd["spec"].update(group="thing.k8s.io") or crd["metadata"].update(name="breaks.thing.k8s.io"),
    ]
    faults = []
    for change in changes:
        crd = broken(change)
        # These two messages quote Go: its regular expressions, its structs.
        quotes = '"("' in json.dumps(crd) or not crd["spec"]["versions"][0]["storage"]
        try:
            if servers.ask("POST", CRDS, crd, ignore=STATUS + ((".details", ".message") if quotes else ())).status == 201:
                servers.ok("DELETE", f"{CRDS}/{crd['metadata']['name']}", ignore=("",))
                for server in (servers.real, servers.ours):
                    wait_for("the end of the definition", lambda server=server: server.get(f"{CRDS}/{crd['metadata']['name']}").status == 404)
        except Failure as fault:
            faults.append(str(fault))
    if faults:
        raise Failure("\n  ".join([f"{len(faults)} of {len(changes)} differ"] + faults))


if __name__ == "__main__":
    both.main(globals())
