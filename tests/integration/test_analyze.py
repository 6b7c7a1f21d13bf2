#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""serin analyze as users run it: a replay beside the formulas written down a second time, its exit codes, bad input, a simulation."""
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import BIN, check, main  # noqa: E402

GRID = [1.4, 2, 3, 5, 10, 25]
WEIGHTS = {"errors": .6, "slow250": .2, "slow500": .2}
TOLERANCE = {"errors": (1.25, .0005), "slow250": (1.25, .0025), "slow500": (1.25, .0025)}
ACCEPT = {"errors": (1.5, .005), "slow250": (1.5, .01), "slow500": (1.5, .01)}
PASS, FAIL, INCONCLUSIVE, USAGE = 0, 1, 3, 2


def analyze(*arguments, data="", code=None):
    done = subprocess.run([BIN, "analyze", *arguments], input=data, capture_output=True, text=True, timeout=60)
    check(code is None or done.returncode == code, lambda: f"{arguments}: exit code {done.returncode}: {done.stdout[-300:]} {done.stderr}")
    return done


# --- the formulas once more, from docs/analysis.md ---

def log_e(line, q_c, q_s, n_c, x_c, n_s, x_s):
    rho, delta = line
    if n_c == 0 or n_s == 0:
        return 0.0
    a, b, c = rho * (rho * n_c + n_s), delta * (rho * n_c + n_s) - rho * (n_c * q_c + n_s * q_s), -n_s * q_s * delta
    root = math.sqrt(b * b - 4 * a * c)
    l_s = -2 * c / (b + root) if b > 0 else (-b + root) / (2 * a)
    l_c = rho * l_s + delta
    return x_c * math.log(q_c / l_c) + x_s * math.log(q_s / l_s) - n_c * (q_c - l_c) - n_s * (q_s - l_s)


class Metric:
    def __init__(self, name, interval):
        self.tolerance, self.accept = TOLERANCE[name], ACCEPT[name]
        need, scrapes = math.log10(100 / WEIGHTS[name]), max(2, math.ceil(30 / interval))
        self.cap = self.tokens = need / min(scrapes, 3)
        self.refill, self.interval = (need - self.cap) / (scrapes - 1), interval
        self.prior = [.2] + [.8 / 6] * 6
        self.v, self.decades, self.passed, self.s_n, self.s_x = list(self.prior), 0.0, 0.0, 0.0, 0.0

    def learn(self, n_s, x_s, seconds):
        kept = 2 ** (-seconds / 600)
        self.s_n, self.s_x = kept * self.s_n + n_s, kept * self.s_x + x_s

    def add(self, n_c, x_c, n_s, x_s, seconds):
        rho, delta = self.tolerance
        rate = (self.s_x + 100 * max(delta, 1e-4)) / (self.s_n + 100)
        logs = [math.log(self.v[0])]
        for k, g in enumerate(GRID):
            q_c = min(1, g * (rho * rate + delta))
            logs.append(math.log(self.v[k + 1]) + log_e(self.tolerance, q_c, rate, n_c, x_c, n_s, x_s))
        most = max(logs)
        total = most + math.log(sum(math.exp(x - most) for x in logs))
        growth, h = min(total / math.log(10), self.tokens), seconds / 1800
        self.tokens = min(self.cap, self.tokens - max(growth, 0) + self.refill * seconds / self.interval)
        self.decades += growth
        self.v = [(1 - h) * math.exp(x - total) + h * p for x, p in zip(logs, self.prior)]
        self.passed += log_e(self.accept, rate, rate, n_c, x_c, n_s, x_s) / 2 / math.log(10)
        self.learn(n_s, x_s, seconds)


def reference(lines, interval=5):
    metrics = {name: Metric(name, interval) for name in WEIGHTS}
    last, began = None, None

    def of(side, name):
        return side["errors"] if name == "errors" else side["slow"][name[4:]]

    for line in lines:
        if line.get("history"):
            for name, metric in metrics.items():
                metric.learn(line["stable"]["requests"], of(line["stable"], name), 0 if last is None else line["t"] - last)
            last = line["t"]
            continue
        if began is None:
            began = last = line["t"] - interval
        for name, metric in metrics.items():
            if name == "errors" or last >= began + 60:
                metric.add(line["canary"]["requests"], of(line["canary"], name), line["stable"]["requests"], of(line["stable"], name),
                           line["t"] - last)
        last = line["t"]
        combined = math.log10(sum(WEIGHTS[n] * 10 ** m.decades for n, m in metrics.items()))
        passes = last - began >= 60 and combined < 1 and all(m.passed >= math.log10(20) for m in metrics.values())
        yield {"t": line["t"], "evidence": {n: m.decades for n, m in metrics.items()}, "combined": combined,
               "pass": {n: m.passed for n, m in metrics.items()},
               "decision": "fail" if combined >= 2 else "pass" if passes else "continue"}


