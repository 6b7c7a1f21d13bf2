#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/policies.md names tests that exist: a file below tests/, and in it the function."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`((?:test|fuzz)_\w+\.(?:py|c))(?:: (\w+))?`")


def main():
    files = {path.name: path for path in (ROOT / "tests").rglob("*") if re.fullmatch(r"(test|fuzz)_\w+\.(py|c)", path.name)}
    faults, rows = [], 0
    for number, line in enumerate((ROOT / "docs" / "policies.md").read_text().splitlines(), 1):
        if not line.startswith("|") or re.match(r"\|( policy|-)", line):
            continue
        rows += 1
        named = NAMED.findall(line)
        if not named:
            faults.append(f"docs/policies.md:{number}: no test is named")
        for file, function in named:
            if file not in files:
                faults.append(f"docs/policies.md:{number}: there is no {file}")
            elif function and not re.search(rf"\b(def )?{function}\(", files[file].read_text()):
                faults.append(f"docs/policies.md:{number}: {file} has no {function}")
    print("ok - policies name their tests" if rows and not faults else "not ok - policies name their tests:\n  " + "\n  ".join(faults or ["no rows"]))
    sys.exit(not rows or bool(faults))


main()
