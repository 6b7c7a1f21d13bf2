#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`serin apiserver`: deletion, finalizers and dependents; scale; ownership of fields and server-side apply."""
import concurrent.futures
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from api_objects import APPLY, CM, DEPLOY, MERGE, PODS, RO, cm, pod, refused, rollout, rv  # noqa: E402
from apiserver import check, equal, main  # noqa: E402


def test_finalizers_hold(server):
    server.ok("POST", RO, rollout("fin", finalizers=["serin.dev/traffic"]))
    held = server.ok("DELETE", RO + "/fin")
    check(held["metadata"]["deletionTimestamp"], "marked")
    equal((held["metadata"]["generation"], held["metadata"]["deletionGracePeriodSeconds"]), (2, 0))
    equal(rv(server.ok("DELETE", RO + "/fin")), rv(held), "a second DELETE changes nothing")
    more = {"metadata": {"finalizers": ["serin.dev/traffic", "another/one"]}}
    refused(server.request("PATCH", RO + "/fin", more, content_type=MERGE), 422, "Invalid", "no new finalizers")
    stream = server.watch(f"{RO}?watch=1&resourceVersion={rv(held)}")
    server.ok("PATCH", RO + "/fin", {"metadata": {"finalizers": None}}, content_type=MERGE)
    equal([stream.next()["type"] for _ in range(2)], ["MODIFIED", "DELETED"])
    stream.close()
    equal(server.get(RO + "/fin").status, 404)


def test_delete_preconditions(server):
    made = server.ok("POST", CM, cm("pre"))
    refused(server.request("DELETE", CM + "/pre", {"preconditions": {"uid": "other"}}), 409, "Conflict", "the UID in the precondition (other)")
    refused(server.request("DELETE", CM + "/pre", {"preconditions": {"resourceVersion": "1"}}), 409, "Conflict", "ResourceVersion")
    body = server.ok("DELETE", CM + "/pre", {"preconditions": {"uid": made["metadata"]["uid"]}})
    equal(body["details"], {"name": "pre", "kind": "configmaps", "uid": made["metadata"]["uid"]})


def owned(name, owner, kind="Rollout", api="serin.dev/v1alpha1", **more):
    return cm(name, ownerReferences=[{"apiVersion": api, "kind": kind, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"], **more}])


def test_owners_take_dependents_with_them(server):
    owner = server.ok("POST", RO, rollout("own"))
    server.ok("POST", CM, owned("dep", owner))
    middle = server.ok("GET", CM + "/dep")
    server.ok("POST", CM, owned("dep2", middle, "ConfigMap", "v1"))
    server.ok("DELETE", RO + "/own")
    equal([server.get(CM + "/" + n).status for n in ("dep", "dep2")], [404, 404])
    owner = server.ok("POST", RO, rollout("own"))
    server.ok("POST", CM, owned("dep", owner))
    server.ok("DELETE", RO + "/own", {"propagationPolicy": "Orphan"})
    check("ownerReferences" not in server.ok("GET", CM + "/dep")["metadata"], "orphaned")
    server.ok("DELETE", CM + "/dep")


def test_foreground_waits_for_dependents(server):
    owner = server.ok("POST", RO, rollout("fg"))
    held = owned("fgdep", owner, blockOwnerDeletion=True)
    held["metadata"]["finalizers"] = ["x/y"]
    server.ok("POST", CM, held)
    server.ok("DELETE", RO + "/fg", {"propagationPolicy": "Foreground"})
    equal(server.ok("GET", RO + "/fg")["metadata"]["finalizers"], ["foregroundDeletion"])
    server.ok("PATCH", CM + "/fgdep", {"metadata": {"finalizers": None}}, content_type=MERGE)
    equal([server.get(CM + "/fgdep").status, server.get(RO + "/fg").status], [404, 404])
    owner = server.ok("POST", RO, rollout("fg"))
    server.ok("POST", CM, owned("fgdep", owner))
    # The answer is as before the garbage collector of a real server comes; here it has been already.
    equal(server.ok("DELETE", RO + "/fg", {"propagationPolicy": "Foreground"})["metadata"]["finalizers"], ["foregroundDeletion"])
    equal([server.get(CM + "/fgdep").status, server.get(RO + "/fg").status], [404, 404])


def test_a_dependent_with_another_owner_stays(server):
    one, two = server.ok("POST", RO, rollout("one")), server.ok("POST", RO, rollout("two"))
    body = owned("shared", one)
    body["metadata"]["ownerReferences"] += owned("x", two)["metadata"]["ownerReferences"]
    server.ok("POST", CM, body)
    server.ok("DELETE", RO + "/one")
    equal([o["name"] for o in server.ok("GET", CM + "/shared")["metadata"]["ownerReferences"]], ["two"])
    server.ok("DELETE", RO + "/two")
    equal(server.get(CM + "/shared").status, 404)


def test_pods_that_run_get_their_grace(server):
    server.ok("POST", PODS, pod("idle"))
    equal(server.ok("DELETE", PODS + "/idle")["metadata"]["name"], "idle")
    running = pod("runs")
    running["spec"]["nodeName"] = "here"
    server.ok("POST", PODS, running)
    marked = server.ok("DELETE", PODS + "/runs")
    equal(marked["metadata"]["deletionGracePeriodSeconds"], 30)
    server.ok("PATCH", PODS + "/runs/status", {"status": {"phase": "Running"}}, content_type=MERGE)
    equal(server.ok("DELETE", PODS + "/runs", {"gracePeriodSeconds": 0})["metadata"]["name"], "runs")
    equal(server.get(PODS + "/runs").status, 404)


def test_a_namespace_waits_for_its_pods(server):
    server.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "waits"}})
    running = pod("runs")
    running["spec"]["nodeName"] = "here"
    server.ok("POST", "/api/v1/namespaces/waits/pods", running)
    server.ok("POST", "/api/v1/namespaces/waits/configmaps", cm("x"))
    marked = server.ok("DELETE", "/api/v1/namespaces/waits")
    equal(marked["status"]["phase"], "Terminating")
    refused(server.request("POST", "/api/v1/namespaces/waits/configmaps", cm("y")), 403, "Forbidden", "because it is being terminated")
    server.ok("DELETE", "/api/v1/namespaces/waits/pods/runs", {"gracePeriodSeconds": 0})
    equal(server.get("/api/v1/namespaces/waits").status, 404)


