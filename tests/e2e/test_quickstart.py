#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""examples/quickstart/run does what the README says, twice, and leaves nothing running."""
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import ROOT, check, main, processes  # noqa: E402

NAMES = ("serin", "prometheus", "research-agent", "serin-load")


def ours():
    return {pid for pid, (_, command) in processes().items() if os.path.basename(command[0]) in NAMES}


def test_quickstart():
    before = ours()
    # The build is timed apart.
    subprocess.run(["bash", "-c", "cmake --preset release -DSERIN_TESTS=OFF && cmake --build --preset release --target serin research-agent "
                    "serin-load"], cwd=ROOT, capture_output=True, check=True, timeout=900)
    began = time.monotonic()
    done = subprocess.run([ROOT / "examples" / "quickstart" / "run"], cwd="/", capture_output=True, text=True, timeout=300)
    seconds = time.monotonic() - began
    tail = (done.stdout[-1500:] + done.stderr[-1500:]).strip()
    check(done.returncode == 0, f"ended with {done.returncode}: {tail}")
    check(seconds < 180, f"took {seconds:.0f} s")
    for words in ("requests served", "first bad answer", "v2 promoted, v3 put back"):
        check(words in done.stdout, f"the output does not say \"{words}\": {tail}")
    left = ours() - before
    check(not left, f"processes are left: {[processes().get(pid) for pid in left]}")


if __name__ == "__main__":
    main()
