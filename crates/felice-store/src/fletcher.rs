//! The checksum of HDF5's `fletcher32` filter, which ends each chunk (HDF5 File Format Specification 3.0, IV.A.2.l).

/// Length of a chunk's checksum in the file.
pub(crate) const LENGTH: usize = 4;

/// Fletcher's sums over big-endian 16-bit words, folded as the library folds them (`H5_checksum_fletcher32`); in the file
/// little endian, after the chunk's data. An odd last byte counts as the high half of a word.
pub(crate) fn fletcher32(data: &[u8]) -> u32 {
    /// So many words keep both sums within 32 bits.
    const WORDS: usize = 22 * ABREAST;
    /// Words that are summed without waiting for one another.
    const ABREAST: usize = 16;
    let fold = |x: u32| (x & 0xffff) + (x >> 16);
    let (mut a, mut b) = (0_u32, 0_u32);
    let (pairs, odd) = data.as_chunks::<2>();
    for block in pairs.chunks(WORDS) {
        let (rows, rest) = block.as_chunks::<ABREAST>();
        for row in rows {
            let (mut sum, mut weighted) = (0, 0);
            for (i, word) in row.iter().enumerate() {
                let word = u32::from(u16::from_be_bytes(*word));
                sum += word;
                // The first word is in all of the row's sums, the last in one.
                weighted += (ABREAST - i) as u32 * word;
            }
            b += ABREAST as u32 * a + weighted;
            a += sum;
        }
        for word in rest {
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
    #[test]
    fn rows_give_what_words_give_one_by_one() {
        // Both sums modulo 65535, of which the folds keep 1 to 65535 but for nothing but zeros.
        let slow = |data: &[u8]| {
            let mut sums = (0_u64, 0_u64);
            for word in data.chunks(2) {
                sums.0 += u64::from(word[0]) << 8 | word.get(1).map_or(0, |b| u64::from(*b));
                sums.1 += sums.0;
            }
            let fold = |x: u64| if x == 0 { 0 } else { (x - 1) % 65535 + 1 };
            (fold(sums.1) << 16 | fold(sums.0)) as u32
        };
        for length in (0..100).chain([703, 704, 705, 706, 1408, 4097]) {
            for of in [|i: usize| ((i * 7919) >> 3) as u8, |_| 0xff, |i| u8::from(i == 5)] {
                let data: Vec<u8> = (0..length).map(of).collect();
                assert_eq!(fletcher32(&data), slow(&data), "{length} bytes");
            }
        }
    }
}
