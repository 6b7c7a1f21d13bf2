#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CustomResourceDefinitions of users in `serin apiserver`: from the definition to discovery, defaults, versions, subresources and the end."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import check, equal, main  # noqa: E402

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
GROUP = "/apis/try.example.io"


def version(name, spec, served=True, storage=False, **more):
    return {"name": name, "served": served, "storage": storage,
            "schema": {"openAPIV3Schema": {"type": "object", "description": f"About {name}.", "properties": {
                "spec": spec, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}, **more}


def definition(plural, *versions, scope="Namespaced", **names):
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.try.example.io"},
            "spec": {"group": "try.example.io", "scope": scope, "versions": list(versions),
                     "names": {"plural": plural, "kind": plural[:-1].capitalize(), **names}}}


def simple(**properties):
    return {"type": "object", "properties": {"size": {"type": "integer"}, **properties}}


def thing(kind, name, spec, api="try.example.io/v1", **meta):
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **meta}, "spec": spec}


def condition(crd, name):
    return next((c for c in crd["status"]["conditions"] if c["type"] == name), {})


def test_a_kind_is_there_with_the_answer(server):
    made = server.ok("POST", CRDS, definition("boxes", version("v1", simple(), storage=True, additionalPrinterColumns=[
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]), kind="Box", shortNames=["bx"], categories=["toys"]))
    equal(condition(made, "Established")["status"], "True")
    equal(made["status"]["acceptedNames"]["listKind"], "BoxList")
    equal(made["status"]["storedVersions"], ["v1"])
    path = f"{GROUP}/v1/namespaces/default/boxes"
    server.ok("POST", path, thing("Box", "b1", {"size": 3}), status=201)
    listed = server.ok("GET", path)
    equal((listed["kind"], len(listed["items"])), ("BoxList", 1))
    resources = server.ok("GET", f"{GROUP}/v1")["resources"]
    equal(next(r["shortNames"] for r in resources if r["name"] == "boxes"), ["bx"])
    document = server.ok("GET", "/openapi/v3/apis/try.example.io/v1")
    check("About v1." in str(document), "the schema is published")
    table = server.get(path, headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}).json
    equal([c["name"] for c in table["columnDefinitions"]], ["Name", "Size"])
    equal(table["rows"][0]["cells"], ["b1", 3])


def test_old_objects_get_new_defaults(server):
    server.ok("POST", CRDS, definition("cups", version("v1", simple(), storage=True)))
    path = f"{GROUP}/v1/namespaces/default/cups"
    server.ok("POST", path, thing("Cup", "old", {"size": 1}))
    server.ok("PUT", CRDS + "/cups.try.example.io", {
        **definition("cups", version("v1", simple(colour={"type": "string", "default": "red"}), storage=True)),
        "metadata": {"name": "cups.try.example.io",
                     "resourceVersion": server.ok("GET", CRDS + "/cups.try.example.io")["metadata"]["resourceVersion"]}})
    equal(server.ok("GET", path + "/old")["spec"], {"size": 1, "colour": "red"})
    equal(server.ok("GET", path)["items"][0]["spec"]["colour"], "red")
    stream = server.watch(path + "?watch=1&resourceVersion=0")
    equal(stream.next()["object"]["spec"]["colour"], "red")
    # A change of the definition ends the watches of its kind: they list again.
    server.ok("PATCH", CRDS + "/cups.try.example.io", {"spec": {"names": {"shortNames": ["cp"]}}}, content_type=MERGE)
    server.ok("GET", path)
    equal(stream.next(), None)
    stream.close()


def test_versions_are_one_object(server):
    server.ok("POST", CRDS, definition("jars", version("v1alpha1", simple()), version("v1", simple(lid={"type": "boolean"}), storage=True),
                                       version("v0", simple(), served=False), singular="jar"))
    server.ok("POST", f"{GROUP}/v1alpha1/namespaces/default/jars", thing("Jar", "j", {"size": 1}, "try.example.io/v1alpha1"))
    stable = server.ok("GET", f"{GROUP}/v1/namespaces/default/jars/j")
    equal(stable["apiVersion"], "try.example.io/v1")
    stream = server.watch(f"{GROUP}/v1/namespaces/default/jars?watch=1&resourceVersion=" + stable["metadata"]["resourceVersion"])
    server.ok("PATCH", f"{GROUP}/v1alpha1/namespaces/default/jars/j", {"spec": {"size": 2}}, content_type=MERGE)
    event = stream.next()
    equal((event["type"], event["object"]["apiVersion"], event["object"]["spec"]["size"]), ("MODIFIED", "try.example.io/v1", 2))
    stream.close()
    same = server.ok("PATCH", f"{GROUP}/v1/namespaces/default/jars/j", {"spec": {"size": 2}}, content_type=MERGE)
    equal(same["metadata"]["resourceVersion"], event["object"]["metadata"]["resourceVersion"], "nothing changed")
    equal(server.get(f"{GROUP}/v0/namespaces/default/jars").status, 404, "a version that is not served")
    versions = [v["version"] for v in server.ok("GET", GROUP)["versions"]]
    check(versions.index("v1") < versions.index("v1alpha1"), versions)
    # The storage version moves; the one objects were stored as cannot go while it is in status.
    crd = server.ok("GET", CRDS + "/jars.try.example.io")
    for v in crd["spec"]["versions"]:
        v["storage"] = v["name"] == "v1alpha1"
    crd = server.ok("PUT", CRDS + "/jars.try.example.io", crd)
    equal(crd["status"]["storedVersions"], ["v1", "v1alpha1"])
    equal(server.ok("GET", f"{GROUP}/v1alpha1/namespaces/default/jars/j")["apiVersion"], "try.example.io/v1alpha1")
    crd["spec"]["versions"] = [v for v in crd["spec"]["versions"] if v["name"] != "v1"]
    refused = server.request("PUT", CRDS + "/jars.try.example.io", crd)
    equal(refused.status, 422)
    check("missing from spec.versions" in refused.text, refused.text)


