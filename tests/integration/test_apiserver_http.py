#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The wire of `serin apiserver`: status codes, error texts, resource versions, lists, watches, discovery."""
import os
import pathlib
import socket
import stat
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from api_objects import CM, DEPLOY, JSON_PATCH, MERGE, RO, cm, refused, rollout, rv  # noqa: E402
from apiserver import check, equal, main, wait_for  # noqa: E402
from waiting import measured, settled  # noqa: E402


def test_only_health_and_version_without_token(server):
    for path in ("/livez", "/readyz", "/version"):
        equal(server.get(path, token=False).status, 200, path)
    for path in ("/api", "/apis", CM, "/openapi/v3", "/nothing", "/metrics"):
        refused(server.get(path, token=False), 401, "Unauthorized", "Unauthorized")
    wrong = {"Authorization": "Bearer " + "0" * 64}
    refused(server.get(CM, token=False, headers=wrong), 401, "Unauthorized", "")
    refused(server.get(CM, token=False, headers={"Authorization": "Basic " + server.token}), 401, "Unauthorized", "")


def test_files_are_private(server):
    equal(stat.S_IMODE(os.stat(server.data).st_mode) & 0o077, 0, "folder")
    for name in ("token", "kubeconfig", "store.db", "store.db-wal", "pki/ca.key", "pki/server.key"):
        equal(stat.S_IMODE(os.stat(server.data / name).st_mode), 0o600, name)


def test_plain_http_is_not_served(server):
    with socket.create_connection(("127.0.0.1", server.port), 10) as plain:
        plain.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        plain.settimeout(10)
        try:
            answer = plain.recv(100)
        except ConnectionResetError:
            answer = b""
        check(not answer.startswith(b"HTTP"), answer)


def test_create_sets_metadata(server):
    made = server.ok("POST", RO, {**rollout("meta"), "status": {"phase": "Healthy"}}, 201)
    for key in ("uid", "creationTimestamp", "resourceVersion"):
        check(made["metadata"].get(key), key)
    equal(made["metadata"]["generation"], 1)
    equal(made["metadata"]["namespace"], "default")
    check("status" not in made, "status of the body is dropped")
    refused(server.request("POST", RO, rollout("meta")), 409, "AlreadyExists", 'rollouts.serin.dev "meta" already exists')
    refused(server.request("POST", RO, rollout("rv", resourceVersion="5")), 500, None, "resourceVersion should not be set")
    refused(server.request("POST", CM, cm("Bad_Name")), 422, "Invalid", "RFC 1123")
    refused(server.request("POST", CM, {"metadata": {}}), 422, "Invalid", "name or generateName is required")
    refused(server.request("POST", CM, cm("x", namespace="other")), 400, "BadRequest", "namespace")
    refused(server.request("POST", "/api/v1/namespaces/nowhere/configmaps", cm("x")), 404, "NotFound", 'namespaces "nowhere" not found')
    refused(server.request("POST", CM, {**cm("x"), "kind": "Secret"}), 400, "BadRequest", "does not match the expected kind")
    refused(server.request("POST", CM, {**cm("x"), "apiVersion": "v2"}), 400, "BadRequest", "does not match the expected API version")
    made = server.ok("POST", CM, {"metadata": {"generateName": "gen-"}}, 201)
    check(made["metadata"]["name"].startswith("gen-") and len(made["metadata"]["name"]) == 9, made["metadata"]["name"])


