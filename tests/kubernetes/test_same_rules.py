#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules in CEL (x-kubernetes-validations): the embedded API server takes and refuses what a real one does, in the same words."""
import copy
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import both  # noqa: E402
import cluster  # noqa: E402
from apiserver import Failure, check, wait_for  # noqa: E402

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
STATUS = (".status", ".metadata.finalizers", ".metadata.managedFields")
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


def definition(plural, spec, status=None, rules=None, group="rules.example.io"):
    root = {"type": "object", "properties": {"spec": spec}}
    if status:
        root["properties"]["status"] = status
    if rules:
        root["x-kubernetes-validations"] = rules
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}, "subresources": {"status": {}}}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.{group}"},
            "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": plural[:-1].capitalize()}, "versions": [version]}}


def install(servers, crd):
    probe = servers.real.request("POST", CRDS + "?dryRun=All", crd)
    if probe.status != 201:
        raise Failure("\n  ".join(f"{c['field']}: {c['message']}" for c in probe.json["details"]["causes"]))
    servers.ask("POST", CRDS, crd, ignore=STATUS)
    path = f"/apis/{crd['spec']['group']}/v1/namespaces/default/{crd['spec']['names']['plural']}"
    for server in (servers.real, servers.ours):
        wait_for("the kind", lambda server=server: server.get(path).status == 200)
    return path


def item(crd, name, spec, **more):
    return {"apiVersion": f"{crd['spec']['group']}/v1", "kind": crd["spec"]["names"]["kind"], "metadata": {"name": name}, "spec": spec, **more}


def rule(text, message=None, **more):
    return {"rule": text, **({"message": message} if message else {}), **more}


def rules(schema, *texts):
    return {**schema, "x-kubernetes-validations": [rule(t) if isinstance(t, str) else t for t in texts]}


TEXT = {"type": "string", "maxLength": 200}
INT = {"type": "integer"}
SHORT = {"type": "string", "maxLength": 20}


def obj(**properties):
    return {"type": "object", "properties": properties}


def listed(items, **more):
    return {"type": "array", "items": items, "maxItems": 20, **more}


def together(found):
    if found:
        raise Failure("\n  ".join([f"{len(found)} differ"] + found))


def each(servers, requests):
    """All requests (method, path, body, more) to both, then all that differs at once."""
    found = []
    for method, path, body, more in requests:
        try:
            servers.ask(method, path, body, ignore=(".metadata.managedFields",), **more)
        except Failure as fault:
            found.append(str(fault))
    together(found)


