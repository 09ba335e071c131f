#!/usr/bin/env python3
"""Does what a document says, in its order: check_docs.py MAGNETAR SOURCE_ROOT DOCUMENT

Commands run in a scratch folder that looks like the source's root, with magnetar on PATH. By its first line a block is

    LANGUAGE file=NAME     written to a file
    sh, sh exit=N          run; N is its exit status
    sh background          lines that are started, each a process that stays until the end
    text contains          lines of the last command's standard output
    LANGUAGE contains      parts of it
    text                   an example of output
    LANGUAGE               shown
    console REASON         commands that are not run, and why not

Exit status 77: what the document needs is not installed.
"""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from magnetar_run import Failure

SKIPPED = 77
BLOCK = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def own_network():
    """Loopback addresses of our own, so that ports that documents name are free. As root; others use the machine's."""
    if os.geteuid() == 0 and ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            fcntl.ioctl(one, SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", IFF_UP, b""))
    else:
        print("note: no network namespace can be made; the ports that the document names must be free")


class Reader:
    def __init__(self, magnetar, root, folder):
        self.folder = folder
        for entry in root.iterdir():
            if entry.name not in ("build", ".git"):
                (folder / entry.name).symlink_to(entry)
        (folder / "build" / "release").mkdir(parents=True)
        (folder / "build" / "release" / "magnetar").symlink_to(magnetar)
        (folder / "home").mkdir()
        self.environment = os.environ | {"PATH": f"{magnetar.parent}:{os.environ['PATH']}", "HOME": str(folder / "home")}
        self.last = None
        self.background = []

    def close(self):
        for process, log in reversed(self.background):
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            log.close()

    def start(self, line):
        log = tempfile.TemporaryFile()
        process = subprocess.Popen(["bash", "-euc", f"exec {line}"], cwd=self.folder, env=self.environment, stdout=log,
                                   stderr=log, start_new_session=True)
        self.background.append((process, log))
        time.sleep(0.5)
        self.check_background()

    def check_background(self):
        for process, log in self.background:
            if process.poll() is not None:
                log.seek(0)
                raise Failure(f"`{process.args[-1]}` has ended: {log.read().decode(errors='replace')[-2000:]}")

    def follow(self, info, text):
        language, _, note = info.partition(" ")
        key, _, value = note.partition("=")
        if language == "console":
            if not note:
                raise Failure("it does not say why it is not run")
            print(f"not run, {note}: {'; '.join(text.splitlines())}")
        elif note == "contains":
            printed = self.last.stdout.splitlines() if language == "text" else self.last.stdout
            for line in text.splitlines():
                if line not in printed:
                    raise Failure(f"stdout is {self.last.stdout!r}, expected {line!r} in it")
        elif key == "file":
            (self.folder / value).write_text(text)
        elif language == "sh" and note == "background":
            for line in text.replace("\\\n", " ").splitlines():
                self.start(line)
        elif language == "sh" and key in ("", "exit"):
            self.last = subprocess.run(["bash", "-euc", text], cwd=self.folder, env=self.environment, capture_output=True,
                                       text=True, errors="replace", timeout=300)
            if self.last.returncode != int(value or 0):
                raise Failure(f"exit status {self.last.returncode}: {self.last.stdout[-1000:]} {self.last.stderr[-2000:]}")
            self.check_background()
        elif not language or note:
            raise Failure(f"nobody knows what to do with a block `{info}`")


def missing(magnetar, text):
    """What the document's commands need and is not there."""
    if "magnetar compile " in text:
        with tempfile.NamedTemporaryFile(suffix=".rs") as source:
            tried = subprocess.run([magnetar, "compile", "--json", source.name, "--out", os.devnull], capture_output=True,
                                   text=True)
        if '"toolchain-missing"' in tried.stdout:
            return tried.stderr.strip()
    for command, name, package in (("build.sh", "riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf"),
                                   ("openssl ", "openssl", "openssl"), ("curl ", "curl", "curl")):
        if command in text and shutil.which(name) is None:
            return f"{name} is not installed (Debian: {package})"
    return None


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    magnetar, root, document = (pathlib.Path(argument).resolve() for argument in arguments)
    text = document.read_text()
    blocks = BLOCK.findall(text)
    if 2 * len(blocks) != len(re.findall(r"^```", text, re.MULTILINE)):
        print("FAIL: a block has no end")
        return 1
    if reason := missing(magnetar, "\n".join(content for info, content in blocks if info.split(" ")[0] == "sh")):
        print(f"skipped: {reason}")
        return SKIPPED
    if any(info == "sh background" for info, _ in blocks):
        own_network()
    # In the order of the document, and no further than the first that fails: the next ones build on it.
    with tempfile.TemporaryDirectory() as name:
        # The sandbox of `compile` reads there as another user.
        os.chmod(name, 0o755)
        reader = Reader(magnetar, root, pathlib.Path(name))
        with contextlib.closing(reader):
            for info, content in blocks:
                try:
                    reader.follow(info, content)
                except Failure as failure:
                    print(f"FAIL {document.name}, block `{info}`, {content.splitlines()[0]}: {failure}")
                    return 1
    run = sum(info.split(" ")[0] == "sh" for info, _ in blocks)
    print(f"{document.name}: {len(blocks)} blocks, {run} of them commands that were run")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
