//! The postcard encoding of serde's data model, version 1 of its wire format
//! (<https://postcard.jamesmunns.com/wire-format>).
//!
//! Integers of more than a byte are varints: seven bits a byte, the least significant first, the top bit set in all
//! but the last; signed ones are zigzag-encoded before. Sequences, maps, strings and byte arrays have their length
//! before them, `Option` a byte 0 or 1, enums the index of their variant. Structs and tuples are their fields.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Display};

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use serde::ser::{self, Serialize};

/// Why a value could not be decoded or encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The bytes end within the value.
    UnexpectedEnd,
    /// An integer is too large for its type, or longer than any of that type.
    BadVarint,
    /// A `bool` that is neither 0 nor 1.
    BadBool,
    /// The byte before an optional value is neither 0 nor 1.
    BadOption,
    /// A `char` that is not one character.
    BadChar,
    /// A string that is not UTF-8.
    BadUtf8,
    /// The encoding does not say what comes next, so that only types that do can be decoded.
    NotSelfDescribing,
    /// A sequence or map that does not know its length before it is encoded.
    LengthUnknown,
    /// What the type's own implementation says.
    Custom(String),
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::UnexpectedEnd => "the bytes end within the value",
            Error::BadVarint => "an integer is too large for its type",
            Error::BadBool => "a bool is neither 0 nor 1",
            Error::BadOption => "the byte before an optional value is neither 0 nor 1",
            Error::BadChar => "a char is not one character",
            Error::BadUtf8 => "a string is not UTF-8",
            Error::NotSelfDescribing => "the type does not say what to decode",
            Error::LengthUnknown => "a sequence does not know its length",
            Error::Custom(message) => message,
        })
    }
}

impl core::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Error::Custom(message.to_string())
    }
}

impl de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Error::Custom(message.to_string())
    }
}

/// The encoding of `value`.
pub fn to_allocvec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut encoder = Encoder { bytes: Vec::new() };
    value.serialize(&mut encoder)?;
    Ok(encoder.bytes)
}

/// Decodes a value from the start of `bytes`; those behind it are ignored.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut rest = bytes.iter();
    from_source(|| rest.next().copied())
}

/// Decodes a value from the bytes that `next` gives, as many as it takes.
pub(crate) fn from_source<T: DeserializeOwned>(next: impl FnMut() -> Option<u8>) -> Result<T, Error> {
    T::deserialize(&mut Decoder { next })
}

struct Encoder {
    bytes: Vec<u8>,
}

macro_rules! encode_varint {
    ($($method:ident $put:ident $unsigned:ty;)*) => {$(
        fn $method(&mut self, mut value: $unsigned) {
            while value > 0x7f {
                self.bytes.push(value as u8 | 0x80);
                value >>= 7;
            }
            self.bytes.push(value as u8);
        }
    )*};
}

impl Encoder {
    // One for each width: the machine's registers have 32 bits.
    encode_varint! {
        varint32 put u32;
        varint64 put u64;
        varint128 put u128;
    }

    fn length(&mut self, length: Option<usize>) -> Result<&mut Self, Error> {
        self.varint32(length.ok_or(Error::LengthUnknown)? as u32);
        Ok(self)
    }
}

macro_rules! serialize_varints {
    ($($method:ident $type:ty => $varint:ident |$value:ident| $encoded:expr;)*) => {$(
        fn $method(self, $value: $type) -> Result<(), Error> {
            self.$varint($encoded);
            Ok(())
        }
    )*};
}

