#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The process runtime with the real API server and kubectl: Deployments as processes."""
import os
import pathlib
import random
import signal
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from machine import Machine, alive, check, main, wait_for  # noqa: E402
from waiting import takes  # noqa: E402


def rolled_out(m, name):
    m.kubectl("rollout", "status", "deployment/" + name, "--timeout=30s")


def test_deployment_runs_scales_and_goes():
    with Machine() as m:
        m.apply(m.deployment("web", 2), m.service("web"))
        rolled_out(m, "web")
        m.kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=10s")
        ends = wait_for("two endpoints", lambda: len(m.ready_endpoints("web")) == 2 and m.ready_endpoints("web"))
        check(len({address for address, _ in ends}) == 2 and all(port == 8080 for _, port in ends), f"endpoints: {ends}")
        wait_for("the same in the Endpoints", lambda: {a["ip"] for part in m.get("endpoints", "web").get("subsets", []) for a in part.get("addresses", [])} ==
                 {address for address, _ in ends})
        check(ends[0][0] in m.kubectl("describe", "svc", "web").stdout, "describe svc names no endpoint")
        check(m.kubectl("logs", "deploy/web", "--since=10m", "--timestamps", "--tail=1").stdout[:2] in ("", "20"), "no times in the log")
        answers = {m.ask(end)["pod"] for end in ends}
        names = {pod["metadata"]["name"] for pod in m.get("pods")}
        check(answers == names, f"{answers} answered, not {names}")
        m.kubectl("scale", "deployment/web", "--replicas=4")
        rolled_out(m, "web")
        wait_for("four endpoints", lambda: len(m.ready_endpoints("web")) == 4)
        m.kubectl("scale", "deployment/web", "--replicas=1")
        wait_for("one process", lambda: len(m.workloads()) == 1)
        wait_for("one endpoint", lambda: len(m.ready_endpoints("web")) == 1)
        m.kubectl("delete", "deployment/web")
        wait_for("no process and no shim", lambda: not m.workloads() and not m.shims())
        wait_for("no pod", lambda: not m.get("pods"))
        check(not [e for e in os.listdir(m.data / "pods") if e != "addresses.json"], "a pod's folder is left")
        check(not os.listdir(m.data / "logs"), "a pod's logs are left")


def test_rolling_update_always_has_a_ready_pod_that_answers():
    with Machine() as m:
        m.apply(m.deployment("web", 2, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}), m.service("web"))
        rolled_out(m, "web")
        wait_for("two endpoints", lambda: len(m.ready_endpoints("web")) == 2)
        stop, troubles, seen = threading.Event(), [], []

        def watch():
            while not stop.is_set():
                ends = m.ready_endpoints("web")
                seen.append(len(ends))
                if len(ends) < 2:
                    troubles.append(f"{len(ends)} ready")
                for end in ends:
                    try:
                        m.ask(end)
                    except (OSError, ValueError, IndexError) as error:
                        troubles.append(f"{end}: {error}")
        watcher = threading.Thread(target=watch)
        watcher.start()
        for version in ("v2", "v3"):
            m.apply(m.deployment("web", 2, version, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}))
            rolled_out(m, "web")
        stop.set()
        watcher.join()
        check(len(seen) > 3 and not troubles, f"{len(seen)} looks, troubles: {troubles[:5]}")
        wait_for("only v3", lambda: {m.ask(end)["version"] for end in m.ready_endpoints("web")} == {"v3"})
        m.kubectl("rollout", "undo", "deployment/web", "--to-revision=1")
        rolled_out(m, "web")
        wait_for("v1 again", lambda: {m.ask(end)["version"] for end in m.ready_endpoints("web")} == {"v1"})
        check(len(m.get("replicasets")) == 3, "an undo made another ReplicaSet")


def test_readiness_takes_a_pod_out_and_crashes_are_restarted():
    with Machine() as m:
        m.apply(m.deployment("web", 2), m.service("web"))
        rolled_out(m, "web")
        first, second = sorted(wait_for("two", lambda: len(m.ready_endpoints("web")) == 2 and m.ready_endpoints("web")))
        m.ask(first, "/fail")
        wait_for("only the other", lambda: m.ready_endpoints("web") == [second])
        pid = m.ask(first)["pid"]
        try:
            m.ask(first, "/exit")
        except (ValueError, IndexError, OSError):
            pass
        wait_for("both again", lambda: sorted(m.ready_endpoints("web")) == [first, second])
        check(m.ask(first)["pid"] != pid, "the same process")
        pod = next(p for p in m.get("pods") if p["status"]["podIP"] == first[0])
        state = pod["status"]["containerStatuses"][0]
        check(state["restartCount"] == 1 and state["lastState"]["terminated"]["exitCode"] == 9, f"status: {state}")


