#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples can be applied as folders, as people do."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import ROOT, check, main  # noqa: E402


def test_folders_are_in_the_order_of_their_objects(server):
    folders = sorted(path.parent for path in (ROOT / "examples").glob("*/01-service.yaml"))
    check(folders, "there are such folders")
    for folder in folders:
        server.kubectl("apply", "-f", str(folder)) # a namespace comes before what is in it
        again = server.kubectl("apply", "-f", str(folder))
        changed = [line for line in again.splitlines() if not line.endswith(" unchanged")]
        check(not changed, f"{folder.name}: applied again: {changed}")
        server.kubectl("delete", "-f", str(folder), "--ignore-not-found")


main(globals(), needs_kubectl=True)
