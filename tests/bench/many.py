# SPDX-License-Identifier: Apache-2.0
"""Many Rollouts with all that belongs to them on one API server, embedded or real, and one operator. Of the operator: resident memory (after the work of
taking them all up, and of one that is started on what is there), its peak, the time of both, how soon it answers a RolloutAction, its CPU and its queries while
nothing happens. Of the API server: its memory, lists and a watch of all Rollouts."""
import contextlib
import http.server
import statistics
import threading
import time

import apiserver
import scale as world
from machine import BIN, memory_kb, result, skip
from waiting import measured

SAMPLES = 100
REST_S = 15
LIMITS_MB = {1000: 20, 10000: 100}
# On the real server, where a write takes milliseconds, what the operator does not look at is left out above this.
WHOLE_REAL_MAX = 1000


@contextlib.contextmanager
def embedded():
    server = apiserver.Server(options=["--rate", "1000000", "--burst", "1000000"]) # the writer is no client whose haste matters
    try:
        yield server, {"serin apiserver": server.process}
    finally:
        server.stop()


@contextlib.contextmanager
def real():
    import cluster
    with cluster.Cluster(controllers=False) as server:
        yield server, {name: server.processes[name] for name in ("kube-apiserver", "etcd")}


SERVERS = {"embedded": embedded, "real": real}


class Metrics:
    """Stands for Prometheus: counts what it is asked."""

    def __init__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b'{"status":"success","data":{"resultType":"vector","result":[]}}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.asked = 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def at_rest(operator):
    """(resident, anonymous, peak in MB, CPU in percent of a core); freed memory is given back when it begins."""
    measured(5)
    before = operator.cpu_seconds()
    measured(REST_S)
    return (*(operator.memory_kb(field) / 1024 for field in ("VmRSS", "RssAnon", "VmHWM")), (operator.cpu_seconds() - before) / REST_S * 100)


def timed(function, *arguments):
    began = time.monotonic()
    function(*arguments)
    return time.monotonic() - began


def of_the_operator(name, server, count, metrics, filled):
    def start(log):
        return world.Operator(server.data / "kubeconfig", server.data / log, "--prometheus", metrics.address, binary=BIN)
    first = start("scale.log")
    taken_up = timed(first.settle, count, 120 + count / 10)
    took = world.latencies(server, count, SAMPLES)
    after_work = at_rest(first)
    first.stop()
    second = start("scale-2.log")
    restarted = timed(second.settle, count, 120 + count / 10)
    metrics.asked = 0
    rss, anonymous, peak, cpu = at_rest(second)
    asked = metrics.asked
    second.stop()
    print(f"| {name} | {count:,} | {after_work[0]:.1f} ({after_work[1]:.1f}) | {rss:.1f} ({anonymous:.1f}) | {max(peak, after_work[2]):.1f} | {taken_up:.1f} | {restarted:.1f} | "
          f"{statistics.median(took) * 1000:.0f} | {took[int(len(took) * 0.99)] * 1000:.0f} | {cpu:.1f} % | {asked} | {filled:.0f} |", flush=True)
    claim = f"{count:,} Rollouts on the {name} API server"
    result(f"{claim}: a change is acted upon within 100 ms at the median", statistics.median(took) < 0.1, f"{statistics.median(took) * 1000:.0f} ms")
    result(f"{claim}: no query to Prometheus while nothing is judged", asked == 0, f"{asked} in {REST_S} s")
    limit = LIMITS_MB.get(count)
    if limit:
        worst = max(rss, after_work[0])
        result(f"{claim}: below {limit} MB", worst < limit, f"{worst:.1f} MB")


def of_the_server(server, count, processes):
    """A row of the second table."""
    whole = timed(server.ok, "GET", f"{world.SERIN}/rollouts")
    paged = timed(world.list_pages, server, f"{world.SERIN}/rollouts", 500)
    watched = timed(world.watch_all, server, f"{world.SERIN}/rollouts", count)
    memory = ", ".join(f"{name} {memory_kb(process.pid, 'Rss') / 1024:.0f} ({memory_kb(process.pid, 'RssAnon') / 1024:.0f})" for name, process in processes.items())
    return f"| {memory} | {count:,} | {whole * 1000:.0f} | {paged * 1000:.0f} | {watched * 1000:.0f} |"


def scale(options):
    print("\n### Many Rollouts on one operator\n\nMemory: resident MB (of it anonymous).\n\n| API server | Rollouts | after taking them up | started on them | peak | "
          "s to take them up | s to start on them | ms to act on a change, p50 | p99 | CPU at rest | queries at rest | s to make them |\n" + "|---" * 12 + "|")
    rows, metrics = [], Metrics()
    for name, start in SERVERS.items():
        if options.server not in (None, name):
            continue
        for count in options.rollouts:
            try:
                with start() as (server, processes):
                    whole = name == "embedded" or count <= WHOLE_REAL_MAX
                    filled = timed(world.populate, server, count, 8, whole)
                    of_the_operator(name, server, count, metrics, filled)
                    rows.append(of_the_server(server, count, processes))
            except apiserver.Failure as error:
                result(f"{count:,} Rollouts on the {name} API server", False, str(error))
            except Exception as error:  # cluster.Missing: only known where its module can be imported
                if type(error).__name__ != "Missing":
                    raise
                skip(f"{count:,} Rollouts on the {name} API server", str(error))
    metrics.stop()
    print("\n### The API server that has them\n\n| resident MB (of it anonymous) | Rollouts | ms to list all Rollouts | in pages of 500 | to have all by a watch |\n"
          + "|---" * 5 + "|\n" + "\n".join(rows))
