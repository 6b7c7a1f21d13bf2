#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stock kubectl, verb by verb, against `serin apiserver`: every row of tests/support/kubectl_rows.py with every kubectl that is installed.

Normally each row runs with one of them in turn, and all that differ in what they send are covered; SERIN_LONG=1 runs every row with every
one. docs/api-server.md lists the verbs; this test checks that the list is that of the rows. Arguments: names of rows."""
import concurrent.futures
import os
import pathlib
import re
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kubectl_rows as rows  # noqa: E402
from apiserver import ROOT, Failure, Server  # noqa: E402

LONG = bool(os.environ.get("SERIN_LONG"))
WANTED_MINORS = (20, 27, 30, 33)


def plan(found, wanted):
    """[(row, minor)]: in turn, or all."""
    jobs, minors = [], list(found)
    for index, row in enumerate(row for row in rows.ROWS if not wanted or row.name in wanted):
        able = [minor for minor in minors if minor >= row.since]
        if not able:
            print(f"ok - {row.verb}: {row.name} # SKIP no kubectl of 1.{row.since} or later is installed")
        elif LONG or wanted:
            jobs += [(row, minor) for minor in able]
        elif not row.long:
            jobs.append((row, able[index % len(able)]))
    return jobs


def play(server, found, row, minor):
    ns = f"v{minor}-{row.name.replace('_', '-')}"
    server.ok("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}})
    kubectl = rows.Kubectl(server, server.data / "kubeconfig", server.data, found[minor], minor, ns, ours=True)
    try:
        row.run(kubectl)
        return None
    except Failure as error:
        return str(error)
    except Exception:
        return traceback.format_exc().replace("\n", " | ")


def check_page():
    """The page's table has one line for each verb of the rows, and no other."""
    text = (ROOT / "docs" / "api-server.md").read_text()
    listed = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    known = list(dict.fromkeys(row.verb for row in rows.ROWS))
    wrong = sorted(set(known) ^ set(listed))
    print(f"not ok - docs/api-server.md: the table and the rows differ in {wrong}" if wrong else "ok - docs/api-server.md lists these verbs")
    return not wrong


def main():
    found = rows.installed()
    if not found:
        print("not ok - kubectl: none is installed")
        sys.exit(1)
    for minor in WANTED_MINORS:
        if minor not in found:
            print(f"ok - kubectl 1.{minor} # SKIP not installed here")
    failed = not check_page()
    server = Server()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        jobs = {pool.submit(play, server, found, row, minor): (row, minor) for row, minor in plan(found, sys.argv[1:])}
        for job in concurrent.futures.as_completed(jobs):
            row, minor = jobs[job]
            why = job.result()
            failed |= why is not None
            print(f"not ok - {row.verb}: {row.name} with 1.{minor}: {why}" if why else f"ok - {row.verb}: {row.name} with 1.{minor}", flush=True)
    try:
        server.stop()
        print("ok - clean stop")
    except Failure as error:
        failed = True
        print(f"not ok - clean stop: {error}")
    sys.exit(failed)


main()