# One field for each rule, so that one object of one field tries one rule: (field, schema, values).
CASES = [
    ("texts", rules(TEXT, "self.startsWith('a') && self.endsWith('z') && self.contains('m')"), ["amz", "az", ""]),
    ("sizes", rules(TEXT, "size(self) <= 3 && self.size() > 0"), ["abc", "h\u00e9\u00e9", "abcd", ""]),
    ("pattern", rules(TEXT, "self.matches('^[a-z]+(-[0-9]+)?$')"), ["abc-1", "abc", "ABC", "abc-"]),
    ("finds", rules(TEXT, "self.find('[0-9]+') == '12' && self.findAll('[0-9]').size() == 2"), ["a12", "a1", "a123"]),
    ("strings", rules(SHORT, "self.split(',').map(s, s.trim().upperAscii()) == ['A', 'B']", "self.split(',', 2).size() == 2"), ["a, b", "a,b", "b,a", "a"]),
    ("joined", rules(listed(SHORT), "self.join('+') == 'a+b' && self.join() == 'ab'"), [["a", "b"], ["b"]]),
    ("more", rules(TEXT, "self.replace('a', 'b').substring(1).indexOf('b') == 0 && self.lastIndexOf('a') == 1 && self.charAt(0) == 'x'"),
     ["xa", "xaa", "ya"]),
    ("ints", rules(INT, "self > 1 && self <= 10 && self % 2 == 0", rule("self != 4", "not four")), [2, 3, 4, 10, 12, -1]),
    ("overflow", rules(INT, "self + 1 > self"), [1, 9223372036854775807]),
    ("divide", rules(INT, "10 / self >= 2"), [5, 0, 6]),
    ("doubles", rules({"type": "number"}, "self >= 0.5 && self * 2.0 < 4"), [0.5, 1, 2, 1.99, 0.1]),
    ("flags", rules({"type": "boolean"}, "self"), [True, False]),
    ("either", rules({"x-kubernetes-int-or-string": True}, "type(self) == int ? self < 5 : self == 'x'"), [1, 5, "x", "y"]),
    ("percent", rules({"x-kubernetes-int-or-string": True, "maxLength": 10}, "string(self).matches('^[0-9]+%?$')"), [5, "5%", "x"]),
    ("when", rules({"type": "string", "format": "date-time"}, "self.getFullYear() == 2026 && self < timestamp('2026-06-01T00:00:00Z')"),
     ["2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z", "2025-01-01T00:00:00Z"]),
    ("day", rules({"type": "string", "format": "date"}, "self.getDate() == 2"), ["2026-01-02", "2026-01-03"]),
    ("wait", rules({"type": "string", "format": "duration"}, "self <= duration('1h') && self.getSeconds() != 7"), ["30s", "1h", "2h", "7s"]),
    ("raw", rules({"type": "string", "format": "byte", "maxLength": 100}, "size(self) == 2 && self == b'hi'"), ["aGk=", "aGkh"]),
    ("lists", rules(listed(INT), "self.all(x, x > 0)", "self.exists(x, x == 1)", "self.exists_one(x, x == 2)", "self.filter(x, x > 2).size() <= 1"),
     [[1, 2], [1, 2, 3, 4], [0, 1, 2], [1, 2, 2], [2], []]),
    ("sums", rules(listed(INT), "self.size() == 0 || (self.sum() == 6 && self.isSorted() && self.max() == 3 && self.min() == 1)"),
     [[1, 2, 3], [3, 2, 1], [2, 2, 2], []]),
    ("index", rules(listed(TEXT), "self[0] == 'a' && self.indexOf('b') == 1"), [["a", "b"], ["b", "a"], []]),
    ("two", rules(listed(INT), "self.all(i, v, v == i * 2) && self.transformList(i, v, i + v) != [0, 3, 6]"), [[0, 2], [0, 2, 4], [1]]),
    ("sets", rules(listed(TEXT, **{"x-kubernetes-list-type": "set"}), "self == ['a', 'b'] || self + ['c'] == ['c', 'd']"), [["b", "a"], ["d"], ["x"]]),
    ("maps", rules({"type": "object", "maxProperties": 10, "additionalProperties": INT},
                   "self.all(k, k.startsWith('a') && self[k] > 0)", "'ab' in self", "has(self.ab) && self.ab == 1"),
     [{"ab": 1}, {"ab": 1, "b": 1}, {"ab": 2}, {"a": 1}, {}]),
    ("keyed", rules(listed(obj(name=SHORT, weight=INT) | {"required": ["name"]}, **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}),
                    "self.map(p, has(p.weight) ? p.weight : 0).sum() == 100", "self.exists(p, p.name == 'a')"),
     [[{"name": "a", "weight": 100}], [{"name": "a", "weight": 60}, {"name": "b", "weight": 40}], [{"name": "b", "weight": 100}], [{"name": "a"}]]),
    ("nested", obj(a=rules(TEXT, "self != 'bad'"), b=listed(rules(obj(c=INT), "self.c > 0")), m={"type": "object", "maxProperties": 9, "additionalProperties": rules(INT, "self > 0")}),
     [{"a": "ok", "b": [{"c": 1}], "m": {"x": 1}}, {"a": "bad"}, {"b": [{"c": 1}, {"c": 0}]}, {"m": {"x.y": 0}}, {"b": [{}]}]),
    ("has", rules(obj(a=TEXT, b=TEXT, c={"type": "object", "properties": {"d": INT}}), "has(self.a) != has(self.b)", "!has(self.c) || has(self.c.d)"),
     [{"a": "x"}, {"a": "x", "b": "y"}, {}, {"a": "x", "c": {}}, {"b": "x", "c": {"d": 1}}]),
    ("missing", rules(obj(a=INT, b=INT), "self.a > 1 || self.b > 1"), [{"a": 2}, {"b": 2}, {"a": 1}, {"a": 1, "b": 1}, {}]),
    ("escaped", rules({"type": "object", "properties": {"namespace": SHORT, "x-y": INT, "a.b": INT, "d/e": INT, "u__v": INT, "int": INT}},
                      "self.__namespace__ == 'n'", "has(self.x__dash__y) ? self.x__dash__y == 1 : true",
                      "!has(self.a__dot__b) || !has(self.d__slash__e) || self.a__dot__b == self.d__slash__e",
                      "!has(self.u__underscores__v) || self.u__underscores__v == 1", "!has(self.int) || self.int == 1"),
     [{"namespace": "n", "x-y": 1}, {"namespace": "m"}, {"namespace": "n", "x-y": 2}, {"namespace": "n", "a.b": 1, "d/e": 2}, {"namespace": "n", "u__v": 2},
      {"namespace": "n", "int": 2}, {}]),
    ("optional", rules(obj(a=INT, l=listed(INT)), "self.?a.orValue(1) == 1", "!self.?l[0].hasValue() || self.l[?0].value() == 7", "self.?a.optMap(x, x + 1).orValue(2) == 2"),
     [{}, {"a": 1}, {"a": 2}, {"l": [7]}, {"l": [8]}, {"l": []}]),
    ("nullable", rules(obj(a={"type": "string", "nullable": True, "maxLength": 9}, b={"type": "object", "nullable": True, "properties": {"c": INT}}), "!has(self.a) || self.a == 'x'",
                       "!has(self.b) || self.b != null"),
     [{"a": None}, {"a": "x"}, {"a": "y"}, {"b": None}, {"b": {}}]),
    ("urls", rules(TEXT, "isURL(self) && url(self).getScheme() == 'https' && url(self).getHostname() == 'e.com' && url(self).getPort() in ['', '443'] && "
                   "url(self).getEscapedPath().startsWith('/a') && !('x' in url(self).getQuery())"),
     ["https://e.com/a", "https://e.com:443/a%20b?y=1", "https://e.com:80/a", "http://e.com/a", "https://e.com/a?x=1", "x", "https://E.com/a"]),
    ("addresses", rules(TEXT, "isIP(self) && cidr('10.0.0.0/8').containsIP(self) && ip(self).family() == 4"), ["10.1.2.3", "11.1.2.3", "::1", "x"]),
    ("networks", rules(TEXT, "isCIDR(self) && cidr(self).masked() == cidr(self) && cidr(self).prefixLength() >= 8"), ["10.0.0.0/8", "10.1.0.0/8", "0.0.0.0/0", "10.0.0.0"]),
    ("ipparse", rules(TEXT, "ip(self).isLoopback()"), ["127.0.0.1", "8.8.8.8"]),
    ("amounts", rules(TEXT, "isQuantity(self) && quantity(self).isGreaterThan(quantity('100m')) && quantity(self).add(quantity('1k')).asApproximateFloat() < 3000.0"),
     ["1", "1.5k", "2Ki", "50m", "x"]),
    ("versions", rules(TEXT, "isSemver(self) && semver(self).isGreaterThan(semver('1.2.3-rc.1')) && semver(self).major() == 1"), ["1.2.3", "1.2.3-alpha", "2.0.0", "v1.2.3"]),
    ("formats", rules(TEXT, rule("'%s-%d'.format([self, size(self)]) == 'ab-2'".replace("[self, size(self)]", "[self, dyn(size(self))]"))), ["ab", "abc"]),
    ("aggregates", rules(listed(INT), "sets.contains([1, 2, 3], self) && sets.intersects(self, [1]) && !sets.equivalent(self, [1, 3])"), [[1], [1, 2], [1, 3], [4], [2]]),
    ("dynamic", rules(obj(a={"x-kubernetes-int-or-string": True}), "self.a == 1 || self.a == 'one'"), [{"a": 1}, {"a": "one"}, {"a": 2}, {"a": "two"}]),
    ("badcall", rules({"x-kubernetes-int-or-string": True}, "self.startsWith('a')"), ["a", "b", 1]),
    ("conversions", rules(TEXT, "int(self) > 1 && double(self) < 10.0 && string(int(self)) == self && bool('true')"), ["2", "1", "x", "11", "02"]),
    ("absorbed", rules(obj(a=INT, b=INT), "self.a / self.b == 1 || self.b == 0"), [{"a": 1, "b": 1}, {"a": 1, "b": 0}, {"a": 4, "b": 2}, {"b": 0}, {"b": 1}]),
    ("ternary", rules(INT, "self > 5 ? self < 8 : self < 3"), [1, 4, 6, 9]),
    ("unnamed", {"type": "object", "properties": {"1x": rules(INT, "self > 0")}}, [{"1x": 1}, {"1x": 0}]),
    ("reasoned", rules(obj(a=INT, m={"type": "object", "maxProperties": 3, "additionalProperties": INT}), rule("self.a != 1", "a is one", reason="FieldValueForbidden"), rule("self.a != 2", "a is two", reason="FieldValueRequired", fieldPath=".a"),
                       rule("self.a != 3", "a is three", reason="FieldValueDuplicate"), rule("self.a != 4", "a is four", reason="FieldValueInvalid", fieldPath=".m['k']"), rule("self.a != 5", fieldPath="['a']")),
     [{"a": n} for n in range(0, 6)]),
    ("spoken", rules(obj(a=INT, t=TEXT), rule("self.a < 3", "too big", messageExpression="'a is ' + (self.a > 3 ? 'more' : 'three') + ', at most 2'"),
                     rule("self.a != 1", "one", messageExpression="self.t"), rule("self.a != 0", messageExpression="'x'.substring(self.a + 5)")),
     [{"a": 2}, {"a": 3}, {"a": 1}, {"a": 1, "t": ""}, {"a": 1, "t": " spaces "}, {"a": 1, "t": "two\nlines"}, {"a": 0}]),
    ("lines", rules(INT, rule("self > 0 &&\n  self < 9", " trimmed message ")), [1, 9]),
    ("embedded", {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True,
                  "x-kubernetes-validations": [rule("self.kind == 'Pod' && self.apiVersion == 'v1' && (!has(self.metadata.name) || self.metadata.name.startsWith('p'))")]},
     [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "q"}}, {"apiVersion": "v1", "kind": "X", "metadata": {}}]),
    ("kept", {**rules(obj(a=INT), "self.a == 1"), "x-kubernetes-preserve-unknown-fields": True}, [{"a": 1, "more": {"x": 1}}, {"a": 2}]),
    ("blocked", rules({**obj(a=SHORT, b=INT), "required": ["a"]}, "self.b > 1"), [{"b": 0}, {"a": "x", "b": 0}, {"a": 5, "b": 0}]),
]