def test_delete_collection(server):
    for name, labels in (("set-1", {"set": "l"}), ("set-2", {"set": "l"}), ("other", {})):
        server.ok("POST", CM, cm(name, labels=labels))
    server.ok("DELETE", CM + "?labelSelector=set%3Dl")
    equal(server.ok("GET", CM + "?labelSelector=set%3Dl")["items"], [])
    server.ok("GET", CM + "/other")


def test_scale(server):
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}}
    server.ok("POST", DEPLOY, {"metadata": {"name": "sc"}, "spec": spec})
    scale = server.ok("GET", DEPLOY + "/sc/scale")
    equal((scale["kind"], scale["apiVersion"], scale["spec"]["replicas"]), ("Scale", "autoscaling/v1", 1))
    scale["spec"]["replicas"] = 4
    equal(server.ok("PUT", DEPLOY + "/sc/scale", scale)["spec"]["replicas"], 4)
    deployment = server.ok("GET", DEPLOY + "/sc")
    equal((deployment["spec"]["replicas"], deployment["metadata"]["generation"]), (4, 2))
    refused(server.request("PUT", DEPLOY + "/sc/scale", scale), 409, "Conflict", "modified")
    refused(server.request("PATCH", DEPLOY + "/sc/scale", {"spec": {"replicas": -1}}, content_type=MERGE), 422, "Invalid", "replicas")


def fields(obj):
    return {(e["manager"], e["operation"]): e["fieldsV1"] for e in obj["metadata"].get("managedFields", [])}


