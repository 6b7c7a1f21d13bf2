#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of examples/kagenti/README.md, all of them, in their order."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import BIN, ROOT, TOOLS, Failure, check, main  # noqa: E402

FOLDER = ROOT / "examples" / "kagenti"


def test_the_readme_is_true():
    blocks = re.findall(r"^```sh\n(.*?)^```", (FOLDER / "README.md").read_text(), re.S | re.M)
    check(len(blocks) >= 10, f"only {len(blocks)} blocks of commands were found")
    files = {path.name for path in FOLDER.glob("*.yaml")}
    check(len(files) >= 27, f"only {len(files)} manifests are there")
    data = tempfile.mkdtemp(prefix="serin-kagenti-")
    environment = {**os.environ, "DATA": data, "BUILD": str(TOOLS), "PATH": f"{BIN.parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    # Each block announces itself, so that a failure names it.
    script = "set -euo pipefail\n" + "".join(f"echo '# block {n}'\n{block}" for n, block in enumerate(blocks, 1))
    try:
        done = subprocess.run(["bash", "-c", script], cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=240)
        if done.returncode:
            at = done.stdout.rsplit("# block ", 1)[-1].split("\n", 1)[0]
            raise Failure(f"block {at} ended with {done.returncode}: {done.stderr.strip()[-600:]}")
    finally:
        subprocess.run([BIN, "down", "--data", data], env=environment, capture_output=True, timeout=60)
        if not os.environ.get("SERIN_KEEP"):
            shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