def test_status_and_scale(server):
    server.ok("POST", CRDS, definition("pots", version("v1", simple(count={"type": "integer"}), storage=True, subresources={
        "status": {}, "scale": {"specReplicasPath": ".spec.count", "statusReplicasPath": ".status.count", "labelSelectorPath": ".status.pick"}})))
    path = f"{GROUP}/v1/namespaces/default/pots"
    made = server.ok("POST", path, {**thing("Pot", "p", {"count": 2}), "status": {"count": 9}})
    check("status" not in made, "status is not for those who create")
    server.ok("PATCH", path + "/p/status", {"status": {"count": 1, "pick": "a=b"}, "spec": {"count": 7}}, content_type=MERGE)
    scale = server.ok("GET", path + "/p/scale")
    equal((scale["kind"], scale["spec"], scale["status"]), ("Scale", {"replicas": 2}, {"replicas": 1, "selector": "a=b"}))
    server.ok("PATCH", path + "/p/scale", {"spec": {"replicas": 5}}, content_type=MERGE)
    applied = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "p"}, "spec": {"replicas": 6}}
    refused = server.request("PATCH", path + "/p/scale?fieldManager=hpa", applied, content_type=APPLY)
    equal(refused.status, 409, refused.text)
    server.ok("PATCH", path + "/p/scale?fieldManager=hpa&force=true", applied, content_type=APPLY)
    owners = server.ok("GET", path + "/p")["metadata"]["managedFields"]
    check(any(o["manager"] == "hpa" and o["subresource"] == "scale" and o["fieldsV1"] == {"f:spec": {"f:count": {}}} for o in owners if "subresource" in o),
          owners)
    server.ok("PATCH", path + "/p/scale", {"spec": {"replicas": 5}}, content_type=MERGE)
    after = server.ok("GET", path + "/p")
    equal((after["spec"]["count"], after["status"]["count"], after["metadata"]["generation"]), (5, 1, 4))


def test_rules_in_cel_are_evaluated(server):
    ruled = simple()
    ruled["x-kubernetes-validations"] = [{"rule": "self.size < 3", "message": "too large"}, {"rule": "self.size >= oldSelf.size", "message": "it only grows"}]
    reply = server.request("POST", CRDS, definition("keys", version("v1", ruled, storage=True)))
    equal(reply.status, 201, reply.text)
    equal(reply.headers.get_all("Warning"), None)
    path = f"{GROUP}/v1/namespaces/default/keys"
    refused = server.request("POST", path, thing("Key", "k", {"size": 9}))
    equal((refused.status, refused.json["details"]["causes"]),
          (422, [{"reason": "FieldValueInvalid", "message": 'Invalid value: "object": too large', "field": "spec"}]))
    server.ok("POST", path, thing("Key", "k", {"size": 2}))
    for dry in ("", "?dryRun=All"):
        refused = server.request("PATCH", path + "/k" + dry, {"spec": {"size": 1}}, content_type=MERGE)
        check(refused.status == 422 and "it only grows" in refused.text, refused.text)
    refused = server.request("PATCH", path + "/k?fieldManager=m&force=true", thing("Key", "k", {"size": 5}), content_type=APPLY)
    check(refused.status == 422 and "too large" in refused.text, refused.text)


def test_rules_that_do_not_compile_are_refused(server):
    for rule, words in (("self.sise < 3", "undefined field 'sise'"), ("self.size < 'a'", "found no matching overload for '_<_' applied to '(int, string)'"),
                        ("format.dns1123Label().validate('a').hasValue()", "the format library (format.NAME().validate()) is not supported by this server"),
                        ("self.size", "cel expression must evaluate to a bool"), ("self.size <", "Syntax error")):
        ruled = {**simple(), "x-kubernetes-validations": [{"rule": rule}]}
        refused = server.request("POST", CRDS, definition("locks", version("v1", ruled, storage=True)))
        check(refused.status == 422 and words in refused.json["message"], refused.text)


