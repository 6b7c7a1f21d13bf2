#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""workloadRef: one Deployment whose image somebody else changes. Git, names, selectors and the route between releases stay as they are."""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import HOST, NAMESPACE, ON_CLUSTER, ROOT, Load, check, main, wait_for, world  # noqa: E402

NAME = "research-agent"
TIMES = ("duration: 10s, min: 10s", "duration: 3s, min: 3s"), ("duration: 10s, min: 5s", "duration: 6s, min: 5s")


def example(name, *changes):
    """A file of examples/workload, in the namespace of the test, with these texts replaced."""
    text = (ROOT / "examples" / "workload" / f"{name}.yaml").read_text()
    for old, new in (("demo", NAMESPACE), *changes):
        check(old in text, f"no {old} in {name}.yaml")
        text = text.replace(old, new)
    return text


def deployment(name, error_rate=0):
    """As in Git: one name, one selector; CI changes the image (here: what the process says and does)."""
    port = "        ports:"
    stop = "        lifecycle: {preStop: {sleep: {seconds: 1}}}\n" if ON_CLUSTER else ""  # a pod may be asked for a moment after it was told to end
    return example("deployment", ("value: v1", f"value: {name}"), (port, stop + port), ("research-agent:v1", f"research-agent:{name}"),
                   ("        env:", f'        env:\n        - {{name: ERROR_RATE, value: "{error_rate}"}}'))


def running(up):
    """{version that a pod's template names} of all pods that are not on their way out."""
    pods = json.loads(up.kubectl("-n", NAMESPACE, "get", "pods", "-l", f"app={NAME}", "-o", "json"))["items"]
    return sorted(next(e["value"] for e in pod["spec"]["containers"][0]["env"] if e["name"] == "VERSION")
                  for pod in pods if "deletionTimestamp" not in pod["metadata"])


def names(up, kind="deployments"):
    return up.kubectl("-n", NAMESPACE, "get", kind, "-o", "name").split()


def route(up):
    return up.get("virtualservice", NAME)["spec"]["http"][0]["route"]


def as_found(up):
    return route(up) == [{"destination": {"host": HOST}}] and not up.get("destinationrule", NAME)["spec"].get("subsets") and \
        names(up) == [f"deployment.apps/{NAME}"]


def settled(up, phase, name):
    """In that phase, all pods run that version, and nothing of a release is left."""
    def is_settled():
        return up.phase() == phase and set(running(up)) == {name} and as_found(up)
    wait_for(f"{phase} with {name} alone, all else as it was found", is_settled, 90, 0.3)


def apply(up, *texts):
    return up.kubectl("apply", "-f", "-", input="\n---\n".join(texts))


def wait_paused(up):
    wait_for("the Deployment to be paused", lambda: up.get("deployment", NAME)["spec"].get("paused"))


def test_a_new_image_is_released_and_all_is_left_as_it_was_found():
    with world() as up:
        apply(up, example("service"), deployment("v1"))
        up.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{NAME}", "--timeout=60s")
        before = names(up, "pods")
        up.wait_serving()
        with Load(up) as load:
            load.wait_version("v1")
            apply(up, example("rollout", *TIMES))
            up.wait_phase("Healthy")
            wait_paused(up)
            check(names(up, "pods") == before, "adoption started something")
            # Git is applied again, and somebody resumes it: nothing moves by it.
            apply(up, deployment("v1"))
            up.kubectl("-n", NAMESPACE, "patch", "deployment", NAME, "--type=merge", "-p", '{"spec":{"paused":false}}')
            wait_paused(up)
            check(names(up, "pods") == before, "pods were replaced")
            apply(up, deployment("v2"))
            load.wait_version("v2", 20, 60)
            check(running(up).count("v1") == 2, f"the old pods stay while the canary is tried: {running(up)}")
            check(up.get("deployment", NAME)["spec"]["paused"] is True, "the Deployment is not paused in the release")
            settled(up, "Healthy", "v2")
            count = load.answers("v1")
            load.wait_version("v2", load.answers("v2") + 200)
            check(load.answers("v1") == count, "v1 still answers")
            check(up.get("deployment", NAME)["spec"]["paused"] is True, "the Deployment is not paused after the release")
            kept = names(up, "pods")
            up.kubectl("-n", NAMESPACE, "delete", "rollout", NAME, "--timeout=60s")
            left = up.get("deployment", NAME)
            check(not left["spec"].get("paused") and "serin.dev/paused-for" not in left["metadata"].get("annotations", {}),
                  f"paused after leaving: {left['spec'].get('paused')}")
            check(as_found(up) and names(up, "pods") == kept, "leaving changed something")
            check(not load.lost(), f"requests were lost: {load.lost()}")


def test_a_bad_image_is_put_back_and_taken_out():
    if not os.environ.get("SERIN_LONG"):
        return
    with world() as up:
        apply(up, example("service"), deployment("v1"), example("rollout", *TIMES))
        up.wait_phase("Healthy")
        wait_paused(up)
        up.wait_serving()
        kept = names(up, "pods")
        with Load(up) as load:
            load.wait_version("v1")
            apply(up, deployment("v2", 0.5))
            up.wait_phase("RolledBack")
            settled(up, "RolledBack", "v1")
            check(names(up, "pods") == kept, "pods of the version that serves were replaced")
            # A pod that dies is replaced by one of the version that serves: the template that failed starts nothing.
            up.kubectl("-n", NAMESPACE, "delete", kept[0], "--wait=true")
            wait_for("a new pod of v1", lambda: running(up) == ["v1", "v1"])
            up.serin("undo", NAME, "-n", NAMESPACE)
            settled(up, "Healthy", "v1")
            check(not load.lost(), f"requests were lost: {load.lost()}")
        check([item["result"] for item in up.rollout()["status"]["history"]] == ["RolledBack"], "history")


if __name__ == "__main__":
    main()