impl ser::Serializer for &mut Encoder {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    serialize_varints! {
        serialize_u16 u16 => varint32 |value| value.into();
        serialize_u32 u32 => varint32 |value| value;
        serialize_u64 u64 => varint64 |value| value;
        serialize_u128 u128 => varint128 |value| value;
        serialize_i16 i16 => varint32 |value| ((value << 1) ^ (value >> 15)) as u16 as u32;
        serialize_i32 i32 => varint32 |value| ((value << 1) ^ (value >> 31)) as u32;
        serialize_i64 i64 => varint64 |value| ((value << 1) ^ (value >> 63)) as u64;
        serialize_i128 i128 => varint128 |value| ((value << 1) ^ (value >> 127)) as u128;
    }

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.serialize_u8(value.into())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.bytes.push(value);
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.serialize_u8(value as u8)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.length(Some(value.len()))?.bytes.extend_from_slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_u8(0)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.bytes.push(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), Error> {
        self.serialize_u32(index)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.varint32(index);
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Error> {
        self.length(length)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Error> {
        self.varint32(index);
        Ok(self)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, Error> {
        self.length(length)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Error> {
        self.varint32(index);
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! serialize_parts {
    ($($trait:ident $method:ident;)*) => {$(
        impl ser::$trait for &mut Encoder {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Error> {
                Ok(())
            }
        }
    )*};
}

serialize_parts! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! serialize_fields {
    ($($trait:ident;)*) => {$(
        impl ser::$trait for &mut Encoder {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), Error> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Error> {
                Ok(())
            }
        }
    )*};
}

serialize_fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl ser::SerializeMap for &mut Encoder {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

struct Decoder<F> {
    next: F,
}

macro_rules! decode_varint {
    ($($method:ident $type:ty;)*) => {$(
        fn $method(&mut self) -> Result<$type, Error> {
            let mut value = 0;
            let mut shift = 0;
            loop {
                let byte = self.byte()?;
                let bits = <$type>::from(byte & 0x7f);
                // Neither bits beyond the type nor bytes beyond its longest encoding.
                if shift >= <$type>::BITS || (bits << shift) >> shift != bits {
                    return Err(Error::BadVarint);
                }
                value |= bits << shift;
                if byte & 0x80 == 0 {
                    return Ok(value);
                }
                shift += 7;
            }
        }
    )*};
}

impl<F: FnMut() -> Option<u8>> Decoder<F> {
    decode_varint! {
        varint16 u16;
        varint32 u32;
        varint64 u64;
        varint128 u128;
    }

    fn byte(&mut self) -> Result<u8, Error> {
        (self.next)().ok_or(Error::UnexpectedEnd)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.byte()?;
        }
        Ok(bytes)
    }

    fn length(&mut self) -> Result<usize, Error> {
        Ok(self.varint32()? as usize)
    }

    // Memory grows with what is there, not with what the length claims.
    fn byte_array(&mut self) -> Result<Vec<u8>, Error> {
        let length = self.length()?;
        let mut bytes = Vec::new();
        for _ in 0..length {
            bytes.push(self.byte()?);
        }
        Ok(bytes)
    }

    fn text(&mut self) -> Result<String, Error> {
        String::from_utf8(self.byte_array()?).map_err(|_| Error::BadUtf8)
    }

    fn boolean(&mut self, otherwise: Error) -> Result<bool, Error> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(otherwise),
        }
    }
}

macro_rules! deserialize_varints {
    ($($method:ident $visit:ident $varint:ident |$value:ident| $decoded:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let $value = self.$varint()?;
            visitor.$visit($decoded)
        }
    )*};
}

macro_rules! not_self_describing {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(Error::NotSelfDescribing)
        }
    )*};
}

impl<'de, F: FnMut() -> Option<u8>> de::Deserializer<'de> for &mut Decoder<F> {
    type Error = Error;

    deserialize_varints! {
        deserialize_u8 visit_u8 byte |value| value;
        deserialize_i8 visit_i8 byte |value| value as i8;
        deserialize_u16 visit_u16 varint16 |value| value;
        deserialize_u32 visit_u32 varint32 |value| value;
        deserialize_u64 visit_u64 varint64 |value| value;
        deserialize_u128 visit_u128 varint128 |value| value;
        deserialize_i16 visit_i16 varint16 |value| (value >> 1) as i16 ^ -((value & 1) as i16);
        deserialize_i32 visit_i32 varint32 |value| (value >> 1) as i32 ^ -((value & 1) as i32);
        deserialize_i64 visit_i64 varint64 |value| (value >> 1) as i64 ^ -((value & 1) as i64);
        deserialize_i128 visit_i128 varint128 |value| (value >> 1) as i128 ^ -((value & 1) as i128);
    }

    not_self_describing! { deserialize_any deserialize_identifier deserialize_ignored_any }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.boolean(Error::BadBool)?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f32(f32::from_le_bytes(self.array()?))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(f64::from_le_bytes(self.array()?))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.text()?;
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(character), None) => visitor.visit_char(character),
            _ => Err(Error::BadChar),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_byte_buf(self.byte_array()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_byte_buf(self.byte_array()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.boolean(Error::BadOption)? {
            visitor.visit_some(self)
        } else {
            visitor.visit_none()
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let remaining = self.length()?;
        visitor.visit_seq(Parts { decoder: self, remaining })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Parts { decoder: self, remaining: length })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let remaining = self.length()?;
        visitor.visit_map(Parts { decoder: self, remaining })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// What is left of a sequence, map, tuple or struct.
struct Parts<'a, F> {
    decoder: &'a mut Decoder<F>,
    remaining: usize,
}

impl<'de, F: FnMut() -> Option<u8>> de::SeqAccess<'de> for Parts<'_, F> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.remaining == 0 {
            return Ok(None);
        }
        self.remaining -= 1;
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.remaining)
    }
}

impl<'de, F: FnMut() -> Option<u8>> de::MapAccess<'de> for Parts<'_, F> {
    type Error = Error;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        de::SeqAccess::next_element_seed(self, seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(&mut *self.decoder)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.remaining)
    }
}

impl<'de, F: FnMut() -> Option<u8>> de::EnumAccess<'de> for &mut Decoder<F> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        let index = self.varint32()?;
        Ok((seed.deserialize(index.into_deserializer())?, self))
    }
}

impl<'de, F: FnMut() -> Option<u8>> de::VariantAccess<'de> for &mut Decoder<F> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_tuple(self, length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_tuple(self, fields.len(), visitor)
    }
}
