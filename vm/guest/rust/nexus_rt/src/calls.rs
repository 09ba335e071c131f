//! The machine's system calls: `ecall` with the number in s2, arguments in a1 and a2, the result in a0. No other
//! register changes.

use core::arch::asm;
use core::fmt;

const LOG: u32 = 1;
const READ: u32 = 2;
const WRITE: u32 = 3;
const PROFILE: u32 = 5;

/// What READ gives when all input has been read.
const END_OF_INPUT: u32 = u32::MAX;

fn call(number: u32, bytes: &[u8]) -> u32 {
    let result;
    // SAFETY: each of the calls only reads memory, and that of `bytes` alone.
    unsafe {
        asm!(
            "ecall",
            in("s2") number,
            in("a1") bytes.as_ptr(),
            in("a2") bytes.len(),
            lateout("a0") result,
            options(nostack, readonly),
        );
    }
    result
}

/// Appends `text` to the log, of which a proof says nothing. Costs the same for any length.
pub fn write_log(text: &str) {
    call(LOG, text.as_bytes());
}

/// The next byte of the input; `None`, again and again, when all of it has been read.
pub fn read_from_private_input() -> Option<u8> {
    match call(READ, &[]) {
        END_OF_INPUT => None,
        byte => Some(byte as u8),
    }
}

/// Appends `bytes` to the output, which a proof states. Costs four cycles a byte.
pub fn write_to_output(bytes: &[u8]) {
    call(WRITE, bytes);
}

/// Hands `label` to the profiler: `^#name` starts a span of that name, `$#name` ends it.
pub fn cycle_count_ecall(label: &str) {
    call(PROFILE, label.as_bytes());
}

/// Ends the program at once. `code` is what a proof states as its exit code; the process that runs the machine passes
/// on the low byte. Destructors do not run.
pub fn exit(code: u32) -> ! {
    // SAFETY: the machine stops at this word.
    unsafe { asm!("unimp", in("a0") code, options(noreturn, nostack)) }
}

/// The log as a [`fmt::Write`].
pub struct NexusLog;

impl fmt::Write for NexusLog {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_log(text);
        Ok(())
    }
}

/// A span of the profiler, from its making to its end: what `#[nexus_rt::profile]` puts into functions.
pub struct ProfileSpan {
    end: &'static str,
}

impl ProfileSpan {
    /// Starts a span; the labels are `^#name` and `$#name`.
    pub fn new(start: &str, end: &'static str) -> Self {
        cycle_count_ecall(start);
        Self { end }
    }
}

impl Drop for ProfileSpan {
    fn drop(&mut self) {
        cycle_count_ecall(self.end);
    }
}
