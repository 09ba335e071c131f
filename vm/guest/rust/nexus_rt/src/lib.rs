//! The runtime of Rust guests: start, end, heap, panics, and the machine's system calls.
//!
//! Its names are those that programs of the Nexus playground (zkVM 0.2) use, so that these compile unchanged.
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//!
//! #[nexus_rt::main]
//! fn main() {
//!     let (a, b): (u32, u32) = nexus_rt::read_private_input().expect("two numbers");
//!     nexus_rt::println!("adding {a} and {b}");
//!     nexus_rt::write_output(&(a + b));
//! }
//! ```

#![no_std]
#![warn(missing_docs)]

extern crate alloc;

mod calls;
mod heap;
mod io;
pub mod postcard;
mod start;

pub use calls::{
    cycle_count_ecall, exit, read_from_private_input, write_log, write_to_output, NexusLog, ProfileSpan,
};
pub use core::fmt::Write;
pub use io::{read_private_input, write_output};
pub use nexus_rt_macros::{main, profile};
pub use postcard::Error;
pub use start::Termination;

/// Formats like `core::format_args!` and appends the text to the log, of which a proof says nothing.
#[macro_export]
macro_rules! print {
    ($($arguments:tt)*) => {{
        // A formatter that fails has no way to say so but to leave the rest out.
        let _ = $crate::Write::write_fmt(&mut $crate::NexusLog, ::core::format_args!($($arguments)*));
    }};
}

/// The same as [`print!`], with a newline at the end.
#[macro_export]
macro_rules! println {
    () => { $crate::write_log("\n") };
    ($($arguments:tt)*) => { $crate::print!("{}\n", ::core::format_args!($($arguments)*)) };
}
