//! Protocol buffers, as much as logs of scalars need: the fields of a message, one by one.

/// The content of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Integer(u64),
    Eight([u8; 8]),
    Four([u8; 4]),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        if let Value::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(super) fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// A signed integer of 32 or 64 bits.
    pub(super) fn integer(self) -> Option<i64> {
        if let Value::Integer(value) = self { Some(value.cast_signed()) } else { None }
    }

    pub(super) fn double(self) -> Option<f64> {
        if let Value::Eight(bytes) = self { Some(f64::from_le_bytes(bytes)) } else { None }
    }

    pub(super) fn float(self) -> Option<f32> {
        if let Value::Four(bytes) = self { Some(f32::from_le_bytes(bytes)) } else { None }
    }
}

/// The fields of a message in order; damage ends them.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

/// The fields of a message: their numbers and contents.
pub(super) fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

impl<'a> Fields<'a> {
    /// The last field of this number.
    pub(super) fn last(self, number: u64) -> Option<Value<'a>> {
        self.filter(|&(found, _)| found == number).last().map(|(_, value)| value)
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = varint(&mut self.rest)?;
        let value = match key & 7 {
            0 => Value::Integer(varint(&mut self.rest)?),
            1 => Value::Eight(*take(&mut self.rest, 8)?.first_chunk()?),
            2 => {
                let length = usize::try_from(varint(&mut self.rest)?).ok()?;
                Value::Bytes(take(&mut self.rest, length)?)
            }
            5 => Value::Four(*take(&mut self.rest, 4)?.first_chunk()?),
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        field
    }
}

/// A base-128 number of at most 64 bits.
pub(super) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..10 {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7F).checked_shl(7 * place)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_of_every_kind_are_read_in_order() {
        let message = b"\x08\x96\x01\x12\x03abc\x1d\0\0\x80\x3f\x21\0\0\0\0\0\0\xf0\x3f\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        let read: Vec<_> = fields(message).collect();
        assert_eq!(read[0], (1, Value::Integer(150)));
        assert_eq!(read[1].1.text(), Some("abc"));
        assert_eq!(read[2].1.float(), Some(1.0));
        assert_eq!(read[3].1.double(), Some(1.0));
        assert_eq!((read[4].0, read[4].1.integer()), (5, Some(-1)));
    }

    #[test]
    fn damage_ends_the_fields() {
        for damaged in
            [&b"\x12\x7f"[..], b"\x0b", b"\x08", b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"]
        {
            assert_eq!(fields(damaged).next(), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(fields(&bytes).count() <= bytes.len());
        }
    }
}