def test_crash_loop_backs_off_and_keeps_the_last_log():
    with Machine() as m:
        m.apply(m.pod("crash", "echo attempt; echo oops >&2; exit 7"))
        waiting = wait_for("back-off", lambda: m.get("pod", "crash")["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
                           and m.get("pod", "crash"))
        status = waiting["status"]["containerStatuses"][0]
        check("back-off 10s" in status["state"]["waiting"]["message"], f"message: {status['state']}")
        check(status["lastState"]["terminated"]["exitCode"] == 7, f"last state: {status['lastState']}")
        check(status["restartCount"] >= 1, f"restarts: {status['restartCount']}")
        check(m.kubectl("logs", "crash", "--previous").stdout == "attempt\noops\n", "previous log")
        m.wait_event("crash", "BackOff")


def test_adoption_keeps_pids_whatever_is_killed():
    with Machine() as m:
        m.apply(m.deployment("web", 2), m.service("web"))
        rolled_out(m, "web")
        before = m.workloads()
        check(len(before) == 2, f"workloads: {before}")
        m.kill("runtime")
        m.kill("apiserver")
        check(m.workloads() == before, "a workload went with the runtime")
        m.start("apiserver")
        m.start("runtime")
        wait_for("the API", lambda: m.kubectl("get", "--raw", "/readyz", ok=False).returncode == 0)
        m.kubectl("scale", "deployment/web", "--replicas=3")
        rolled_out(m, "web")
        check(before < m.workloads() and len(m.workloads()) == 3, f"{before} are not kept in {m.workloads()}")
        check(all(p["status"]["containerStatuses"][0]["restartCount"] == 0 for p in m.get("pods")), "a restart was counted")
        # A shim too: another one takes over the running process, its output goes on into the log.
        process = sorted(before)[0]
        shims = m.shims()
        for shim in shims:
            os.kill(shim, signal.SIGKILL)
        wait_for("other shims", lambda: len(m.shims()) == 3 and not m.shims() & shims)
        check(alive(process) and len(m.workloads()) == 3, "a workload went with its shim")
        m.stop("runtime", with_signal=signal.SIGUSR1)
        check(len(m.workloads()) == 3, "leaving stopped a workload")
        m.start("runtime")
        # Pods that are deleted while no runtime runs are ended by the next one.
        m.kill("runtime")
        for pod in m.get("pods"):
            m.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force", "--wait=false")
        m.kubectl("delete", "deployment/web")
        m.start("runtime")
        wait_for("orphans gone", lambda: not m.workloads() and not m.shims())


def test_logs_are_there_and_followed():
    with Machine() as m:
        m.apply(m.deployment("web", 1))
        rolled_out(m, "web")
        check(m.kubectl("logs", "deployment/web").stdout == "listening as v1\n", "the log of the container")


def test_a_container_inherits_no_descriptors():
    """The runtime's connections to the API server are not for workloads, nor for the shims between."""
    with Machine() as m:
        mark = m.work / "descriptors"
        m.apply(m.deployment("web", 1))
        rolled_out(m, "web")
        m.apply(m.pod("lists", f"ls -l /proc/self/fd > {mark}.tmp; mv {mark}.tmp {mark}; exec tail -f /dev/null"))
        wait_for("the list", mark.exists)
        seen = {line.split()[-3] for line in mark.read_text().splitlines() if "->" in line}
        check(seen == {"0", "1", "2", "3"}, mark.read_text())  # 3 is the folder that ls reads
        for shim in m.shims():
            sockets = [fd for fd in os.listdir(f"/proc/{shim}/fd") if os.readlink(f"/proc/{shim}/fd/{fd}").startswith("socket:")]
            check(not sockets, f"shim {shim} holds sockets: {sockets}")


def test_termination_is_graceful_then_forced():
    with Machine() as m:
        stamp = m.work / "stamp"
        m.apply(m.pod("polite", f"trap 'echo bye > {stamp}; exit 0' TERM; while :; do sleep 0.1; done"),
                m.pod("deaf", "trap '' TERM; while :; do sleep 0.1; done"))
        m.kubectl("wait", "--for=condition=Ready", "pod/polite", "pod/deaf", "--timeout=10s")
        m.kubectl("delete", "pod", "polite", "deaf")
        check(stamp.read_text() == "bye\n", "no TERM came")
        wait_for("nothing left", lambda: not m.left_over() or not m.shims())
        # What a container leaves behind in its session goes with it.
        m.apply(m.pod("forks", f"(trap '' TERM HUP; exec sleep 7777.{os.getpid()}) & exit 0", restartPolicy="Never"))
        wait_for("the end", lambda: m.get("pod", "forks")["status"]["phase"] == "Succeeded")
        left = os.popen(f"pgrep -f 'sleep 7777.{os.getpid()}$'").read().split()
        check(not left, f"left: {left}")


def test_configuration_is_waited_for_and_volumes_are_mounted():
    with Machine() as m:
        target = "/serin-test-" + str(os.getpid())
        script = (f"cat {target}/conf/greeting {target}/one; stat -L -c %a {target}/sec/pw; cat $SERIN_VOLUME_S/pw; echo; echo \"$FROM\"; "
                  f"echo scratch > {target}/empty/x; cat {target}/empty/x; exec tail -f /dev/null")
        m.apply(m.pod("reader", container={
            "command": ["sh", "-c", script], "envFrom": [{"configMapRef": {"name": "conf"}, "prefix": "CM_"}],
            "env": [{"name": "FROM", "value": "$(CM_greeting)-$(POD_IP)-$$(X)"}],
            "volumeMounts": [{"name": "c", "mountPath": target + "/conf"}, {"name": "c", "mountPath": target + "/one", "subPath": "greeting"},
                             {"name": "s", "mountPath": target + "/sec"}, {"name": "e", "mountPath": target + "/empty"}]},
            volumes=[{"name": "c", "configMap": {"name": "conf"}}, {"name": "s", "secret": {"secretName": "sec", "defaultMode": 0o400}},
                     {"name": "e", "emptyDir": {}}]))
        waiting = wait_for("waiting", lambda: m.get("pod", "reader")["status"]["containerStatuses"][0]["state"]["waiting"])
        check(waiting["reason"] == "CreateContainerConfigError" and 'configmap "conf" not found' in waiting["message"], f"{waiting}")
        m.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sec", "namespace": "default"}, "stringData": {"pw": "s3cret"}})
        m.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": "default"}, "data": {"greeting": "hello\n"}})
        m.kubectl("wait", "--for=condition=Ready", "pod/reader", "--timeout=10s")
        address = m.get("pod", "reader")["status"]["podIP"]
        if not [1 for reason, _ in m.events("reader") if reason == "VolumeNotMounted"]:
            want = f"hello\nhello\n400\ns3cret\nhello\n-{address}-$(X)\nscratch\n"
            wait_for("its output", lambda: m.kubectl("logs", "reader").stdout == want or check(False, m.kubectl("logs", "reader").stdout))
        check(not os.path.exists(target), "a mount point was made on the host")
        # A change of the ConfigMap reaches the files.
        m.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": "default"}, "data": {"greeting": "again\n"}})
        uid = m.get("pod", "reader")["metadata"]["uid"]
        file = m.data / "pods" / uid / "volumes" / "c" / "greeting"
        wait_for("the new content", lambda: file.read_text() == "again\n")


def test_what_is_not_honoured_is_said():
    with Machine("example/mapped=sh -c 'echo mapped $0 $*' first") as m:
        m.apply(m.pod("nomap", container={"command": None, "image": "example/none:v1"}),
                m.pod("mapped", container={"command": None, "image": "example/mapped:v7", "args": ["$(POD_IP)"]}, restartPolicy="Never"),
                m.pod("limits", container={"resources": {"limits": {"cpu": "1"}}}),
                m.pod("everywhere", container={"command": ["/usr/bin/python3", "-m", "http.server", "0"]}))
        waiting = wait_for("waiting", lambda: m.get("pod", "nomap")["status"]["containerStatuses"][0]["state"]["waiting"])
        check(waiting["reason"] == "ErrImageNotMapped" and "--image example/none:v1=COMMAND" in waiting["message"], f"{waiting}")
        wait_for("the mapped one", lambda: m.get("pod", "mapped")["status"]["phase"] == "Succeeded")
        address = m.get("pod", "mapped")["status"]["podIP"]
        check(m.kubectl("logs", "mapped").stdout == f"mapped first {address}\n", m.kubectl("logs", "mapped").stdout)
        check("resources.limits" in m.wait_event("limits", "FieldsNotHonoured"), "limits are not named")
        check("all addresses" in m.wait_event("everywhere", "BindsAllAddresses"), "the message")


def test_probes_of_all_kinds_and_init_containers():
    with Machine() as m:
        mark = m.work / "mark"
        pod = m.pod("probed", f"echo begun >> {mark}; sleep 1000", container={
            "startupProbe": {"exec": {"command": ["sh", "-c", f"test -s {mark} && test \"$ROLE\" = x"]}, "periodSeconds": 1},
            "livenessProbe": {"exec": {"command": ["test", "!", "-e", str(m.work / "sick")]}, "periodSeconds": 1, "failureThreshold": 1},
            "env": [{"name": "ROLE", "value": "x"}]},
            initContainers=[{"name": "one", "image": "x", "command": ["sh", "-c", f"sleep 0.3; echo one >> {mark}"]},
                            {"name": "two", "image": "x", "command": ["sh", "-c", f"echo two >> {mark}"]}])
        m.apply(pod)
        m.kubectl("wait", "--for=condition=Ready", "pod/probed", "--timeout=10s")
        check(mark.read_text().split() == ["one", "two", "begun"], mark.read_text())
        (m.work / "sick").touch()
        wait_for("a restart", lambda: m.get("pod", "probed")["status"]["containerStatuses"][0]["restartCount"] == 1)
        (m.work / "sick").unlink()
        m.kubectl("wait", "--for=condition=Ready", "pod/probed", "--timeout=20s")
        check([1 for _, text in m.events("probed") if "failed liveness probe" in text], "no event says why")


def test_clean_stop_ends_workloads_and_the_next_start_brings_them_back():
    with Machine() as m:
        m.apply(m.deployment("web", 2), m.service("web"))
        rolled_out(m, "web")
        before = m.workloads()
        check(m.stop("runtime") == 0 and not m.workloads() and not m.shims(), "something still runs")
        check(m.ready_endpoints("web") == [], "stopped pods are still endpoints")
        m.start("runtime")
        wait_for("both again", lambda: len(m.ready_endpoints("web")) == 2)
        check(len(m.get("pods")) == 2 and not m.workloads() & before, "not the same pods")


def test_what_the_api_refuses_is_said_on_the_owner():
    with Machine() as m:
        long = m.deployment("web", 1)
        long["metadata"]["name"] = "w" * 250  # with its hash too long for a ReplicaSet
        m.apply(long)
        why = m.wait_event(long["metadata"]["name"], "FailedCreate")
        check("ReplicaSet" in why or "name" in why, why)


def copies(m):
    """{pod name: [pid]} of the server processes that run."""
    found = {}
    for pid in m.workloads():
        try:
            environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        names = [item[9:].decode() for item in environment if item.startswith(b"POD_NAME=")]
        if names:
            found.setdefault(names[0], []).append(pid)
    return found


def test_killing_anything_at_any_moment_never_makes_two_copies():
    dice = random.Random(7)
    with Machine() as m:
        m.apply(m.deployment("web", 2), m.service("web"))
        rolled_out(m, "web")
        for turn in range(24):
            if turn % 3 == 0:
                m.kubectl("scale", "deployment/web", f"--replicas={dice.randint(1, 5)}", ok=False)
            if turn % 5 == 0:
                m.kubectl("set", "env", "deployment/web", f"VERSION=v{turn}", ok=False)
            takes(dice.random() * 0.15)  # any moment is as good as any other
            victim = dice.choice(["runtime", "runtime", "apiserver", "shim"])
            if victim == "shim":
                shims = sorted(m.shims())
                if shims:
                    os.kill(dice.choice(shims), signal.SIGKILL)
            else:
                m.kill(victim)
                m.start(victim)
            doubled = {name: pids for name, pids in copies(m).items() if len(pids) > 1}
            # A process between fork and exec shows its parent's words: two are two only if they stay.
            if doubled:
                wait_for("one copy each", lambda: not [1 for pids in copies(m).values() if len(pids) > 1], seconds=1)
        wait_for("the API", lambda: m.kubectl("get", "--raw", "/readyz", ok=False).returncode == 0)
        m.kubectl("scale", "deployment/web", "--replicas=3")
        rolled_out(m, "web")
        wait_for("three processes", lambda: len(copies(m)) == 3 and all(len(pids) == 1 for pids in copies(m).values()))
        check(set(copies(m)) == {pod["metadata"]["name"] for pod in m.get("pods")}, f"{copies(m)}")
        wait_for("three endpoints", lambda: len(m.ready_endpoints("web")) == 3)


if __name__ == "__main__":
    sys.exit(main(dict(globals())))
