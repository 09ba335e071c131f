#!/usr/bin/env python3
"""Compiles Rust programs and runs them: check_programs.py MAGNETAR BUNDLED_PROGRAMS

Exit status 77: the toolchain is not installed.
"""

import json
import pathlib
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import magnetar_run
from elf_file import PF_X, PT_LOAD, STT_FUNC, ElfFile
from magnetar_run import Failure, expect_equal

PROGRAMS = pathlib.Path(__file__).parent / "programs"
SKIPPED = 77
ENVIRONMENT_FAILED = 4

# Program, input, exit code, output, log.
CASES = [
    ("fibonacci", b"", 0, b"", "fib(15) = 610\n"),
    ("print", b"", 0, b"", "Hello, World!\n\nPoint { x: -7, y: 0.30000000000000004 }      1|2     |  3   |0x0000beef\n"
     "18446744073709551615 -170141183460469231731687303715884105728 \u00df\n3.25!\nas it is: {}\n"
     'Some("quoted\\n")\n'),
    ("input", b"", 0, b"", "No private input provided...\n"),
    ("input", b"\x00\xff\x07", 0, b"", "first: 0\nthen: 255\nthen: 7\n"),
    # Zigzag: 77 is 154, 0x9a 0x01; -1 is 1.
    ("output", b"\x07\x0b", 0, b"\x9a\x01", "Read private input: (7, 11)\n"),
    ("output", b"\xac\x02\x01", 0, b"\xd8\x04", "Read private input: (300, 1)\n"),
    ("output", b"\x07", 0, b"\x01", "No private input provided: the bytes end within the value\n"),
    ("profile", b"", 0, b"", ""),
    ("panic", b"", 1, b"", "panicked at src/main.rs:10:17:\nexplicit panic\n"),
    ("panic", b"p", 1, b"", "panicked at src/main.rs:11:23:\nthe message, with 42 in it\n"),
    ("panic", b"i", 1, b"",
     "panicked at src/main.rs:12:26:\nindex out of bounds: the len is 3 but the index is 7\n"),
    ("panic", b"e", 1, b"", 'Error: "no luck"\n'),
    ("panic", b"x", 77, b"", ""),
    ("panic", b"\x12", 0x12000000, b"", ""),
    ("alloc", b"", 0, b"", "large: 16777216\nround round round round \nset: 1000 Some(0)\n"),
]

# What tests/compile/programs/codec.rs reads, and its log.
EVERYTHING = (
    b"\x01" b"\xfe\x80"  # bool, u8, i8
    b"\xac\x02" b"\xff\xff\xff\xff\x0f" b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"  # u16, u32, u64
    + b"\xff" * 18 + b"\x03"  # u128
    + b"\x01" b"\xff\xff\xff\xff\x0f" b"\x02" b"\x80\x01"  # i16, i32, i64, i128
    + struct.pack("<fd", 1.5, -0.1)
    + b"\x02\xc3\x9f" b"\x03abc" b"\x02\x00\xff" b"\x00" b"\x01\x05"  # char, str, bytes, None, Some(5)
    b"\x09\x03"  # Unit, Pair(9, -2)
    b"\x04\x00\x01\x80\x01\x02\x01\x02\x03\x01x\x02\x00\x01"  # four shapes
    b"\x02\x01\x01a\x02\x00")  # map
EVERYTHING_LOG = (
    "Everything { yes: true, small: (254, -128), integers: (300, 4294967295, 9223372036854775808, "
    "340282366920938463463374607431768211455), signed: (-1, -2147483648, 1, 64), floats: (1.5, -0.1), letter: '\u00df', "
    'text: "abc", bytes: [0, 255], none: None, some: Some(5), unit: Unit, pair: Pair(9, -2), shapes: [Nothing, '
    'Circle(128), Box(1, 2), Named { name: "x", sides: [0, -1] }], map: {1: "a", 2: ""} }\n')

HEAD = "#![no_std]\n#![no_main]\n"

