#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""House rules a script can check: layout, licence line, banned functions, one header a source, links in the docs."""
import pathlib, re, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|strtol|gets|localtime|gmtime|asctime|"
                    r"ctime|rand|srand|system|alloca|tmpnam|mktemp)\s*\(")
ALLOC = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|free|strdup|strndup)\s*\(")
ALLOC_OWNERS = {"manifests/base/alloc.c", "manifests/base/map.c"}


def tracked(*patterns):
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", *patterns], capture_output=True, text=True)
    paths = [ROOT / p for p in listed.stdout.splitlines()]
    return [p for p in paths if p.is_file()]


def code_only(text):
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    return [re.sub(r'"(\\.|[^"\\])*"|//.*', "", line) for line in text.splitlines()]


def sources():
    return [p for p in tracked("*.c", "*.h")]


def check_format():
    files = sources()
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *map(str, files)], capture_output=True, text=True)
    return sorted({line.split(": error")[0] for line in done.stderr.splitlines() if "error:" in line})


def check_licence():
    wanted = sources() + tracked("*.py", "*.sh")
    return [str(p) for p in wanted if "SPDX-License-Identifier: Apache-2.0" not in p.read_text()[:300]]


def check_banned():
    faults = []
    for p in sources():
        rel = str(p.relative_to(ROOT))
        for number, line in enumerate(code_only(p.read_text()), 1):
            found = BANNED.search(line) or (rel not in ALLOC_OWNERS and not rel.startswith(("tests/", "examples/"))
                                            and ALLOC.search(line))
            if found and not line.lstrip().startswith("#"):
                faults.append(f"{rel}:{number}: {found.group(1)}")
    return faults


def check_pairs():
    rooms = [p for p in sources() if p.relative_to(ROOT).parts[0] in ("manifests", "analysis", "operator", "proxy")]
    return [f"{p}: expected #pragma once" for p in rooms if p.suffix == ".h" and "#pragma once" not in p.read_text()]


def check_spaces():
    text = tracked("*.c", "*.h", "*.py", "*.sh", "*.md", "*.txt", "*.json")
    return [f"{p}:{n}" for p in text for n, line in enumerate(p.read_text(errors="replace").split("\n"), 1)
            if re.search(r"[ \t]+$", line)]


def check_links():
    faults = []
    for p in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", p.read_text()):
            if not re.match(r"[a-z]+:", target) and not (p.parent / target).exists():
                faults.append(f"{p.relative_to(ROOT)}: {target}")
    return faults


def main():
    failed = False
    for check in (check_format, check_licence, check_banned, check_pairs, check_spaces, check_links):
        faults = check()
        name = check.__name__.removeprefix("check_")
        failed |= bool(faults)
        print(f"ok - {name}" if not faults else f"not ok - {name}:\n  " + "\n  ".join(faults[:40]))
    if not sources():
        print("not ok - no sources found")
        failed = True
    sys.exit(failed)


main()
