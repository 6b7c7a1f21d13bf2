# SPDX-License-Identifier: Apache-2.0
"""Many Rollouts on one operator, against the embedded and a real API server: resident memory (after the work of taking them all up, and of an operator that
is started on what is there), the time to take them up, and how soon it answers a RolloutAction."""
import contextlib
import statistics
import time

import apiserver
import scale as world
from machine import BIN, memory_kb, result, skip
from waiting import measured

SAMPLES = 100
LIMITS_MB = {1000: 20, 10000: 100}


@contextlib.contextmanager
def embedded():
    server = apiserver.Server()
    try:
        yield server
    finally:
        server.stop()


def real():
    import cluster
    return cluster.Cluster(controllers=False)


def settled_memory(operator):
    measured(5)  # freed memory is given back by then
    return memory_kb(operator.process.pid, "Rss") / 1024


def one(name, server, count):
    config = server.data / "kubeconfig"
    began = time.monotonic()
    world.populate(server, count)
    populated = time.monotonic() - began
    first = world.Operator(config, server.data / "scale.log", binary=BIN)
    began = time.monotonic()
    first.settle(count, 60 + count / 10)
    taken_up = time.monotonic() - began
    took = world.latencies(server, count, SAMPLES)
    after_work = settled_memory(first)
    first.stop()
    second = world.Operator(config, server.data / "scale-2.log", binary=BIN)
    began = time.monotonic()
    second.settle(count, 60 + count / 10)
    restarted = time.monotonic() - began
    after_start = settled_memory(second)
    second.stop()
    print(f"| {name} | {count:,} | {after_work:.1f} | {after_start:.1f} | {taken_up:.1f} | {restarted:.1f} | {statistics.median(took) * 1000:.0f} | "
          f"{took[int(len(took) * 0.99)] * 1000:.0f} | {populated:.0f} |", flush=True)
    result(f"{count:,} Rollouts on the {name} API server: a change is acted upon within 100 ms at the median", statistics.median(took) < 0.1,
           f"{statistics.median(took) * 1000:.0f} ms")
    limit = LIMITS_MB.get(count)
    if limit:
        result(f"{count:,} Rollouts on the {name} API server: below {limit} MB", after_start < limit, f"{after_start:.1f} MB")


def scale(options):
    print("\n### Many Rollouts on one operator\n\n| API server | Rollouts | resident MB after taking them up | of one started on them | s to take them up | s to start on them | "
          "ms to act on a change, p50 | p99 | s to make them |\n|---|---|---|---|---|---|---|---|---|")
    for name, start in (("embedded", embedded), ("real", real)):
        for count in options.rollouts:
            try:
                with start() as server:
                    one(name, server, count)
            except apiserver.Failure as error:
                result(f"{count:,} Rollouts on the {name} API server", False, str(error))
            except Exception as error:  # cluster.Missing: only known where its module can be imported
                if type(error).__name__ != "Missing":
                    raise
                skip(f"{count:,} Rollouts on the {name} API server", str(error))
