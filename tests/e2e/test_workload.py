#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""workloadRef: one Deployment whose image somebody else changes. Git, names, selectors and the route between releases stay as they are."""
import contextlib
import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from serin import HOST, NAMESPACE, ON_CLUSTER, ROOT, Load, check, main, wait_for, world  # noqa: E402

NAME = "research-agent"
TIMES = ("duration: 10s, min: 10s", "duration: 3s, min: 3s"), ("duration: 10s, min: 5s", "duration: 6s, min: 5s")


def example(name, *changes):
    """A file of examples/workload, in the namespace of the test, with these texts replaced."""
    text = next((ROOT / "examples" / "workload").glob(f"*-{name}.yaml")).read_text()
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


class VirtualService:
    """As in the example."""

    kind, changes = "virtualservice", ()

    def service(self):
        return example("service")

    def parts(self, up):
        """{what a version is called: weight}; "" answers for all."""
        return {item["destination"].get("subset", ""): item.get("weight", 100) for item in self.object(up)["spec"]["http"][0]["route"]}

    def object(self, up):
        return up.get(self.kind, NAME)

    def is_as_found(self, up):
        return self.object(up)["spec"]["http"][0]["route"] == [{"destination": {"host": HOST}}] and \
            not up.get("destinationrule", NAME)["spec"].get("subsets")


class HttpRoute(VirtualService):
    """Of the Service itself, which the Deployment shares its name with."""

    kind = "httproute"
    changes = (("virtualService: {name: research-agent}", "httpRoute: {name: research-agent, stableService: research-agent}"),
               ("    destinationRule: research-agent\n", ""))

    def service(self):
        mesh = {"group": "", "kind": "Service", "name": NAME}
        route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": {
            "parentRefs": [mesh], "rules": [{"timeouts": {"request": "5s"}, "backendRefs": [{"name": NAME, "port": 8080}]}]}}
        return "\n---\n".join([*example("service").split("\n---\n")[:2], json.dumps(route)])

    def parts(self, up):
        return {"" if ref["name"] == NAME else ref["name"]: ref.get("weight", 1) for ref in self.object(up)["spec"]["rules"][0]["backendRefs"]}

    def is_as_found(self, up):
        return list(self.parts(up)) == [""] and [name for name in names(up, "services") if name.startswith(f"service/{NAME}")] == [f"service/{NAME}"]


class Scene:
    """A Deployment that serves v1, taken over by a Rollout, under load. The load is checked at the end: no request is lost."""

    def __init__(self, router=VirtualService, *changes):
        self.router, self.changes = router(), changes

    @contextlib.contextmanager
    def __call__(self):
        with world() as self.up:
            self.apply(self.router.service(), deployment("v1"))
            self.kubectl("rollout", "status", f"deployment/{NAME}", "--timeout=60s")
            before = names(self.up, "pods")
            self.up.wait_serving()
            with Load(self.up) as self.load:
                self.load.wait_version("v1")
                self.apply(example("rollout", *TIMES, *self.router.changes, *self.changes))
                self.up.wait_phase("Healthy")
                self.wait_paused()
                check(names(self.up, "pods") == before, "adoption started something")
                yield self
                check(not self.load.lost(), f"requests were lost: {self.load.lost()}")

    def apply(self, *texts):
        return self.up.kubectl("apply", "-f", "-", input="\n---\n".join(texts))

    def kubectl(self, *arguments, **more):
        return self.up.kubectl("-n", NAMESPACE, *arguments, **more)

    def serin(self, *arguments, **more):
        return self.up.serin(*arguments, "-n", NAMESPACE, **more)

    def deployment(self):
        return self.up.get("deployment", NAME)

    def is_paused(self):
        return bool(self.deployment()["spec"].get("paused"))

    def wait_paused(self):
        wait_for("the Deployment to be paused", self.is_paused)

    def unpause(self):
        self.kubectl("patch", "deployment", NAME, "--type=merge", "-p", '{"spec":{"paused":false}}')

    def share(self):
        """Of the canary, as the route has it."""
        canary = self.up.rollout()["status"].get("canary", {}).get("subset")
        return self.router.parts(self.up).get(canary, 0)

    def is_as_found(self):
        return self.router.is_as_found(self.up) and names(self.up) == [f"deployment.apps/{NAME}"]

    def wait_share(self, version, percent):
        def has():
            status = self.up.rollout()["status"]
            return status["phase"] == "Paused" and status["canary"]["version"] == version and self.share() == percent
        wait_for(f"{percent} % for {version}", has, 60, 0.2)

    def settled(self, phase, name):
        """In that phase, all pods run that version, and nothing of a release is left."""
        def is_settled():
            return self.up.phase() == phase and set(running(self.up)) == {name} and self.is_as_found()
        wait_for(f"{phase} with {name} alone, all else as it was found", is_settled, 90, 0.3)

    def delete(self):
        self.kubectl("delete", "rollout", NAME, "--timeout=60s")
        annotations = self.deployment()["metadata"].get("annotations", {})
        check(self.is_as_found(), f"leaving left: {self.router.parts(self.up)} {names(self.up)}")
        return annotations


