#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The small form of tests/bench/scale.py: some hundred Rollouts in lists of several pages, one change of which only what it is about is woken."""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import apiserver  # noqa: E402
import scale  # noqa: E402
from apiserver import check, equal, wait_for  # noqa: E402

LONG = os.environ.get("SERIN_LONG")
COUNT = 260 if LONG else 60  # 260: over 500 Deployments, more than one page


def passes(operator):
    return operator.metrics()[1]["serin_operator_passes_total"]


def test_one_change_wakes_whom_it_is_about(server):
    scale.populate(server, COUNT)
    operator = scale.Operator(server.data / "kubeconfig", server.data / "scale.log")
    operator.settle(COUNT, 100)
    before = passes(operator)
    ns, name = scale.places(COUNT)[7]
    server.ok("PATCH", f"/apis/apps/v1/namespaces/{ns}/deployments/{name}-v1", {"metadata": {"annotations": {"a": "b"}}},
              content_type="application/merge-patch+json")
    took = scale.latencies(server, COUNT, 20)
    equal(len(took), 20, "answers")
    wait_for("the Rollout to be planned", lambda: passes(operator) > before)
    # An action is answered, its Rollout's status written, and both come back through the watches: a few passes each, however many there are.
    check(passes(operator) - before < 21 * 12, f"{passes(operator) - before} passes for 21 changes")
    operator.stop()
    again = scale.Operator(server.data / "kubeconfig", server.data / "scale-2.log")
    again.settle(COUNT, 100)
    again.stop()


def test_who_is_too_fast_is_let_through_later(_):
    hurried = apiserver.Server(options=["--rate", "40", "--burst", "20"])
    try:
        scale.populate(hurried, 2, threads=1)  # more at once than the burst
        equal(len(hurried.ok("GET", f"{scale.SERIN}/rollouts")["items"]), 2, "Rollouts that were written")
        if LONG and apiserver.KUBECTL:
            maps = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"one-{i}", "namespace": "default"}} for i in range(60)]
            said = hurried.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": maps}))
            equal(said.count(" created"), len(maps), "ConfigMaps applied by kubectl, which waits as Retry-After says")
    finally:
        hurried.stop()


if __name__ == "__main__":
    apiserver.main(globals())
