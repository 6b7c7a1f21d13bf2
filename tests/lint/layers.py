#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom, what pure rooms may not touch, and which single file may know a third-party client."""
import pathlib, re, sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BASE, TEXT, SCHEMA, KINDS, CEL, SOURCE = (f"manifests/{r}" for r in ("base", "text", "schema", "kinds", "cel", "source"))
PROXY_PURE = ("table", "route", "match", "host", "cluster", "endpoint", "pick", "retry_policy", "exchange",
              "outlier", "http1", "head", "path", "dump", "header", "mirror_draw")
PROXY_EFFECT = ("exchange_run", "exchange_filters", "mirror", "exchange_send", "exchange_write", "outlier_set")  # perform what the pure file beside them decides

# room -> rooms whose headers it may include
MAY = {
    BASE: {BASE},
    TEXT: {BASE, TEXT},
    SCHEMA: {BASE, TEXT, SCHEMA},
    KINDS: {BASE, TEXT, SCHEMA, KINDS},
    CEL: {BASE, TEXT, KINDS, CEL},  # of kinds, the regular expressions
    SOURCE: {BASE, TEXT, SCHEMA, KINDS, SOURCE},
    "analysis": {BASE, TEXT, "analysis"},
    "operator/traffic": {BASE, TEXT, SCHEMA, KINDS, "operator/traffic"},
    "operator/reconcile": {BASE, TEXT, SCHEMA, KINDS, "analysis", "operator/traffic", "operator/reconcile"},
    "operator/effect": {BASE, TEXT, SCHEMA, KINDS, SOURCE, "analysis", "operator/traffic", "operator/reconcile",
                        "operator/effect"},
    "operator/standalone": {BASE, TEXT, SCHEMA, KINDS, CEL, SOURCE, "operator/standalone"},
    "proxy": {BASE, TEXT, SCHEMA, KINDS, SOURCE, "proxy"},
    "operator/cli": None,  # sees everything
}
PURE_ROOMS = {TEXT, SCHEMA, KINDS, CEL, "analysis", "operator/traffic", "operator/reconcile"}
EFFECT_HEADERS = re.compile(r"<(uv\.h|curl/|microhttpd\.h|sqlite3\.h|time\.h|sys/time\.h|"
                            r"unistd\.h|fcntl\.h)")
EFFECT_CALLS = re.compile(r"\b(clock_(wall|mono)_\w+|LOG|log_write|printf|fprintf|fopen|getenv|getrandom)\s*\(")
ONLY = {  # third-party header -> the files that may know it
    "cjson/": {f"{TEXT}/json_parse.c"},
    "<yaml.h>": {f"{TEXT}/yaml.c"},
    "<curl/": {f"{SOURCE}/{name}" for name in ("http_client_parts.h", "http_loop.c", "http_easy.c", "http_easy.h")},
    "llhttp.h": None,  # proxy/http1*.c
    "<sqlite3.h>": None,  # operator/standalone/store*.c
    "<pcre2.h>": {"manifests/kinds/regex.c"},
}


def room_of(path):
    return next((r for r in sorted(MAY, key=len, reverse=True) if path.startswith(r + "/")), None)


def is_pure(path, room):
    name = pathlib.Path(path).stem
    return room in PURE_ROOMS or (room == "proxy" and name not in PROXY_EFFECT and any(name == p or name.startswith(p + "_") for p in PROXY_PURE))


def check(path, text, faults):
    room = room_of(path)
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}:{number}"
        include = re.match(r'\s*#\s*include\s+(["<][^">]+[">])', line)
        if include:
            target = include.group(1)
            if target[0] == '"':
                to = room_of(target.strip('"'))
                if "/" not in target:
                    faults["includes"].append(f"{where}: {target} is not written from the root")
                elif MAY[room] is not None and to not in MAY[room]:
                    faults["layers"].append(f"{where}: {room} may not include {target}")
            if is_pure(path, room) and (EFFECT_HEADERS.match(target) or target == '"manifests/base/clock.h"'
                                        or target == '"manifests/base/log.h"'):
                faults["purity"].append(f"{where}: a pure file includes {target}")
            for header, owners in ONLY.items():
                if header.strip("<>") in target and (header[0] != "<" or target[0] == "<"):
                    prefix = {"llhttp.h": "proxy/http1", "<sqlite3.h>": "operator/standalone/store"}.get(header)
                    if not (path in owners if owners else path.startswith(prefix)):
                        faults["single users"].append(f"{where}: {target} belongs to one file only")
        elif is_pure(path, room) and EFFECT_CALLS.search(re.sub(r'"(\\.|[^"\\])*"|//.*', "", line)):
            faults["purity"].append(f"{where}: a pure file calls {line.strip()[:60]}")


def main():
    faults = {k: [] for k in ("includes", "layers", "purity", "single users", "room")}
    files = [p for top in ("manifests", "analysis", "operator", "proxy") for p in (ROOT / top).rglob("*.[ch]")]
    for p in files:
        path = str(p.relative_to(ROOT))
        if room_of(path) is None:
            faults["room"].append(f"{path}: not in a known room")
        else:
            check(path, p.read_text(), faults)
    for name, rows in faults.items():
        print(f"ok - {name}" if not rows and files else f"not ok - {name}: " + ("\n  ".join(rows) or "no files"))
    sys.exit(any(faults.values()) or not files)


main()
