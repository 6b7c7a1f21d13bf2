#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is refused, with which causes, and what is warned of: as a real API server does (tests/support/refusals.py)."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import refusals  # noqa: E402
from apiserver import check, main  # noqa: E402


def test_refused_as_by_a_real_server(server):
    refusals.prepare(server)
    wrong, known = [], set(refusals.OURS)
    for kind in refusals.load():
        for (case, real), ours in zip(kind.lines, refusals.ask(server, kind)):
            name = f"{kind.name} {case}"
            if real == ours:
                continue
            if name in known:
                known.discard(name)
            else:
                wrong.append(f"{name[:200]}\n    real {real}\n    ours {ours}")
    wrong += [f"{name}: listed as different, but the same" for name in known]
    check(not wrong, f"{len(wrong)} differ\n  " + "\n  ".join(wrong))


main(globals())
