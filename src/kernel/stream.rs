//! Randomness that does not depend on who asked before.
//!
//! Two kinds. A [`Stream`] is a sequence with a name, for things that happen one after another (the
//! arrivals of one population). A [`Luck`] is a key from which every draw is a pure function of
//! (key, tag), for things that must not move when something else is added (the service times of one
//! request): adding a draw with a new tag changes no other draw, so two designs can be compared
//! under the same luck.
//!
//! A stream is ChaCha with 8 rounds, keyed by BLAKE3 of (seed, name): streams of different names
//! are independent whatever the names are. A luck is mixed by one multiply-xorshift permutation of
//! 64 bits, which is far cheaper; it is no cipher, and nothing here needs one.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::kernel::math;

/// Changing this text changes every draw of every run.
const KEY_CONTEXT: &str = "blackstart kernel stream, version 1";

/// Fractional part of the golden ratio in 64 bits, odd: the increment of SplitMix64 (Steele, Lea,
/// Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Separates the keys of [`Luck::derive`] from the draws of [`Luck::bits`]: fractional part of the
/// square root of 2, and an odd increment from the square root of 3 (the first words of SHA-512's
/// initial value).
const DERIVE_MASK: u64 = 0x6a09_e667_f3bc_c908;
const DERIVE_INCREMENT: u64 = 0xbb67_ae85_84ca_a73b;

/// The one number that all randomness of a trial comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct RootSeed(pub u64);

/// Words that a stream draws at once: four blocks of ChaCha, which is what its vector code makes.
const DRAWN_AT_ONCE: usize = 32;

/// Sequence of random numbers with a name.
#[derive(Clone, Debug)]
pub struct Stream {
    generator: ChaCha8Rng,
    drawn: [u64; DRAWN_AT_ONCE],
    next: usize,
}

impl Stream {
    /// The stream of this name under this seed, from its beginning.
    pub fn named(seed: RootSeed, name: &str) -> Stream {
        Stream {
            generator: ChaCha8Rng::from_seed(key_of(seed, name)),
            drawn: [0; DRAWN_AT_ONCE],
            next: DRAWN_AT_ONCE,
        }
    }

    /// Next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        if self.next >= DRAWN_AT_ONCE {
            self.draw();
        }
        let word = self.drawn[self.next];
        self.next += 1;
        word
    }

    #[inline(never)]
    fn draw(&mut self) {
        let mut bytes = [0; 8 * DRAWN_AT_ONCE];
        self.generator.fill_bytes(&mut bytes);
        for (word, bytes) in self.drawn.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        self.next = 0;
    }

    /// Next number in [0, 1), a multiple of 2^-53.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        unit_from_bits(self.next_u64())
    }

    /// Next number in (0, 1), never an end: safe under a logarithm.
    #[inline]
    pub fn open_uniform(&mut self) -> f64 {
        open_unit_from_bits(self.next_u64())
    }

    /// Next exponential variable of mean 1.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -math::ln(self.open_uniform())
    }

    /// Next whole number below `bound`, each equally likely.
    ///
    /// # Panics
    /// When `bound` is zero: there is no such number.
    ///
    /// # Source
    /// D. Lemire, "Fast random integer generation in an interval", ACM TOMACS 29 (2019), algorithm
    /// 5.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no whole number is below zero");
        let mut product = u128::from(self.next_u64()) * u128::from(bound);
        if (product as u64) < bound {
            let rejected_below = bound.wrapping_neg() % bound;
            while (product as u64) < rejected_below {
                product = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }

    /// Whether an event of this probability happens now; always draws once.
    #[inline]
    pub fn bernoulli(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// A fresh luck for the next thing that this stream brings forth.
    #[inline]
    pub fn luck(&mut self) -> Luck {
        Luck(self.next_u64())
    }
}

/// Private luck of one thing (a request, a person): the key of all its draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Luck(pub u64);

impl Luck {
    /// The luck of this name under this seed, independent of the [`Stream`] of the same name.
    pub fn named(seed: RootSeed, name: &str) -> Luck {
        let key = blake3::derive_key("blackstart kernel luck, version 1", &key_of(seed, name));
        Luck(u64::from_le_bytes(std::array::from_fn(|byte| key[byte])))
    }

    /// The luck of one part of this thing (its third attempt, its call to the directory).
    #[inline]
    pub fn derive(self, tag: u64) -> Luck {
        let step = tag.wrapping_add(1).wrapping_mul(DERIVE_INCREMENT);
        Luck(avalanche((self.0 ^ DERIVE_MASK).wrapping_add(step)))
    }

    /// The 64 bits of draw `tag`: always the same for the same luck.
    #[inline]
    pub fn bits(self, tag: u64) -> u64 {
        avalanche(self.0.wrapping_add(tag.wrapping_add(1).wrapping_mul(GOLDEN)))
    }

    /// Draw `tag` in [0, 1), a multiple of 2^-53.
    #[inline]
    pub fn uniform(self, tag: u64) -> f64 {
        unit_from_bits(self.bits(tag))
    }

    /// Draw `tag` in (0, 1), never an end.
    #[inline]
    pub fn open_uniform(self, tag: u64) -> f64 {
        open_unit_from_bits(self.bits(tag))
    }
}

/// Short sequence that starts from a [`Luck`], for samplers that need an unknown number of draws.
///
/// It is the sequence [`Luck::bits`] of tags 0, 1, 2 …, that is, SplitMix64 with the finaliser
/// below.
#[derive(Clone, Debug)]
pub struct SmallStream {
    state: u64,
}

impl SmallStream {
    /// The sequence of this luck, from its beginning.
    #[inline]
    pub fn new(luck: Luck) -> SmallStream {
        SmallStream { state: luck.0 }
    }

    /// Next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        avalanche(self.state)
    }

    /// Next number in (0, 1), never an end.
    #[inline]
    pub fn open_uniform(&mut self) -> f64 {
        open_unit_from_bits(self.next_u64())
    }
}