def test_objects_are_judged_alike(servers):
    crd = definition("tries", {"type": "object", "properties": {name: schema for name, schema, _ in CASES}},
                     rules=[rule("self.metadata.name.size() < 30", "name is long"), rule("self.spec.ternary != 7 || self.kind == 'Trie'", "no seven")])
    crd["spec"]["names"]["kind"] = "Trie"
    path = install(servers, crd)
    requests = []
    for name, _, values in CASES:
        for index, value in enumerate(values):
            requests.append(("POST", path + "?dryRun=All", item(crd, f"{name}-{index}", {"ternary": 1, name: value}), {}))
    requests.append(("POST", path + "?dryRun=All", item(crd, "n" * 40, {"ternary": 1}), {}))
    requests.append(("POST", path + "?dryRun=All", item(crd, "n", {}), {}))
    requests.append(("POST", path + "?dryRun=All", item(crd, "n", {"ternary": 9, "ints": 3, "flags": False, "lists": []}), {}))
    each(servers, requests)


def change(path, crd, before, after, name="c"):
    """A change from one spec to another, by each way a client has."""
    body = item(crd, name, before)
    return [("POST", path, body, {}), ("PATCH", f"{path}/{name}", {"spec": after}, {"content_type": MERGE}), ("GET", f"{path}/{name}", None, {}),
            ("PATCH", f"{path}/{name}?fieldManager=m&force=true", item(crd, name, {k: v for k, v in after.items() if v is not None}), {"content_type": APPLY}), ("DELETE", f"{path}/{name}", None, {})]