def names(up, kind="deployments"):
    return up.kubectl("-n", NAMESPACE, "get", kind, "-o", "name").split()


def good(router):
    with Scene(router)() as it:
        before = names(it.up, "pods")
        # Git is applied again, and somebody resumes it: nothing moves by it.
        it.apply(deployment("v1"))
        it.unpause()
        it.wait_paused()
        check(names(it.up, "pods") == before, "pods were replaced")
        it.apply(deployment("v2"))
        it.load.wait_version("v2", 20, 60)
        check(running(it.up).count("v1") == 2, f"the old pods stay while the canary is tried: {running(it.up)}")
        check(it.is_paused(), "the Deployment is not paused in the release")
        said = it.serin("status", NAME, fail=False).stdout
        check(f"Deployment {NAME} is paused and runs v1, canary {NAME}-" in said, f"status: {said}")
        it.settled("Healthy", "v2")
        count = it.load.answers("v1")
        it.load.wait_version("v2", it.load.answers("v2") + 200)
        check(it.load.answers("v1") == count, "v1 still answers")
        check(it.is_paused(), "the Deployment is not paused after the release")
        kept = names(it.up, "pods")
        check("serin.dev/paused-for" not in it.delete() and not it.is_paused(), "the Deployment is still paused for a Rollout that is gone")
        check(names(it.up, "pods") == kept, "leaving replaced pods")


def bad(router):
    with Scene(router)() as it:
        kept = names(it.up, "pods")
        it.apply(deployment("v2", 0.5))
        it.up.wait_phase("RolledBack")
        it.settled("RolledBack", "v1")
        check(names(it.up, "pods") == kept, "pods of the version that serves were replaced")
        # A pod that dies is replaced by one of the version that serves: the template that failed starts nothing.
        it.kubectl("delete", kept[0], "--wait=true")
        wait_for("a new pod of v1", lambda: running(it.up) == ["v1", "v1"])
        it.serin("undo", NAME)
        it.settled("Healthy", "v1")
        check([item["result"] for item in it.up.rollout()["status"]["history"]] == ["RolledBack"], "history")


def test_a_new_image_is_released_and_all_is_left_as_it_was_found():
    good(VirtualService)


def test_a_new_image_is_released_through_an_httproute():
    good(HttpRoute)


def test_a_bad_image_is_put_back_and_taken_out():
    bad(VirtualService)


def test_a_bad_image_is_put_back_through_an_httproute():
    bad(HttpRoute)


BY_HAND = ("- monitor: {duration: 6s, min: 5s}", "- pause: {}") # after TIMES


def refused(it, verb):
    """undo: of a Deployment that ran one version only it says that before it looks whether it is paused."""
    done = it.kubectl("rollout", verb, f"deployment/{NAME}", fail=False)
    check(done.returncode != 0 and ("paused" in done.stderr or "no rollout history" in done.stderr), f"kubectl rollout {verb}: {done.stdout}{done.stderr}")


def people_in_the_middle(router):
    """A second image, one set back, kubectl rollout undo and restart, resume, and a GitOps client, all while a release runs."""
    with Scene(router, BY_HAND)() as it:
        it.apply(deployment("v2"))
        it.wait_share("v2", 20)
        refused(it, "undo")
        refused(it, "restart")
        check(it.share() == 20, "the share moved")
        it.apply(deployment("v3"))
        it.wait_share("v3", 20)
        it.apply(deployment("v1"))  # set back in the middle
        it.settled("Healthy", "v1")
        kept = names(it.up, "pods")
        it.apply(deployment("v4"))
        it.wait_share("v4", 20)
        it.kubectl("rollout", "resume", f"deployment/{NAME}")  # its controller may be faster than we are
        it.wait_paused()
        it.apply(deployment("v4").replace("spec:\n  replicas", "spec:\n  paused: false\n  replicas", 1))  # Git says so, again and again
        it.wait_paused()
        check(set(kept) & set(names(it.up, "pods")), "all pods of v1 were replaced")
        check(it.share() == 20, "the share moved")
        it.serin("promote", NAME)
        it.settled("Healthy", "v4")
        results = [(item["version"], item["result"]) for item in it.up.rollout()["status"]["history"]]
        check(results == [("v4", "Promoted"), ("v3", "Superseded"), ("v2", "Superseded")], f"history: {results}")


