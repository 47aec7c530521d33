//! Arithmetic in whole numbers modulo the prime 2^32 - 5, in which everything but 0 can be divided by.

/// The largest prime of 32 bits.
pub(crate) const PRIME: u32 = u32::MAX - 4;

const P: u64 = PRIME as u64;

/// `a` as one of the numbers below [`PRIME`].
pub(crate) fn reduced(a: u32) -> u32 {
    if a < PRIME { a } else { a - PRIME }
}

pub(crate) fn plus(a: u32, b: u32) -> u32 {
    reduced_long(u64::from(a) + u64::from(b))
}

pub(crate) fn minus(a: u32, b: u32) -> u32 {
    reduced_long(u64::from(a) + P - u64::from(b))
}

pub(crate) fn times(a: u32, b: u32) -> u32 {
    (u64::from(a) * u64::from(b) % P) as u32
}

/// The number that makes 1 with `a`, by Fermat's little theorem; 0 for 0.
pub(crate) fn inverse(a: u32) -> u32 {
    let (mut power, mut square, mut exponent) = (1, a, PRIME - 2);
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = times(power, square);
        }
        square = times(square, square);
        exponent >>= 1;
    }
    power
}

/// Of a sum of two numbers, or of one and [`PRIME`].
fn reduced_long(a: u64) -> u32 {
    (if a < P { a } else { a - P }) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = u32> {
        prop_oneof![0..3_u32, PRIME - 3..PRIME, 0..PRIME]
    }

    proptest! {
        #[test]
        fn it_is_a_field(a in number(), b in number(), c in number()) {
            for result in [plus(a, b), minus(a, b), times(a, b), inverse(a)] {
                prop_assert!(result < PRIME);
            }
            prop_assert_eq!(minus(plus(a, b), b), a);
            prop_assert_eq!(plus(minus(a, b), b), a);
            prop_assert_eq!(times(plus(a, b), c), plus(times(a, c), times(b, c)));
            prop_assert_eq!(times(a, inverse(a)), u32::from(a != 0));
        }
    }

    #[test]
    fn numbers_of_32_bits_beyond_the_prime_begin_again() {
        assert_eq!([PRIME - 1, PRIME, u32::MAX].map(reduced), [PRIME - 1, 0, 4]);
    }
}