def test_transitions(servers):
    keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    spec = obj(
        fixed=rules(SHORT, rule("self == oldSelf", "fixed is immutable")),
        grows=rules(INT, "self >= oldSelf"),
        once=rules(INT, rule("oldSelf.hasValue() || self == 0", "starts at 0", optionalOldSelf=True), rule("oldSelf.optMap(o, self - o < 3).orValue(true)", "small steps", optionalOldSelf=True)),
        parts=listed(obj(name=SHORT, size=rules(INT, rule("self >= oldSelf", "parts only grow"))) | {"required": ["name"]}, **keyed),
        map={"type": "object", "maxProperties": 9, "additionalProperties": rules(INT, "self != oldSelf - 1")},
        whole=rules(listed(INT), "self.size() >= oldSelf.size()"),
    )
    crd = definition("moves", spec, rules=[rule("!has(oldSelf.spec.fixed) || has(self.spec.fixed)", "fixed stays")])
    path = install(servers, crd)
    requests = []
    for before, after in (({"fixed": "a"}, {"fixed": "b"}), ({"fixed": "a"}, {"fixed": "a", "grows": 1}), ({"fixed": "a"}, {"fixed": None}), ({"grows": 2}, {"grows": 1}),
                          ({"grows": 2}, {"grows": 3}), ({"once": 0}, {"once": 2}), ({"once": 0}, {"once": 5}), ({}, {"once": 1}), ({}, {"once": 0}),
                          ({"parts": [{"name": "a", "size": 1}, {"name": "b", "size": 5}]}, {"parts": [{"name": "b", "size": 4}, {"name": "a", "size": 2}]}),
                          ({"parts": [{"name": "a", "size": 1}]}, {"parts": [{"name": "x", "size": 0}, {"name": "a", "size": 2}]}),
                          ({"map": {"a": 2, "b": 2}}, {"map": {"a": 1}}), ({"map": {"a": 2}}, {"map": {"a": 5, "c": 1}}), ({"whole": [1, 2]}, {"whole": [1]}),
                          ({"whole": [1, 2]}, {"whole": [3, 4]})):
        requests += change(path, crd, before, after)
    requests.append(("POST", path, item(crd, "new", {"once": 7}), {}))
    each(servers, requests)