def test_bodies(server):
    refused(server.request("POST", CM, "{"), 400, "BadRequest", "JSON")
    refused(server.request("POST", CM, "x", content_type="text/plain"), 415, "UnsupportedMediaType", "media types")
    refused(server.request("POST", CM, ""), 400, "BadRequest", "no body")
    refused(server.request("POST", CM, "[]"), 400, "BadRequest", "object")
    refused(server.request("POST", CM, "x" * (4 << 20)), 413, "RequestEntityTooLarge", "limit is 3145728")
    refused(server.request("POST", CM, cm("big", {"a": "x" * (2 << 20)})), 422, "Invalid", "1048576 bytes")
    pod = {"metadata": {"name": "big"}, "spec": {"containers": [{"name": "c", "args": ["x" * (2 << 20)]}]}}
    refused(server.request("POST", CM.replace("configmaps", "pods"), pod), 413, "RequestEntityTooLarge", "bytes")
    refused(server.request("POST", CM, cm("wide", {f"k{i}": "" for i in range(10001)})), 413, "RequestEntityTooLarge", "more than 10000 entries")
    server.ok("POST", CM, cm("nearly", {f"k{i}": "" for i in range(5000)}))
    server.ok("DELETE", CM + "/nearly")
    made = server.ok("POST", CM, "kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: yaml\ndata:\n  a: b\n", content_type="application/yaml")
    equal(made["data"], {"a": "b"})
    refused(server.request("PATCH", RO + "/meta", {}, content_type="application/strategic-merge-patch+json"), 415, "UnsupportedMediaType", "merge-patch+json")
    equal(server.get("/api/v1/nothing").status, 404)
    equal(server.get("/apis/nothing.dev/v1/nothing").text, "404 page not found\n")
    refused(server.get("/api/v1/nothing"), 404, "NotFound", "the server could not find the requested resource")
    refused(server.get("/api/v1/namespaces", headers={"Accept": "text/csv"}), 406, "NotAcceptable", "only application/json")
    equal(server.request("PUT", CM, cm("x")).status, 405)
    refused(server.get(CM + "/absent"), 404, "NotFound", 'configmaps "absent" not found')


def test_field_validation(server):
    body = rollout("strict")
    body["spec"]["bogus"] = 1
    refused(server.request("POST", RO + "?fieldValidation=Strict", body), 400, "BadRequest",
            'Rollout in version "v1alpha1" cannot be handled as a Rollout: strict decoding error: unknown field "spec.bogus"')
    text = '{"metadata":{"name":"dup"},"data":{"a":"1"},"data":{"a":"2"}}'
    refused(server.request("POST", CM + "?fieldValidation=Strict", text), 400, "BadRequest", 'duplicate field "data"')
    reply = server.request("POST", RO + "?fieldValidation=Warn", body)
    equal(reply.headers["Warning"], '299 - "unknown field \\"spec.bogus\\""')
    check("bogus" not in reply.json["spec"], "pruned")
    equal(server.request("POST", RO + "?fieldValidation=Ignore", {**body, "metadata": {"name": "ignored"}}).headers["Warning"], None)
    refused(server.request("POST", RO + "?fieldValidation=Sure", body), 422, "Invalid", "fieldValidation")
    refused(server.request("POST", RO + "?dryRun=Some", body), 422, "Invalid", "dryRun")
    broken = rollout("broken")
    broken["spec"]["suspend"] = "perhaps"
    status = refused(server.request("POST", RO, broken), 422, "Invalid", 'Rollout.serin.dev "broken" is invalid')
    equal(status["details"]["kind"], "Rollout")
    equal(status["details"]["causes"][0]["field"], "spec.suspend")


def test_versions_and_conflicts(server):
    made = server.ok("POST", CM, cm("occ"))
    newer = server.ok("PUT", CM + "/occ", {**made, "data": {"a": "2"}})
    check(int(rv(newer)) > int(rv(made)), "revisions grow")
    body = refused(server.request("PUT", CM + "/occ", {**made, "data": {"a": "3"}}), 409, "Conflict", "the object has been modified; please apply your changes")
    equal(body["details"], {"name": "occ", "kind": "configmaps"})
    same = server.ok("PUT", CM + "/occ", newer)
    equal(rv(same), rv(newer), "a no-op moves nothing")
    patch = {"metadata": {"resourceVersion": rv(made)}, "data": {"a": "4"}}
    refused(server.request("PATCH", CM + "/occ", patch, content_type=MERGE), 409, "Conflict", "modified")
    refused(server.request("PUT", CM + "/occ", {**newer, "metadata": {**newer["metadata"], "uid": "other"}}), 409, "Conflict", "UID")
    unconditional = rollout("meta")
    refused(server.request("PUT", RO + "/meta", unconditional), 422, "Invalid", "must be specified for an update")
    refused(server.request("PUT", CM + "/absent", cm("absent")), 404, "NotFound", "not found")
    refused(server.request("PUT", CM + "/occ", cm("other")), 400, "BadRequest", "does not match the name on the URL")


