#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Watches and lists against a model: several writers, watchers that come and go as they like (from their last version, from 0, from a
list, with initial events, with selectors), readers that stop reading, lists page by page. One watch that never breaks off is the tape; what
all others get is computed from it, event by event. SERIN_LONG: 1,000 watchers. The seed is printed; SEED=N repeats a run."""
import asyncio
import bisect
import json
import os
import pathlib
import random
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import Failure, check, equal, main  # noqa: E402
from waiting import dawdles  # noqa: E402

CM = "/api/v1/namespaces/default/configmaps"
ALL = "/api/v1/configmaps"
MERGE = "application/merge-patch+json"
LONG = bool(os.environ.get("SERIN_LONG"))
SEED = int(os.environ.get("SEED") or random.randrange(1 << 30))
WATCHERS, WRITERS, WRITES = (1000, 6, 2000) if LONG else (36, 4, 400)
PATIENCE = 10 if LONG else 1  # a thousand handshakes a second would be all that is measured

# Query, and whether an object (its labels) is seen by it.
SELECTORS = [
    ("", lambda name, labels: True),
    ("labelSelector=color%3Dred", lambda name, labels: labels.get("color") == "red"),
    ("labelSelector=color+in+(red,blue),size%3Ds", lambda name, labels: labels.get("color") in ("red", "blue") and labels.get("size") == "s"),
    ("labelSelector=!color", lambda name, labels: "color" not in labels),
    ("fieldSelector=metadata.name%3Do3", lambda name, labels: name == "o3"),
    ("labelSelector=size!%3Dm", lambda name, labels: labels.get("size") != "m"),
]


class Wire:
    """One connection: requests one by one, or a watch."""

    def __init__(self, server):
        self.server = server

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.server.port, ssl=self.server.context,
                                                                 server_hostname="127.0.0.1", limit=4 << 20)

    def send(self, method, path, body=None, kind="application/json"):
        data = json.dumps(body).encode() if body is not None else b""
        self.writer.write(f"{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {self.server.token}\r\nContent-Type: {kind}\r\n"
                          f"Content-Length: {len(data)}\r\n\r\n".encode() + data)

    async def head(self):
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        return int(lines[0].split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}

    async def ask(self, method, path, body=None, kind="application/json"):
        self.send(method, path, body, kind)
        status, headers = await self.head()
        return status, json.loads(await self.reader.readexactly(int(headers["content-length"])))

    async def events(self, path):
        """The events of a watch, until the stream ends."""
        self.send("GET", path)
        status, headers = await self.head()
        while status == 429: # a thousand at once are told when to come again, and do, as Kubernetes' clients do
            await self.reader.readexactly(int(headers["content-length"]))
            await dawdles(int(headers["retry-after"]))
            self.send("GET", path)
            status, headers = await self.head()
        if status != 200:
            raise Failure(f"{path}: {status}")
        rest = b""
        while True:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            if size == 0:
                return
            rest += (await self.reader.readexactly(size + 2))[:-2]
            *lines, rest = rest.split(b"\n")
            for line in lines:
                yield json.loads(line)

    def close(self):
        self.writer.transport.abort()


def entry(event):
    meta = event["object"]["metadata"]
    return event["type"], meta["name"], int(meta["resourceVersion"])


class Tape:
    """All events of a watch that never breaks off: the truth."""

    def __init__(self):
        self.events, self.labels, self.views, self.states = [], [], {}, {}
        self.start = 0

    def add(self, event):
        self.events.append(entry(event))
        self.labels.append(event["object"]["metadata"].get("labels", {}))

    def view(self, sees):
        """What one selector sees of it all: its events, and their versions."""
        if sees not in self.views:
            seen, events = set(), []
            for (kind, name, version), labels in zip(self.events, self.labels):
                now = kind != "DELETED" and sees(name, labels)
                if now:
                    events.append(("MODIFIED" if name in seen else "ADDED", name, version))
                elif name in seen:
                    events.append(("DELETED", name, version))
                (seen.add if now else seen.discard)(name)
            self.views[sees] = events, [version for _, _, version in events]
        return self.views[sees]

    def state(self, revision, sees):
        """{name: version} of what a selector sees as of a revision."""
        events, versions = self.view(sees)
        count = bisect.bisect_right(versions, revision)
        if (sees, count) not in self.states:
            objects = {}
            for kind, name, version in events[:count]:
                if kind == "DELETED":
                    del objects[name]
                else:
                    objects[name] = version
            self.states[sees, count] = objects
        return self.states[sees, count]

    def between(self, after, until, sees):
        """What a watch with that selector has to say from one revision to another."""
        events, versions = self.view(sees)
        return events[bisect.bisect_right(versions, after):bisect.bisect_right(versions, until)]


class Watcher:
    """Watches in pieces; each piece is kept: where it began, what it began with, what came."""

    def __init__(self, server, rng, number):
        self.server, self.rng = server, rng
        self.query, self.sees = SELECTORS[number % len(SELECTORS)]
        self.pieces, self.last, self.faults = [], None, []

    async def piece(self, patience):
        ways = ["list", "zero", "initial"] + (["last"] * 3 if self.last is not None else [])
        way, wire = self.rng.choice(ways), Wire(self.server)
        await wire.open()
        try:
            query, initial, bookmark, got = self.query, None, way != "initial", []
            if way == "list":
                status, body = await wire.ask("GET", f"{CM}?{self.query}")
                equal(status, 200)
                begin = int(body["metadata"]["resourceVersion"])
                initial = {i["metadata"]["name"]: int(i["metadata"]["resourceVersion"]) for i in body["items"]}
                query += f"&resourceVersion={begin}"
            elif way == "last":
                begin = self.last
                query += f"&resourceVersion={begin}"
            elif way == "zero":
                query += "&resourceVersion=0"
                begin = None
            else:
                query += "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
                begin, initial = None, {}
            piece = [way, begin, initial, got]
            self.pieces.append(piece)
            many = self.rng.randrange(1, 60) * PATIENCE
            async for event in wire.events(f"{CM}?watch=1&{query}"):
                if event["type"] == "BOOKMARK":
                    piece[1] = int(event["object"]["metadata"]["resourceVersion"])
                    bookmark = True
                elif event["type"] == "ERROR":
                    self.faults.append(f"{way}: {event['object']}")
                    return
                elif way == "initial" and not bookmark:
                    initial[entry(event)[1]] = entry(event)[2]
                    if event["type"] != "ADDED":
                        self.faults.append(f"{event['type']} among the initial events")
                else:
                    got.append(entry(event))
                if len(got) >= many and patience:
                    break
            if way == "initial" and not bookmark:
                self.pieces.pop()
        finally:
            if self.pieces and self.pieces[-1][3]:
                self.last = max(version for _, _, version in self.pieces[-1][3])
            wire.close()

    async def run(self, stop):
        await dawdles(self.rng.uniform(0, WATCHERS / 500))
        while not stop.is_set():
            try:
                await asyncio.wait_for(self.piece(True), self.rng.uniform(0.1, 2) * PATIENCE)
            except (asyncio.TimeoutError, asyncio.IncompleteReadError, ConnectionError):
                pass

    def check(self, tape):
        equal(self.faults, [], self.query)
        for way, begin, initial, got in self.pieces:
            where = f"{way} from {begin} with {self.query or 'everything'}, SEED={SEED}"
            if way == "zero":
                # The objects first, in the order of their names; from the first that is no more in that order they are changes.
                split = 0
                while split < len(got) and got[split][0] == "ADDED" and (split == 0 or got[split][1] > got[split - 1][1]):
                    split += 1
                check(any(self.fits_zero(tape, got, at) for at in range(split, -1, -1)), f"{where}: {got[:40]}")
                continue
            if begin is None:
                continue  # cut before its bookmark
            if initial is not None:
                equal(initial, tape.state(begin, self.sees), where)
            equal(got, tape.between(begin, got[-1][2] if got else begin, self.sees), where)

    def fits_zero(self, tape, got, split):
        """Whether the first `split` events are (the beginning of) the state at one revision, and the rest what followed."""
        first, rest = {name: version for _, name, version in got[:split]}, got[split:]
        low = max(first.values(), default=tape.start)
        high = rest[0][2] - 1 if rest else tape.events[-1][2]
        for revision in [low] + [version for _, _, version in tape.events if low < version <= high]:
            state = tape.state(revision, self.sees)
            whole = first == state if rest else all(state.get(name) == version for name, version in first.items())
            if whole and (not rest or tape.between(revision, rest[-1][2], self.sees) == rest):
                return True
        return False


async def write(server, rng, writes, log):
    wire = Wire(server)
    await wire.open()
    for _ in range(writes):
        name, dice = f"o{rng.randrange(14)}", rng.random()
        labels = {"color": rng.choice(["red", "blue", None]), "size": rng.choice(["s", "m", None])}
        if dice < 0.35:
            labels = {key: value for key, value in labels.items() if value}
            status, body = await wire.ask("POST", CM, {"metadata": {"name": name, "labels": labels}, "data": {"n": str(rng.random())}})
        elif dice < 0.6:
            status, body = await wire.ask("PATCH", f"{CM}/{name}", {"metadata": {"labels": labels}}, MERGE)
        elif dice < 0.85:
            status, body = await wire.ask("PATCH", f"{CM}/{name}", {"data": {"n": str(rng.random())}}, MERGE)
        else:
            status, body = await wire.ask("DELETE", f"{CM}/{name}")
        if status in (200, 201):
            log.append((name, int(body["metadata"]["resourceVersion"]) if dice < 0.85 else None))
        elif status not in (404, 409):
            raise Failure(f"{status} {body}")
    wire.close()


async def page(server, rng, lists, stop):
    """Lists in pages while others write: each is of one moment."""
    wire = Wire(server)
    await wire.open()
    while not stop.is_set():
        query, sees = rng.choice(SELECTORS)
        items, path, revision = {}, f"{CM}?{query}&limit={rng.randrange(1, 5)}", None
        while path:
            status, body = await wire.ask("GET", path)
            equal(status, 200, body)
            check(revision in (None, body["metadata"]["resourceVersion"]), "all pages have one revision")
            revision = body["metadata"]["resourceVersion"]
            items.update({i["metadata"]["name"]: int(i["metadata"]["resourceVersion"]) for i in body["items"]})
            token = body["metadata"].get("continue")
            path = token and f"{CM}?{query}&limit={rng.randrange(1, 5)}&continue={urllib.parse.quote(token)}"
            await dawdles(0.01)
        lists.append((int(revision), sees, items))
        status, body = await wire.ask("GET", f"{CM}?{query}&resourceVersion={revision}&resourceVersionMatch=Exact")
        equal((status, {i["metadata"]["name"]: int(i["metadata"]["resourceVersion"]) for i in body["items"]}), (200, items), "the same again")
    wire.close()


async def record(server, tape, started):
    wire = Wire(server)
    await wire.open()
    _, body = await wire.ask("GET", CM)
    tape.start = int(body["metadata"]["resourceVersion"])
    started.set()
    async for event in wire.events(f"{CM}?watch=1&resourceVersion={tape.start}"):
        tape.add(event)
        if event["object"]["metadata"]["name"] == "end":
            wire.close()
            return


async def storm(server):
    rng, tape, log, lists = random.Random(SEED), Tape(), [], []
    stop, started = asyncio.Event(), asyncio.Event()
    taping = asyncio.create_task(record(server, tape, started))
    await started.wait()
    watchers = [Watcher(server, random.Random(rng.random()), number) for number in range(WATCHERS)]
    tasks = [asyncio.create_task(watcher.run(stop)) for watcher in watchers]
    pages = asyncio.create_task(page(server, random.Random(rng.random()), lists, stop))
    await asyncio.gather(*(write(server, random.Random(rng.random()), WRITES // WRITERS, log) for _ in range(WRITERS)))
    wire = Wire(server)
    await wire.open()
    status, body = await wire.ask("POST", CM, {"metadata": {"name": "end", "labels": {"color": "red", "size": "s"}}})
    equal(status, 201)
    wire.close()
    await asyncio.wait_for(taping, 60)
    stop.set()
    await asyncio.gather(*tasks, pages)
    return tape, watchers, log, lists


def test_every_watch_gets_exactly_what_happened(server):
    print(f"# SEED={SEED}")
    server.ok("DELETE", CM)
    tape, watchers, log, lists = asyncio.run(storm(server))
    versions = [version for _, _, version in tape.events]
    equal(versions, sorted(set(versions)), "versions only grow")
    written = {(name, version) for kind, name, version in tape.events if kind != "DELETED"}
    for name, version in log:
        check(version is None or (name, version) in written, f"{name} at {version} was answered and is not on the tape")
    equal(len([1 for _, version in log if version is None]), len([1 for kind, _, _ in tape.events if kind == "DELETED"]), "deletions")
    final = {i["metadata"]["name"]: int(i["metadata"]["resourceVersion"]) for i in server.ok("GET", CM)["items"]}
    equal(tape.state(versions[-1], SELECTORS[0][1]), final, "the end")
    for watcher in watchers:
        watcher.check(tape)
    pieces = sum(len(watcher.pieces) for watcher in watchers)
    check(pieces > WATCHERS and sum(len(p[3]) for w in watchers for p in w.pieces) > WRITES, f"{pieces} pieces: there was something to see")
    for revision, sees, items in lists:
        if revision >= tape.start:
            equal(items, tape.state(revision, sees), f"the pages of {revision}, SEED={SEED}")
    check(len(lists) > 5, f"{len(lists)} lists")


def resident_mb(server):
    text = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def test_readers_that_stop_cost_little_and_lose_nothing(server):
    """24 watches that are not read while 12 MB go by: the server keeps no queue for them, and they get all of it later."""
    count, writes, size = 24, 60, 200000
    start = server.ok("GET", ALL)["metadata"]["resourceVersion"]
    streams = [server.watch(f"{CM}?watch=1&resourceVersion={start}&fieldSelector=metadata.name%3Dfat") for _ in range(count)]
    connection = server.connect()
    before = resident_mb(server)
    server.ok("POST", CM, {"metadata": {"name": "fat"}}, connection=connection)
    for number in range(writes):
        server.ok("PATCH", f"{CM}/fat", {"data": {"n": str(number) + "x" * size}}, content_type=MERGE, connection=connection)
    # Unbounded it would be 288 MB. The bound of all buffers is 32 MB; the rest is the store's and the allocator's.
    grown = resident_mb(server) - before
    check(grown < (400 if "asan" in str(os.environ.get("SERIN_BIN")) else 110), f"{grown:.0f} MB more")
    for stream in random.Random(SEED).sample(streams, 4):
        seen = [stream.next(20)["object"].get("data", {}).get("n", "")[:3].rstrip("x") for _ in range(writes + 1)]
        equal(seen, [""] + [str(number) for number in range(writes)], "nothing lost, nothing twice")
    for stream in streams:
        stream.close()
    server.ok("DELETE", f"{CM}/fat", connection=connection)


def test_a_reader_too_far_behind_is_told(server):
    """When the history it would need is gone: 410, and the end."""
    start = server.ok("GET", ALL)["metadata"]["resourceVersion"]
    stalled = server.watch(f"{CM}?watch=1&resourceVersion={start}")
    connection = server.connect()
    server.ok("POST", CM, {"metadata": {"name": "fat"}}, connection=connection)
    for number in range(40):  # the history is bounded by its bytes, too
        server.ok("PATCH", f"{CM}/fat", {"data": {"n": str(number) + "x" * 1000000}}, content_type=MERGE, connection=connection)
    last = None
    while (event := stalled.next(20)) is not None:
        last = event
    equal((last["type"], last["object"]["code"], last["object"]["reason"]), ("ERROR", 410, "Expired"))
    stalled.close()
    equal(server.get(f"{CM}?limit=1&resourceVersion={start}").status, 410, "and a list of then")
    server.ok("DELETE", f"{CM}/fat", connection=connection)


def test_a_large_start_is_read_page_by_page(server):
    """12 MB of objects as the start of a watch, while they change: one state, then the changes."""
    connection = server.connect()
    for number in range(24):
        server.ok("POST", CM, {"metadata": {"name": f"big{number:02}"}, "data": {"n": "x" * 500000}}, connection=connection)
    stream = server.watch(f"{CM}?watch=1&resourceVersion=0&labelSelector=!color")
    first = stream.next(20)
    for number in range(24):  # behind the reader and in front of it
        server.ok("PATCH", f"{CM}/big{number:02}", {"data": {"n": "y"}}, content_type=MERGE, connection=connection)
    events, seen = [first], 0
    while seen < 24:
        events.append(stream.next(20))
        seen += events[-1]["type"] == "MODIFIED" and events[-1]["object"]["metadata"]["name"].startswith("big")
    added = [e["object"] for e in events if e["type"] == "ADDED" and e["object"]["metadata"]["name"].startswith("big")]
    equal([(o["metadata"]["name"], o["data"]["n"][0]) for o in added], [(f"big{number:02}", "x") for number in range(24)])
    stream.close()
    for number in range(24):
        server.ok("DELETE", f"{CM}/big{number:02}", connection=connection)


def test_ends_and_silence(server):
    start = server.ok("GET", ALL)["metadata"]["resourceVersion"]
    stream = server.watch(f"{CM}?watch=1&timeoutSeconds=1&resourceVersion={start}")
    equal(stream.next(10), None, "a watch ends when it was asked to")
    future = server.watch(f"{CM}?watch=1&resourceVersion={int(start) + 2}&timeoutSeconds=20")
    names = ["f1", "f2", "f3"]
    for name in names:
        server.ok("POST", CM, {"metadata": {"name": name}})
    equal(future.next(10)["object"]["metadata"]["name"], "f3", "a revision to come is waited for")
    future.close()
    for name in names:
        server.ok("DELETE", f"{CM}/{name}")
    equal(server.get(f"{CM}?resourceVersion=99999999").status, 504)


if __name__ == "__main__":
    main(globals())