def test_status_and_old_faults(servers):
    crd = definition("states", obj(size=INT, list=listed(INT)), status=rules(obj(size=INT), rule("self.size < 5", "status is small")))
    path = install(servers, crd)
    servers.ok("POST", path, item(crd, "s", {"size": 9, "list": [9, 1]}), ignore=(".metadata.managedFields",))
    requests = [("PATCH", path + "/s/status", {"status": {"size": size}}, {"content_type": MERGE}) for size in (3, 7)]
    each(servers, requests)
    # Rules that come later: what breaks them stays as it is, and may be changed elsewhere.
    stricter = copy.deepcopy(crd)
    root = stricter["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    root["properties"]["spec"]["properties"]["size"]["x-kubernetes-validations"] = [rule("self < 5", "size is small")]
    root["properties"]["spec"]["properties"]["list"] = listed(rules(INT, rule("self < 5", "items are small")))
    root["x-kubernetes-validations"] = [rule("self.spec.size < 5 || self.metadata.name == 's'", "root")]
    schema = {"spec": {"versions": stricter["spec"]["versions"]}}
    servers.ask("PATCH", f"{CRDS}/{crd['metadata']['name']}", schema, content_type=MERGE, ignore=STATUS)
    for server in (servers.real, servers.ours):
        wait_for("the stricter schema", lambda server=server: server.request("POST", path + "?dryRun=All", item(crd, "probe", {"size": 9})).status == 422)
    each(servers, [
        ("PATCH", path + "/s", {"metadata": {"labels": {"a": "b"}}}, {"content_type": MERGE}),
        ("PATCH", path + "/s", {"spec": {"size": 8}}, {"content_type": MERGE}),
        ("PATCH", path + "/s", {"spec": {"list": [9, 1, 2]}}, {"content_type": MERGE}),
        ("PATCH", path + "/s", {"spec": {"size": 4}}, {"content_type": MERGE}),
        ("PATCH", path + "/s/status", {"status": {"size": 2}}, {"content_type": MERGE}),
    ])


def same_type_names(reply):
    reply.text = re.sub(r"selfType\d+", "self", reply.text)
    return reply


WRONG = [
    "self.typo == 1", "has(self.typo)", "self.list.all(x, x.typo == 1)", "self.text == 1", "self.text > 1", "self.num + 1.0 > 2.0", "self.num == 1.0", "nope(self)",
    "self.nope()", "other == 1", "self.num.x == 1", "self.num.all(x, true)", "self.text && true", "self.text", "[1, 'a'].size() == 2", "self.text == null", "self.text in [1]",
    "self.list[0] == 'a'", "self.list['a'] == 1", "self.map.a == 'x'", "self.map[1] == 1", "(true ? 1 : 'a') == 1", "size(1) == 1", "self.text.matches('(')",
    "duration('x') > duration('1s')", "timestamp('x') > timestamp('2026-01-01T00:00:00Z')", "self.open.x == 1", "self.typo == 1 && self.typo2 == 2", "oldSelf.typo == 1",
    "self.text.size() > 'a'.size() && self.text.foo == 1", "!self.num", "-self.text == 'a'", "self.list.map(x, x.typo) == [1]", "self.list.exists(x, x)",
    "self.list.filter(x, x > 'a').size() == 1", "self.list.map(x, y).size() == 1", "self.text.startsWith(1)", "self.text.replace('a') == 'b'", "[].all(x, x.y == 1) && self.zzz",
    "self.x__dash__z == 1", "self.namespace == 'a'", "self.num.startsWith('a')", "self.metadata.name == 'x'", "self.?typo.orValue(1) == 1", "optional.of(1) == 1",
    "'\u00e9' + self.typo == 'a'", "true &&\n  self.typo == 1", "self.list.transformList(i, v, v + 'a').size() == 1", "ip(1) == ip('a')", "quantity(self.text).sign() == 1", "sign(quantity(self.text)) == 'a'",
]


def wrong_definition(text, **more):
    spec = rules(obj(text=SHORT, num=INT, list=listed(INT), map={"type": "object", "maxProperties": 3, "additionalProperties": INT}, open={"x-kubernetes-preserve-unknown-fields": True}),
                 rule(text, **{"message": "m", **more}))
    return definition("wrongs", spec)


def test_rules_that_are_refused(servers):
    found = []
    for text in WRONG:
        replies = [server.request("POST", CRDS + "?dryRun=All", wrong_definition(text)) for server in (servers.real, servers.ours)]
        if replies[0].status not in (422,):
            found.append(f"{text}: {replies[0].status}")
        found += [f"{text}: {line}" for line in both.compare(*map(same_type_names, replies))]
    together(found)


def test_words_that_are_refused(servers):
    bodies = [wrong_definition("true", message=" "), wrong_definition("true", message="a\nb"), wrong_definition(" "), wrong_definition("true\n&& true", message=""),
              wrong_definition("true", messageExpression=" "), wrong_definition("true", messageExpression="1"), wrong_definition("true", messageExpression="self.typo"),
              wrong_definition("true", reason="Other"), wrong_definition("true", fieldPath=".typo"), wrong_definition("true", fieldPath="text"), wrong_definition("true", fieldPath=".text"),
              wrong_definition("true", fieldPath=".map['a b']"), wrong_definition("true", fieldPath=".map.x"), wrong_definition("true", fieldPath=".list[0]"),
              wrong_definition("true", optionalOldSelf=True), wrong_definition("true", optionalOldSelf=False), wrong_definition("oldSelf.text == 'a'", optionalOldSelf=True),
              wrong_definition("self == oldSelf", optionalOldSelf=True)]
    for more in ({}, {"x-kubernetes-list-type": "atomic"}, {"x-kubernetes-list-type": "set"}, {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]}):
        inner = {**rules(obj(n=SHORT), rule("self == oldSelf")), "required": ["n"], "x-kubernetes-map-type": "atomic"}
        bodies.append(definition("wrongs", obj(list=listed(inner, **more))))
    bodies.append(definition("wrongs", obj(map={"type": "object", "maxProperties": 3, "additionalProperties": rules(INT, "self == oldSelf")})))
    bodies.append(definition("wrongs", obj(a={**rules(INT, rule("self > 1", "big")), "default": 1})))
    bodies.append(definition("wrongs", obj(a={**rules(INT, rule("self > 1", "big")), "default": 2})))
    bodies.append(definition("wrongs", obj(a={**obj(b=rules(SHORT, "self == 'x'")), "default": {"b": "y"}})))
    bodies.append(definition("wrongs", obj(a={**rules({}, "true"), "x-kubernetes-preserve-unknown-fields": True})))
    found = []
    for body in bodies:
        replies = [same_type_names(server.request("POST", CRDS + "?dryRun=All", body)) for server in (servers.real, servers.ours)]
        found += [json.dumps(body["spec"]["versions"][0]["schema"])[:500] + ": " + line for line in both.compare(*replies, STATUS)]
    together(found)