# Uses of the attributes that are refused, and the compiler's message.
REFUSED = [
    ("#[nexus_rt::main] fn start() {}", "must be named `main`"),
    ("#[nexus_rt::main] async fn main() {}", "`main` cannot be `async`"),
    ("#[nexus_rt::main] unsafe fn main() {}", "`main` cannot be `unsafe`"),
    ("#[nexus_rt::main] fn main(x: u32) {}", "`main` takes no arguments"),
    ("#[nexus_rt::main] fn main<T>() {}", "`main` cannot be generic"),
    ("#[nexus_rt::main] fn main() -> char { 'x' }", "`char: Termination` is not satisfied"),
    ("#[nexus_rt::main] struct S;", "marks functions with a body"),
    ("#[nexus_rt::main(memlimit = 0)] fn main() {}", "memlimit is a number of MiB, 1 to 1024"),
    ("#[nexus_rt::main(memlimit = 1025)] fn main() {}", "memlimit is a number of MiB, 1 to 1024"),
    ('#[nexus_rt::main(memlimit = "8")] fn main() {}', "memlimit is a number of MiB, 1 to 1024"),
    ("#[nexus_rt::main(memory = 8)] fn main() {}", "the only argument is `memlimit = N`, in MiB"),
    ("#[nexus_rt::main(memlimit = 8, 9)] fn main() {}", "the only argument is `memlimit = N`, in MiB"),
    ("#[nexus_rt::profile(x)] fn f() {} #[nexus_rt::main] fn main() {}", "takes no arguments"),
    ("#[nexus_rt::profile] static S: u32 = 1; #[nexus_rt::main] fn main() {}", "marks functions with a body"),
]

# Recursion that touches its frame: DEPTH frames of 1 KiB.
RECURSION = HEAD + """
fn down(n: u32) -> u32 {
    let mut frame = [n as u8; 1024];
    core::hint::black_box(&mut frame);
    // The compiler must not see that it is a loop.
    if n == 0 { 0 } else { core::hint::black_box(down as fn(u32) -> u32)(n - 1) + u32::from(frame[1023]) }
}
#[nexus_rt::main(ARGUMENTS)]
fn main() { core::hint::black_box(down(DEPTH)); }
"""


