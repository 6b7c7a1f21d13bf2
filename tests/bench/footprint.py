# SPDX-License-Identifier: Apache-2.0
"""Memory, idle CPU and start-up time of `serin up` with one Rollout, without Prometheus and workloads."""
import os

from machine import Up, cpu_seconds, memory_kb, now, processes, result, rollout, service, tree, version, wait_for
from waiting import measured


def footprint(_options):
    with Up(prometheus="off") as up:
        up.apply(*service(), version("v1", 0), version("v2", 0), rollout())
        wait_for("the operator to look at the Rollout", lambda: up.rollout().get("status", {}).get("phase"), 20)
        measured(3)  # what was started has settled; the clock below measures being idle
        pids = sorted(tree(up.process.pid))
        before, began = sum(cpu_seconds(pids)), now()
        measured(15)
        idle = 100 * (sum(cpu_seconds(pids)) - before) / (now() - began)
        rows = []
        for pid in pids:
            command = processes()[pid][1]
            rows.append((command[1] if len(command) > 1 else os.path.basename(command[0]), memory_kb(pid), memory_kb(pid, "RssAnon")))
        total = sum(kb for _, kb, _ in rows)
        print("| process | PSS | anonymous |\n|---|---|---|")
        for name, kb, anonymous in rows:
            print(f"| serin {name} | {kb / 1024:.1f} MB | {anonymous / 1024:.1f} MB |")
        print(f"| **all** | **{total / 1024:.1f} MB** | **{sum(kb for _, _, kb in rows) / 1024:.1f} MB** |\n")
        print(f"Idle CPU {idle:.2f} % of one core; ready after {up.ready_seconds:.2f} s.\n")
        result("footprint below 30 MB", total < 30 * 1024, f"{total / 1024:.1f} MB")
        result("no CPU when idle (below 0.5 % of a core)", idle < 0.5, f"{idle:.2f} %")
        result("ready in under a second", up.ready_seconds < 1, f"{up.ready_seconds:.2f} s")
