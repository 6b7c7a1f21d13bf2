#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every ```sh block of the docs is run, page by page, in one shell with DATA, BUILD and serin on the PATH."""
import os, pathlib, re, shutil, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERIN = pathlib.Path(os.environ.get("SERIN_BIN", ROOT / "build/release/serin"))
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
COMMAND_SECONDS = 90


def blocks(page):
    return re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.S | re.M)


def commands(text):
    """Lines of a block; a line that ends in a backslash goes on."""
    return [c for c in re.sub(r"\\\n\s*", " ", text).splitlines() if c.strip() and not c.startswith("#")]


class Shell:
    """One bash that runs command after command and tells each one's exit code."""

    def __init__(self, data):
        env = dict(os.environ, DATA=data, BUILD=str(SERIN.parent), PATH=f"{SERIN.parent}:{os.environ['PATH']}",
                   XDG_STATE_HOME=f"{data}/state", HOME=data)
        env.pop("KUBECONFIG", None)
        self.data, self.env = data, env

    def run(self, command):
        # The environment that a command leaves (export KUBECONFIG=...) is carried to the next one.
        kept = pathlib.Path(self.data, "env")
        script = f'{command}\ncode=$?; export -p >"{kept}"; exit $code'
        if kept.exists():
            script = f'. "{kept}" 2>/dev/null\n{script}'
        ports = pathlib.Path(self.data, "ports.json")
        if ports.exists():
            import json
            self.env["ADMIN_PORT"] = str(json.loads(ports.read_text()).get("admin", ""))
            script = f'export ADMIN_PORT={self.env["ADMIN_PORT"]}\n{script}'
        with tempfile.TemporaryFile("w+") as out:
            try:
                done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=self.env, stdout=out, stderr=subprocess.STDOUT,
                                      stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS)
                code = done.returncode
            except subprocess.TimeoutExpired:
                code = f"no end after {COMMAND_SECONDS} s"
            out.seek(0)
            return code, out.read()


def main():
    failed = ran = 0
    for page in PAGES:
        lines = [c for block in blocks(page) for c in commands(block)]
        if not lines:
            continue
        data = tempfile.mkdtemp(prefix="serin-docs-")
        shell = Shell(data)
        try:
            for line in lines:
                code, output = shell.run(line)
                ran += 1
                if code == 0:
                    print(f"ok - {page.relative_to(ROOT)}: {line}")
                else:
                    failed += 1
                    tail = "\n    ".join(output.strip().splitlines()[-8:])
                    print(f"not ok - {page.relative_to(ROOT)}: {line}: exit code {code}\n    {tail}")
        finally:
            subprocess.run([SERIN, "down", "--data", data], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            shutil.rmtree(data, ignore_errors=True)
    if not ran:
        print("not ok - no command found in the docs")
    sys.exit(1 if failed or not ran else 0)


main()
