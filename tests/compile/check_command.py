#!/usr/bin/env python3
"""Uses `magnetar compile` in all its ways: check_command.py MAGNETAR BUNDLED_PROGRAMS

Takes the cache folder from MAGNETAR_CACHE. Exit status 77: the toolchain is not installed.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import magnetar_run
from magnetar_run import Failure, expect_equal

SKIPPED = 77
PROGRAM = "#![no_std]\n#![no_main]\n#[nexus_rt::main]\nfn main() {}\n"
ENDLESS = "#![allow(long_running_const_eval)]\n" + PROGRAM + """
#[used] static X: u32 = { let mut i = 0u32; loop { i = i.wrapping_add(1); if i == 7 && i == 8 { break; } } i };
"""
OTHER_USER = "12345"


class Command:
    def __init__(self, magnetar, bundled, folder):
        self.magnetar = magnetar
        self.bundled = pathlib.Path(bundled)
        self.folder = pathlib.Path(folder)
        self.count = 0

    def invoke(self, *arguments, prefix=(), environment=None):
        return subprocess.run([*prefix, self.magnetar, "compile", *map(str, arguments)], capture_output=True, text=True,
                              cwd=self.folder, env=environment)

    def written(self, text, name="program.rs"):
        path = self.folder / name
        path.write_text(text)
        return path

    def fresh(self):
        """A program that was never compiled."""
        self.count += 1
        return self.written(PROGRAM + f"// {time.time_ns()} {os.getpid()} {self.count}\nfn unused() {{}}\n")

    def expect_error(self, status, kind, message, *arguments, **options):
        done = self.invoke("--json", *arguments, **options)
        error = json.loads(done.stdout)["error"]
        expect_equal("exit status", (done.returncode, error["kind"]), (status, kind))
        if message not in error["message"]:
            raise Failure(f"message is {error['message']!r}, expected {message!r} in it")
        if message.splitlines()[0] not in done.stderr:
            raise Failure(f"stderr is {done.stderr!r}, expected {message!r} in it")

    def check_json(self):
        source = self.fresh()
        out = self.folder / "out.elf"
        for cached in (False, True):
            done = self.invoke(source, "--local", "--json", "--out", out)
            expect_equal("exit status", done.returncode, 0)
            result = json.loads(done.stdout)
            expect_equal("lines on stdout", done.stdout.count("\n"), 1)
            expect_equal("cached", result["cached"], cached)
            expect_equal("elf_bytes", result["elf_bytes"], out.stat().st_size)
            if not result["diagnostics"].startswith("warning: function `unused` is never used"):
                raise Failure(f"diagnostics are {result['diagnostics']!r}")
            magnetar_run.expect_halt(self.magnetar, out, 0)

    def check_text(self):
        done = self.invoke(self.fresh())
        expect_equal("exit status and stdout", (done.returncode, done.stdout), (0, ""))
        for part in ("warning: function `unused` is never used", "program.elf: ", " bytes, compiled in "):
            if part not in done.stderr:
                raise Failure(f"stderr is {done.stderr!r}, expected {part!r} in it")
        magnetar_run.expect_halt(self.magnetar, self.folder / "program.elf", 0)

    def check_errors(self):
        source = self.fresh()
        self.expect_error(2, "usage", "source is required")
        self.expect_error(2, "usage", "--what", "--what", source)
        self.expect_error(2, "unreadable-file", "missing.rs: No such file", "missing.rs")
        self.expect_error(2, "file-too-large", "more than 1048576 bytes", self.written(" " * (2**20 + 1), "large.rs"))
        self.expect_error(2, "does-not-compile", "the program does not compile:\nerror[E0425]: cannot find value `x`",
                          self.written("#![no_std]\n#![no_main]\n#[nexus_rt::main]\nfn main() { x; }\n", "wrong.rs"))
        self.expect_error(2, "not-rv32i", "0xc0002573 at 0x", self.written(
            PROGRAM.replace("{}", '{ unsafe { core::arch::asm!("csrr a0, cycle", out("a0") _) } }'), "csr.rs"))
        self.expect_error(2, "compile-limit", "compiling writes a file of more than 16 MiB", self.written(
            PROGRAM + "#[used] static BIG: [u8; 20 << 20] = [1; 20 << 20];\n", "big.rs"))
        self.expect_error(4, "write-failed", "none/x.elf", source, "--out", "none/x.elf")
        self.expect_error(4, "cache-folder", "/dev/null/cache: Not a directory", source, "--cache", "/dev/null/cache")
        expect_equal("programs left", [p.name for p in self.folder.glob("*.elf")
                                       if p.stem in ("wrong", "csr", "big", "large")], [])

    def check_help(self):
        done = self.invoke("--help")
        expect_equal("exit status", done.returncode, 0)
        for flag in ("FILE.rs", "--local", "--out", "--cache", "--json"):
            if flag not in done.stdout:
                raise Failure(f"--help does not speak of {flag}")

    def check_no_toolchain(self):
        # A file system in which the compiler is no program.
        prefix = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", "/dev/null", "/usr/bin/rustc"]
        self.expect_error(4, "toolchain-missing", "compiling needs /usr/bin/rustc; install Debian's rustc-web",
                          self.fresh(), prefix=prefix)

    def check_interrupt(self):
        source = self.written(ENDLESS, "endless.rs")
        process = subprocess.Popen([self.magnetar, "compile", "--json", source], cwd=self.folder, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=300)
        expect_equal("exit status", process.returncode, 130)
        expect_equal("kind", json.loads(stdout)["error"]["kind"], "interrupted")

    def copied_cache(self, name, mode):
        """A cache folder with the runtime in it, in a folder with these permissions."""
        folder = self.folder / name
        folder.mkdir()
        for sdk in pathlib.Path(os.environ["MAGNETAR_CACHE"]).glob("sdk-*[0-9a-f]"):
            if sdk.is_dir() and "." not in sdk.name:
                shutil.copytree(sdk, folder / "cache" / sdk.name)
        folder.chmod(mode)
        return folder / "cache"

    def check_other_user(self):
        cache = self.copied_cache("other", 0o755)
        out = cache.parent / "out.elf"
        subprocess.run(["chown", "-R", OTHER_USER, cache.parent], check=True)
        prefix = ["setpriv", "--reuid", OTHER_USER, "--regid", OTHER_USER, "--clear-groups"]
        done = self.invoke(self.fresh(), "--json", "--cache", cache, "--out", out, prefix=prefix)
        expect_equal("exit status and stderr", (done.returncode, done.stderr), (0, ""))
        magnetar_run.expect_halt(self.magnetar, out, 0)

    def check_private_cache(self):
        cache = self.copied_cache("private", 0o700)
        self.expect_error(4, "sandbox-failed", f"everyone must be able to read {cache}", self.fresh(), "--cache", cache)


def main(arguments):
    if len(arguments) != 2 or "MAGNETAR_CACHE" not in os.environ:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        # Root compiles as nobody.
        os.chmod(folder, 0o755)
        command = Command(*arguments, folder)
        tried = command.invoke("--json", command.bundled / "fibonacci.rs")
        if tried.returncode == 4 and json.loads(tried.stdout)["error"]["kind"] == "toolchain-missing":
            print(f"skipped: {tried.stderr.strip()}")
            return SKIPPED
        checks = [("json", command.check_json), ("text", command.check_text), ("errors", command.check_errors),
                  ("help", command.check_help), ("no toolchain", command.check_no_toolchain),
                  ("interrupt", command.check_interrupt)]
        if os.geteuid() == 0:
            checks += [("other user", command.check_other_user), ("private cache", command.check_private_cache)]
        else:
            print("not checked: compiling as root, and as another user, which only root can do")
        return magnetar_run.report(checks)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
