//! Protocol buffers, read where they lie: fields in the order of the bytes, nothing copied.
//!
//! A length is held against what is there before anything is done with it, so that no claim of a
//! sender allocates. Groups, which no format here has, are taken for damage.

/// The bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// They end within a field, or a field is of another type than the format says.
    #[error("the bytes are no message of the format")]
    Torn,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    Utf8,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A number of variable length.
    Varint(u64),
    /// Eight bytes.
    Fixed64(u64),
    /// Four bytes.
    Fixed32(u32),
    /// A text, bytes, a message, or numbers packed together.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The bytes of a message or of bytes.
    ///
    /// # Errors
    /// When it is something else, as with all that follow.
    #[inline]
    pub fn bytes(self) -> Result<&'a [u8], Damage> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(Damage::Torn),
        }
    }

    /// A text.
    #[inline]
    pub fn text(self) -> Result<&'a str, Damage> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Damage::Utf8)
    }

    /// A number of variable length.
    #[inline]
    pub fn varint(self) -> Result<u64, Damage> {
        match self {
            Value::Varint(number) => Ok(number),
            _ => Err(Damage::Torn),
        }
    }

    /// A number of variable length whose sign is its last bit.
    pub fn zigzag(self) -> Result<i64, Damage> {
        self.varint().map(signed)
    }

    /// A number of eight bytes.
    #[inline]
    pub fn fixed64(self) -> Result<u64, Damage> {
        match self {
            Value::Fixed64(number) => Ok(number),
            _ => Err(Damage::Torn),
        }
    }

    /// A number with a fraction.
    #[inline]
    pub fn double(self) -> Result<f64, Damage> {
        self.fixed64().map(f64::from_bits)
    }

    /// Each number of eight bytes that a repeated field holds here, packed or alone.
    pub fn each_fixed64(self, mut with: impl FnMut(u64)) -> Result<(), Damage> {
        match self {
            Value::Fixed64(number) => with(number),
            Value::Bytes(bytes) => {
                let (numbers, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(Damage::Torn);
                }
                numbers.iter().for_each(|number| with(u64::from_le_bytes(*number)));
            }
            _ => return Err(Damage::Torn),
        }
        Ok(())
    }

    /// Each number of variable length that a repeated field holds here, packed or alone.
    pub fn each_varint(self, mut with: impl FnMut(u64)) -> Result<(), Damage> {
        match self {
            Value::Varint(number) => with(number),
            Value::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    with(varint(&mut bytes)?);
                }
            }
            _ => return Err(Damage::Torn),
        }
        Ok(())
    }
}

/// The fields of a message with their numbers; nothing more comes after damage.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Those of the message that `bytes` are.
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Self {
        Fields(bytes)
    }

    #[inline]
    fn read(&mut self) -> Result<(u32, Value<'a>), Damage> {
        let tag = varint(&mut self.0)?;
        let number = u32::try_from(tag >> 3).unwrap_or(0);
        // Numbers are from 1 up to 2^29 - 1.
        if number == 0 || number >= 1 << 29 {
            return Err(Damage::Torn);
        }
        let value = match tag & 7 {
            0 => Value::Varint(varint(&mut self.0)?),
            1 => Value::Fixed64(u64::from_le_bytes(self.fixed()?)),
            2 => {
                let length = usize::try_from(varint(&mut self.0)?).unwrap_or(usize::MAX);
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(Damage::Torn)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.fixed()?)),
            _ => return Err(Damage::Torn),
        };
        Ok((number, value))
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(Damage::Torn)?;
        self.0 = rest;
        Ok(*bytes)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Damage>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.0 = &[];
        }
        Some(read)
    }
}

/// The next number of variable length, at most ten bytes.
#[inline]
fn varint(bytes: &mut &[u8]) -> Result<u64, Damage> {
    match bytes {
        [first @ ..0x80, rest @ ..] => {
            let number = u64::from(*first);
            *bytes = rest;
            Ok(number)
        }
        _ => long_varint(bytes),
    }
}

