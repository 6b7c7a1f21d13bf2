#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples can be applied as folders, as people do, and again without a difference, as GitOps clients do."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import ROOT, check, main  # noqa: E402


def test_folders_are_applied_twice(server):
    folders = sorted(path.parent for path in (ROOT / "examples").glob("*/01-service.yaml"))
    check(folders, "there are such folders")
    for folder in folders:
        copy = pathlib.Path(server.data) / folder.name
        copy.mkdir()
        for path in folder.glob("*.yaml"):
            (copy / path.name).write_text(path.read_text().replace("demo", f"demo-{folder.name}"))
        server.kubectl("apply", "-f", str(copy)) # a namespace comes before what is in it
        again = server.kubectl("apply", "-f", str(copy))
        # A list with what a server has filled in would differ from the file's for ever.
        changed = [line for line in again.splitlines() if "serin.dev" in line and not line.endswith(" unchanged")]
        check(not changed, f"{folder.name}: applied again: {changed}")


main(globals(), needs_kubectl=True)
