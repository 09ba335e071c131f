//! Text, numbers and structures in the log.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::string::ToString;
use nexus_rt::{print, println, write_log, NexusLog, Write};

#[derive(Debug)]
#[allow(dead_code)] // Debug reads them.
struct Point {
    x: i32,
    y: f64,
}

#[nexus_rt::main]
fn main() {
    print!("Hello, ");
    println!("World!");
    println!();
    let point = Point { x: -7, y: 0.1 + 0.2 };
    println!("{point:?} {:>6}|{:<6}|{:^6}|{:#010x}", 1, 2, 3, 0xbeef);
    println!("{} {} {}", u64::MAX, i128::MIN, 'ß');
    println!("{}", 3.25.to_string() + "!");
    write_log("as it is: {}\n");
    writeln!(NexusLog, "{:?}", Some("quoted\n")).unwrap();
}
