//! The fingerprint of a run: equal input must give an equal digest, on any machine.
//!
//! BLAKE3 over a byte stream that the caller defines; integers and floats enter as little-endian
//! bits, so that no formatting and no rounding can hide a difference. The first 16 bytes are kept:
//! enough that two different results never share one by accident, short enough to read aloud.

use std::fmt::Write;

/// Running fingerprint of everything fed to it, in order.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    hasher: blake3::Hasher,
}

impl Digest {
    /// Fingerprint of nothing yet.
    pub fn new() -> Digest {
        Digest::default()
    }

    /// Feeds bytes as they are; where their number varies, feed the length first.
    pub fn update_bytes(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// Feeds an integer as eight little-endian bytes.
    pub fn update_u64(&mut self, value: u64) {
        self.hasher.update(&value.to_le_bytes());
    }

    /// Feeds the exact bits of a float: -0.0 and 0.0 differ.
    pub fn update_f64(&mut self, value: f64) {
        self.update_u64(value.to_bits());
    }

    /// The fingerprint so far: 32 hexadecimal digits.
    pub fn finish(&self) -> String {
        let mut text = String::with_capacity(32);
        for byte in &self.hasher.finalize().as_bytes()[..16] {
            write!(text, "{byte:02x}").expect("a String takes every write");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_nothing_is_the_published_blake3_value() {
        assert_eq!(Digest::new().finish(), "af1349b9f5f9a1a6a0404dea36dcc949");
    }

    #[test]
    fn digest_sees_order_width_and_the_sign_of_zero() {
        let of = |feed: &dyn Fn(&mut Digest)| {
            let mut digest = Digest::new();
            feed(&mut digest);
            digest.finish()
        };
        let one_two = of(&|d| {
            d.update_u64(1);
            d.update_u64(2);
        });
        let two_one = of(&|d| {
            d.update_u64(2);
            d.update_u64(1);
        });
        assert_ne!(one_two, two_one);
        assert_ne!(of(&|d| d.update_f64(0.0)), of(&|d| d.update_f64(-0.0)));
        assert_eq!(of(&|d| d.update_u64(1)), of(&|d| d.update_bytes(&[1, 0, 0, 0, 0, 0, 0, 0])));
    }
}
