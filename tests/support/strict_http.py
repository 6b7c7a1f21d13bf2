# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.1 reader that shares no code with the proxy and forgives nothing: what it accepts, every other reader understands alike.

`Strict(is_response)` is fed bytes and yields messages; `Fault` says what was doubtful."""
import re

REQUEST_LINE = re.compile(rb"([A-Z]+) (\*|/[\x21\x24-\x7e]*(?:\?[\x21\x24-\x7e\x22]*)?) HTTP/1\.1")
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t\x20-\x7e]*")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9a-z-]+): ?((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)")
CHUNK = re.compile(rb"[1-9a-f][0-9a-f]{0,14}")
NUMBER = re.compile(rb"0|[1-9][0-9]{0,17}")


class Fault(Exception):
    """Bytes that are no HTTP/1.1, or that two readers could take differently."""


class Message:
    def __init__(self, first, fields):
        self.first, self.fields, self.body, self.trailers = first, fields, b"", []

    def values(self, name):
        return [v for n, v in self.fields if n == name]


class Strict:
    """`methods`: of a client's reader, the methods of the requests whose answers come, in order."""

    def __init__(self, is_response=False, methods=None):
        self.data = bytearray()
        self.is_response = is_response
        self.methods = methods if methods is not None else []
        self.eof = False
        self.interims = []  # status codes before the final answer

    def feed(self, data):
        """Returns the messages that are complete now."""
        self.data += data
        done = []
        while True:
            at = [0]
            message = self.message(at)
            if message is None:
                return done
            del self.data[:at[0]]
            done.append(message)

    def end(self):
        """The connection has ended: the last message, when its end was the connection's; else what is left must be nothing."""
        self.eof = True
        done = self.feed(b"")
        if self.data:
            raise Fault(f"broken off: {bytes(self.data[:80])!r}")
        return done

    def line(self, at):
        end = self.data.find(b"\n", at[0])
        if end < 0:
            return None
        line = bytes(self.data[at[0]:end])
        if not line.endswith(b"\r") or b"\r" in line[:-1]:
            raise Fault(f"a line that does not end in CRLF: {line!r}")
        at[0] = end + 1
        return line[:-1]

    def field_lines(self, at):
        fields = []
        while True:
            line = self.line(at)
            if line is None:
                return None
            if not line:
                return fields
            match = FIELD.fullmatch(line)
            if not match:
                raise Fault(f"no field: {line!r}")
            fields.append((match.group(1).decode(), match.group(2).decode("latin-1")))

    def message(self, at):
        if not self.data:
            return None
        first = self.line(at)
        fields = self.field_lines(at) if first is not None else None
        if fields is None:
            return None
        match = (STATUS_LINE if self.is_response else REQUEST_LINE).fullmatch(first)
        if not match:
            raise Fault(f"no first line: {first!r}")
        message = Message(match.groups(), fields)
        if not self.is_response and len(message.values("host")) != 1:
            raise Fault(f"hosts: {message.values('host')}")
        return message if self.body(message, at) else None

    def body(self, message, at):
        """False when more must come first."""
        lengths, codings = message.values("content-length"), message.values("transfer-encoding")
        if len(lengths) + len(codings) > 1:
            raise Fault(f"framed twice: {message.fields}")
        status = int(message.first[0]) if self.is_response else 0
        interim = 100 <= status < 200
        method = (self.methods[0] if self.methods else "GET") if self.is_response and not interim else None
        if interim and (lengths or codings):
            raise Fault(f"an interim answer with a body: {message.fields}")
        if status in (204, 304) and codings or status == 204 and lengths:
            raise Fault(f"{status} with {message.fields}")
        if interim or status in (204, 304) or method == "HEAD":
            pass
        elif codings:
            if codings != ["chunked"]:
                raise Fault(f"coding {codings}")
            if not self.chunks(message, at):
                return False
        elif lengths:
            if not NUMBER.fullmatch(lengths[0].encode()):
                raise Fault(f"length {lengths[0]!r}")
            end = at[0] + int(lengths[0])
            if len(self.data) < end:
                return False
            message.body, at[0] = bytes(self.data[at[0]:end]), end
        elif self.is_response:  # until the end
            if not self.eof:
                return False
            message.body, at[0] = bytes(self.data[at[0]:]), len(self.data)
        if self.is_response and not interim and self.methods:
            self.methods.pop(0)
        return True

    def chunks(self, message, at):
        body = b""
        while True:
            line = self.line(at)
            if line is None:
                return False
            if line == b"0":
                break
            if not CHUNK.fullmatch(line):
                raise Fault(f"chunk line {line!r}")
            size = int(line, 16)
            piece = bytes(self.data[at[0]:at[0] + size + 2])
            if len(piece) < size + 2:
                return False
            if piece[size:] != b"\r\n":
                raise Fault(f"a chunk of {size} bytes does not end there")
            body += piece[:size]
            at[0] += size + 2
        trailers = self.field_lines(at)
        if trailers is None:
            return False
        message.body, message.trailers = body, trailers
        return True
