# SPDX-License-Identifier: Apache-2.0
"""A network namespace of the test's own."""
import ctypes
import fcntl
import os
import pathlib
import secrets
import socket
import struct


class Missing(Exception):
    """The programs cannot be had here: the test is skipped."""


def isolate():
    """Moves this process, and all that it starts, into a network namespace where `lo` has the whole of 10.0.0.0/8: Pods then have
    ordinary addresses (a real API server refuses 127.0.0.0/8 in EndpointSlices) and no port is taken. Call it before any thread."""
    if os.environ.get("SERIN_ISOLATED") == netns():
        return
    new_user, new_net = 0x10000000, 0x40000000
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(new_net if uid == 0 else new_net | new_user):
        raise Missing(f"no network namespace of its own: {os.strerror(ctypes.get_errno())}")
    if uid:
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        def ask(request, name, rest):
            fcntl.ioctl(control, request, struct.pack("16s24s", name, rest))

        def address(text):
            return struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton(text))
        set_flags, set_address, set_mask, up_running = 0x8914, 0x8916, 0x891C, 0x41
        ask(set_flags, b"lo", struct.pack("h", up_running))
        ask(set_address, b"lo:pods", address("10.0.0.1"))
        ask(set_mask, b"lo:pods", address("255.0.0.0")) # on lo every address of the net is local
    os.environ["SERIN_ISOLATED"] = netns()


def netns():
    return os.readlink("/proc/self/ns/net")


def free_port():
    """Below those that the kernel gives to clients: one that is told now and listened on a moment later is still free then."""
    while True:
        port = 10000 + secrets.randbelow(20000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            pass # taken
