//! Fibonacci numbers in two ways, checked against each other; logs one and ends with exit code 0.

#![cfg_attr(target_arch = "riscv32", no_std, no_main)]

use nexus_rt::println;

fn recursive(n: u32) -> u32 {
    match n {
        0 | 1 => n,
        _ => recursive(n - 1) + recursive(n - 2),
    }
}

fn iterative(n: u32) -> u32 {
    let (mut a, mut b) = (0, 1);
    for _ in 0..n {
        (a, b) = (b, a + b);
    }
    a
}

#[nexus_rt::main]
fn main() {
    let n = 15;
    assert_eq!(recursive(n), iterative(n));
    println!("fib({n}) = {}", iterative(n));
}
