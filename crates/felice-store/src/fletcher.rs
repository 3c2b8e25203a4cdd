//! The checksum of HDF5's `fletcher32` filter, which ends each chunk (HDF5 File Format Specification 3.0, IV.A.2.l).

/// Length of a chunk's checksum in the file.
pub(crate) const LENGTH: usize = 4;

/// Fletcher's sums over big-endian 16-bit words, folded as the library folds them (`H5_checksum_fletcher32`); in the file
/// little endian, after the chunk's data. An odd last byte counts as the high half of a word.
pub(crate) fn fletcher32(data: &[u8]) -> u32 {
    /// So many words keep both sums within 32 bits.
    const WORDS: usize = 360;
    let fold = |x: u32| (x & 0xffff) + (x >> 16);
    let (mut a, mut b) = (0_u32, 0_u32);
    let (pairs, odd) = data.as_chunks::<2>();
    for block in pairs.chunks(WORDS) {
        for word in block {
            a += u32::from(u16::from_be_bytes(*word));
            b += a;
        }
        (a, b) = (fold(a), fold(b));
    }
    if let [last] = odd {
        a += u32::from(*last) << 8;
        b += a;
        (a, b) = (fold(a), fold(b));
    }
    (fold(b) << 16) | fold(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published vectors are of little-endian words: these are theirs with the bytes of each word swapped.
    #[test]
    fn known_values() {
        assert_eq!(fletcher32(&[]), 0);
        assert_eq!(fletcher32(b"badcfe"), 0x5650_2d2a, "abcdef");
        assert_eq!(fletcher32(b"badcfehg"), 0xebe1_9591, "abcdefgh");
        assert_eq!(fletcher32(&[0; 1 << 16]), 0);
    }
}