class Programs:
    def __init__(self, magnetar, bundled, folder):
        self.magnetar = magnetar
        self.bundled = pathlib.Path(bundled)
        self.folder = pathlib.Path(folder)

    def compile(self, source):
        elf = self.folder / f"{source.stem}.elf"
        done = subprocess.run([self.magnetar, "compile", "--local", source, "--out", elf, "--json"],
                              capture_output=True, text=True)
        return done.returncode, json.loads(done.stdout), elf

    def built(self, source):
        status, result, elf = self.compile(source)
        if status != 0:
            raise Failure(result["error"]["message"])
        expect_equal("compiler's diagnostics", result["diagnostics"], "")
        return elf

    def written(self, text, name="program"):
        source = self.folder / f"{name}.rs"
        source.write_text(text)
        return source

    def check(self, name, data, exit_code, output, log):
        result = magnetar_run.expect_halt(self.magnetar, self.built(self.bundled / f"{name}.rs"), exit_code, data)
        expect_equal("log", result["log"], log)
        expect_equal("output", bytes.fromhex(result["output_hex"]), output)

    def check_labels(self):
        result = magnetar_run.expect_halt(self.magnetar, self.built(self.bundled / "profile.rs"), 0)
        labels = result["labels"]
        expect_equal("spans", {name: one["spans"] for name, one in labels.items()},
                     {"program::sum_of_squares": 2, "program::first_multiple": 1})
        if not all(20 < one["cycles"] < result["cycles"] for one in labels.values()):
            raise Failure(f"cycles are {labels} of {result['cycles']}")

    def check_layout(self):
        elf = ElfFile(self.built(self.bundled / "fibonacci.rs").read_bytes())
        expect_equal("entry and flags", (elf.entry, elf.flags), (0, 0))
        loaded = [s for s in elf.segments if s.type == PT_LOAD and s.memory_size]
        expect_equal("executable segments", [s.address for s in loaded if s.flags & PF_X], [0])
        expect_equal("first data", min(s.address for s in loaded if not s.flags & PF_X), 0x400000)
        named = {symbol.name for symbol in elf.symbols() if symbol.type == STT_FUNC}
        expect_equal("whether _start has a symbol", "_start" in named, True)

    def check_heap(self):
        status, result = magnetar_run.run(self.magnetar, self.built(PROGRAMS / "heap.rs"))
        expect_equal("exit status", status, 1)
        # Of the 2 MiB, less static data, what the first part leaves must be nearly all.
        count = len(bytes.fromhex(result["output_hex"]))
        if count not in (18, 19, 20):
            raise Failure(f"{count} blocks of 100,000 bytes; log: {result['log']}")
        lines = result["log"].splitlines()
        expect_equal("last line", lines[-1], "memory allocation of 100000 bytes failed")

    def check_codec(self):
        result = magnetar_run.expect_halt(self.magnetar, self.built(PROGRAMS / "codec.rs"), 0,
                                          EVERYTHING + b"\xac\x02")
        expect_equal("log", result["log"], EVERYTHING_LOG)
        expect_equal("output", bytes.fromhex(result["output_hex"]), EVERYTHING)

    def check_refused(self, text, message):
        status, result, _ = self.compile(self.written(HEAD + text))
        expect_equal("exit status", status, 2)
        expect_equal("kind", result["error"]["kind"], "does-not-compile")
        if message not in result["error"]["message"]:
            raise Failure(f"message is {result['error']['message']!r}, expected {message!r} in it")

    def check_stack(self, arguments, depth, kind):
        text = RECURSION.replace("ARGUMENTS", arguments).replace("DEPTH", str(depth))
        status, result = magnetar_run.run(self.magnetar, self.built(self.written(text)))
        expect_equal("error", result.get("error", {}).get("kind"), kind)
        expect_equal("exit status", status, 0 if kind is None else magnetar_run.GUEST_FAULTED)

    def check_unsafe_forbidden(self):
        elf = self.built(self.written("#![forbid(unsafe_code)]\n#![deny(warnings)]\n" + HEAD + """
#[nexus_rt::profile]
pub fn answer() -> Result<u32, u32> { let a: u32 = Err(41u32)?; Ok(a) }
/// The attributes of items and their visibility stay.
#[nexus_rt::main]
#[allow(clippy::unit_arg)]
pub fn main() -> i32 { -i32::from(answer() == Err(41)) }
"""))
        result = magnetar_run.expect_halt(self.magnetar, elf, 2**32 - 1)
        expect_equal("spans", result["labels"]["program::answer"]["spans"], 1)

    def check_panic_in_panic(self):
        elf = self.built(self.written(HEAD + """
struct Bad;
impl core::fmt::Display for Bad {
    fn fmt(&self, _: &mut core::fmt::Formatter<'_>) -> core::fmt::Result { panic!("again") }
}
#[nexus_rt::main]
fn main() { panic!("{}", Bad) }
"""))
        result = magnetar_run.expect_halt(self.magnetar, elf, 1)
        expect_equal("first line", result["log"].splitlines()[0], "panicked at src/main.rs:9:13:")


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(*arguments, folder)
        status, result, _ = programs.compile(programs.bundled / "fibonacci.rs")
        if status == ENVIRONMENT_FAILED and result["error"]["kind"] == "toolchain-missing":
            print(f"skipped: {result['error']['message']}")
            return SKIPPED
        return magnetar_run.report(
            [(f"{case[0]} on {case[1]}", lambda case=case: programs.check(*case)) for case in CASES]
            + [("labels", programs.check_labels), ("layout", programs.check_layout), ("heap", programs.check_heap),
               ("codec", programs.check_codec), ("unsafe forbidden", programs.check_unsafe_forbidden),
               ("panic in panic", programs.check_panic_in_panic)]
            + [(text, lambda text=text, message=message: programs.check_refused(text, message))
               for text, message in REFUSED]
            + [(f"{depth} frames, {arguments}", lambda one=(arguments, depth, kind): programs.check_stack(*one))
               for arguments, depth, kind in [("", 1900, None), ("", 4200, "store-into-text"),
                                              ("memlimit = 1", 450, None), ("memlimit = 1", 1100, "store-into-text"),
                                              ("memlimit = 1_6", 15000, None)]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