def test_generation_and_status_are_apart(server):
    made = server.ok("POST", RO, rollout("gen"))
    path = RO + "/gen"
    labelled = server.ok("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)
    equal(labelled["metadata"]["generation"], 1)
    changed = server.ok("PATCH", path, {"spec": {"suspend": True}, "status": {"phase": "Healthy"}}, content_type=MERGE)
    equal(changed["metadata"]["generation"], 2)
    check("status" not in changed, "main writes leave status alone")
    status = server.ok("PATCH", path + "/status", {"spec": {"suspend": False}, "status": {"phase": "Healthy"}, "metadata": {"labels": {"x": "y"}}}, content_type=MERGE)
    equal((status["status"]["phase"], status["spec"]["suspend"], status["metadata"]["generation"]), ("Healthy", True, 2))
    equal(status["metadata"]["labels"], {"a": "b"})
    main_write = server.ok("PUT", path, {**status, "status": {"phase": "Aborted"}})
    equal(main_write["status"]["phase"], "Healthy")
    equal(made["metadata"]["uid"], main_write["metadata"]["uid"])


def test_json_patch(server):
    server.ok("POST", CM, cm("jp"))
    moved = server.ok("PATCH", CM + "/jp", [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "add", "path": "/data/b", "value": "2"}], content_type=JSON_PATCH)
    equal(moved["data"], {"a": "1", "b": "2"})
    refused(server.request("PATCH", CM + "/jp", [{"op": "test", "path": "/data/a", "value": "9"}], content_type=JSON_PATCH), 422, "Invalid", "rejected our request")
    refused(server.request("PATCH", CM + "/jp", [{"op": "fly", "path": "/data"}], content_type=JSON_PATCH), 422, "Invalid", "rejected our request")
    refused(server.request("PATCH", CM + "/jp", [{"op": "add", "path": 5}], content_type=JSON_PATCH), 400, "BadRequest", "")
    refused(server.request("PATCH", CM + "/jp?force=true", {}, content_type=MERGE), 422, "Invalid", "force")


def test_nulls_of_go_clients_are_dropped(server):
    template = {"metadata": {"creationTimestamp": None, "labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x", "command": None}]}}
    body = {"metadata": {"name": "nulls", "creationTimestamp": None}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template, "strategy": {}}, "status": {}}
    made = server.ok("POST", DEPLOY, body)
    check(made["metadata"]["creationTimestamp"], "the server's own time")
    check("creationTimestamp" not in made["spec"]["template"]["metadata"], made["spec"]["template"])
    check("command" not in made["spec"]["template"]["spec"]["containers"][0], made["spec"]["template"])


def test_dry_run_stores_nothing(server):
    before = rv(server.ok("GET", CM))
    made = server.ok("POST", CM + "?dryRun=All", cm("dry"), 201)
    check("resourceVersion" not in made["metadata"], "no version of what is not stored")
    equal(server.get(CM + "/dry").status, 404)
    server.ok("PATCH", CM + "/jp?dryRun=All", {"data": {"a": "7"}}, content_type=MERGE)
    equal(server.ok("GET", CM + "/jp")["data"]["a"], "1")
    server.ok("DELETE", CM + "/jp?dryRun=All")
    server.ok("DELETE", CM + "/jp", {"dryRun": ["All"]})
    server.ok("GET", CM + "/jp")
    equal(rv(server.ok("GET", CM)), before)


