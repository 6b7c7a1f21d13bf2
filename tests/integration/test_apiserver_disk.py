#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, and one that fails: writes are refused with the reason, reads and watches go on, and when there is room again the
server needs no help. And: nothing is answered before it is on the disk."""
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import Server, check, equal, main, wait_for  # noqa: E402

CM = "/api/v1/namespaces/default/configmaps"
MERGE = "application/merge-patch+json"


def fill(server, connection):
    """Creates objects until one is refused; that reply, and the names of the others."""
    names = []
    for number in range(200):
        reply = server.request("POST", CM, {"metadata": {"name": f"fill-{number}"}, "data": {"a": "x" * 100000}}, connection=connection)
        if reply.status != 201:
            return reply, names
        names.append(f"fill-{number}")
    raise AssertionError("it was never full")


def through_the_trouble(server, make_room, why):
    connection = server.connect()
    server.ok("POST", CM, {"metadata": {"name": "before"}}, connection=connection)
    start = server.ok("GET", CM)["metadata"]["resourceVersion"]
    watch = server.watch(f"{CM}?watch=1&resourceVersion={start}")
    reply, names = fill(server, connection)
    body = reply.json
    equal((reply.status, body["kind"], body["reason"], body["code"]), (500, "Status", "InternalError", 500))
    check(re.search(why, body["message"]), body["message"])
    for _ in range(3):  # it stays so, and says so
        equal(server.request("PATCH", f"{CM}/before", {"data": {"b": "y" * 200000}}, content_type=MERGE, connection=connection).status, 500)
    listed = server.ok("GET", CM, connection=connection)
    equal({i["metadata"]["name"] for i in listed["items"]}, {"before", *names}, "what was answered is there, and no more")
    equal(server.get("/readyz", token=False).status, 200)
    equal([watch.next()["object"]["metadata"]["name"] for _ in names], names)
    fresh = server.watch(f"{CM}?watch=1&resourceVersion=0&fieldSelector=metadata.name%3Dbefore")
    equal(fresh.next()["object"]["metadata"]["name"], "before")
    make_room()
    made = server.ok("POST", CM, {"metadata": {"name": "after"}, "data": {"a": "x" * 100000}}, connection=connection)
    equal(int(made["metadata"]["resourceVersion"]), int(listed["metadata"]["resourceVersion"]) + 1, "no revision was used up")
    equal(watch.next()["object"]["metadata"]["name"], "after")
    watch.close()
    fresh.close()
    server.kill()
    server.start()
    equal({i["metadata"]["name"] for i in server.ok("GET", CM)["items"]}, {"before", "after", *names})


def test_a_full_disk(_):
    folder = tempfile.mkdtemp(prefix="serin-disk-")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "none", folder], capture_output=True).returncode:
        print("# skipped: a full disk (a tmpfs cannot be mounted here)")
        os.rmdir(folder)
        return
    try:
        ballast = pathlib.Path(folder) / "ballast"
        ballast.write_bytes(b"x" * (4 << 20))
        data = pathlib.Path(folder) / "data"
        data.mkdir(mode=0o700)
        server = Server(data=data)
        try:
            through_the_trouble(server, ballast.unlink, "full")
        finally:
            server.stop()
    finally:
        subprocess.run(["umount", folder], check=True)
        os.rmdir(folder)


def test_a_disk_that_fails(_):
    """Writes beyond a limit of the kernel's give an error of the disk: a limit on file sizes, for this one process."""
    server = Server()
    try:
        limit = 2 << 20
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        through_the_trouble(server, lambda: resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)),
                            "disk I/O error|full")
    finally:
        server.stop()


def test_nothing_is_answered_before_it_is_on_the_disk(server):
    """strace: between the arrival of a write and its answer there is an fdatasync (or fsync) of the journal."""
    if not shutil.which("strace"):
        print("# skipped: fdatasync before the answer (strace is not installed)")
        return
    connection = server.connect()
    server.ok("POST", CM, {"metadata": {"name": "synced"}, "data": {"n": "0"}}, connection=connection)
    trace = server.data / "trace"
    tracer = subprocess.Popen(["strace", "-p", str(server.process.pid), "-o", str(trace), "-e", "trace=fdatasync,fsync,sendto,sendmsg,write,writev,pwrite64"],
                              stderr=subprocess.PIPE, text=True)
    if "attached" not in (line := tracer.stderr.readline()):
        print(f"# skipped: fdatasync before the answer ({line.strip()})")
        tracer.wait(10)
        return
    for number in range(20):
        server.ok("PATCH", f"{CM}/synced", {"data": {"n": str(number + 1)}}, content_type=MERGE, connection=connection)
    wait_for("the trace", lambda: trace.read_text().count("sync(") >= 20)
    tracer.send_signal(signal.SIGINT)
    tracer.wait(10)
    unsynced = answers = 0
    written = False
    for line in trace.read_text().splitlines():
        call = line.split("(")[0].split()[-1]
        if call == "pwrite64":
            written = True
        elif call in ("fdatasync", "fsync"):
            written = False
        elif call in ("sendto", "sendmsg", "writev"):
            answers += 1
            unsynced += written
    check(answers >= 20, f"{answers} answers: {trace.read_text()[:500]}")
    equal(unsynced, 0, "answers with writes that were not synced")


if __name__ == "__main__":
    main(globals())
