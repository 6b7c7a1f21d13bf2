#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/policies.md and docs/testing.md name tests that exist: a file below tests/, and in it the function. A scenario of tests/e2e in the
column of the real API server is one that tests/kubernetes/run takes there."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`((?:test|fuzz)_\w+\.(?:py|c))(?:: (\w+))?`")
FILES = [path for path in (ROOT / "tests").rglob("*") if re.fullmatch(r"(test|fuzz)_\w+\.(py|c)", path.name)]


def rows(page):
    """(where, the line) of the tables whose rows name tests."""
    inside = False
    for number, line in enumerate((ROOT / "docs" / page).read_text().splitlines(), 1):
        if re.match(r"\| (policy|scenario) ", line):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith(("|-", "| **")):
            yield f"docs/{page}:{number}", line


def homes(file, function):
    """The folders of tests/ where a file of that name has that function."""
    return [path.parent.name for path in FILES if path.name == file and
            (not function or re.search(rf"\b(def )?{function}\(", path.read_text()))]


def faults_of(where, text):
    for file, function in NAMED.findall(text):
        if not homes(file, function):
            yield f"{where}: there is no {file}" + (f", or it has no {function}" if function else "")


def not_on_cluster(where, cell, taken):
    for file, function in NAMED.findall(cell):
        found = homes(file, function)
        if "kubernetes" not in found and not ("e2e" in found and f'"{function.removeprefix("test_")}"' in taken):
            yield f"{where}: tests/kubernetes/run does not run {file}: {function}"


def main():
    faults, policies, scenarios = [], list(rows("policies.md")), list(rows("testing.md"))
    for where, line in policies:
        faults += [f"{where}: no test is named"] if not NAMED.search(line) else faults_of(where, line)
    taken = (ROOT / "tests" / "kubernetes" / "run").read_text()
    for where, line in scenarios:
        cells = line.strip().strip("|").split(" | ")
        if len(cells) != 3:
            faults.append(f"{where}: expected three cells, found {len(cells)}")
            continue
        faults += [f"{where}: a cell is empty: a dash says that there is no test" for cell in cells if not cell.strip()]
        faults += faults_of(where, line)
        faults += not_on_cluster(where, cells[2], taken)
    good = policies and scenarios and not faults
    print("ok - documents name their tests" if good else "not ok - documents name their tests:\n  " + "\n  ".join(faults or ["no rows"]))
    sys.exit(not good)


main()