ANY = {"type": "string"}
MANY = {"type": "array", "items": ANY}
MAP = {"type": "object", "additionalProperties": ANY}


def test_what_costs_too_much_is_refused(servers):
    """Ours is a bound from below: what it refuses a real server refuses, in the same words; what goes over the budget by less than a hundred times passes here."""
    nested = "self.all(x, self.exists(y, y == x))"
    bodies = [
        obj(a=rules(MANY, nested)), obj(a=rules({**MANY, "maxItems": 10}, nested)), obj(a=rules({**MANY, "maxItems": 1000, "items": SHORT}, nested)),
        obj(a=rules(MANY, "self.all(x, x.matches('^a+$'))")), obj(a=rules({**MANY, "items": SHORT, "maxItems": 50}, "self.all(x, x.matches('^a+$'))")),
        obj(a=rules(MAP, "self.all(k, self.exists(m, self[m] == self[k]))")), obj(a=rules({**MAP, "maxProperties": 5}, "self.all(k, self[k].contains('x'))")),
        obj(a={"type": "array", "items": rules(MANY, nested)}), obj(a={"type": "array", "maxItems": 5, "items": rules({**MANY, "maxItems": 5}, nested)}),
        obj(a={"type": "array", "items": rules(INT, "self > 1")}), obj(a=rules(listed({"type": "array", "items": INT}), "self.all(x, x.all(y, y > 1))")),
        rules(obj(a=MANY, b=MANY), "self.a.all(x, self.b.exists(y, y == x))"), rules(obj(a=MANY, b={**MANY, "maxItems": 3}), "self.a.size() < 3 || self.b.size() < 2"),
        obj(a=rules(MANY, nested), b=rules(MANY, nested)), obj(a=rules({"type": "array", "items": obj(n=ANY, m=MANY)}, "self.all(x, x.m.all(y, y.contains(x.n)))")),
        obj(a=rules(MANY, "self.filter(x, x == 'a').all(y, self.exists(z, z == y))")), obj(a=rules(MANY, "self.map(x, x + 'a').size() < 2")),
    ]
    found, refused = [], 0
    for spec in bodies:
        body = definition("costs", spec)
        replies = [server.request("POST", CRDS + "?dryRun=All", body) for server in (servers.real, servers.ours)]
        refused += replies[1].status == 422
        if replies[1].status == 201 and replies[0].status == 422 and not re.search("more than 100x", replies[0].text):
            continue
        found += [json.dumps(spec)[:500] + ": " + line for line in both.compare(*replies, STATUS)]
    together(found)
    check(refused > 5, refused)