def test_ownership_of_fields(server):
    path = CM + "/own-fields"
    made = server.ok("PATCH", path + "?fieldManager=m1", cm("own-fields", {"a": "1", "b": "2"}), 201, content_type=APPLY)
    equal(fields(made), {("m1", "Apply"): {"f:data": {"f:a": {}, "f:b": {}}}})
    again = server.ok("PATCH", path + "?fieldManager=m1", cm("own-fields", {"a": "1", "b": "2"}), content_type=APPLY)
    equal(rv(again), rv(made), "the same apply is a no-op")
    taken = server.ok("PATCH", path + "?fieldManager=upd", {"data": {"a": "9"}}, content_type=MERGE)
    equal(fields(taken), {("m1", "Apply"): {"f:data": {"f:b": {}}}, ("upd", "Update"): {"f:data": {"f:a": {}}}})
    body = refused(server.request("PATCH", path + "?fieldManager=m1", cm("own-fields", {"a": "1"}), content_type=APPLY), 409, "Conflict",
                   'Apply failed with 1 conflict: conflict with "upd" using v1: .data.a')
    equal(body["details"]["causes"][0]["reason"], "FieldManagerConflict")
    forced = server.ok("PATCH", path + "?fieldManager=m1&force=true", cm("own-fields", {"a": "1"}), content_type=APPLY)
    equal((forced["data"], fields(forced)), ({"a": "1"}, {("m1", "Apply"): {"f:data": {"f:a": {}}}}))
    shared = server.ok("PATCH", path + "?fieldManager=m2", cm("own-fields", {"a": "1", "c": "3"}), content_type=APPLY)
    equal(sorted(fields(shared)), [("m1", "Apply"), ("m2", "Apply")])
    left = server.ok("PATCH", path + "?fieldManager=m1", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own-fields"}}, content_type=APPLY)
    equal(left["data"], {"a": "1", "c": "3"}, "what another manager owns stays")
    refused(server.request("PATCH", path, cm("own-fields"), content_type=APPLY), 422, "Invalid", "fieldManager")


def test_managed_fields_from_clients_are_checked(server):
    server.ok("POST", CM, cm("mf"))
    good = server.ok("GET", CM + "/mf")["metadata"]["managedFields"]
    server.ok("PATCH", CM + "/mf", {"metadata": {"managedFields": good}}, content_type=MERGE)
    for bad in (3, "x", {"a": 1}, [3]):
        reply = server.request("PATCH", CM + "/mf", {"metadata": {"managedFields": bad}}, content_type=MERGE)
        equal(reply.status, 422, f"{bad}: {reply.text}")
    for bad in ([{"operation": "Fly"}], [{"operation": "Apply", "fieldsV1": "s"}], [{"operation": "Apply", "fieldsV1": {"data": {}}}],
                [{"operation": "Apply", "fieldsV1": {"f:data": []}}]):
        same = server.ok("PATCH", CM + "/mf", {"metadata": {"managedFields": bad}}, content_type=MERGE)
        equal(same["metadata"]["managedFields"], good, f"{bad} counts as left out")
    reset = server.ok("PATCH", CM + "/mf", {"metadata": {"managedFields": []}}, content_type=MERGE)
    check("managedFields" not in reset["metadata"], "an empty list forgets the owners")


def test_apply_of_odd_bodies(server):
    for body in ({"": {}}, {"metadata": None}, {"metadata": []}, {"metadata": {"managedFields": {}}}, {"spec": []}, {"data": None}, {}):
        reply = server.request("PATCH", CM + "/odd?fieldManager=m&dryRun=All", body, content_type=APPLY)
        check(reply.status in (201, 400, 422, 500), reply.text) # 500: a field that no schema knows, as a real server says it
    equal(server.get("/livez").status, 200)


def test_apply_merges_lists_by_key(server):
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x", "env": [{"name": "A", "value": "1"}]}]}}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "ssa"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    server.ok("PATCH", DEPLOY + "/ssa?fieldManager=m1", body, content_type=APPLY)
    other = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "ssa"},
             "spec": {"template": {"spec": {"containers": [{"name": "side", "image": "y"}]}}}}
    both = server.ok("PATCH", DEPLOY + "/ssa?fieldManager=m2", other, content_type=APPLY)
    equal([c["name"] for c in both["spec"]["template"]["spec"]["containers"]], ["c", "side"])
    other["spec"] = {"paused": True}
    left = server.ok("PATCH", DEPLOY + "/ssa?fieldManager=m2", other, content_type=APPLY)
    equal([c["name"] for c in left["spec"]["template"]["spec"]["containers"]], ["c"])


def test_concurrent_writers_lose_nothing(server):
    server.ok("POST", CM, cm("counter", {"n": "0"}))

    def add(_):
        connection, conflicts = server.connect(), 0
        done = 0
        while done < 25:
            have = server.ok("GET", CM + "/counter", connection=connection)
            patch = {"metadata": {"resourceVersion": rv(have)}, "data": {"n": str(int(have["data"]["n"]) + 1)}}
            reply = server.request("PATCH", CM + "/counter", patch, content_type=MERGE, connection=connection)
            check(reply.status in (200, 409), reply.text)
            done += reply.status == 200
            conflicts += reply.status == 409
        connection.close()
        return conflicts
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    equal(server.ok("GET", CM + "/counter")["data"]["n"], "200")


def test_apply_takes_over_from_client_side_apply(server):
    last = "kubectl.kubernetes.io/last-applied-configuration"
    server.ok("POST", CM, {"metadata": {"name": "moved", "annotations": {last: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"moved"},"data":{"a":"1"}}'}},
                           "data": {"a": "1"}})
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "moved"}, "data": {"a": "2"}}
    moved = server.ok("PATCH", CM + "/moved?fieldManager=kubectl&force=true", body, content_type="application/apply-patch+yaml")
    check('"a":"2"' in moved["metadata"]["annotations"][last], moved)


if __name__ == "__main__":
    main(globals())
