//! Allocates, grows, shrinks and frees blocks in a generated order; every block must keep its content and overlap no
//! other. Then takes all memory that there is, and panics.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::alloc::{alloc, alloc_zeroed, dealloc, realloc};
use alloc::vec::Vec;
use core::alloc::Layout;
use nexus_rt::println;

struct Block {
    start: *mut u8,
    layout: Layout,
    mark: u8,
}

impl Block {
    fn bytes(&self) -> &mut [u8] {
        unsafe { core::slice::from_raw_parts_mut(self.start, self.layout.size()) }
    }
    fn check(&self, size: usize) {
        assert_eq!(self.start as usize % self.layout.align(), 0);
        for (i, &byte) in self.bytes()[..size].iter().enumerate() {
            assert_eq!(byte, self.mark.wrapping_add(i as u8));
        }
    }
    fn fill(&self) {
        for (i, byte) in self.bytes().iter_mut().enumerate() {
            *byte = self.mark.wrapping_add(i as u8);
        }
    }
}

#[nexus_rt::main(memlimit = 2)]
fn main() {
    let mut state = 2463534242u32;
    let mut random = move |below: u32| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (u64::from(state) * u64::from(below) >> 32) as u32
    };
    let mut blocks: Vec<Block> = Vec::new();
    let mut total = 0u32;
    for step in 0..4000u32 {
        let size = match random(8) {
            0 => 1 + random(4000),
            1 => 505 + random(16),
            _ => 1 + random(60),
        } as usize;
        match random(if blocks.len() > 150 { 6 } else { 4 }) {
            0 | 1 => {
                let layout = Layout::from_size_align(size, 1 << random(6)).unwrap();
                let zeroed = random(2) == 0;
                let start = unsafe { if zeroed { alloc_zeroed(layout) } else { alloc(layout) } };
                assert!(!start.is_null());
                let block = Block { start, layout, mark: step as u8 };
                assert!(!zeroed || block.bytes().iter().all(|&b| b == 0));
                block.fill();
                blocks.push(block);
                total += 1;
            }
            2 if !blocks.is_empty() => {
                let count = blocks.len() as u32;
                let block = &mut blocks[random(count) as usize];
                let kept = size.min(block.layout.size());
                block.check(block.layout.size());
                block.start = unsafe { realloc(block.start, block.layout, size) };
                assert!(!block.start.is_null());
                block.layout = Layout::from_size_align(size, block.layout.align()).unwrap();
                block.check(kept);
                block.fill();
            }
            _ if !blocks.is_empty() => {
                let count = blocks.len() as u32;
                let block = blocks.swap_remove(random(count) as usize);
                block.check(block.layout.size());
                unsafe { dealloc(block.start, block.layout) };
            }
            _ => {}
        }
    }
    blocks.iter().for_each(|block| block.check(block.layout.size()));
    for block in blocks.drain(..) {
        unsafe { dealloc(block.start, block.layout) };
    }
    println!("{total} blocks");
    let mut large: Vec<Vec<u8>> = Vec::new();
    loop {
        large.push(Vec::with_capacity(100_000));
        nexus_rt::write_to_output(&[large.len() as u8]);
    }
}
