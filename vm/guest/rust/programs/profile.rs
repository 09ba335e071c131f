//! Two functions whose cycles `magnetar run` counts.

#![no_std]
#![no_main]

#[nexus_rt::profile]
fn sum_of_squares(n: u32) -> u32 {
    (1..=n).map(|i| core::hint::black_box(i) * i).sum()
}

/// Leaves early: the span ends all the same.
#[nexus_rt::profile]
fn first_multiple(of: u32, above: u32) -> Option<u32> {
    for n in above + 1.. {
        if core::hint::black_box(n) % of == 0 {
            return Some(n);
        }
    }
    None
}

#[nexus_rt::main]
fn main() {
    assert_eq!(sum_of_squares(10), 385);
    assert_eq!(sum_of_squares(20), 2870);
    assert_eq!(first_multiple(7, 100), Some(105));
}
