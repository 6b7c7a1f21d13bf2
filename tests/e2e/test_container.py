#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""manifests/install/container: the folder that becomes the image's root runs on its own, and buildah makes the image of it."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from apiserver import BIN, Failure, check, equal  # noqa: E402

BUILD = pathlib.Path(__file__).resolve().parents[2] / "manifests" / "install" / "container" / "build"
SIZE_MAX = 60 << 20  # docs/install.md states the release build's


class Skip(Exception):
    pass


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, **more)
    check(done.returncode == 0, f"{command[0]}: {done.returncode} {done.stdout[-500:]} {done.stderr[-1500:]}")
    return done.stdout


def is_sanitized():
    return b"__asan_init" in pathlib.Path(BIN).read_bytes()


def test_the_root_is_complete_and_small(folder):
    if is_sanitized():
        raise Skip("a sanitizer's libraries are in no image")
    root = folder / "root"
    run(BUILD, BIN, "unused", env={**os.environ, "ROOT_ONLY": str(root)})
    files = [path for path in root.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"# {size / (1 << 20):.1f} MiB in {len(files)} files")
    check(size < SIZE_MAX, f"{size} bytes")
    names = {path.name for path in files}
    check({"serin", "ca-certificates.crt", "passwd"} <= names, names)
    check(not names & {"sh", "bash", "busybox", "perl", "apt"}, names)
    check(not any(path.stat().st_mode & 0o6000 for path in files), "setuid files")
    if os.geteuid():
        raise Skip("not root: what is in it is not run")
    out = run("chroot", "--userspec=65532:65532", root, "/usr/bin/serin", "version")
    check("serin" in out, out)
    refused = subprocess.run(["chroot", "--userspec=65532:65532", str(root), "/usr/bin/serin", "operator", "--kube-api", "http://127.0.0.1:1",
                              "--metrics-address", "nowhere", "--metrics-port", "0"], capture_output=True, text=True, timeout=60)
    check("expected an IP address" in refused.stderr, refused.stderr)


def test_buildah_makes_the_image(folder):
    buildah = shutil.which("buildah")
    if not buildah:
        raise Skip("there is no buildah: apt-get install buildah")
    if is_sanitized():
        raise Skip("a sanitizer's libraries are in no image")
    if os.geteuid():
        raise Skip("not root: buildah needs newuidmap here")
    tool = f"{buildah} --root {folder}/store --runroot {folder}/run --storage-driver vfs"
    run(BUILD, BIN, "localhost/serin:test", "--isolation", "chroot", env={**os.environ, "BUILDER": tool})
    about = json.loads(run(*tool.split(), "inspect", "--type", "image", "localhost/serin:test"))["OCIv1"]
    equal(about["config"]["Entrypoint"], ["/usr/bin/serin"], "entry point")
    equal(about["config"]["User"], "65532:65532", "user")
    equal(len(about["rootfs"]["diff_ids"]), 1, "layers")
    size = json.loads(run(*tool.split(), "images", "--json"))[0]["size"]
    print(f"# the image: {size}")


def main():
    failed = 0
    with tempfile.TemporaryDirectory(prefix="serin-container-") as folder:
        for name, function in list(globals().items()):
            if not name.startswith("test_"):
                continue
            try:
                function(pathlib.Path(folder))
                print(f"ok - {name[5:]}")
            except Skip as why:
                print(f"ok - {name[5:]} # SKIP {why}")
            except (Failure, subprocess.SubprocessError, KeyError, IndexError) as error:
                failed += 1
                print(f"not ok - {name[5:]}: {type(error).__name__} {error}")
    sys.exit(1 if failed else 0)


main()
