#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The generated pages in docs/reference say what the binary says. REFRESH=1 writes them anew."""
import os, pathlib, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERIN = os.environ.get("SERIN_BIN", str(ROOT / "build/dev/serin"))
REFERENCE = ROOT / "docs/reference"


def pages(folder):
    return {p.name: p.read_text() for p in sorted(pathlib.Path(folder).glob("*.md"))}


def main():
    if os.environ.get("REFRESH"):
        REFERENCE.mkdir(exist_ok=True)
        for old in REFERENCE.glob("*.md"):
            old.unlink()
        subprocess.run([SERIN, "generate", "reference", str(REFERENCE)], check=True)
    failed = False
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([SERIN, "generate", "reference", made], check=True)
        now, kept = pages(made), pages(REFERENCE)
    for name in sorted(now.keys() | kept.keys()):
        same = now.get(name) == kept.get(name)
        failed |= not same
        print(f"ok - docs/reference/{name}" if same else
              f"not ok - docs/reference/{name}: differs from what the binary says; run tests/integration/test_generated.py with REFRESH=1")
    if "cli.md" not in now or len(now["cli.md"]) < 500:
        print("not ok - the command reference is empty")
        failed = True
    sys.exit(failed)


main()
