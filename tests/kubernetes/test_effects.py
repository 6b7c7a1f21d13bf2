#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the operator at its effects: a write is lost with it, or done and the operator dies before it learns of that. Every release
ends as it would have. SERIN_LONG=1: each write of a release is hit in each way, by three runs that begin the count elsewhere."""
import concurrent.futures
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import cluster as support  # noqa: E402
import killed  # noqa: E402
from apiserver import check  # noqa: E402

OFFSETS = range(3) if os.environ.get("SERIN_LONG") else (0,)


def at_each_offset(release, cluster, name):
    with concurrent.futures.ThreadPoolExecutor(len(OFFSETS)) as pool:
        kills = list(pool.map(lambda offset: release(killed.KilledStage(cluster, f"{name}-{offset}", offset), f"{name}-{offset}"), OFFSETS))
    check(all(count >= 8 for count in kills), f"the operator was killed only {kills} times")
    print(f"# {name}: killed {kills} times")


def test_a_good_pair(cluster):
    at_each_offset(killed.a_good_pair, cluster, "effects-good")


def test_a_bad_pair(cluster):
    at_each_offset(killed.a_bad_pair, cluster, "effects-bad")


def test_two_templates(cluster):
    at_each_offset(killed.two_templates, cluster, "effects-template")


def test_a_good_pair_through_an_httproute(cluster):
    at_each_offset(killed.a_good_pair_of_services, cluster, "effects-services")


def test_two_templates_through_an_httproute(cluster):
    at_each_offset(killed.two_templates_of_services, cluster, "effects-versions")


def test_verbs(cluster):
    at_each_offset(killed.verbs, cluster, "effects-verbs")


if __name__ == "__main__":
    support.main(globals(), long={"test_a_bad_pair", "test_two_templates", "test_a_good_pair_through_an_httproute", "test_two_templates_through_an_httproute", "test_verbs"})
