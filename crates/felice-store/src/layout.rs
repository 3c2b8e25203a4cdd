//! Where a dataset's bytes lie: inside the header where they are few, else in compressed, checksummed chunks.

/// Datasets up to this size lie in the object header: one seek, covered by the header's checksum.
const COMPACT_BYTES: usize = 8 * 1024;
/// Larger datasets up to this size are one chunk.
const ONE_CHUNK_BYTES: usize = 1024 * 1024;
/// What a chunk of a still larger dataset aims at.
const CHUNK_BYTES: usize = 512 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Compact,
    Chunked(Vec<usize>),
}

/// Chunks of 100 kB to 1 MB, whole in the fastest dimensions, so that a row is read at once.
pub(crate) fn layout(shape: &[usize], element_bytes: usize) -> Layout {
    let total = shape.iter().product::<usize>().saturating_mul(element_bytes);
    if total <= COMPACT_BYTES {
        return Layout::Compact;
    }
    if total <= ONE_CHUNK_BYTES {
        return Layout::Chunked(shape.to_vec());
    }
    let mut left = CHUNK_BYTES / element_bytes;
    let mut chunk = vec![1; shape.len()];
    for (size, c) in shape.iter().zip(&mut chunk).rev() {
        // A dimension less than twice too long stays whole: two chunks of half the size would be smaller than asked.
        *c = if *size < 2 * left { *size } else { left.max(1) };
        left /= *c;
        if left == 0 {
            break;
        }
    }
    Layout::Chunked(chunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_lie_between_100_kb_and_1_mb() {
        for shape in [vec![200_000], vec![100_000, 1001], vec![10, 1_000_000], vec![1_000_000, 3], vec![40, 50, 60, 70]]
        {
            for bytes in [4, 8] {
                let Layout::Chunked(chunk) = layout(&shape, bytes) else { unreachable!("{shape:?} is large") };
                let size = chunk.iter().product::<usize>() * bytes;
                assert!((100_000..=1_100_000).contains(&size), "{shape:?} x {bytes}: {chunk:?} is {size} bytes");
                assert!(chunk.iter().zip(&shape).all(|(c, s)| c <= s));
            }
        }
    }

    #[test]
    fn small_and_empty_data_lie_in_the_header() {
        assert_eq!(layout(&[], 8), Layout::Compact);
        assert_eq!(layout(&[0, 1000], 8), Layout::Compact);
        assert_eq!(layout(&[1024], 8), Layout::Compact);
        assert_eq!(layout(&[1025], 8), Layout::Chunked(vec![1025]));
    }
}
