# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: processes, their CPU and memory, and the lines with which a claim passes or fails."""
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
os.environ.setdefault("SERIN_BIN", str(ROOT / "build" / "release" / "serin"))
from serin import BIN, Failure, Up, check, processes, rollout, service, version, wait_for  # noqa: E402,F401

TESTS = pathlib.Path(BIN).parent / "tests"
TICK = os.sysconf("SC_CLK_TCK")
failed = False


def result(name, good, value):
    """A claim: prints the line the test runner counts."""
    global failed
    failed = failed or not good
    print(f"ok - {name} ({value})" if good else f"not ok - {name}: {value}", flush=True)


def skip(name, why):
    print(f"ok - {name} # skip {why}", flush=True)


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def memory_kb(pid, field="Pss"):
    """Pss, Rss ... of smaps_rollup; RssAnon of status."""
    name = "status" if field == "RssAnon" else "smaps_rollup"
    try:
        text = pathlib.Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return 0
    return int(re.search(rf"^{field}:\s+(\d+)", text, re.M).group(1))


def cpu_seconds(pids):
    """(user, system) of all threads."""
    user = system = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        user += int(fields[11])
        system += int(fields[12])
    return user / TICK, system / TICK


def tree(root):
    found, all_of_them = {root}, processes()
    grown = True
    while grown:
        grown = False
        for pid, (ppid, _) in all_of_them.items():
            if ppid in found and pid not in found:
                found.add(pid)
                grown = True
    return found


def pin(core):
    """For preexec_fn: this process and what it starts stay on one core; nothing where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return lambda: os.sched_setaffinity(0, {cores[core % len(cores)]})


def middle(values):
    """(median, spread as half the distance between the quartiles in percent of it)"""
    values = sorted(values)
    at = statistics.median(values)
    if len(values) < 4 or not at:
        return at, 0.0
    low, _, high = statistics.quantiles(values, n=4)
    return at, 50 * (high - low) / at


class Started:
    """A server on loopback that answers GET / with 200 before it counts as started."""

    def __init__(self, name, command, port, dir, host="127.0.0.1", core=None, path="/"):
        self.name, self.port, self.path = name, port, path
        self.log = open(dir / f"{re.sub('[^a-z0-9]+', '-', name)}.log", "ab")
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        preexec_fn=pin(core) if core is not None else None)
        wait_for(f"{name} to answer", lambda: self.answers(host), 30)

    def answers(self, host):
        check(self.process.poll() is None, f"{self.name} ended with {self.process.returncode}, see {self.log.name}")
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{self.path}", headers={"Host": host})
        with urllib.request.urlopen(request, timeout=2) as reply:
            return reply.status == 200

    def pids(self):
        return tree(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def have(*tools):
    return [tool for tool in tools if not shutil.which(tool)]


def now():
    return time.monotonic()
