//! Ways to spoil a record, the same ones for the same seed.

/// A small generator of numbers (SplitMix64), so that every run sees the same input.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Below `count`, which is not zero.
    pub(super) fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// Values that no field is ready for.
const VALUES: [&str; 34] = [
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "1e-999",
    "-0",
    "-0.0",
    "01",
    "1.",
    ".5",
    "+1",
    "0x10",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "123456789012345678901234567890123456789012345678901234567890",
    "1.7976931348623157e308",
    "5e-324",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\u0000\"",
    "\"\\x41\"",
    "[[[[[[[[[[1]]]]]]]]]]",
    "{\"a\":{\"a\":{\"a\":NaN}}}",
    "nul",
];

/// Pieces of text that break strings, lines, names or programs.
const PIECES: [&[u8]; 28] = [
    b"\"",
    b"\\",
    b"\\\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\x00",
    b"\x01\x1f",
    b"\x7f",
    b"\t",
    b"\r",
    b"\xff",
    b"\xc3",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\xc2\x85",
    b"\\ud83d",
    b"\\u0000",
    b"\\",
    b"/*",
    b"\x1e",
    b"'",
];

/// Years at both ends of what clocks and calendars hold.
const YEARS: [&str; 8] = ["2016", "2036", "1969", "1677", "2262", "0000", "9999", "2038"];

/// Spoils a record in one way, seldom in two.
pub(super) fn spoil(dice: &mut Dice, record: &[u8], other: &[u8], serial: u64) -> Vec<u8> {
    let once = spoil_once(dice, record, other, serial);
    match dice.below(4) {
        0 => spoil_once(dice, &once, other, serial),
        _ => once,
    }
}

fn spoil_once(dice: &mut Dice, record: &[u8], other: &[u8], serial: u64) -> Vec<u8> {
    match dice.below(16) {
        0 => record[..dice.below(record.len() + 1)].to_vec(),
        1 => flip_bits(dice, record),
        2 => insert(dice, record, PIECES.as_slice()),
        3 | 4 => replace_value(dice, record),
        5 => repeat_member(dice, record),
        6 => replace(record, b"2026", dice.pick(&YEARS).as_bytes()),
        7 => nest(dice, record),
        8 => [&record[..dice.below(record.len() + 1)], &other[dice.below(other.len() + 1)..]]
            .concat(),
        9 => relabel(record, serial),
        10 => [b"\xef\xbb\xbf".as_slice(), record].concat(),
        11 => [record, b"\r".as_slice()].concat(),
        12 => b" \t\r ".repeat(dice.below(3)),
        13 => lengthen(dice, record),
        14 => remove(dice, record),
        _ => (0..dice.below(200)).map(|_| dice.next() as u8).collect(),
    }
}

fn flip_bits(dice: &mut Dice, record: &[u8]) -> Vec<u8> {
    let mut record = record.to_vec();
    for _ in 0..=dice.below(4) {
        let len = record.len();
        if let Some(byte) = record.get_mut(dice.below(len.max(1))) {
            *byte ^= 1 << dice.below(8);
        }
    }
    record
}

fn insert(dice: &mut Dice, record: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    let at = dice.below(record.len() + 1);
    let piece = dice.pick(pieces);
    [&record[..at], &piece.repeat(1 + dice.below(3)), &record[at..]].concat()
}

/// Where a byte stands, one of the places chosen.
fn place_of(dice: &mut Dice, record: &[u8], wanted: u8) -> Option<usize> {
    let places: Vec<usize> =
        record.iter().enumerate().filter(|(_, byte)| **byte == wanted).map(|(at, _)| at).collect();
    (!places.is_empty()).then(|| places[dice.below(places.len())])
}

/// Puts something else behind a colon, up to the next comma or bracket.
fn replace_value(dice: &mut Dice, record: &[u8]) -> Vec<u8> {
    let Some(colon) = place_of(dice, record, b':') else { return record.to_vec() };
    let rest = &record[colon + 1..];
    let end = rest.iter().position(|byte| b",}]\n".contains(byte)).unwrap_or(rest.len());
    let value = dice.pick(&VALUES);
    [&record[..=colon], b" ", value.as_bytes(), &rest[end..]].concat()
}

/// Says a key twice, the second time with another value.
fn repeat_member(dice: &mut Dice, record: &[u8]) -> Vec<u8> {
    let Some(brace) = place_of(dice, record, b'{') else { return record.to_vec() };
    let keys = ["id", "kind", "time", "labels", "name", "entity", "data", "specversion", "context"];
    let member = format!("\"{}\":{},", dice.pick(&keys), dice.pick(&VALUES));
    [&record[..=brace], member.as_bytes(), &record[brace + 1..]].concat()
}

fn replace(record: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(record.len());
    let mut at = 0;
    while at < record.len() {
        if record[at..].starts_with(from) {
            replaced.extend_from_slice(to);
            at += from.len();
        } else {
            replaced.push(record[at]);
            at += 1;
        }
    }
    replaced
}

/// Nests a value, now and then as deep as a stack is long.
fn nest(dice: &mut Dice, record: &[u8]) -> Vec<u8> {
    let Some(colon) = place_of(dice, record, b':') else { return record.to_vec() };
    let depth = match dice.below(200) {
        0 => 100_000,
        1..=20 => 1_000,
        _ => 30 + dice.below(70),
    };
    let (open, close) = if dice.below(2) == 0 { ("[", "]") } else { ("{\"a\":", "}") };
    let torn = dice.below(3) == 0;
    let closing = close.repeat(if torn { dice.below(depth) } else { depth });
    let value = format!(" {}1{closing}", open.repeat(depth));
    let rest = &record[colon + 1..];
    let end = rest.iter().position(|byte| b",}]\n".contains(byte)).unwrap_or(rest.len());
    [&record[..=colon], value.as_bytes(), &rest[end..]].concat()
}

/// A name or value that no record had before.
fn relabel(record: &[u8], serial: u64) -> Vec<u8> {
    let fresh = format!("cart-{serial:x}");
    replace(record, b"cart", fresh.as_bytes())
}

/// Makes one stretch very long, seldom longer than an event may be.
fn lengthen(dice: &mut Dice, record: &[u8]) -> Vec<u8> {
    let at = dice.below(record.len() + 1);
    let length = match dice.below(400) {
        0 => 2 << 20,
        1..=9 => 80 << 10,
        _ => 300 + dice.below(2_000),
    };
    let filler = dice.pick::<[u8]>(&[b"x", "é".as_bytes(), b" ", b"9", b"[", b"\"a\":1,"]);
    [&record[..at], &filler.repeat(length / filler.len()), &record[at..]].concat()
}

fn remove(dice: &mut Dice, record: &[u8]) -> Vec<u8> {
    let (a, b) = (dice.below(record.len() + 1), dice.below(record.len() + 1));
    [&record[..a.min(b)], &record[a.max(b)..]].concat()
}