# --- recordings ---

def side(rng, requests, errors, slow=(.0183, .0014)):
    slow250 = sum(rng.random() < slow[0] for _ in range(requests))
    return {"requests": requests, "errors": sum(rng.random() < errors for _ in range(requests)),
            "slow": {"250": slow250, "500": sum(rng.random() < slow[1] / slow[0] for _ in range(slow250))}}


def recording(seed, canary=.001, stable=.001, rps=50, lines=60, interval=5, history=60, missing=()):
    rng = random.Random(seed)
    found = [{"t": t, "history": True, "stable": side(rng, rps * interval, stable)} for t in range(-history * interval, 0, interval)]
    for i in range(1, lines + 1):
        if i not in missing:
            found.append({"t": i * interval, "canary": side(rng, rps * interval // 10, canary), "stable": side(rng, rps * interval * 9 // 10, stable)})
    return found


def text(lines):
    return "".join(json.dumps(line) + "\n" for line in lines)


def same(ours, theirs):
    return math.isclose(ours, theirs, rel_tol=2e-8, abs_tol=2e-9)


def compare(lines, interval=5):
    done = analyze("--replay", "-", "-o", "json", data=text(lines))
    ours, theirs = [json.loads(x) for x in done.stdout.splitlines()], list(reference(lines, interval))
    check(len(ours) == len(theirs), f"{len(ours)} lines, expected {len(theirs)}")
    for a, b in zip(ours, theirs):
        good = a["t"] == b["t"] and a["decision"] == b["decision"] and same(a["combined"], b["combined"]) and all(
            same(a[key][name], b[key][name]) for key in ("evidence", "pass") for name in WEIGHTS)
        check(good, lambda: f"found {a}, expected {b}")
    first = next((x["decision"] for x in theirs if x["decision"] != "continue"), None)
    check(done.returncode == {"pass": PASS, "fail": FAIL, None: INCONCLUSIVE}[first], f"exit code {done.returncode} after {first}")
    return first


def test_a_replay_gives_the_formulas_numbers():
    found = {compare(recording(1)), compare(recording(2, canary=.05)), compare(recording(3, canary=.01, rps=20, history=0)),
             compare(recording(4, canary=.05, stable=.05)), compare(recording(5, rps=10, lines=8))}
    check(found == {"pass", "fail", None}, f"decisions {found}")


def test_missing_scrapes_and_other_intervals():
    compare(recording(6, canary=.02, missing=(4, 5, 9)))
    compare(recording(7, canary=.02, interval=15, lines=30), 15)
    idle = recording(8, lines=10)
    for line in idle[-5:]:
        line["canary"] = {"requests": 0, "errors": 0, "slow": {"250": 0, "500": 0}}
    compare(idle)


def test_it_goes_on_unless_told_to_stop():
    lines = text(recording(2, canary=.05, rps=500))
    whole = analyze("--replay", "-", "-o", "json", data=lines, code=FAIL).stdout.splitlines()
    stopped = analyze("--replay", "-", "-o", "json", "--stop", data=lines, code=FAIL).stdout.splitlines()
    check(len(whole) == 60 and json.loads(stopped[-1])["decision"] == "fail", f"{len(whole)} lines, stopped after {len(stopped)}")
    check(stopped == whole[:len(stopped)] and json.loads(stopped[-1])["t"] == 30, f"stopped at {stopped[-1]}")


def test_digits_and_keys_are_as_documented():
    line = analyze("--replay", "-", "-o", "json", data=text(recording(2, canary=.05))).stdout.splitlines()[0]
    check(list(json.loads(line)) == ["t", "evidence", "combined", "pass", "decision"], line)
    check(len(str(json.loads(line)["evidence"]["errors"]).replace("-", "").replace("0.", "")) >= 8, line)


def test_a_table_for_people():
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write(text(recording(1, rps=500)))
        file.flush()
        rows = analyze("--replay", file.name, code=PASS).stdout.splitlines()
    check(len(rows) == 61 and rows[0].split()[0] == "TIME" and "SLOW500" in rows[0], rows[0])
    check(rows[1].startswith("5s ") and rows[-1].endswith("pass"), rows[-1])


def test_bad_input_names_file_and_line():
    good = {"requests": 9, "errors": 1, "slow": {"250": 2, "500": 1}}
    line = {"t": 5, "canary": good, "stable": good}
    cases = [
        ("{", "not JSON"), ("[1]", "object"), ('{"t": 10}', "canary"), (json.dumps({**line, "t": 5}), "not later"),
        (json.dumps({**line, "t": "x"}), "number of seconds"), (json.dumps({**line, "t": 10, "canary": {**good, "errors": 10}}), "errors"),
        (json.dumps({**line, "t": 10, "stable": {**good, "slow": {"250": 1, "500": 2}}}), "500"),
        (json.dumps({**line, "t": 10, "stable": {**good, "slow": {"100": 1, "500": 1}}}), "boundaries"),
        (json.dumps({**line, "t": 10, "stable": {**good, "requests": -1}}), "requests"),
        (json.dumps({**line, "t": 10, "stable": {"requests": 9, "errors": 1}}), "boundaries"),
        (json.dumps({**line, "t": 10, "sable": good}), "sable"), (json.dumps({"t": 10, "history": True, "stable": good}), "before all others"),
        ('{"t": 10, "t": 11, "canary": {}, "stable": {}}', "twice"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "counts.jsonl")
        for bad, word in cases:
            pathlib.Path(path).write_text(json.dumps(line) + "\n\n" + bad + "\n")
            done = analyze("--replay", path, code=USAGE)
            check(f"{path}:3: " in done.stderr and word in done.stderr and not done.stdout, f"{bad}: {done.stderr}")
        pathlib.Path(path).write_text("")
        check("no line to judge" in analyze("--replay", path, code=USAGE).stderr, "an empty file")
        check("nothing.jsonl" in analyze("--replay", os.path.join(folder, "nothing.jsonl"), code=USAGE).stderr, "no file")


def test_usage():
    check("--simulate" in analyze(code=USAGE).stderr, "no mode")
    check("--simulate" in analyze("--replay", "-", "--simulate", code=USAGE).stderr, "two modes")
    check("default, strict or tolerant" in analyze("--replay", "-", "--preset", "x", code=USAGE).stderr, "preset")
    check("--alpha" in analyze("--replay", "-", "--alpha", "2", code=USAGE).stderr, "alpha")
    check("10%" in analyze("--simulate", "--weight", "10", code=USAGE).stderr, "a share")
    check("--judge is for --prometheus" in analyze("--simulate", "--judge", "threshold", code=USAGE).stderr, "another mode's option")


def test_parameters_reach_the_judge():
    lines = text(recording(2, canary=.05, rps=10, lines=150))

    def failed(*arguments):
        found = [json.loads(x) for x in analyze("--replay", "-", "-o", "json", *arguments, data=lines).stdout.splitlines()]
        return next(x["t"] for x in found if x["decision"] == "fail")
    usual = failed()
    check(failed("--min-detect", "1m") > usual and failed("--alpha", "0.2") < usual, "min-detect and alpha")
    check(failed("--preset", "tolerant") > usual, "preset")


def test_a_simulation_is_reproducible_and_tells_both_rates():
    arguments = ("--simulate", "--runs", "100", "--rps", "500", "--duration", "10m", "--seed", "3")
    first, again = analyze(*arguments, code=PASS).stdout, analyze(*arguments, code=PASS).stdout
    check(first == again and first != analyze(*arguments[:-1], "4").stdout, "the seed decides")
    found = json.loads(analyze(*arguments, "-o", "json", "--canary-errors", "0.1%", "--canary-errors", "5%", code=PASS).stdout)["canaries"]
    check(found[0]["rolledBack"]["share"] <= .01 and found[0]["passed"]["share"] > .9, f"healthy: {found[0]}")
    check(found[1]["rolledBack"]["share"] == 1 and found[1]["rolledBack"]["medianSeconds"] == 30, f"5 %: {found[1]}")
    check(60 < found[1]["failedRequests"] < 90, f"5 %: {found[1]}")


if __name__ == "__main__":
    main()
