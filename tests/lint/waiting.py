#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests wait for conditions, not by the clock: nothing sleeps but tests/support/waiting.py, in C nothing at all, and no check demands that
something took less than a number of seconds, but for what the documents promise."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HELPER = "tests/support/waiting.py"
PROMISED = {"tests/e2e/test_quickstart.py", "tests/kubernetes/test_leader.py"}  # minutes to a release, seconds to the next leader
SLEEPS = {
    "py": re.compile(r"\b(time|asyncio)\.sleep\b|\bfrom (time|asyncio) import\b.*\bsleep\b"),
    "c": re.compile(r"(?<![\w.>])(u|nano|uv_|thrd_)?sleep\s*\("),
    "sh": re.compile(r"(^|[;&|({]|\b(?:do|then|else))\s*sleep\s+[\d.$\"]"),
}
ASSERTS = {
    "py": re.compile(r"\bcheck\(.*\b(monotonic\(\)|perf_counter\(\)|took|elapsed|seconds)\b[^,:]*<=?\s*[\d.]+\b"),
    "c": re.compile(r"\bassert_\w+\(.*\b(clock_mono_\w+\(\)|uv_hrtime\(\)|uv_now\([^)]*\))[^,]*<=?\s*[\d.]+\b"),
}


def language(path, text):
    if path.suffix in (".py", ".c", ".h", ".sh"):
        return {".h": "c"}.get(path.suffix, path.suffix[1:])
    first = text.split("\n", 1)[0]
    return "py" if "python" in first else "sh" if first.startswith("#!") else None


def code(line, kind):
    return re.sub(r"//.*" if kind == "c" else r"(^|\s)#.*", "", line)


def main():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "tests", "examples"], capture_output=True, text=True)
    faults, helper = [], 0
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if not path.is_file() or "/corpus/" in name or name.startswith(("tests/lint/", "examples/research-agent/")):
            continue  # the research agent is a service: it is slow where it is told to be
        text = path.read_text(errors="replace")
        kind = language(path, text)
        for number, line in enumerate(text.splitlines(), 1) if kind else ():
            line = code(line, kind)
            if SLEEPS[kind].search(line):
                helper += name == HELPER
                faults += [f"{name}:{number}: a sleep; wait for a condition ({HELPER})"] if name != HELPER else []
            if kind in ASSERTS and ASSERTS[kind].search(line) and name != HELPER and name not in PROMISED:
                faults.append(f"{name}:{number}: a check of how long something took")
    good = helper > 0 and not faults
    print("ok - tests wait for conditions" if good else "not ok - tests wait for conditions:\n  " + "\n  ".join(faults or [f"nothing found in {HELPER}"]))
    sys.exit(not good)


main()