def test_lists(server):
    for i in range(7):
        server.ok("POST", CM, cm(f"l{i}", labels={"set": "l", "even": str(i % 2 == 0).lower()}))
    query = CM + "?labelSelector=set%3Dl"
    equal(len(server.ok("GET", query)["items"]), 7)
    equal(len(server.ok("GET", query + ",even+in+(true)")["items"]), 4)
    names, token, pages = [], "", 0
    while True:
        page = server.ok("GET", f"{query}&limit=3&continue={token.replace('=', '%3D').replace('+', '%2B')}")
        names += [item["metadata"]["name"] for item in page["items"]]
        pages += 1
        token = page["metadata"].get("continue", "")
        if not token:
            break
    equal((names, pages), ([f"l{i}" for i in range(7)], 3))
    first = server.ok("GET", CM + "?limit=1")
    check(first["metadata"]["remainingItemCount"] >= 6, "remaining")
    refused(server.get(CM + "?continue=nonsense"), 400, "BadRequest", "continue")
    refused(server.get(CM + "?labelSelector=a+in"), 400, "BadRequest", "parse")
    refused(server.get(CM + "?fieldSelector=data.a%3D1"), 400, "BadRequest", '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"')
    refused(server.get(CM + "?resourceVersion=x"), 400, "BadRequest", "resource version")
    body = refused(server.get(CM + "?resourceVersion=99999999"), 504, "Timeout", "Too large resource version")
    equal(body["details"]["causes"][0]["reason"], "ResourceVersionTooLarge")
    exact = server.get(CM + "?resourceVersion=1&resourceVersionMatch=Exact")
    equal((exact.status, exact.json["items"], rv(exact.json)), (200, [], "1"), "the past can be listed")
    for query, text in (("resourceVersionMatch=Exact", "is forbidden unless resourceVersion is provided"),
                        ("resourceVersion=0&resourceVersionMatch=Exact", '"exact" is forbidden for resourceVersion "0"'),
                        ("resourceVersion=1&resourceVersionMatch=Newest", 'Unsupported value: "Newest"'),
                        ("sendInitialEvents=true", "sendInitialEvents is forbidden for list"),
                        ("watch=1&sendInitialEvents=true", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
                        ("watch=1&resourceVersionMatch=NotOlderThan", "is forbidden for watch unless sendInitialEvents is provided")):
        refused(server.get(f"{CM}?{query}"), 422, "Invalid", text)
    equal(server.ok("GET", "/api/v1/configmaps")["kind"], "ConfigMapList")


def test_every_version_of_a_kind(server):
    for version in ("v1", "v1beta1", "v1alpha3"):
        base = f"/apis/networking.istio.io/{version}/namespaces/default/virtualservices"
        body = {"apiVersion": f"networking.istio.io/{version}", "kind": "VirtualService", "metadata": {"name": f"vs-{version}"},
                "spec": {"hosts": ["x"], "http": [{"route": [{"destination": {"host": "x"}}]}]}}
        equal(server.ok("POST", base, body)["apiVersion"], f"networking.istio.io/{version}")
        for item in server.ok("GET", base)["items"]:
            equal(item["apiVersion"], f"networking.istio.io/{version}")
        equal(server.ok("GET", f"{base}/vs-v1")["apiVersion"], f"networking.istio.io/{version}")


def test_watch_tells_changes_in_order(server):
    start = rv(server.ok("GET", CM))
    stream = server.watch(f"{CM}?watch=1&resourceVersion={start}")
    made = server.ok("POST", CM, cm("w"))
    server.ok("PATCH", CM + "/w", {"data": {"a": "2"}}, content_type=MERGE)
    gone_at = server.ok("DELETE", CM + "/w")
    equal(gone_at["status"], "Success")
    events = [stream.next() for _ in range(3)]
    equal([e["type"] for e in events], ["ADDED", "MODIFIED", "DELETED"])
    equal([e["object"]["data"]["a"] for e in events], ["1", "2", "2"])
    versions = [int(rv(e["object"])) for e in events]
    equal(versions, [int(rv(made)), int(rv(made)) + 1, int(rv(made)) + 2])
    stream.close()


def test_watch_from_zero_and_by_name(server):
    stream = server.watch(f"{CM}?watch=1&resourceVersion=0&fieldSelector=metadata.name%3Docc")
    event = stream.next()
    equal((event["type"], event["object"]["metadata"]["name"]), ("ADDED", "occ"))
    server.ok("PATCH", CM + "/jp", {"data": {"z": "1"}}, content_type=MERGE)
    server.ok("PATCH", CM + "/occ", {"data": {"z": "1"}}, content_type=MERGE)
    event = stream.next()
    equal((event["type"], event["object"]["metadata"]["name"]), ("MODIFIED", "occ"))
    stream.close()


def test_watch_selector_transitions(server):
    server.ok("POST", CM, cm("sel", labels={"pick": "no"}))
    start = rv(server.ok("GET", CM))
    query = f"{CM}?watch=1&resourceVersion={start}&labelSelector=pick%3Dyes"
    live = server.watch(query)
    server.ok("PATCH", CM + "/sel", {"metadata": {"labels": {"pick": "yes"}}}, content_type=MERGE)
    server.ok("PATCH", CM + "/sel", {"data": {"a": "2"}}, content_type=MERGE)
    last = server.ok("PATCH", CM + "/sel", {"metadata": {"labels": {"pick": "no"}}, "data": {"a": "3"}}, content_type=MERGE)
    for stream in (live, server.watch(query)):  # live, and again from the history
        events = [stream.next() for _ in range(3)]
        equal([e["type"] for e in events], ["ADDED", "MODIFIED", "DELETED"])
        equal((events[2]["object"]["data"]["a"], rv(events[2]["object"])), ("2", rv(last)))
        stream.close()


def test_watch_ends_and_bookmarks(server):
    stream = server.watch(f"{CM}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan")
    events = []
    while (event := stream.next()) is not None:
        events.append(event)
    equal(events[-1]["type"], "BOOKMARK")
    equal(events[-1]["object"]["metadata"]["annotations"], {"k8s.io/initial-events-end": "true"})
    check(all(e["type"] == "ADDED" for e in events[:-1]), "ADDED first")
    stream.close()
    start = rv(server.ok("GET", CM))
    stream = server.watch(f"{CM}?watch=1&timeoutSeconds=1&resourceVersion={start}")
    equal(stream.next(), None, "no bookmark that was not asked for")
    stream.close()


def test_watch_as_table(server):
    stream = server.watch(f"{CM}?watch=1&resourceVersion=0", accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
    first, second = stream.next(), stream.next()
    equal(first["object"]["kind"], "Table")
    equal([c["name"] for c in first["object"]["columnDefinitions"]], ["Name", "Data", "Age"])
    equal(second["object"]["columnDefinitions"], [])
    equal(first["object"]["rows"][0]["object"]["kind"], "PartialObjectMetadata")
    stream.close()


def test_a_slow_watcher_loses_nothing(server):
    start = rv(server.ok("GET", CM))
    stream = server.watch(f"{CM}?watch=1&resourceVersion={start}&fieldSelector=metadata.name%3Dslow")
    server.ok("POST", CM, cm("slow", {"n": "0"}))
    connection = server.connect()
    for i in range(1, 200):
        server.ok("PATCH", CM + "/slow", {"data": {"n": str(i), "pad": "x" * 20000}}, content_type=MERGE, connection=connection)
    connection.close()
    equal([int(stream.next()["object"]["data"]["n"]) for _ in range(200)], list(range(200)))
    stream.close()


def test_a_client_that_leaves_is_noticed(server):
    def sockets():
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))
    streams = [server.watch(f"{CM}?watch=1&resourceVersion=0&timeoutSeconds=600") for _ in range(20)]
    opened = sockets()
    check(opened > 20, "watches are open")
    for stream in streams:
        stream.close()
    wait_for("the watches to be closed", lambda: sockets() <= opened - 20)


