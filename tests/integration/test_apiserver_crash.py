#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of `serin apiserver` under load, again and again: what was answered is there; watches go on where they were."""
import os
import pathlib
import random
import shutil
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import BIN, Failure, check, equal, main  # noqa: E402

CM = "/api/v1/namespaces/default/configmaps"
MERGE = "application/merge-patch+json"
KILLS = 1000 if os.environ.get("SERIN_LONG") else 20
KEPT = 15  # objects of one writer at a time


class Writer(threading.Thread):
    """Creates objects, counts in one, deletes old ones; notes what was answered. `asked` is one further, at most."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.server, self.number = server, number
        self.next, self.counted, self.highest = 0, 0, 0
        self.there, self.gone, self.unsure = set(), set(), set()

    def again(self):
        """A thread for the next life of the server, which knows what this one knew."""
        fresh = Writer(self.server, self.number)
        fresh.__dict__.update({key: self.__dict__[key] for key in ("next", "counted", "highest", "there", "gone", "unsure")})
        return fresh

    def ask(self, method, path, body=None, good=(200, 201), **more):
        reply = self.server.request(method, path, body, connection=self.connection, **more)
        check(reply.status in good, f"{method} {path}: {reply.status} {reply.text[:200]}")
        if method != "DELETE" and reply.status in (200, 201):
            version = int(reply.json["metadata"]["resourceVersion"])
            check(version > self.highest, f"{path}: version {version} after {self.highest}")
            self.highest = version

    def run(self):
        try:
            self.connection = self.server.connect()
            # 409: the server was killed between storing it and answering.
            self.ask("POST", CM, {"metadata": {"name": f"count-{self.number}"}, "data": {"n": "0"}}, (201, 409))
            while True:
                name = f"w{self.number}-{self.next}"
                self.unsure.add(name)
                self.next += 1
                self.ask("POST", CM, {"metadata": {"name": name}})
                self.unsure.discard(name)
                self.there.add(name)
                self.ask("PATCH", f"{CM}/count-{self.number}", {"data": {"n": str(self.counted + 1)}}, content_type=MERGE)
                self.counted += 1
                if len(self.there) > KEPT:
                    old = self.there.pop()
                    self.unsure.add(old)
                    self.ask("DELETE", f"{CM}/{old}")
                    self.unsure.discard(old)
                    self.gone.add(old)
        except Failure as failure:
            self.failure = failure
        except (OSError, ssl.SSLError, ValueError, EOFError, Exception):  # noqa: B014 (any end of the connection)
            return

    def check(self, stored, kill):
        check(not hasattr(self, "failure"), getattr(self, "failure", ""))
        for name in self.there:
            check(name in stored, f"{name} was answered and is lost after kill {kill}")
        for name in self.gone:
            check(name not in stored, f"{name} was deleted and is back after kill {kill}")
        self.gone.clear()
        count = stored.get(f"count-{self.number}")
        have = int(count["data"]["n"]) if count else 0
        check(self.counted <= have <= self.counted + 1, f"counted {self.counted}, stored {have}, after kill {kill}")
        self.counted = have


def check_file(server):
    """The database as the kill left it, in a copy."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("store.db", "store.db-wal"):
            if (server.data / name).exists():
                shutil.copy(server.data / name, folder)
        with sqlite3.connect(pathlib.Path(folder) / "store.db") as db:
            equal(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        db.close()


def test_answered_writes_survive_kill_9(server):
    writers = [Writer(server, number) for number in range(4)]
    rng, total = random.Random(), 0
    for kill in range(1, KILLS + 1):
        for writer in writers:
            writer.start()
        goal = sum(writer.next for writer in writers) + rng.randrange(4, 40)
        while sum(writer.next for writer in writers) < goal and any(writer.is_alive() for writer in writers):
            writers[0].join(0.002)
        server.kill()
        for writer in writers:
            writer.join()
        check_file(server)
        server.start()
        reply = server.ok("GET", CM)
        stored = {item["metadata"]["name"]: item for item in reply["items"]}
        version = int(reply["metadata"]["resourceVersion"])
        check(version >= max(writer.highest for writer in writers), f"the version went back to {version} after kill {kill}")
        versions = [item["metadata"]["resourceVersion"] for item in stored.values()]
        equal(len(set(versions)), len(versions), "versions are unique")
        for writer in writers:
            writer.check(stored, kill)
        total = sum(writer.next for writer in writers)
        writers = [writer.again() for writer in writers]
    check(total > 8 * KILLS, f"only {total} rounds of writes: the load was no load")
    server.ok("DELETE", CM)


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