def test_a_hostile_rule_stalls_nobody(server):
    def traps(items, rule):
        spec = {"type": "object", "properties": {"list": {"type": "array", "items": {"type": "string"}, **items}}, "x-kubernetes-validations": [{"rule": rule}] * 20}
        return definition("traps", version("v1", spec, storage=True))
    nested = "self.list.all(a, self.list.all(b, self.list.all(c, self.list.all(d, a + b != c + d + 'x'))))"
    refused = server.request("POST", CRDS, traps({}, nested))
    check(refused.status == 422 and "estimated rule cost exceeds budget by factor of more than 100x" in refused.text, refused.text[:500])
    # What is not estimated is stopped when it runs.
    hidden = "dyn(self.list).all(a, dyn(self.list).all(b, dyn(self.list).all(c, dyn(self.list).all(d, a + b != c + d + 'x'))))"
    server.ok("POST", CRDS, traps({}, hidden))
    refused = server.request("POST", f"{GROUP}/v1/namespaces/default/traps", thing("Trap", "t", {"list": [str(n) for n in range(1000)]}))
    check(refused.status == 422 and "call cost exceeds limit" in refused.text, refused.text[:500])


def test_names_that_are_taken(server):
    server.ok("POST", CRDS, definition("mugs", version("v1", simple(), storage=True), shortNames=["mg"]))
    other = server.ok("POST", CRDS, definition("mugses", version("v1", simple(), storage=True), kind="Mugse", shortNames=["mg"]))
    equal((condition(other, "NamesAccepted")["status"], condition(other, "Established")["status"]), ("False", "False"))
    equal(condition(other, "NamesAccepted")["message"], '"mg" is already in use')
    equal(server.get(f"{GROUP}/v1/namespaces/default/mugses").status, 404)
    fixed = server.ok("PATCH", CRDS + "/mugses.try.example.io", {"spec": {"names": {"shortNames": ["mgs"]}}}, content_type=MERGE)
    equal(condition(fixed, "Established")["status"], "True")
    server.ok("GET", f"{GROUP}/v1/namespaces/default/mugses")


def test_a_definition_goes_with_its_objects(server):
    server.ok("POST", CRDS, definition("pans", version("v1", simple(), storage=True)))
    path = f"{GROUP}/v1/namespaces/default/pans"
    server.ok("POST", path, thing("Pan", "free", {}))
    server.ok("POST", path, thing("Pan", "held", {}, finalizers=["example.io/hold"]))
    gone = server.ok("DELETE", CRDS + "/pans.try.example.io")
    check("deletionTimestamp" in gone["metadata"], gone)
    equal(condition(gone, "Terminating")["status"], "True")
    equal([i["metadata"]["name"] for i in server.ok("GET", path)["items"]], ["held"])
    equal(server.request("POST", path, thing("Pan", "late", {})).status, 405)
    server.ok("PATCH", path + "/held", {"metadata": {"finalizers": None}}, content_type=MERGE)
    equal(server.get(CRDS + "/pans.try.example.io").status, 404)
    equal(server.get(path).status, 404)
    server.ok("POST", CRDS, definition("pans", version("v1", simple(), storage=True)))
    equal(server.ok("GET", path)["items"], [], "and comes back empty")


def test_kinds_outlive_a_restart(server):
    server.ok("POST", CRDS, definition("tins", version("v1", simple(big={"type": "integer", "format": "int64"}), storage=True), scope="Cluster"))
    server.ok("PATCH", f"{GROUP}/v1/tins/t?fieldManager=m", thing("Tin", "t", {"big": 9007199254740993}), content_type=APPLY)
    server.kill()
    server.start()
    tin = server.ok("GET", f"{GROUP}/v1/tins/t")
    equal((tin["spec"]["big"], "namespace" in tin["metadata"]), (9007199254740993, False))
    again = server.ok("PATCH", f"{GROUP}/v1/tins/t?fieldManager=m", thing("Tin", "t", {"big": 9007199254740993}), content_type=APPLY)
    equal(again["metadata"]["resourceVersion"], tin["metadata"]["resourceVersion"], "a second apply changes nothing")


def test_what_belongs_to_custom_objects_goes_with_them(server):
    server.ok("POST", CRDS, definition("urns", version("v1", simple(), storage=True)))
    path, maps = f"{GROUP}/v1/namespaces/default/urns", "/api/v1/namespaces/default/configmaps"

    def owned(name):
        owner = server.ok("POST", path, thing("Urn", name, {}))["metadata"]["uid"]
        reference = {"apiVersion": "try.example.io/v1", "kind": "Urn", "name": name, "uid": owner, "blockOwnerDeletion": True}
        server.ok("POST", maps, {"metadata": {"name": name, "ownerReferences": [reference]}})

    for name, policy, status in (("back", "Background", 404), ("fore", "Foreground", 404), ("orphan", "Orphan", 200)):
        owned(name)
        server.ok("DELETE", f"{path}/{name}", {"propagationPolicy": policy})
        left = server.get(f"{maps}/{name}")
        equal((server.get(f"{path}/{name}").status, left.status), (404, status), policy)
    check("ownerReferences" not in left.json["metadata"], "an orphan has no owner")


if __name__ == "__main__":
    main(globals())
