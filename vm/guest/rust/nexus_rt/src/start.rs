//! How programs start and end.

use core::arch::global_asm;
use core::fmt::{Debug, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::calls::{exit, NexusLog};

/// The exit code of a program that panics, or whose `main` returns an error.
const FAILED: u32 = 1;

// All registers and all memory outside the ELF's segments are zero, so .bss needs no clearing. `#[nexus_rt::main]`
// defines what is called; link.ld says so when it is missing.
global_asm!(
    ".section .text.start, \"ax\", @progbits",
    ".globl _start",
    ".type _start, @function",
    "_start:",
    "la sp, __stack_top",
    "call __nexus_rt_main",
    "unimp",
    ".size _start, . - _start",
    ".text",
);

/// What `main` may return.
pub trait Termination {
    /// The exit code.
    fn report(self) -> u32;
}

impl Termination for () {
    fn report(self) -> u32 {
        0
    }
}

impl Termination for u32 {
    fn report(self) -> u32 {
        self
    }
}

impl Termination for i32 {
    fn report(self) -> u32 {
        self as u32
    }
}

/// An error is logged, and the exit code is 1.
impl<T: Termination, E: Debug> Termination for Result<T, E> {
    fn report(self) -> u32 {
        match self {
            Ok(value) => value.report(),
            Err(error) => {
                crate::println!("Error: {error:?}");
                FAILED
            }
        }
    }
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    // The message may come from code of the program that panics in turn.
    static PANICKING: AtomicBool = AtomicBool::new(false);
    if !PANICKING.load(Ordering::Relaxed) {
        PANICKING.store(true, Ordering::Relaxed);
        let _ = writeln!(NexusLog, "{info}");
    }
    exit(FAILED)
}
