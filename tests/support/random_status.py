# SPDX-License-Identifier: Apache-2.0
"""Random statuses of Kubernetes' own kinds, from the schema that a real server shows, good and bad: small numbers, some below zero, words that may
stand there and others. tests/kubernetes/test_same_requests.py writes them to two servers."""
import random

WORDS = ("", "x", "True", "False", "Unknown", "Running", "Failed", "Active", "Bound", "10.0.0.1", "::1", "a.example.com", "A B", "1", "100m")
TIMES = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z")


def schema_of(documents, path, kind):
    """The schema of the status of a kind, in the OpenAPI document of its group and version."""
    schemas = documents(path)["components"]["schemas"]
    group, version, name = kind
    for schema in schemas.values():
        if {"group": group, "version": version, "kind": name} in schema.get("x-kubernetes-group-version-kind", []) and "status" in schema.get("properties", {}):
            return schemas, schema["properties"]["status"]
    return schemas, None


class Status:
    def __init__(self, schemas, schema, seed):
        self.schemas, self.schema, self.rng = schemas, schema, random.Random(seed)

    def value(self, schema=None, depth=0):
        schema = self.schema if schema is None else schema
        rng = self.rng
        for name in ("allOf", "oneOf"):
            if schema.get(name):
                return self.value(schema[name][0], depth)
        if "$ref" in schema:
            return self.value(self.schemas[schema["$ref"].rpartition("/")[2]], depth)
        kind = schema.get("type")
        if kind == "object" and "properties" in schema:
            required = schema.get("required", ())
            return {name: self.value(one, depth + 1) for name, one in sorted(schema["properties"].items()) if name in required or rng.random() < (0.35 if depth else 0.5)}
        if kind == "object":
            return {rng.choice(("cpu", "pods", "x", "a b")): self.value(schema.get("additionalProperties") or {"type": "string"}, depth + 1) for _ in range(rng.randrange(2))}
        if kind == "array":
            return [self.value(schema["items"], depth + 1) for _ in range(rng.choice((0, 1, 1, 2)))]
        if kind in ("integer", "number"):
            return rng.choice((0, 0, 1, 1, 2, 3, -1))
        if kind == "boolean":
            return rng.random() < 0.5
        if schema.get("format") == "date-time":
            return rng.choice(TIMES)
        return rng.choice(schema.get("enum") or WORDS)
