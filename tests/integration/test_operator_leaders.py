#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several `serin operator` and one Lease: who leads, who follows, and that never two write."""
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import apiserver  # noqa: E402
from apiserver import check, equal, wait_for  # noqa: E402
from operator_client import ROLLOUTS, Through, begin, reaches  # noqa: E402

QUICK = ["--leader-elect", "--leader-elect-lease-duration", "3s", "--leader-elect-renew-deadline", "2s", "--leader-elect-retry-period", "400ms",
         "--namespace", "leaders", "--lease-namespace", "leaders"]


def leads(through):
    wait_for("the operator to lead", lambda: "msg=leading" in through.log.read_text(), 15)


def logged_at(through, what):
    line = next(line for line in through.log.read_text().splitlines() if what in line)
    return line.split()[0].removeprefix("time=")


def test_leaders_follow_each_other(server):
    """One leads at any time: after a clean stop the next one at once, after kill -9 or a cut when the lease has run out, and never two."""
    lease = "/apis/coordination.k8s.io/v1/namespaces/leaders/leases/serin-operator"
    begin(server, "leaders")
    with Through(server, "leader-c", None, *QUICK) as last:
        leads(last)
        with Through(server, "leader-a", None, *QUICK) as first:
            held_by = server.get(lease).json["spec"]["holderIdentity"]
            last.process.send_signal(signal.SIGTERM)
            last.process.wait(20)
            check(server.get(lease).json["spec"].get("holderIdentity") != held_by, "the Lease was not given back")
            leads(first)
            reaches(server, first, "leaders", "Paused")
            with Through(server, "leader-b", None, *QUICK) as second:
                first.faults.down()  # it cannot renew any more
                leads(second)
                check(logged_at(first, "no longer leading") < logged_at(second, "msg=leading"), "two led at once")
                first.faults.up()
                transitions = server.get(lease).json["spec"].get("leaseTransitions", 0)
                second.process.send_signal(signal.SIGSTOP)  # as a machine that is suspended
                wait_for("the first to lead again", lambda: first.log.read_text().count("msg=leading") == 2, 15)
                before = len(second.faults.seen("PATCH", "rollouts"))
                server.ok("PATCH", f"{ROLLOUTS}/namespaces/leaders/rollouts/agent", {"spec": {"progressDeadline": "2h"}},
                          content_type="application/merge-patch+json")
                second.process.send_signal(signal.SIGCONT)
                wait_for("it to see that it was deposed", lambda: "no longer leading" in second.log.read_text(), 15)
                equal(len(second.faults.seen("PATCH", "rollouts")), before, "writes of the one that was suspended")
                check(server.get(lease).json["spec"].get("leaseTransitions", 0) > transitions, "the lease changed hands")


if __name__ == "__main__":
    apiserver.main(globals())
