#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Long-lived connections through a release: those of the version that stays go on, those of the one that goes end in an orderly way."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import HOST, NAMESPACE, ON_CLUSTER, check, main, rollout, service, version, wait_for, world  # noqa: E402
from streams import WebSocket  # noqa: E402

BACKEND = pathlib.Path(__file__).resolve().parents[1] / "support" / "stream_backend.py"
STEPS = [{"deploy": {}}, {"setWeight": 50}, {"pause": {}}, {"setWeight": 100}, {"decommission": {"action": "scaleDown"}}]
# Of the proxy; `serin up` has the default of minutes.
DRAIN = {"proxy": ["--stream-drain-time", "3s"]} if ON_CLUSTER else {}


def agent(name):
    item = version(name, 1)
    item["spec"]["template"]["spec"]["containers"][0]["command"] = [sys.executable, str(BACKEND)]
    return item


def streams_on(up, name, count=3):
    """So many, all on that version."""
    found = []

    def another():
        stream = WebSocket(up.ports["http"], HOST)
        if stream.say(b"hello") == f"{name}:hello".encode():
            found.append(stream)
        else:
            stream.sock.close()
        return len(found) == count
    wait_for(f"{count} streams on {name}", another)
    return found


def all_say(streams, name):
    for stream in streams:
        said = stream.say(b"still here")
        check(said == f"{name}:still here".encode(), f"a stream on {name} heard {said}")


def test_streams_through_promote_and_abort():
    with world(**DRAIN) as up:
        up.apply(*service(), agent("v1"))
        up.wait_serving()
        first = streams_on(up, "v1")
        up.apply(agent("v2"), rollout("v1", "v2", steps=STEPS))
        up.wait_phase("Paused")
        second = streams_on(up, "v2")
        all_say(first, "v1")
        up.serin("promote", "research-agent", "-n", NAMESPACE)
        up.wait_phase("Healthy")
        for stream in first:  # by the proxy after its time, or by the pod's own end
            stream.ended()
        all_say(second, "v2")
        up.apply(agent("v3"), rollout("v2", "v3", steps=STEPS))
        up.wait_phase("Paused")
        third = streams_on(up, "v3")
        up.serin("abort", "research-agent", "-n", NAMESPACE)
        up.wait_phase("Aborted")
        if ON_CLUSTER:
            for stream in third:
                stream.ended()
        else:
            all_say(third, "v3")
        all_say(second, "v2")


if __name__ == "__main__":
    main()
