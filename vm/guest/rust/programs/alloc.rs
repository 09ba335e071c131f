//! Collections on the heap, within the 18 MiB that are asked for.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::hint::black_box;

use nexus_rt::println;

#[repr(align(64))]
struct Aligned([u8; 64]);

#[nexus_rt::main(memlimit = 18)]
fn main() {
    let large = black_box(vec![1u8; 0x100_0000]);
    println!("large: {}", large.iter().map(|&b| u32::from(b)).sum::<u32>());
    drop(large);

    // Memory that was in use comes back as zeros where zeros are asked for.
    let zeros = black_box(vec![0u8; 0x100_0000]);
    assert!(zeros.iter().all(|&b| b == 0));
    drop(zeros);

    // Far more in all than there is memory.
    let mut text = String::new();
    for round in 0..200u32 {
        let numbers: Vec<u32> = (0..round % 70).collect();
        let map: BTreeMap<u32, Rc<Vec<u32>>> = (0..round % 13).map(|i| (i, Rc::new(numbers.clone()))).collect();
        assert!(map.values().all(|v| v.len() == numbers.len()));
        if round % 50 == 0 {
            text += "round ";
        }
    }
    println!("{text}");

    let mut queue: VecDeque<Aligned> = VecDeque::new();
    for i in 0..100u8 {
        queue.push_back(Aligned([i; 64]));
        if i % 3 == 0 {
            let front = queue.pop_front().unwrap();
            assert_eq!(front.0[63], front.0[0]);
        }
    }
    assert!(queue.iter().all(|a| a as *const Aligned as usize % 64 == 0));

    let set: BTreeSet<u32> = (0..1000u32).map(|i| i.wrapping_mul(2654435761) >> 20).collect();
    println!("set: {} {:?}", set.len(), set.first());
}