/// Permutation of 64 bits in which every output bit depends on every input bit.
///
/// # Source
/// "moremur", P. Evensen, mostlymangling.blogspot.com (2019): the MurmurHash3 / SplitMix64
/// finaliser with constants searched for low bias, tested by its author on counters with PractRand.
#[inline]
fn avalanche(mut x: u64) -> u64 {
    x ^= x >> 27;
    x = x.wrapping_mul(0x3c79_ac49_2ba7_b653);
    x ^= x >> 33;
    x = x.wrapping_mul(0x1c69_b3f7_4ac4_ae35);
    x ^ (x >> 27)
}

#[inline]
fn unit_from_bits(bits: u64) -> f64 {
    const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
    (bits >> 11) as f64 * UNIT
}

/// Midpoints of 2^52 equal parts: symmetric about one half, exact in f64.
#[inline]
fn open_unit_from_bits(bits: u64) -> f64 {
    const UNIT: f64 = 1.0 / (1_u64 << 52) as f64;
    ((bits >> 12) as f64 + 0.5) * UNIT
}

fn key_of(seed: RootSeed, name: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(KEY_CONTEXT);
    hasher.update(&seed.0.to_le_bytes());
    hasher.update(name.as_bytes());
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_fixed_by_seed_and_name_alone() {
        let draws = |seed, name| {
            let mut stream = Stream::named(RootSeed(seed), name);
            std::array::from_fn::<u64, 4, _>(|_| stream.next_u64())
        };
        assert_eq!(draws(1, "a"), draws(1, "a"));
        assert_ne!(draws(1, "a"), draws(2, "a"));
        assert_ne!(draws(1, "a"), draws(1, "b"));
        let mut original = Stream::named(RootSeed(1), "a");
        original.next_u64();
        let mut copy = original.clone();
        assert_eq!(original.next_u64(), copy.next_u64());
    }

    #[test]
    fn units_stay_inside_their_ends() {
        assert_eq!(unit_from_bits(0), 0.0);
        assert!(unit_from_bits(u64::MAX) < 1.0);
        assert!(open_unit_from_bits(0) > 0.0);
        assert!(open_unit_from_bits(u64::MAX) < 1.0);
        assert_eq!(open_unit_from_bits(0), 1.0 - open_unit_from_bits(u64::MAX));
    }

    #[test]
    fn below_is_unbiased_and_bounded() {
        let mut stream = Stream::named(RootSeed(3), "below");
        let mut counts = [0_u64; 6];
        for _ in 0..60_000 {
            counts[stream.below(6) as usize] += 1;
        }
        let chi_square: f64 = counts.iter().map(|&n| (n as f64 - 1e4).powi(2) / 1e4).sum();
        assert!(chi_square < 20.5, "5 degrees of freedom, 99.9 %: {chi_square}");
        assert_eq!(stream.below(1), 0);
        // With this bound a third of all 64-bit words would be biased without rejection.
        let bound = 3 << 62;
        let low = (0..20_000).filter(|_| stream.below(bound) < bound / 2).count();
        assert!((9_700..10_300).contains(&low), "{low}");
    }

    #[test]
    fn bernoulli_and_exponential_have_their_means() {
        let mut stream = Stream::named(RootSeed(4), "means");
        let hits = (0..100_000).filter(|_| stream.bernoulli(0.2)).count();
        assert!((19_500..20_500).contains(&hits), "{hits}");
        assert!(!stream.bernoulli(0.0) && stream.bernoulli(1.0));
        let mean = (0..100_000).map(|_| stream.exponential()).sum::<f64>() / 1e5;
        assert!((mean - 1.0).abs() < 0.012, "{mean}");
    }

    #[test]
    fn every_input_bit_of_a_luck_reaches_every_output_bit() {
        let trial_count = 4_000;
        for (name, draw) in [
            ("bits", (|luck: Luck, tag| luck.bits(tag)) as fn(Luck, u64) -> u64),
            ("derive", |luck, tag| luck.derive(tag).0),
        ] {
            for flipped in 0..64 {
                let mut changed = [0_u32; 64];
                for trial in 0..trial_count {
                    let luck = trial * 0x1_0001;
                    let difference = draw(Luck(luck), 2) ^ draw(Luck(luck ^ (1 << flipped)), 2);
                    for (bit, count) in changed.iter_mut().enumerate() {
                        *count += (difference >> bit & 1) as u32;
                    }
                }
                for (bit, count) in changed.iter().enumerate() {
                    let share = f64::from(*count) / trial_count as f64;
                    assert!((share - 0.5).abs() < 0.1, "{name}: {flipped} -> {bit}: {share}");
                }
            }
        }
    }

    #[test]
    fn draws_of_neighbouring_lucks_and_tags_are_uncorrelated() {
        type Draw<'a> = &'a dyn Fn(u64) -> f64;
        let correlation = |first: Draw, second: Draw| {
            let n = 100_000;
            let sum: f64 = (0..n).map(|i| (first(i) - 0.5) * (second(i) - 0.5)).sum();
            sum / n as f64 * 12.0
        };
        let pairs: [(Draw, Draw); 4] = [
            (&|i| Luck(i).uniform(0), &|i| Luck(i + 1).uniform(0)),
            (&|i| Luck(i).uniform(0), &|i| Luck(i).uniform(1)),
            (&|i| Luck(i).derive(0).uniform(0), &|i| Luck(i).uniform(0)),
            (&|i| Luck(i).derive(0).uniform(0), &|i| Luck(i).derive(1).uniform(0)),
        ];
        for (number, (first, second)) in pairs.iter().enumerate() {
            let r = correlation(first, second);
            assert!(r.abs() < 0.0125, "pair {number}: {r}");
        }
    }

    #[test]
    fn a_small_stream_is_the_tags_of_its_luck_in_order() {
        let luck = Luck::named(RootSeed(5), "request");
        let mut small = SmallStream::new(luck);
        assert_eq!(small.next_u64(), luck.bits(0));
        assert_eq!(small.next_u64(), luck.bits(1));
        assert_eq!(small.open_uniform(), luck.open_uniform(2));
    }

    #[test]
    fn draws_are_pinned() {
        // These numbers are in every digest; a change here is a change of every result.
        let mut stream = Stream::named(RootSeed(1), "pinned");
        assert_eq!(stream.next_u64(), 17_073_920_079_292_892_723);
        assert_eq!(Luck(1).bits(0), 0x90fa_784d_ff59_df1d);
        assert_eq!(Luck(1).derive(0).0, 0xcafa_83e4_4ffb_8ca9);
    }
}
