#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`serin backup` of a running server, `serin restore` into a stopped one."""
import json
import os
import pathlib
import sqlite3
import stat
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import BIN, check, equal, main  # noqa: E402

CM = "/api/v1/namespaces/default/configmaps"


def serin(*args):
    return subprocess.run([BIN, *args], capture_output=True, text=True, timeout=30)


def test_backup_and_restore(server):
    copy = str(server.data / "copy")
    server.ok("POST", CM, {"metadata": {"name": "kept"}, "data": {"a": "1"}})
    done = serin("backup", copy, "--data", str(server.data))
    equal(done.returncode, 0, done.stderr)
    equal(stat.S_IMODE(os.stat(copy).st_mode), 0o600)
    later = server.ok("POST", CM, {"metadata": {"name": "lost"}})
    refused = serin("restore", copy, "--data", str(server.data))
    equal(refused.returncode, 1)
    check("serin down" in refused.stderr, refused.stderr)
    again = serin("backup", copy, "--data", str(server.data))
    check(again.returncode == 1 and "exist" in again.stderr.lower(), again.stderr)
    server.kill(15)
    done = serin("restore", copy, "--data", str(server.data))
    equal(done.returncode, 0, done.stderr)
    server.start()
    names = [item["metadata"]["name"] for item in server.ok("GET", CM)["items"]]
    equal(names, ["kept"])
    made = server.ok("POST", CM, {"metadata": {"name": "after"}})
    check(int(made["metadata"]["resourceVersion"]) > int(later["metadata"]["resourceVersion"]), "no revision is used twice")
    stream = server.watch(f"{CM}?watch=1&resourceVersion={later['metadata']['resourceVersion']}")
    equal(stream.next()["object"]["code"], 410)
    stream.close()


def test_backup_while_writing(server):
    """Each copy is of one moment: of two objects that are written in turns the first is at most one ahead."""
    stop = threading.Event()

    def write():
        connection, number = server.connect(), 0
        while not stop.is_set():
            number += 1
            for name in ("first", "second"):
                server.ok("PATCH", f"{CM}/{name}", {"data": {"n": str(number)}}, content_type="application/merge-patch+json", connection=connection)
    for name in ("first", "second"):
        server.ok("POST", CM, {"metadata": {"name": name}, "data": {"n": "0"}})
    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(6):
            copy = server.data / f"copy-{number}"
            equal(serin("backup", str(copy), "--data", str(server.data)).returncode, 0)
            with sqlite3.connect(copy) as db:
                equal(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
                first, second = (int(json.loads(db.execute("SELECT body FROM objects WHERE name = ?", (name,)).fetchone()[0])["data"]["n"])
                                 for name in ("first", "second"))
            db.close()
            check(second <= first <= second + 1, f"{first} and {second}")
    finally:
        stop.set()
        thread.join()


def test_a_damaged_store_is_refused_and_replaced(server):
    copy = server.data / "good"
    server.ok("POST", CM, {"metadata": {"name": "precious"}})
    equal(serin("backup", str(copy), "--data", str(server.data)).returncode, 0)
    server.kill()  # its journal stays
    with open(server.data / "store.db", "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(65536))
    for name in ("store.db-wal", "store.db-shm"):
        (server.data / name).write_bytes(os.urandom(9000))
    done = serin("apiserver", "--data", str(server.data))
    equal(done.returncode, 1)
    check("serin restore" in done.stderr and "damaged" in done.stderr, done.stderr)
    done = serin("restore", str(copy), "--data", str(server.data))
    equal(done.returncode, 0, done.stderr)
    server.start()
    server.ok("GET", f"{CM}/precious")


def test_what_is_not_there(server):
    equal(serin("backup", str(server.data / "x"), "--data", str(server.data / "nowhere")).returncode, 5)
    equal(serin("restore", str(server.data / "absent"), "--data", str(server.data)).returncode, 5)
    server.kill(15)
    junk = server.data / "junk"
    junk.write_text("this is not a store\n" * 1000)
    done = serin("restore", str(junk), "--data", str(server.data))
    equal(done.returncode, 1, "junk")
    server.start()
    check(server.ok("GET", CM)["items"], "the store is as it was")


if __name__ == "__main__":
    main(globals())