fn long_varint(bytes: &mut &[u8]) -> Result<u64, Damage> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Ok(number);
        }
    }
    Err(Damage::Torn)
}

/// Writes a number of variable length.
pub fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Writes a field of bytes.
pub fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A message that another lies in.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// The message.
    pub message: &'a [u8],
    /// The field that the other one is in.
    pub number: u32,
}

/// The outermost message with `inner` as all that the fields of its layers hold: what else stands
/// in them stays. The innermost layer comes first.
pub fn enclosed(layers: &[Layer<'_>], inner: &[u8]) -> Vec<u8> {
    let mut bytes = inner.to_vec();
    for layer in layers {
        let mut outer = Vec::with_capacity(bytes.len() + 64);
        let mut rest = Fields::of(layer.message);
        loop {
            let before = rest.0;
            match rest.next() {
                Some(Ok((number, _))) if number != layer.number => {
                    outer.extend_from_slice(&before[..before.len() - rest.0.len()]);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            }
        }
        put_bytes(&mut outer, layer.number, &bytes);
        bytes = outer;
    }
    bytes
}

/// A signed number of which the sign is the lowest bit, as it is packed.
#[inline]
pub fn signed(bits: u64) -> i64 {
    (bits >> 1) as i64 ^ -((bits & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(u32, Value<'_>)>, Damage> {
        Fields::of(bytes).collect()
    }

    #[test]
    fn fields_come_as_they_lie() {
        let mut bytes = vec![0x08, 0x96, 0x01];
        put_bytes(&mut bytes, 2, b"abc");
        bytes.extend([0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0, 0]);
        let fields = [
            (1, Value::Varint(150)),
            (2, Value::Bytes(b"abc")),
            (3, Value::Fixed32(1)),
            (4, Value::Fixed64(2)),
        ];
        assert_eq!(read(&bytes).unwrap(), fields);
        for end in [1, 2, 4, 7, 9, 11, 15] {
            assert_eq!(read(&bytes[..end]), Err(Damage::Torn), "{end}");
        }
    }

    #[test]
    fn claims_are_not_believed() {
        for bytes in [
            // Lengths of 2^63, of 2^64 - 1, and of one byte too many.
            &[0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01][..],
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x0a, 0x02, 0x00],
            // Number 0, a group, a number without an end.
            &[0x02, 0x00],
            &[0x0b, 0x0c],
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ] {
            assert_eq!(read(bytes), Err(Damage::Torn), "{bytes:?}");
        }
    }

    #[test]
    fn a_part_is_put_back_into_what_stood_around_it() {
        let mut message = Vec::new();
        for (number, text) in [(1, "kept"), (2, "a"), (2, "b"), (3, "kept too")] {
            put_bytes(&mut message, number, text.as_bytes());
        }
        let layers = [Layer { message: &message, number: 2 }, Layer { message: &[], number: 9 }];
        let whole = enclosed(&layers, b"b");
        let Ok((9, Value::Bytes(inner))) = Fields::of(&whole).next().unwrap() else { panic!() };
        let kept =
            [(1, Value::Bytes(b"kept")), (3, Value::Bytes(b"kept too")), (2, Value::Bytes(b"b"))];
        assert_eq!(read(inner).unwrap(), kept);
    }

    #[test]
    fn numbers_are_packed_or_alone() {
        let mut seen = Vec::new();
        Value::Bytes(&[1, 0x96, 0x01]).each_varint(|number| seen.push(number)).unwrap();
        Value::Varint(7).each_varint(|number| seen.push(number)).unwrap();
        Value::Fixed64(8).each_fixed64(|number| seen.push(number)).unwrap();
        assert_eq!(seen, [1, 150, 7, 8]);
        assert!(Value::Bytes(&[1, 2, 3]).each_fixed64(|_| ()).is_err());
        assert_eq!(Value::Varint(3).zigzag(), Ok(-2));
        assert_eq!([0, 1, 2, u64::MAX].map(signed), [0, -1, 1, i64::MIN]);
        assert_eq!(Value::Bytes(b"\xff").text(), Err(Damage::Utf8));
    }
}
