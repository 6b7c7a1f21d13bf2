#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments, while one release follows another."""
import os
import pathlib
import random
import signal
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import Load, check, main, rollout, service, version, wait_for, world  # noqa: E402

STEPS = [{"deploy": {}}, {"setWeight": 10}, {"monitor": {"duration": "7s", "min": "5s"}}, {"setWeight": 50},
         {"monitor": {"duration": "7s", "min": "5s"}}, {"setWeight": 100}, {"monitor": {"duration": "6s", "min": "5s"}},
         {"decommission": {"action": "scaleDown"}}]


def test_kill_at_random_through_three_releases():
    """Some component every few seconds. The seed is printed; SERIN_SEED repeats a run."""
    seed = int(os.environ.get("SERIN_SEED") or int.from_bytes(os.urandom(4), "big"))
    print(f"# SERIN_SEED={seed}", flush=True)
    dice = random.Random(seed)
    with world() as up:
        up.apply(*service(("v1", "v2", "v3", "v4")), version("v1"))
        up.wait_serving()
        killed, done = [], threading.Event()

        def killer():
            while not done.wait(dice.uniform(2, 7)):
                name = dice.choice(up.KILLABLE)
                pid = up.component(name)
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(name)
        with Load(up) as load:
            load.wait_version("v1")
            thread = threading.Thread(target=killer)
            thread.start()
            try:
                for number, stable in ((2, "v1"), (3, "v2"), (4, "v3")):
                    name = f"v{number}"
                    deployment, release = version(name), rollout(stable, name, steps=STEPS)
                    wait_for(f"the API to take {name}", lambda: up.apply(deployment), 30)
                    wait_for("the API to take the Rollout", lambda: up.apply(release), 30)

                    def ended():
                        status = up.rollout()["status"]
                        return status["phase"] == "Healthy" and status["stable"]["deployment"].endswith(name) and status
                    wait_for(f"{name} to be promoted", ended, 120, 0.5)
            finally:
                done.set()
                thread.join()
            load.wait_version("v4", load.answers("v4") + 200)
        results = [item["result"] for item in up.rollout()["status"]["history"]]
        check(results == ["Promoted"] * 3, f"after {len(killed)} kills the history is {results}")
        lost, proxies = load.lost(), killed.count("proxy")
        check("refused" not in lost and sum(lost.values()) <= proxies * 2 * 8, f"{proxies} proxies were killed, lost: {lost}")


if __name__ == "__main__":
    main()
