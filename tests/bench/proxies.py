# SPDX-License-Identifier: Apache-2.0
"""`serin proxy` beside nginx, HAProxy and a relay of bytes: the same backend, the same core, in turns."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import contenders
from contenders import HOST, LOAD_CORE, PROXY_CORE, Workload
from machine import TESTS, check, cpu_seconds, have, memory_kb, middle, pin, result, skip
from idle import busy_connections, idle_connections
from instructions import instructions
from waiting import measured

WORKLOADS = [
    Workload("small GET, 64 connections"),
    Workload("1 connection", connections=1),
    Workload("1,000 connections", connections=1000),
    Workload("new connection per request", close=True),
    Workload("1 KB answer", path="/1k"),
    Workload("64 KB answer", path="/64k"),
    Workload("10 MB answer", path="/10m", connections=8),
    Workload("1 KB upload", post=1024),
    Workload("64 KB upload", post=65536, connections=16, whole=True),
    Workload("10 MB upload", post=contenders.BIG, connections=4, whole=True),
    Workload("100 routes", routes=100),
    Workload("1,000 routes", routes=1000),
    Workload("10,000 routes", routes=10000),
    Workload("10 endpoints", endpoints=10),
    Workload("1,000 endpoints", endpoints=1000, connections=256),
    Workload("all policies, metrics, access log", rich=True),
]
PEERS = {"serin": contenders.serin, "nginx": contenders.nginx, "haproxy": contenders.haproxy, "relay": contenders.relay}

# wrk repeats one request; a body makes it a POST.
SCRIPT = """wrk.headers["Host"] = "{host}"
{close}
{post}
"""


def milliseconds(text):
    number, unit = re.match(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def wrk(port, work, seconds, dir):
    script = dir / "wrk.lua"
    post = f'wrk.method = "POST"; wrk.body = string.rep("x", {work.post})' if work.post else ""
    script.write_text(SCRIPT.format(host=HOST, close='wrk.headers["Connection"] = "close"' if work.close else "", post=post))
    done = subprocess.run(["wrk", "-t1", f"-c{work.connections}", f"-d{seconds}s", "--timeout", "20s", "--latency", "-s", script,
                           f"http://127.0.0.1:{port}{work.target()}"],
                          capture_output=True, text=True, check=True, timeout=seconds + 120, preexec_fn=pin(LOAD_CORE))
    out = done.stdout
    check("Non-2xx" not in out and re.search(r"^\s+99%", out, re.M), f"wrk met errors: {out}")
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    # A server's `close` may reach wrk as a read error; nothing else may.
    check(not broken or (work.close and not any(int(n) for n in broken.groups()[2:])), f"wrk met errors: {out}")
    return {"requests": int(re.search(r"(\d+) requests in", out).group(1)), "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
            "p50": milliseconds(re.search(r"^\s+50%\s+(\S+)$", out, re.M).group(1)), "p99": milliseconds(re.search(r"^\s+99%\s+(\S+)$", out, re.M).group(1))}


def measure(started, work, seconds, dir):
    pids = started.pids()
    user, system = cpu_seconds(pids)
    run = wrk(started.port, work, seconds, dir)
    after = cpu_seconds(pids)
    check(run["requests"] > 0, f"{started.name} answered nothing")
    run["user_us"], run["system_us"] = 1e6 * (after[0] - user) / run["requests"], 1e6 * (after[1] - system) / run["requests"]
    run["cpu_us"] = run["user_us"] + run["system_us"]
    run["anon_mb"] = sum(memory_kb(pid, "RssAnon") for pid in pids) / 1024
    return run


def rounds_of(started, work, options, dir):
    """In turns, so that whatever else the machine does meets all of them."""
    for it in started.values():
        wrk(it.port, work, 1, dir)
    runs = {name: [] for name in started}
    for turn in range(options.rounds):
        for name in list(started)[turn % len(started):] + list(started)[:turn % len(started)]:
            runs[name].append(measure(started[name], work, options.seconds, dir))
    return runs


def show(work, runs, options):
    print(f"\n### {work.name}\n\n| proxy | CPU per request (spread) | user | system | requests/s | p50 | p99 | anonymous memory |\n"
          "|---|---|---|---|---|---|---|---|")
    medians = {}
    for name, all_of_it in runs.items():
        row = {key: middle([run[key] for run in all_of_it]) for key in all_of_it[0]}
        medians[name] = row["cpu_us"][0]
        print(f"| {name} | {row['cpu_us'][0]:.2f} us (±{row['cpu_us'][1]:.0f} %) | {row['user_us'][0]:.2f} us | {row['system_us'][0]:.2f} us | "
              f"{row['rps'][0]:.0f} | {row['p50'][0]:.2f} ms | {row['p99'][0]:.2f} ms | {row['anon_mb'][0]:.1f} MB |")
    ratios = {name: medians["serin"] / at for name, at in medians.items() if name != "serin" and at}
    print("\nCPU per request of serin: " + ", ".join(f"{ratio:.2f} × {name}" for name, ratio in ratios.items()) + ".", flush=True)
    return medians


def syscalls(started, work, dir):
    """System calls per request; None where they cannot be counted."""
    if have("strace"):
        return None
    out = dir / "strace.out"
    tracer = subprocess.Popen(["strace", "-f", "-c", "-o", out, *[f"-p{pid}" for pid in started.pids()]], stderr=subprocess.PIPE, text=True)
    try:
        measured(0.5)
        if tracer.poll() is not None:
            return None
        requests = wrk(started.port, work, 2, dir)["requests"]
    finally:
        if tracer.poll() is None:
            tracer.send_signal(2)
        tracer.communicate(timeout=20)
    total = re.findall(r"^100\.00\s+\S+\s+(?:\S+\s+)?(\d+).*total$", out.read_text(), re.M)
    return int(total[-1]) / requests if total else None


def half_load(started, work, rate, seconds, dir):
    """p50, p99 and p99.9 in ms at a rate that does not depend on the answers, counted from when each request was due."""
    done = subprocess.run([TESTS / "bench_open_loop", str(started.port), str(round(rate)), str(seconds), "64", HOST, work.target()],
                          capture_output=True, text=True, check=True, timeout=seconds + 60, preexec_fn=pin(LOAD_CORE))
    _, failed, *times = map(int, done.stdout.split())
    check(failed == 0, f"{started.name} failed {failed} requests at half load")
    return [time_us / 1000 for time_us in times]


def one_workload(work, options, dir):
    behind = work.backend(dir)
    started = {}
    try:
        for name, start in PEERS.items():
            if name == "relay" and (work.routes > 1 or work.endpoints > 1 or work.close):
                continue  # it has neither
            if name in ("nginx", "haproxy") and have(name):
                skip(f"{work.name}: {name}", f"{name} is not installed (tests/support/setup peers)")
                continue
            started[name] = start(dir, work, behind.port)
        runs = rounds_of(started, work, options, dir)
        medians = show(work, runs, options)
        if work is WORKLOADS[0]:
            extras(started, work, runs, options, dir)
        return medians, runs
    finally:
        for it in started.values():
            it.stop()
        behind.stop()


def extras(started, work, runs, options, dir):
    """What is measured for the main workload alone."""
    calls = {name: syscalls(it, work, dir) for name, it in started.items()}
    print("\n| proxy | system calls per request | p50 at half load | p99 | p99.9 |\n|---|---|---|---|---|")
    rate = min(middle([run["rps"] for run in each])[0] for each in runs.values()) / 2
    for name, it in started.items():
        rounds = [half_load(it, work, rate, options.seconds, dir) for _ in range(max(3, options.rounds // 2))]
        times = [f"{middle(column)[0]:.2f} ms" for column in zip(*rounds)]
        shown = f"{calls[name]:.2f}" if calls[name] is not None else "not counted"
        print(f"| {name} | {shown} | {' | '.join(times)} |")
    print(f"\nHalf load: half of what the slowest did in the rounds above, {rate:.0f} requests/s over 64 connections, whatever the answers do; times from "
          "when a request was due.\n", flush=True)


def two_workers(options, dir):
    """Whether a second worker costs anything: CPU per request with one and with two, on whatever cores there are."""
    behind = contenders.backend(dir, 1)
    started = {}
    try:
        for count in (1, 2):
            started[count] = contenders.serin(dir, Workload(f"{count} workers", workers=count), behind.port)
            if count == 1:
                os.sched_setaffinity(started[1].process.pid, os.sched_getaffinity(0))
        runs = rounds_of(started, Workload("workers", connections=256), options, dir)
    finally:
        for it in started.values():
            it.stop()
        behind.stop()
    print("\n### Two workers\n\n| workers | CPU per request (spread) | requests/s |\n|---|---|---|")
    each = {}
    for count, all_of_it in runs.items():
        each[count], spread = middle([run["cpu_us"] for run in all_of_it])
        print(f"| {count} | {each[count]:.2f} us (±{spread:.0f} %) | {middle([run['rps'] for run in all_of_it])[0]:.0f} |")
    print(f"\nCPU per request with two workers beside one: {each[2] / each[1]:.2f} times.", flush=True)


def proxies(options):
    missing = have("wrk", "nginx")
    if missing:
        skip("proxy beside its peers", f"{' and '.join(missing)} is not installed (tests/support/setup peers)")
        return
    dir = pathlib.Path(tempfile.mkdtemp(prefix="serin-bench-"))
    print(f"The proxy on core {PROXY_CORE}, load and backend on core {LOAD_CORE}; {options.rounds} rounds of {options.seconds} s, in turns; "
          "medians, and half the distance of the quartiles in percent as spread.")
    try:
        for work in WORKLOADS:
            if not re.search(options.workload, work.name):
                continue
            medians, runs = one_workload(work, options, dir)
            if work.routes == 1000:
                anonymous = [run["anon_mb"] for run in runs["serin"]]
                result("at most 10 MB of anonymous memory with 1,000 routes", max(anonymous) <= 10, f"{max(anonymous):.1f} MB")
            if work is WORKLOADS[0]:
                for peer in ("nginx", "haproxy"):
                    if peer in medians:
                        ratio = medians["serin"] / medians[peer]
                        result(f"less CPU per request than {peer}", ratio < 1, f"{ratio:.2f} times")
                ratio = medians["serin"] / medians["relay"]
                print(f"# target: at most 1.10 times the relay's CPU; measured {ratio:.2f}")
        if re.search(options.workload, "two workers"):
            two_workers(options, dir)
        if re.search(options.workload, "idle connections"):
            idle_connections(dir)
        if re.search(options.workload, "busy connections"):
            busy_connections(dir)
        if re.search(options.workload, "instructions"):
            instructions(dir)
    finally:
        if not os.environ.get("SERIN_KEEP"):
            shutil.rmtree(dir, ignore_errors=True)
