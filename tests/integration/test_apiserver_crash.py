#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of `serin apiserver` under load, again and again: what was answered is there; watches go on where they were."""
import pathlib
import sqlite3
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import BIN, check, equal, main  # noqa: E402

CM = "/api/v1/namespaces/default/configmaps"
KILLS = 20


def write_until_killed(server, writer, acknowledged):
    """Creates objects one after the other; appends the name and version of each that was answered."""
    try:
        connection = server.connect()
        while True:
            name = f"w{writer}-{len(acknowledged)}"
            reply = server.request("POST", CM, {"metadata": {"name": name}, "data": {"n": "1"}}, connection=connection)
            if reply.status == 201:
                acknowledged.append((name, int(reply.json["metadata"]["resourceVersion"])))
            elif reply.status == 409:  # stored by a server that was killed before it answered
                acknowledged.append((name, 0))
            else:
                return
    except (OSError, ssl.SSLError, ValueError, EOFError, Exception):  # noqa: B014 (any end of the connection)
        return


def test_answered_writes_survive_kill_9(server):
    acknowledged = [[] for _ in range(4)]
    total = 0
    for round_ in range(KILLS):
        threads = [threading.Thread(target=write_until_killed, args=(server, i, acknowledged[i])) for i in range(4)]
        for thread in threads:
            thread.start()
        goal = sum(map(len, acknowledged)) + 10 + 2 * round_
        while sum(map(len, acknowledged)) < goal and any(t.is_alive() for t in threads):
            threads[0].join(0.002)
        server.kill()
        for thread in threads:
            thread.join()
        server.start()
        stored = {i["metadata"]["name"]: int(i["metadata"]["resourceVersion"]) for i in server.ok("GET", CM)["items"]}
        for name, version in sum(acknowledged, []):
            check(name in stored, f"{name} was answered and is lost after kill {round_ + 1}")
            check(version in (0, stored[name]), f"{name} changed its version")
        equal(len(set(stored.values())), len(stored), "versions are unique")
        total = len(stored)
    check(total > 10 * KILLS, f"only {total} writes: the load was no load")


def test_a_watch_resumes_after_a_restart(server):
    start = server.ok("GET", CM)["metadata"]["resourceVersion"]
    server.ok("POST", CM, {"metadata": {"name": "before"}})
    server.kill()
    server.start()
    server.ok("POST", CM, {"metadata": {"name": "after"}})
    stream = server.watch(f"{CM}?watch=1&resourceVersion={start}")
    equal([stream.next()["object"]["metadata"]["name"] for _ in range(2)], ["before", "after"])
    stream.close()


def test_a_version_before_the_history_has_expired(server):
    server.kill(15)
    with sqlite3.connect(server.data / "store.db") as db:  # as compaction leaves it (unit tests show that it happens)
        db.execute("UPDATE meta SET value = 3 WHERE key = 'compacted'")
        db.execute("DELETE FROM history WHERE revision <= 3")
    db.close()
    server.start()
    stream = server.watch(f"{CM}?watch=1&resourceVersion=2")
    event = stream.next()
    equal((event["type"], event["object"]["code"], event["object"]["reason"]), ("ERROR", 410, "Expired"))
    equal(stream.next(), None)
    stream.close()


def test_certificate_and_token_stay(server):
    before = (server.token, (server.data / "pki" / "ca.crt").read_text(), (server.data / "pki" / "server.crt").read_text())
    server.kill()
    server.start()
    equal((server.token, (server.data / "pki" / "ca.crt").read_text(), (server.data / "pki" / "server.crt").read_text()), before)


def test_sigterm_right_after_ready_is_a_clean_stop(server):
    for _ in range(5):
        equal(server.kill(15), 0)
        server.start()


def test_sigterm_ends_streams(server):
    pod = {"metadata": {"name": "logs"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    server.ok("POST", "/api/v1/namespaces/default/pods", pod)
    folder = server.data / "logs" / "default_logs"
    folder.mkdir(parents=True)
    (folder / "c.log").write_text("line\n")
    start = server.ok("GET", CM)["metadata"]["resourceVersion"]
    watch = server.watch(f"{CM}?watch=1&resourceVersion={start}")
    log = server.watch("/api/v1/namespaces/default/pods/logs/log?follow=true")
    equal(log.response.readline(), b"line\n")
    equal(server.kill(15), 0)
    equal(watch.next(), None)
    watch.close()
    log.close()
    server.start()


def test_a_second_server_on_the_same_data_is_refused(server):
    done = subprocess.run([BIN, "apiserver", "--data", str(server.data)], capture_output=True, text=True, timeout=20)
    equal(done.returncode, 1)
    check("another API server works on" in done.stderr, done.stderr)


def test_a_store_of_a_newer_version_is_refused(server):
    server.kill()
    with sqlite3.connect(server.data / "store.db") as db:
        before = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute("PRAGMA user_version = 99")
    db.close()
    done = subprocess.run([BIN, "apiserver", "--data", str(server.data)], capture_output=True, text=True, timeout=20)
    equal(done.returncode, 1)
    check("written by a newer Serin" in done.stderr, done.stderr)
    with sqlite3.connect(server.data / "store.db") as db:
        db.execute(f"PRAGMA user_version = {before}")
    db.close()
    server.start()


if __name__ == "__main__":
    main(globals())
