//! What the input's first byte chooses: a panic, an overflow of an index, an exit code, an error.

#![no_std]
#![no_main]

#[nexus_rt::main]
fn main() -> Result<u32, &'static str> {
    let table = [1, 2, 3];
    match nexus_rt::read_from_private_input() {
        None => panic!(),
        Some(b'p') => panic!("the message, with {} in it", 42),
        Some(b'i') => Ok(table[usize::from(core::hint::black_box(7u8))]),
        Some(b'e') => Err("no luck"),
        Some(b'x') => nexus_rt::exit(77),
        Some(other) => Ok(u32::from(other) << 24),
    }
}
