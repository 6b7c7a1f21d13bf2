#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""examples/quickstart/run does what the README says, and leaves nothing running."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import ROOT, check, main, processes  # noqa: E402

def test_quickstart():
    # The build is timed apart.
    subprocess.run(["bash", "-c", "cmake --preset release -DSERIN_TESTS=OFF && cmake --build --preset release --target serin research-agent "
                    "serin-load"], cwd=ROOT, capture_output=True, check=True, timeout=900)
    temporary = tempfile.mkdtemp(prefix="serin-quickstart-")  # its data folder is made in here
    try:
        began = time.monotonic()
        done = subprocess.run([ROOT / "examples" / "quickstart" / "run"], cwd="/", capture_output=True, text=True, timeout=300,
                              env={**os.environ, "TMPDIR": temporary})
        seconds = time.monotonic() - began
        left = [command for _, command in processes().values() if any(temporary in part for part in command)]
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    tail = (done.stdout[-1500:] + done.stderr[-1500:]).strip()
    check(done.returncode == 0, f"ended with {done.returncode}: {tail}")
    check(seconds < 180, f"took {seconds:.0f} s")
    for words in ("requests served", "first bad answer", "v2 promoted, v3 put back"):
        check(words in done.stdout, f"the output does not say \"{words}\": {tail}")
    check(not left, f"processes are left: {left}")


if __name__ == "__main__":
    main()