def test_half_requests_are_let_go(server):
    auth = f"Authorization: Bearer {server.token}\r\n".encode()
    halves = [b"GET", b"GET /api/v1/pods HTTP/1.1\r\nHost: x\r\n", b"POST " + CM.encode() + b" HTTP/1.1\r\nHost: x\r\n" + auth + b"Content-Length: 100\r\n\r\n{",
              b"\x00\x01\x02\r\n\r\n", b"GET /livez HTTP/1.1\r\n" + b"X: " + b"y" * 60000 + b"\r\n\r\n"]
    def sockets():
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))
    wait_for("earlier connections to be closed", lambda: sockets() < 30)
    before = sockets()
    for half in halves * 10:
        connection = server.connect()
        connection.connect()
        try:
            connection.sock.sendall(half)
        except OSError:
            pass  # refused while we still wrote
        connection.close()
    wait_for("the connections to be closed", lambda: sockets() <= before + 5)
    equal(server.get("/livez").text, "ok")


def test_discovery_and_openapi(server):
    wanted = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    reply = server.get("/apis", headers={"Accept": wanted})
    equal(reply.headers["Content-Type"], "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
    serin = next(g for g in reply.json["items"] if g["metadata"]["name"] == "serin.dev")
    resource = next(r for r in serin["versions"][0]["resources"] if r["resource"] == "rollouts")
    equal((resource["scope"], resource["singularResource"]), ("Namespaced", "rollout"))
    check("status" in [s["subresource"] for s in resource["subresources"]], "status")
    legacy = server.ok("GET", "/apis/serin.dev/v1alpha1")
    check("rollouts/status" in [r["name"] for r in legacy["resources"]], "legacy status")
    equal(server.ok("GET", "/api")["versions"], ["v1"])
    equal(server.get("/apis/none.example").status, 404)
    v2 = server.get("/openapi/v2")
    equal((v2.status, v2.text, v2.headers["Content-Type"]), (200, "", "application/octet-stream"))
    old = server.connect()
    old.request("GET", "/openapi/v2", headers={"Authorization": f"Bearer {server.token}", "User-Agent": "kubectl/v1.20.2 (linux/amd64)"})
    response = old.getresponse()
    body = response.read()
    equal(response.headers["Content-Type"], "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
    check(body.startswith(b"\x0a\x032.0") and b"dev.serin.v1alpha1.Rollout" in body, body[:40])
    old.close()
    index = server.ok("GET", "/openapi/v3")
    for name, entry in index["paths"].items():
        document = server.ok("GET", entry["serverRelativeURL"])
        equal(document["openapi"], "3.0.0", name)


def test_it_rests_when_nothing_happens(server):
    streams = [server.watch(f"{CM}?watch=1&resourceVersion=0&timeoutSeconds=60") for _ in range(5)]

    def ticks():
        fields_ = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields_[11]) + int(fields_[12])
    settled("the end of what the requests above left to do", ticks)
    before = ticks()
    measured(2)
    check(ticks() - before <= 1, f"{ticks() - before} ticks of 10 ms in two idle seconds")
    for stream in streams:
        stream.close()


def test_metadata_only_and_entity_tags(server):
    server.ok("POST", CM, {"metadata": {"name": "partial", "labels": {"only": "this"}}, "data": {"a": "1"}})
    kind = "application/json;as=PartialObjectMetadata{};v=v1;g=meta.k8s.io,application/json"
    one = server.get(CM + "/partial", headers={"Accept": kind.format("")}).json
    equal((one["kind"], one["apiVersion"], one["metadata"]["name"], "data" in one), ("PartialObjectMetadata", "meta.k8s.io/v1", "partial", False))
    many = server.get(CM + "?labelSelector=only", headers={"Accept": kind.format("List")}).json
    equal((many["kind"], [item["kind"] for item in many["items"]]), ("PartialObjectMetadataList", ["PartialObjectMetadata"]))
    watch = server.watch(CM + "?watch=true&labelSelector=only", accept=kind.format(""))
    equal(watch.next()["object"]["kind"], "PartialObjectMetadata")
    watch.close()
    for path in ("/apis", "/apis/apps/v1", "/openapi/v3", "/openapi/v3/apis/apps/v1"):
        tag = server.get(path).headers["ETag"]
        again = server.get(path, headers={"If-None-Match": tag})
        equal((again.status, again.text, again.headers["Transfer-Encoding"]), (304, "", None), path)
    before = server.get("/openapi/v3").json["paths"]["apis/apps/v1"]["serverRelativeURL"]
    reply = server.get(before)
    check("immutable" in reply.headers["Cache-Control"], reply.headers["Cache-Control"])
    crd = {"metadata": {"name": "tags.entity.dev"}, "spec": {"group": "entity.dev", "scope": "Namespaced", "names": {"kind": "Tag", "plural": "tags"},
           "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"a": {"type": "string"}}}}}]}}
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    server.ok("POST", definitions, crd)
    first = server.get("/openapi/v3").json["paths"]
    equal(first["apis/apps/v1"]["serverRelativeURL"], before)
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["b"] = {"type": "string"}
    server.ok("PATCH", definitions + "/tags.entity.dev", crd, content_type=MERGE)
    second = server.get("/openapi/v3").json["paths"]
    check(first["apis/entity.dev/v1"] != second["apis/entity.dev/v1"], "the hash did not change with the definition")
    server.ok("DELETE", definitions + "/tags.entity.dev")


if __name__ == "__main__":
    main(globals())