def test_people_in_the_middle_of_a_release():
    people_in_the_middle(VirtualService)


def test_people_in_the_middle_of_a_release_through_an_httproute():
    people_in_the_middle(HttpRoute)


def a_newer_image_right_at_the_end(router):
    with Scene(router)() as it:
        it.apply(deployment("v2"))
        wait_for("the Deployment to be let roll", lambda: not it.is_paused() or None, 90, 0.05)
        it.apply(deployment("v3"))
        it.load.wait_version("v3", 20, 90)
        it.settled("Healthy", "v3")
        results = [(item["version"], item["result"]) for item in it.up.rollout()["status"]["history"]]
        check(results == [("v3", "Promoted"), ("v2", "Promoted")], f"history: {results}")


def test_a_newer_image_right_at_the_end():
    a_newer_image_right_at_the_end(VirtualService)


def test_a_newer_image_right_at_the_end_through_an_httproute():
    a_newer_image_right_at_the_end(HttpRoute)


def test_the_operator_killed_at_each_step():
    with Scene(HttpRoute)() as it:
        it.apply(deployment("v2"))

        def at(what):
            step = it.up.rollout()["status"]["step"]["name"]
            return {"pinned": lambda: "" not in it.router.parts(it.up), "share": lambda: it.share() == 20, "all": lambda: it.share() == 100,
                    "rolling": lambda: step == "decommission" and not it.is_paused()}[what]()
        for what in ("pinned", "share", "all", "rolling"):
            wait_for(f"moment {what}", lambda w=what: at(w), 60, 0.05)
            pid = wait_for("the operator", lambda: it.up.component("operator"), 20)
            os.kill(pid, signal.SIGKILL)
            wait_for("another operator", lambda p=pid: it.up.component("operator") not in (None, p), 20)
        it.settled("Healthy", "v2")
        check(len(it.up.rollout()["status"]["history"]) == 1, f"one release, but the history is {it.up.rollout()['status']['history']}")


# --- leaving ---

def test_leaving_before_during_and_after_a_release():
    with Scene(VirtualService, BY_HAND)() as it:
        rollout = example("rollout", *TIMES, BY_HAND)
        kept = names(it.up, "pods")
        check("serin.dev/paused-for" not in it.delete() and not it.is_paused(), "before a release: still paused")
        it.apply(rollout)
        it.wait_paused()
        it.apply(deployment("v2"))
        it.wait_share("v2", 20)
        said = it.delete()  # in the middle: back to v1, and v2 is not rolled out
        check("its template (v2) was not released, its pods run v1" in said.get("serin.dev/left-paused", ""), f"annotations: {said}")
        check(it.is_paused() and running(it.up) == ["v1", "v1"], f"paused {it.is_paused()}, pods run {running(it.up)}")
        check(names(it.up, "pods") == kept, "pods of v1 were replaced")
        it.apply(rollout)  # taken up again
        it.wait_share("v2", 20)
        check("serin.dev/left-paused" not in it.deployment()["metadata"]["annotations"], "the word of the last one stays")
        it.serin("promote", NAME)
        it.settled("Healthy", "v2")
        check("serin.dev/paused-for" not in it.delete() and not it.is_paused(), "after a release: still paused")
        check(running(it.up) == ["v2", "v2"], f"pods run {running(it.up)}")


def test_leaving_with_a_template_that_failed():
    for choice, version, paused in (("putBack", "v1", False), ("roll", "v2", False)):
        named = ("name: research-agent}\n  traffic", f"name: research-agent, onDelete: {choice}}}\n  traffic")
        with Scene(VirtualService, named)() as it:
            it.apply(deployment("v2", 0.5))
            it.up.wait_phase("RolledBack")
            it.settled("RolledBack", "v1")
            it.load.stop()  # v2 answers badly
            it.delete()
            check(it.is_paused() == paused, f"{choice}: paused {it.is_paused()}")
            wait_for(f"{choice}: pods of {version}", lambda v=version: running(it.up) == [v, v], 40)
            image = it.deployment()["spec"]["template"]["spec"]["containers"][0]["image"]
            check(image == f"research-agent:{version}", f"{choice}: {image}")
            it.kubectl("rollout", "status", f"deployment/{NAME}", "--timeout=40s")


