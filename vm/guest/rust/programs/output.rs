//! Multiplies two numbers of the input; output is the product, or -1 without them.

#![cfg_attr(target_arch = "riscv32", no_std, no_main)]

use nexus_rt::{println, read_private_input, write_output};

#[nexus_rt::main]
fn main() {
    let product = match read_private_input::<(u32, u32)>() {
        Ok((x, y)) => {
            println!("Read private input: ({x}, {y})");
            x.wrapping_mul(y) as i32
        }
        Err(error) => {
            println!("No private input provided: {error}");
            -1
        }
    };
    write_output::<i32>(&product)
}
