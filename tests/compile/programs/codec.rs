//! Echoes values of every kind through the postcard codec: decodes them from the input, logs them, encodes them to the
//! output.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use nexus_rt::postcard::{from_bytes, to_allocvec, Error};
use nexus_rt::{println, read_private_input, write_output};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, i16);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Circle(u32),
    Box(u8, u8),
    Named { name: String, sides: Vec<i32> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    yes: bool,
    small: (u8, i8),
    integers: (u16, u32, u64, u128),
    signed: (i16, i32, i64, i128),
    floats: (f32, f64),
    letter: char,
    text: String,
    bytes: Vec<u8>,
    none: Option<u32>,
    some: Option<u32>,
    unit: Unit,
    pair: Pair,
    shapes: Vec<Shape>,
    map: BTreeMap<u8, String>,
}

fn refuse<T: serde::de::DeserializeOwned + core::fmt::Debug + PartialEq>(bytes: &[u8], error: Error) {
    assert_eq!(from_bytes::<T>(bytes), Err(error));
}

#[nexus_rt::main]
fn main() {
    let value: Everything = read_private_input().unwrap();
    println!("{value:?}");
    write_output(&value);
    assert_eq!(from_bytes::<Everything>(&to_allocvec(&value).unwrap()), Ok(value));
    // What follows is read by itself, and its end is seen.
    assert_eq!(read_private_input::<u16>(), Ok(300));
    assert_eq!(read_private_input::<u16>(), Err(Error::UnexpectedEnd));

    refuse::<bool>(&[2], Error::BadBool);
    refuse::<Option<u8>>(&[2, 1], Error::BadOption);
    refuse::<u16>(&[0xff, 0xff, 0x04], Error::BadVarint);
    refuse::<u16>(&[0x80, 0x80, 0x80, 0x00], Error::BadVarint);
    refuse::<u32>(&[0xff, 0xff, 0xff, 0xff, 0x10], Error::BadVarint);
    refuse::<u64>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], Error::BadVarint);
    refuse::<u32>(&[0x80], Error::UnexpectedEnd);
    refuse::<String>(&[2, 0xc3, 0x28], Error::BadUtf8);
    refuse::<char>(&[2, b'a', b'b'], Error::BadChar);
    refuse::<char>(&[0], Error::BadChar);
    refuse::<Vec<u8>>(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1], Error::UnexpectedEnd);
    refuse::<String>(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1], Error::UnexpectedEnd);
    assert!(matches!(from_bytes::<Shape>(&[4]), Err(Error::Custom(_))));
    assert_eq!(from_bytes::<u32>(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(u32::MAX));
    assert_eq!(from_bytes::<i32>(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(i32::MIN));
}
