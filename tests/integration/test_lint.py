#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""serin lint as users run it: exit codes, forms of output, and input that nobody should write."""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SERIN = os.environ.get("SERIN_BIN", os.path.join(ROOT, "build", "dev", "serin"))
BROKEN = os.path.join(ROOT, "tests", "golden", "lint", "broken")
KAGENTI = os.path.join(ROOT, "examples", "kagenti")
VS = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a%d}
spec: {hosts: [h%d], http: [{timeout: 5s, route: [{destination: {host: a, subset: s}}]}]}
---
"""
failures = 0


def check(name, problem):
    global failures
    if problem:
        failures += 1
        print("not ok - %s: %s" % (name, problem))
    else:
        print("ok - %s" % name)


def lint(*arguments, data=b""):
    return subprocess.run([SERIN, "lint", *arguments], input=data, capture_output=True, timeout=60)


def expect(name, result, code, *words):
    text = (result.stdout + result.stderr).decode("utf-8", "replace")
    if result.returncode != code:
        return check(name, "code %d instead of %d: %s" % (result.returncode, code, text[-500:]))
    missing = [word for word in words if word not in text]
    check(name, "%r is not in %s" % (missing, text[-500:]) if missing else "")


def broken_files():
    names = sorted(n for n in os.listdir(BROKEN) if n.endswith(".yaml"))
    for name in names:
        result = lint("-f", os.path.join(BROKEN, name))
        with open(os.path.join(BROKEN, name[:-5] + ".txt"), encoding="utf-8") as file:
            errors = [line.rstrip("\n") for line in file if ": error: " in line]
        text = result.stdout.decode("utf-8", "replace")
        lost = [line for line in errors if line.split(":", 1)[1] not in text]
        problem = ""
        if result.returncode != 2 or result.stderr:
            problem = "code %d, %r" % (result.returncode, result.stderr[:200])
        elif lost:
            problem = "does not say %r" % lost[0]
        check("broken/%s" % name, problem)
    check("there are at least 40 broken manifests", "" if len(names) >= 40 else str(len(names)))


def generated(folder):
    big = os.path.join(folder, "big.yaml")
    with open(big, "wb") as file:
        file.write(b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: " + b"x" * (10 << 20))
    expect("a file of 10 MB is refused", lint("-f", big), 2, "big.yaml", "1 error")
    with open(big, "rb") as file:
        expect("10 MB on standard input are refused", lint("-f", "-", data=file.read()), 2, "8 MiB")
    many = "".join(VS % (i, i) for i in range(5000)).encode()
    expect("5000 objects are judged", lint("-f", "-", data=many), 0, "5000 objects", "0 errors")
    hosts = b"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: {hosts: [%s]}\n"
    wide = hosts % b",".join(b"h%d" % i for i in range(300000))
    expect("a list of 300000 hosts is judged", lint("-f", "-", data=wide), 2, "1 error")
    same = hosts % b",".join(b"same" for i in range(300000))
    expect("300000 equal hosts are all faults", lint("-f", "-", data=same), 2, "300000 errors", "more")
    unknown = ("spec: {%s}" % ",".join('"h%d": 1' % i for i in range(100000))).encode()
    expect("100000 unknown fields are counted",
           lint("-f", "-", data=b"apiVersion: v1\nkind: Service\nmetadata: {name: a}\n" + unknown), 2, "more")
    expect("100000 levels are refused", lint("-f", "-", data=b"a: " + b"[" * 100000), 2, "nested")
    expect("no terminal codes get through",
           lint("-f", "-", data=b'apiVersion: "\\e[31m"\nkind: X\n'), 2, "\\x1b[31m")


def ways_of_use(folder):
    sticky = VS % (1, 1) + "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}], sessionAffinity: ClientIP}\n"
    expect("what is not enforced is said", lint("-f", "-", data=sticky.encode()), 0, "sessionAffinity", "[not-enforced]")
    one = os.path.join(KAGENTI, "06-timeout.yaml")
    expect("a clean file gives 0", lint("-f", one), 0, "1 file, 1 object: 0 errors, 0 warnings")
    expect("a file as an argument", lint(one), 0, "1 file, 1 object")
    warns = os.path.join(KAGENTI, "03-virtualservice-header-weight.yaml")
    expect("warnings give 0", lint("-f", warns), 0, "[no-timeout]")
    expect("--strict makes them errors", lint("--strict", "-f", warns), 2, ": error: ", "0 warnings")
    expect("all manifests of the canary run pass", lint("-f", KAGENTI), 0, "0 errors", "[duplicate-host]")
    expect("all examples pass", lint("-f", os.path.join(ROOT, "examples")), 0, "0 errors")
    # Beside the CRDs lie objects of Kubernetes (RBAC) that are none of ours to judge.
    expect("what we install passes", lint("-f", os.path.join(ROOT, "manifests", "install", "crds")), 0, "0 errors")
    expect("a missing file", lint("-f", os.path.join(folder, "none.yaml")), 2, "none.yaml")
    expect("nothing to check", lint(), 2, "serin lint -f")
    expect("an unknown form", lint("-o", "xml", "-f", one), 2, "text or json")
    os.makedirs(os.path.join(folder, "deep", "er"))
    with open(os.path.join(folder, "deep", "er", "x.json"), "w", encoding="utf-8") as file:
        file.write('{"apiVersion": "v1", "kind": "Servise"}')
    os.symlink(folder, os.path.join(folder, "deep", "round"))
    expect("folders within folders", lint("-f", os.path.join(folder, "deep")), 2, "x.json:1", "Service", "1 file,")
    os.mkdir(os.path.join(folder, "empty"))
    expect("a folder without manifests", lint("-f", os.path.join(folder, "empty")), 2, "no .yaml")
    report = lint("-o", "json", "-f", warns)
    found = json.loads(report.stdout)
    good = found["warnings"] == 4 and found["findings"][0]["id"] == "no-timeout" and found["findings"][0]["line"] == 10
    check("-o json is for programs", "" if good and report.returncode == 0 else report.stdout.decode()[:300])
    pipe = os.path.join(folder, "pipe")
    os.mkfifo(pipe)
    expect("a pipe by name is not waited for", lint("-f", pipe), 2, "pipe")


with tempfile.TemporaryDirectory() as scratch:
    broken_files()
    generated(scratch)
    ways_of_use(scratch)
sys.exit(1 if failures else 0)
