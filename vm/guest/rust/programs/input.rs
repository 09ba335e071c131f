//! Logs the input, byte by byte.

#![no_std]
#![no_main]

use nexus_rt::{println, read_from_private_input};

#[nexus_rt::main]
fn main() {
    match read_from_private_input() {
        None => println!("No private input provided..."),
        Some(first) => {
            println!("first: {first}");
            while let Some(byte) = read_from_private_input() {
                println!("then: {byte}");
            }
        }
    }
}
