//! Exponential and normal variables by rejection from a stack of equal areas: one word, one table
//! row and one product for 98 or 99 of 100 draws, no logarithm.
//!
//! # Source
//! G. Marsaglia and W. W. Tsang, "The ziggurat method for generating random variables", Journal of
//! Statistical Software 5(8), 2000, with 256 layers. Layer, sign and place are taken from different
//! bits of one word of 64 (the original took them from the same 32, which correlates them: Doornik,
//! "An improved ziggurat method to generate normal random samples", 2005).

use std::sync::LazyLock;

use crate::kernel::math;
use crate::kernel::stream::{Luck, SmallStream};

const LAYERS: usize = 256;

/// Where the tail begins, so that 256 layers have the same area (Marsaglia and Tsang, section 2).
const EXPONENTIAL_TAIL: f64 = 7.697_117_470_131_05;
const NORMAL_TAIL: f64 = 3.654_152_885_361_009;

/// Right edges of the layers and the density there, from the base (edge 0 stands for base and tail
/// together) to the top (edge 256 is 0, of density 1).
struct Layers {
    edges: [f64; LAYERS + 1],
    densities: [f64; LAYERS + 1],
}

impl Layers {
    /// For a falling density with its inverse, and the area right of `tail`.
    fn new(
        tail: f64,
        tail_area: f64,
        density: impl Fn(f64) -> f64,
        inverse: impl Fn(f64) -> f64,
    ) -> Layers {
        let area = tail * density(tail) + tail_area;
        let mut edges = [0.0; LAYERS + 1];
        edges[0] = area / density(tail);
        edges[1] = tail;
        for layer in 2..LAYERS {
            let before = edges[layer - 1];
            edges[layer] = inverse(area / before + density(before));
        }
        let densities = edges.map(density);
        Layers { edges, densities }
    }

    /// The place in a layer if it surely lies under the density, else what to decide by.
    #[inline]
    fn place(&self, layer: usize, unit: f64) -> Result<f64, f64> {
        let x = unit * self.edges[layer];
        if x < self.edges[layer + 1] { Ok(x) } else { Err(x) }
    }

    /// Whether a place in the corner of a layer lies under the density.
    fn is_under(&self, layer: usize, unit: f64, density: f64) -> bool {
        let (low, high) = (self.densities[layer], self.densities[layer + 1]);
        low + (high - low) * unit < density
    }
}

static EXPONENTIAL: LazyLock<Layers> = LazyLock::new(|| {
    let tail = EXPONENTIAL_TAIL;
    Layers::new(tail, math::exp(-tail), |x| math::exp(-x), |y| -math::ln(y))
});

static NORMAL: LazyLock<Layers> = LazyLock::new(|| {
    let tail = NORMAL_TAIL;
    let beyond = std::f64::consts::SQRT_2 * std::f64::consts::PI.sqrt();
    let tail_area = beyond * math::normal_cdf(-tail);
    let inverse = |y: f64| math::sqrt(-2.0 * math::ln(y));
    Layers::new(tail, tail_area, normal_density, inverse)
});

/// Not normalised: 1 at 0.
fn normal_density(x: f64) -> f64 {
    math::exp(-0.5 * x * x)
}

/// The upper 52 bits in (0, 1), the lower ones for the layer and the sign.
#[inline]
fn unit_of(word: u64) -> f64 {
    const UNIT: f64 = 1.0 / (1_u64 << 52) as f64;
    ((word >> 12) as f64 + 0.5) * UNIT
}

/// The exponential variable of mean 1 that this luck draws.
#[inline]
pub fn exponential(luck: Luck) -> f64 {
    let word = luck.bits(0);
    let layer = word as usize % LAYERS;
    let layers = &*EXPONENTIAL;
    match layers.place(layer, unit_of(word)) {
        Ok(x) => x,
        Err(x) => exponential_corner(layers, layer, x, luck),
    }
}

#[cold]
fn exponential_corner(layers: &Layers, mut layer: usize, mut x: f64, luck: Luck) -> f64 {
    let mut draws = SmallStream::new(luck);
    draws.next_u64();
    loop {
        if layer == 0 {
            // Without memory, the tail is the whole again.
            return EXPONENTIAL_TAIL - math::ln(draws.open_uniform());
        }
        if layers.is_under(layer, draws.open_uniform(), math::exp(-x)) {
            return x;
        }
        let word = draws.next_u64();
        layer = word as usize % LAYERS;
        match layers.place(layer, unit_of(word)) {
            Ok(x) => return x,
            Err(corner) => x = corner,
        }
    }
}

/// The standard normal variable that this luck draws.
#[inline]
pub fn normal(luck: Luck) -> f64 {
    let word = luck.bits(0);
    let layer = word as usize % LAYERS;
    let layers = &*NORMAL;
    let x = match layers.place(layer, unit_of(word)) {
        Ok(x) => x,
        Err(x) => return normal_corner(layers, word, x, luck),
    };
    signed(x, word)
}

/// Bit 8 decides the sign: below it stands the layer, from bit 12 up the place.
#[inline]
fn signed(x: f64, word: u64) -> f64 {
    f64::from_bits(x.to_bits() | (word >> 8 & 1) << 63)
}

#[cold]
fn normal_corner(layers: &Layers, mut word: u64, mut x: f64, luck: Luck) -> f64 {
    let mut draws = SmallStream::new(luck);
    draws.next_u64();
    loop {
        let layer = word as usize % LAYERS;
        if layer == 0 {
            return signed(normal_tail(&mut draws), word);
        }
        if layers.is_under(layer, draws.open_uniform(), normal_density(x)) {
            return signed(x, word);
        }
        word = draws.next_u64();
        match layers.place(word as usize % LAYERS, unit_of(word)) {
            Ok(x) => return signed(x, word),
            Err(corner) => x = corner,
        }
    }
}

/// Marsaglia, "Generating a variable from the tail of the normal distribution", Technometrics 6
/// (1964).
fn normal_tail(draws: &mut SmallStream) -> f64 {
    loop {
        let x = -math::ln(draws.open_uniform()) / NORMAL_TAIL;
        let y = -math::ln(draws.open_uniform());
        if 2.0 * y >= x * x {
            return NORMAL_TAIL + x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_layers_have_one_area_and_the_top_closes() {
        for layers in [&*EXPONENTIAL, &*NORMAL] {
            let area = layers.edges[0] * layers.densities[1];
            for layer in 1..LAYERS {
                let height = layers.densities[layer + 1] - layers.densities[layer];
                let found = layers.edges[layer] * height;
                assert!((found / area - 1.0).abs() < 1e-6, "{layer}: {found} {area}");
            }
        }
    }

    #[test]
    fn tails_are_as_heavy_as_they_should_be() {
        type Draw = fn(Luck) -> f64;
        let count = 4_000_000_u64;
        let beyond = |draw: Draw, x: f64| {
            (0..count).filter(|&n| draw(Luck(n).derive(1)).abs() > x).count() as f64
        };
        let checks = [
            (exponential as Draw, 7.0, math::exp(-7.0)),
            (exponential, 9.0, math::exp(-9.0)),
            (normal, 3.5, 2.0 * math::normal_cdf(-3.5)),
            (normal, 4.0, 2.0 * math::normal_cdf(-4.0)),
        ];
        for (draw, x, probability) in checks {
            let (found, expected) = (beyond(draw, x), probability * count as f64);
            assert!((found - expected).abs() < 4.0 * expected.sqrt(), "{x}: {found}, {expected}");
        }
    }
}