def test_syntax_faults_are_at_the_same_place(servers):
    found = []
    for text in ("self.num ==", "self.num = 1", "(self.num", "self..num", "'abc", "1 2", "self.list.all(x.y, true)", "has(self)", "self.num == 99999999999999999999", "while == 1", "a b c", "self.num === 1",
                 "[1, 2", "{'a' 1}", "'\\q' == 'a'", "@self", "self.list.all(x, x, y)"):
        replies = [server.request("POST", CRDS + "?dryRun=All", wrong_definition(text)) for server in (servers.real, servers.ours)]
        places = [re.findall(r"ERROR: <input>:\d+:\d+", reply.json["message"])[:1] for reply in replies]
        if replies[0].status != replies[1].status or places[0] != places[1]:
            found.append(f"{text}: real {replies[0].status} {replies[0].json['message'][250:]}, ours {replies[1].status} {replies[1].json['message'][250:]}")
    together(found)


def copies(folder):
    """The definitions of others, in groups that neither server has built in."""
    for file in sorted((pathlib.Path(cluster.assets("core", "crds")["crds"]) / folder).glob("*.yaml")):
        for text in re.split(r"(?m)^---$", file.read_text()):
            if "kind: CustomResourceDefinition" in text:
                yield text.replace("gateway.networking.k8s.io", "gateway.example.io").replace("istio.io", "istio.example.io").replace("monitoring.coreos.com", "monitoring.example.io")


def test_definitions_of_others(servers):
    found, count = [], 0
    for folder in ("gateway-api", "istio", "prometheus-operator"):
        for text in copies(folder):
            replies = [server.request("POST", CRDS + "?dryRun=All", text, content_type="application/yaml") for server in (servers.real, servers.ours)]
            count += replies[0].status == 201
            if replies[0].status != replies[1].status:
                found.append(f"{re.findall('  name: (.*)', text)[:1]}: real {replies[0].status} {replies[0].text[:500]}, ours {replies[1].status} {replies[1].text[:500]}")
    together(found)
    if count < 25:
        raise Failure(f"only {count} definitions were there")


