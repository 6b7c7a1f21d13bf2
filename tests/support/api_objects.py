# SPDX-License-Identifier: Apache-2.0
"""What the tests of the API server's wire have in common: paths, small objects, and what a refusal looks like."""
from apiserver import check, equal

CM = "/api/v1/namespaces/default/configmaps"
RO = "/apis/serin.dev/v1alpha1/namespaces/default/rollouts"
PODS = "/api/v1/namespaces/default/pods"
DEPLOY = "/apis/apps/v1/namespaces/default/deployments"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


def cm(name, data=None, **meta):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}, "data": data or {"a": "1"}}


def rollout(name, **meta):
    return {"apiVersion": "serin.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": name, **meta},
            "spec": {"stable": {"deployment": "v1", "subset": "v1"}, "canary": {"deployment": "v2", "subset": "v2"},
                     "traffic": {"virtualService": {"name": "vs"}, "destinationRule": "dr"}}}


def pod(name, **meta):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **meta}, "spec": {"containers": [{"name": "c", "image": "x"}]}}


def rv(obj):
    return obj["metadata"]["resourceVersion"]


def refused(reply, status, reason, text):
    equal(reply.status, status, reply.text[:400])
    body = reply.json
    equal((body["kind"], body["status"], body.get("reason"), body["code"]), ("Status", "Failure", reason, status))
    check(text in body["message"], body["message"])
    return body