def test_uninstall_lets_deployments_go():
    with Scene(VirtualService, BY_HAND)() as it:
        said = it.serin("uninstall", "--keep-operator", "--dry-run")
        check(f"Deployment {NAME} is resumed; nothing rolls, its pods run its template (v1)" in said, said)
        check(it.is_paused(), "a dry run changed something")
        it.apply(deployment("v2"))
        it.wait_share("v2", 20)
        said = it.serin("uninstall", "--keep-operator", "--dry-run")
        check(f"Deployment {NAME} stays paused and runs v1, Deployment {NAME}-" in said and "serin abort" in said, said)
        it.serin("abort", NAME)
        it.settled("Aborted", "v1")
        said = it.serin("uninstall", "--keep-operator", "--dry-run")
        check(f"Deployment {NAME} stays paused: its template (v2) was not released, its pods run v1" in said, said)


# --- another form ---

def test_another_form_under_load():
    """workloadRef, in the middle of a release made a template form, and back: no request is lost, and nothing is left over."""
    with Scene(VirtualService, BY_HAND)() as it:
        it.apply(deployment("v2"))
        it.wait_share("v2", 20)
        made = [doc for doc in deployment("v3").split("\n---\n") if "kind: Deployment" in doc][0]
        spec = json.loads(it.up.kubectl("create", "--dry-run=client", "-o", "json", "-f", "-", input=made))["spec"]
        form = {"workloadRef": None, "replicas": 2, "selector": spec["selector"], "template": spec["template"]}
        it.kubectl("patch", "rollout", NAME, "--type=merge", "-p", json.dumps({"spec": form}))

        def serves(version):
            status = it.up.rollout()["status"]
            return status["phase"] == "Healthy" and status["stable"]["version"] == version and "former" not in status
        wait_for("the template form to serve", lambda: serves("v3"), 120, 0.3)
        it.load.wait_version("v3")
        said = it.deployment()["metadata"].get("annotations", {})
        check("its template (v2) was not released" in said.get("serin.dev/left-paused", ""), f"annotations: {said}")
        back = {"workloadRef": {"name": NAME}, "replicas": None, "selector": None, "template": None}
        it.kubectl("patch", "rollout", NAME, "--type=merge", "-p", json.dumps({"spec": back}))
        it.wait_share("v2", 20)  # taken up again as it was left: its pods run v1, its template is v2
        it.serin("abort", NAME)
        it.settled("Aborted", "v1")


@contextlib.contextmanager
def no_operator(up):
    """It is there, but does nothing."""
    pid = wait_for("the operator", lambda: up.component("operator"), 20)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def finalizers(up):
    return up.get("rollout", NAME)["metadata"].get("finalizers", [])


def test_uninstall_of_a_release_that_runs():
    """Nothing moves and nothing is lost; an operator that comes back goes on; and without one the Rollout can be deleted at once."""
    with Scene(VirtualService, BY_HAND)() as it:
        it.apply(deployment("v2"))
        it.wait_share("v2", 20)
        with no_operator(it.up):
            before = it.router.parts(it.up), names(it.up), running(it.up)
            said = it.serin("uninstall", "--keep-operator")
            check("finalizer removed; the release stops where it is: v2 keeps 20 % of the traffic, v1 the rest" in said, said)
            check(f"Deployment {NAME} stays paused and runs v1, Deployment {NAME}-" in said, said)
            check(not finalizers(it.up), "the finalizer is still there")
            it.load.wait_version("v2")
            check(it.is_paused() and before == (it.router.parts(it.up), names(it.up), running(it.up)), f"was {before}")
        wait_for("the operator to take it up again", lambda: finalizers(it.up))
        it.serin("promote", NAME)
        it.settled("Healthy", "v2")
        with no_operator(it.up):
            said = it.serin("uninstall", "--keep-operator")
            check(f"Deployment {NAME} is resumed; nothing rolls, its pods run its template (v2)" in said, said)
            it.delete()
            check(not it.is_paused() and running(it.up) == ["v2", "v2"], f"pods run {running(it.up)}")


if __name__ == "__main__":
    main(long={name for name in list(globals()) if name.startswith("test_")} - {"test_a_new_image_is_released_and_all_is_left_as_it_was_found"})
