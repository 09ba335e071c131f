//! Typed input and output.

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::calls::{read_from_private_input, write_to_output};
use crate::postcard::{self, Error};

/// Decodes a value from the input, in postcard encoding. Bytes behind it stay unread, so that several values may be
/// read one after the other.
pub fn read_private_input<T: DeserializeOwned>() -> Result<T, Error> {
    postcard::from_source(read_from_private_input)
}

/// Appends `value` to the output, in postcard encoding. Panics if the value cannot be encoded: a sequence that does
/// not know its length.
pub fn write_output<T: Serialize + ?Sized>(value: &T) {
    match postcard::to_allocvec(value) {
        Ok(bytes) => write_to_output(&bytes),
        Err(error) => panic!("the output cannot be encoded: {error}"),
    }
}
