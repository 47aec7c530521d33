//! What a line of memory costs that no cache near the processor holds: times the lines that an event
//! takes, about what memory alone takes of it.

use std::hint::black_box;
use std::time::Duration;

use super::Stopwatch;

/// More memory than this is not slower by much.
const BYTES_MAX: usize = 1 << 30;

/// How many lines are read at a time, between two looks at the clock.
const READS: u64 = 1 << 20;

/// Reads go on for this long.
const LEAST: Duration = Duration::from_millis(200);

/// One line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(u64);

/// How many nanoseconds it takes to read a line of so much memory, in no order, where no read waits for
/// another one.
pub(super) fn line_ns(bytes: usize) -> f64 {
    let count = (bytes.min(BYTES_MAX) / size_of::<Line>()).max(1) as u64;
    let lines: Vec<Line> = (0..count).map(Line).collect();
    let (mut place, mut sum, mut reads) = (1_u64, 0_u64, 0_u64);
    let began = Stopwatch::start();
    while began.wall.elapsed() < LEAST {
        for _ in 0..READS {
            // Knuth's MMIX generator: the next place does not depend on what is read.
            place = place
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = (u128::from(place) * u128::from(count)) >> u64::BITS;
            sum = sum.wrapping_add(lines[at as usize].0);
        }
        reads += READS;
    }
    black_box(sum);
    let (wall_s, processor_s) = began.passed();
    processor_s.unwrap_or(wall_s) * 1e9 / reads as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The processor's time is that of the first thread, which is not the one of a test.
    #[test]
    fn any_amount_of_memory_can_be_measured() {
        for bytes in [0, 1, 64, 65, 1 << 16] {
            assert!(line_ns(bytes).is_finite(), "{bytes}");
        }
    }
}
