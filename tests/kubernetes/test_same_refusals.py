#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a real API server refuses, and with which causes, is recorded in tests/golden/apiserver/refusals.txt, which the embedded one is
held to. REFRESH=1 writes it anew."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
import refusals  # noqa: E402
from apiserver import wait_for  # noqa: E402


def test_recorded_refusals(cluster):
    refusals.prepare(cluster)
    wait_for("the ServiceAccount that Pods ask for", lambda: cluster.request(
        "POST", "/api/v1/namespaces/refusals/serviceaccounts", {"metadata": {"name": "default"}}).status in (201, 409))
    kinds = refusals.load()
    for kind in kinds:
        kind.lines = [(case, real) for (case, _), real in zip(kind.lines, refusals.ask(cluster, kind))]
    refusals.save(kinds)


if __name__ == "__main__":
    support.main(globals())
