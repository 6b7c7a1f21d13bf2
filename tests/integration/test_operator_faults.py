#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`serin operator` as a client of an API server that misbehaves (tests/support/api_faults.py): whatever it refuses, delays or cuts off, the
release goes on."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import api_faults  # noqa: E402
import apiserver  # noqa: E402
from apiserver import check, wait_for  # noqa: E402
from operator_client import ROLLOUTS, Through, begin, reaches  # noqa: E402

# What the server does, to which requests, how often. After each the release is where it should be.
FAULTS = [
    ("status-500", api_faults.status(500), dict(method="PATCH", times=2)),
    ("gateway-502", api_faults.gateway(502), dict(method="PATCH", times=2)),
    ("status-503", api_faults.status(503, retry_after=1), dict(method="PATCH", times=1)),
    ("status-429", api_faults.status(429, retry_after=1, reason="TooManyRequests"), dict(method="PATCH", times=1)),
    ("cut-before", api_faults.cut_before(), dict(method="PATCH", times=2)),
    ("cut-after", api_faults.cut_after(), dict(method="PATCH", times=2)),
    ("cut-body", api_faults.cut_body(), dict(method="PATCH", times=2)),
    ("slow-answers", api_faults.slow_answer(0.5), dict(method="PATCH", times=2)),
    ("watch-ends", api_faults.watch_fault(1, "end"), dict(path="watch=", times=6)),
    ("watch-cut", api_faults.watch_fault(1, "cut"), dict(path="watch=", times=6)),
    ("watch-410", api_faults.watch_fault(1, "410"), dict(path="watch=", times=6)),
    ("list-410", api_faults.status(410, reason="Expired"), dict(path="limit=", times=2)),
]


def test_releases_go_on_whatever_the_server_does(server):
    with Through(server, "faults") as through:
        for name, fault, where in FAULTS:
            through.faults.clear()
            through.faults.add(fault, **where)
            if where.get("path"): # what is open now is cut, so that it is asked again
                through.faults.cut_all()
            begin(server, name)
            reaches(server, through, name, "Paused")
            case_events = [e["reason"] for e in server.get(f"/api/v1/namespaces/{name}/events").json["items"]]
            check(case_events.count("ReleaseStarted") <= 1, f"{name}: {case_events}")


def test_it_ends_while_a_deletion_is_under_way(server):
    """Told to end while the API server takes its time to let the Rollout go: an orderly end all the same."""
    with Through(server, "ends") as through:
        case = begin(server, "ends")
        reaches(server, through, "ends", "Paused")
        case.post(f"{ROLLOUTS}/namespaces/ends/rolloutactions", {
            "apiVersion": "serin.dev/v1alpha1", "kind": "RolloutAction", "metadata": {"name": "go"}, "spec": {"rollout": "agent", "verb": "promote"}})
        wait_for("20 %", lambda: case.share("v2") == 20)
        through.faults.add(api_faults.slow_answer(1), method="PATCH", path=r"/rollouts/agent(\?|$)")
        server.ok("DELETE", case.path)
        wait_for("the finalizer's removal to be asked for", lambda: through.faults.hits.get("slow answer 1"))


def test_retry_after_is_honoured(server):
    with Through(server, "busy") as through:
        through.faults.add(api_faults.status(429, retry_after=2), method="PATCH", times=1)
        begin(server, "busy")
        reaches(server, through, "busy", "Paused")
        first, second = through.faults.seen("PATCH", "namespaces/busy/")[:2]
        check(second - first >= 1.9, f"asked again after {second - first:.2f} s")


if __name__ == "__main__":
    apiserver.main(globals())
