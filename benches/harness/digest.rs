//! An order-insensitive digest of rows of numbers.

use xxhash_rust::xxh3::xxh3_128;

/// XOR of xxh3_128 over rows: adding a row twice takes it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowDigest(pub u128);

impl RowDigest {
    /// The digest of one row of numbers.
    #[inline]
    pub fn of<const N: usize>(row: [u64; N]) -> RowDigest {
        let mut bytes = [[0u8; 8]; N];
        for (place, number) in bytes.iter_mut().zip(row) {
            *place = number.to_le_bytes();
        }
        RowDigest(xxh3_128(bytes.as_flattened()))
    }

    /// Adds a row of numbers, or takes it back.
    #[inline]
    pub fn toggle<const N: usize>(&mut self, row: [u64; N]) {
        self.merge(RowDigest::of(row));
    }

    /// Joins the digest of other rows.
    pub fn merge(&mut self, other: RowDigest) {
        self.0 ^= other.0;
    }

    /// As printed.
    pub fn text(self) -> String {
        format!("{:032x}", self.0)
    }
}