ROUTES = [
    {"rules": [{"matches": [{"path": {"type": "PathPrefix", "value": value}}]}]} for value in ("/ok", "no-slash", "/a//b", "/a/./b", "/a/../b", "/a%2fb", "/a#b", "/a/..", "/a?b")
] + [
    {"rules": [{"matches": [{"path": {"type": "RegularExpression", "value": "/a.*"}}]}]},
    {"rules": [{"filters": [{"type": "RequestRedirect", "requestRedirect": {}}], "backendRefs": [{"name": "s", "port": 80}]}]},
    {"rules": [{"filters": [{"type": "RequestRedirect", "requestRedirect": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}}}]}]},
    {"rules": [{"matches": [{"path": {"type": "Exact", "value": "/a"}}], "filters": [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}}}]}]},
    {"rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/a"}}], "filters": [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}}}]}]},
    {"rules": [{"filters": [{"type": "URLRewrite"}]}]},
    {"rules": [{"filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "s"}}}]}]},
    {"rules": [{"filters": [{"type": "URLRewrite", "urlRewrite": {}}, {"type": "RequestRedirect", "requestRedirect": {}}]}]},
    {"rules": [{"filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {}}, {"type": "RequestHeaderModifier", "requestHeaderModifier": {}}]}]},
    {"rules": [{"backendRefs": [{"name": "s"}]}]},
    {"rules": [{"backendRefs": [{"name": "s", "kind": "Other", "group": "g.io"}]}]},
    {"rules": [{"timeouts": {"request": "1s", "backendRequest": "2s"}}]},
    {"rules": [{"timeouts": {"request": "2s", "backendRequest": "1s"}}]},
    {"rules": [{"timeouts": {"request": "0s", "backendRequest": "1s"}}]},
    {"parentRefs": [{"name": "g"}, {"name": "g"}]},
    {"parentRefs": [{"name": "g", "sectionName": "a"}, {"name": "g", "sectionName": "b"}]},
    {"parentRefs": [{"name": "g", "sectionName": "a"}, {"name": "g"}]},
    {"rules": [{"matches": [{"queryParams": [{"name": "a", "value": "b"}], "method": "GET"}]}]},
]

GATEWAYS = [
    {"gatewayClassName": "c", "listeners": [listener]} for listener in (
        {"name": "a", "port": 80, "protocol": "HTTP"}, {"name": "a", "port": 443, "protocol": "HTTPS"}, {"name": "a", "port": 80, "protocol": "HTTP", "tls": {"certificateRefs": [{"name": "x"}]}},
        {"name": "a", "port": 443, "protocol": "HTTPS", "tls": {"mode": "Terminate"}}, {"name": "a", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "x"}]}},
        {"name": "a", "port": 80, "protocol": "TCP", "hostname": "a.b"}, {"name": "a", "port": 443, "protocol": "TLS", "tls": {"mode": "Passthrough"}})
] + [
    {"gatewayClassName": "c", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}, {"name": "a", "port": 81, "protocol": "HTTP"}]},
    {"gatewayClassName": "c", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}, {"name": "b", "port": 80, "protocol": "HTTP"}]},
    {"gatewayClassName": "c", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}, {"name": "b", "port": 80, "protocol": "HTTP", "hostname": "x.y"}]},
    {"gatewayClassName": "c", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}], "addresses": [{"type": "IPAddress", "value": "1.2.3.4"}, {"type": "IPAddress", "value": "1.2.3.4"}]},
    {"gatewayClassName": "c", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}], "addresses": [{"type": "Hostname", "value": "bad_host"}]},
    {"gatewayClassName": "c", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}], "addresses": [{"type": "IPAddress", "value": "x"}]},
]


def test_objects_of_the_gateway_api(servers):
    wanted = {"httproutes": ("HTTPRoute", ROUTES), "gateways": ("Gateway", GATEWAYS)}
    requests = []
    for text in copies("gateway-api"):
        plural = re.findall(r"    plural: (.*)", text)[0]
        if plural not in wanted:
            continue
        for server in (servers.real, servers.ours):
            server.ok("POST", CRDS, text, content_type="application/yaml")
            wait_for("the kind", lambda server=server, plural=plural: server.get(f"/apis/gateway.example.io/v1/namespaces/default/{plural}").status == 200)
        kind, specs = wanted[plural]
        requests += [("POST", f"/apis/gateway.example.io/v1/namespaces/default/{plural}?dryRun=All",
                      {"apiVersion": "gateway.example.io/v1", "kind": kind, "metadata": {"name": f"o{n}"}, "spec": spec}, {}) for n, spec in enumerate(specs)]
    each(servers, requests)


if __name__ == "__main__":
    both.main(globals())
