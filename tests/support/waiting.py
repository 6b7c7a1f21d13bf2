# SPDX-License-Identifier: Apache-2.0
"""All that a test does with time. Nobody else may sleep (tests/lint/waiting.py): who waits for something asks for it until a deadline that is
generous, so that a busy machine makes a test slow and not red."""
import asyncio
import subprocess
import time


class Failure(Exception):
    """A check that did not hold."""


NOT_YET = (Failure, OSError, ValueError, KeyError, IndexError, TypeError, subprocess.SubprocessError)


def check(condition, why):
    if not condition:
        raise Failure(why() if callable(why) else why)


def equal(got, expected, what=""):
    check(got == expected, lambda: f"{what}: expected {expected!r}, got {got!r}")


PATIENCE = 60  # seconds that every condition has at least: a deadline is there for what never comes, not to measure a busy machine


def wait_for(what, condition, seconds=PATIENCE, every=0.05, not_yet=NOT_YET):
    """Calls `condition` until it gives something true, and returns that. An exception of `not_yet` counts as "not yet"."""
    seconds = max(seconds, PATIENCE)
    began = time.monotonic()
    while True:
        try:
            last = condition()
            if last:
                return last
        except not_yet as error:
            last = error
        waited = time.monotonic() - began
        check(waited <= seconds, f"waited {seconds} s for {what}; last: {last}")
        time.sleep(every * min(1 + waited / 2, 2.5)) # what takes long is asked less often: a dozen tests that ask take a core


def settled(what, value, still=0.3, seconds=60):
    """Waits until value() is something and has not changed for `still` seconds, and returns it."""
    seen = [None, time.monotonic()]

    def is_still():
        now = value()
        if now != seen[0]:
            seen[:] = [now, time.monotonic()]
        return now and time.monotonic() - seen[1] >= still
    wait_for(what, is_still, seconds, 0.02)
    return seen[0]


def stays(holds, seconds, every=0.1):
    """Calls `holds` (which checks) for that long, at least twice: what must not happen meanwhile has not happened."""
    end = time.monotonic() + seconds
    holds()
    while time.monotonic() < end:
        time.sleep(every)
        holds()


def takes(seconds):
    """What stands in for a part of the world that is slow (a backend, a client, a plugin) takes this long, before it does what it does."""
    time.sleep(seconds)


async def dawdles(seconds):
    """takes() of a client that is one of many in a thread."""
    await asyncio.sleep(seconds)


def measured(seconds):
    """Nothing is waited for: this span is what is measured (CPU of something idle)."""
    time.sleep(seconds)
