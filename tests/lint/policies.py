#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/policies.md and docs/testing.md name tests that exist: a file below tests/, and in it the function. What stands in the column of the real
API server is run on one, and what stands in the other one is not: the tables of tests/kubernetes/run say which test has another home, too. A
test that runs with SERIN_LONG=1 only says so."""
import ast
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


def tables():
    """The tables of tests/kubernetes/run: name -> {script: tests}."""
    tree = ast.parse((ROOT / "tests" / "kubernetes" / "run").read_text())
    return {node.targets[0].id: ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)}


def has(table, file, function):
    return function.removeprefix("test_") in table.get(file.removesuffix(".py"), ())


def is_long_there(file, function):
    """Whether a test of tests/kubernetes is among those its script calls long."""
    text = (ROOT / "tests" / "kubernetes" / file).read_text()
    long = re.search(r"long=\{(.*?)\}", text, re.S)
    return bool(long) and f'"{function}"' in long[1]


def home_of(file, function, column, run):
    """"usual" or "long" where that test runs in that column, None where it does not."""
    found = homes(file, function)
    if column == "real" and "kubernetes" in found:
        return "long" if is_long_there(file, function) else "usual"
    if column == "real":
        usual, long = ("BOTH", "BOTH_LONG") if "e2e" in found else ("SERVER", "SERVER_LONG")
    elif "kubernetes" in found:
        usual, long = "MACHINE", "MACHINE_LONG"
    else:
        return "usual"
    return "usual" if has(run[usual], file, function) else "long" if has(run[long], file, function) else None


def misplaced(where, cell, column, run):
    for file, function, said in re.findall(NAMED.pattern + r"( \(long\))?", cell):
        home = home_of(file, function, column, run) if homes(file, function) else "usual"
        if not home:
            yield f"{where}: tests/kubernetes/run does not run {file}: {function} there"
        elif (home == "long") != bool(said) and (column == "real" or home == "long"):
            yield f"{where}: {file}: {function} is {home}, the page says {'long' if said else 'usual'}"


def main():
    faults, policies, scenarios = [], list(rows("policies.md")), list(rows("testing.md"))
    for where, line in policies:
        faults += [f"{where}: no test is named"] if not NAMED.search(line) else faults_of(where, line)
    run = tables()
    for where, line in scenarios:
        cells = line.strip().strip("|").split(" | ")
        if len(cells) != 3:
            faults.append(f"{where}: expected three cells, found {len(cells)}")
            continue
        faults += [f"{where}: a cell is empty: a dash says that there is no test" for cell in cells if not cell.strip()]
        faults += faults_of(where, line)
        faults += [*misplaced(where, cells[1], "embedded", run), *misplaced(where, cells[2], "real", run)]
    good = policies and scenarios and not faults
    print("ok - documents name their tests" if good else "not ok - documents name their tests:\n  " + "\n  ".join(faults or ["no rows"]))
    sys.exit(not good)


main()
