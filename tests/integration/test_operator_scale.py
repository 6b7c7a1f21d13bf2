#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The small form of tests/bench/scale.py: some hundred Rollouts in lists of several pages, one change of which only what it is about is woken."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import apiserver  # noqa: E402
import scale  # noqa: E402
from apiserver import check, equal, wait_for  # noqa: E402

COUNT = 260 if os.environ.get("SERIN_LONG") else 60  # 260: over 500 Deployments, more than one page


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


if __name__ == "__main__":
    apiserver.main(globals())
