//! Seeded randomness: one generator and the distributions that a storm needs.
//!
//! The same seed and stream name give the same draws in every process. Each
//! part of a scenario draws from a stream of its own, so that adding a draw in
//! one part does not disturb the others.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The xoshiro256++ generator of Blackman and Vigna.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// A generator whose draws depend on `seed` alone.
    pub fn new(seed: u64) -> Self {
        // Four splitmix64 outputs: never all zero, and near seeds share no pattern.
        let mut x = seed;
        let state = std::array::from_fn(|_| {
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(x)
        });
        Rng { state }
    }

    /// The stream called `name` of `seed`, independent of all other streams.
    pub fn stream(seed: u64, name: &str) -> Self {
        Rng::new(xxh3_64_with_seed(name.as_bytes(), seed))
    }

    /// Sixty-four random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let shifted = b << 17;
        let c = c ^ a;
        let d = d ^ b;
        self.state = [a ^ d, b ^ c, c ^ shifted, d.rotate_left(45)];
        result
    }

    /// Uniform in [0, 1), 53 bits.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in [low, high).
    #[inline]
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in 0..n.
    ///
    /// # Panics
    /// When `n` is zero: there is nothing to choose from.
    #[inline]
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "cannot choose among nothing");
        // Multiply-shift: the bias is below n / 2^64.
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// True with probability `p`.
    #[inline]
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// One element of a slice that is not empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// An index drawn in proportion to `weights`, which sum to more than zero.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (i, w) in weights.iter().enumerate() {
            left -= w;
            if left < 0.0 {
                return i;
            }
        }
        // Rounding can leave a crumb: it belongs to the last possible choice.
        weights.iter().rposition(|w| *w > 0.0).unwrap_or(0)
    }

    /// Puts the items in random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.open_unit().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Log-normal around `median`, with deviation `sigma` of the logarithm.
    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// Exponential with the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.open_unit().ln()
    }

    /// Pareto of the second kind (Lomax): starts at 0, tail exponent `alpha`.
    pub fn pareto(&mut self, alpha: f64) -> f64 {
        self.open_unit().powf(-1.0 / alpha) - 1.0
    }

    /// How many trials until the first success, each with probability `p`; at least 1, mean 1/p.
    pub fn geometric(&mut self, p: f64) -> u32 {
        let trials = (self.open_unit().ln() / (1.0 - p).ln()).floor() + 1.0;
        trials.min(64.0) as u32
    }

    /// Uniform in (0, 1]: safe under a logarithm.
    #[inline]
    fn open_unit(&mut self) -> f64 {
        1.0 - self.unit()
    }
}

/// The finaliser of splitmix64: a cheap hash of 64 bits.
#[inline]
pub fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Zipf's law over ranks 0..n in constant memory and time.
///
/// Rejection from the integral of the density (Hörmann and Derflinger, 1996),
/// so that ten million keys need no table.
#[derive(Clone, Debug)]
pub struct Zipf {
    n: f64,
    exponent: f64,
    low: f64,
    high: f64,
    shortcut: f64,
}

impl Zipf {
    /// Ranks 0..`n`, probability proportional to (rank + 1)^-`exponent`.
    ///
    /// # Panics
    /// When `n` is zero, or when the exponent is not positive or is exactly 1.
    pub fn new(n: usize, exponent: f64) -> Self {
        assert!(n > 0 && exponent > 0.0 && exponent != 1.0, "no such law of Zipf");
        let mut zipf = Zipf { n: n as f64, exponent, low: 0.0, high: 0.0, shortcut: 0.0 };
        zipf.low = zipf.integral(1.5) - 1.0;
        zipf.high = zipf.integral(zipf.n + 0.5);
        zipf.shortcut = 2.0 - zipf.inverse(zipf.integral(2.5) - 2.0f64.powf(-exponent));
        zipf
    }

    /// One rank.
    pub fn draw(&self, rng: &mut Rng) -> usize {
        loop {
            let u = rng.range(self.low, self.high);
            let x = self.inverse(u);
            let k = x.round().clamp(1.0, self.n);
            let accepted =
                k - x <= self.shortcut || u >= self.integral(k + 0.5) - k.powf(-self.exponent);
            if accepted {
                return k as usize - 1;
            }
        }
    }

    fn integral(&self, x: f64) -> f64 {
        x.powf(1.0 - self.exponent) / (1.0 - self.exponent)
    }

    fn inverse(&self, y: f64) -> f64 {
        (y * (1.0 - self.exponent)).powf(1.0 / (1.0 - self.exponent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(n: usize, mut draw: impl FnMut() -> f64) -> f64 {
        (0..n).map(|_| draw()).sum::<f64>() / n as f64
    }

    #[test]
    fn the_first_draws_of_the_published_generator() {
        // Reference output of xoshiro256++ for the state 1, 2, 3, 4.
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let got: Vec<u64> = (0..4).map(|_| rng.next_u64()).collect();
        assert_eq!(got, [41943041, 58720359, 3588806011781223, 3591011842654386]);
    }

    #[test]
    fn streams_differ_and_repeat() {
        let first = |seed, name| Rng::stream(seed, name).next_u64();
        assert_eq!(first(7, "world"), first(7, "world"));
        assert_ne!(first(7, "world"), first(7, "faults"));
        assert_ne!(first(7, "world"), first(8, "world"));
    }

    #[test]
    fn distributions_have_their_means() {
        let mut rng = Rng::new(3);
        let n = 200_000;
        assert!((mean(n, || rng.normal())).abs() < 0.01);
        assert!((mean(n, || rng.exponential(5.0)) - 5.0).abs() < 0.1);
        assert!((mean(n, || f64::from(rng.geometric(0.3))) - 1.0 / 0.3).abs() < 0.05);
        assert!((mean(n, || rng.unit()) - 0.5).abs() < 0.005);
        // The mean of a log-normal is median * exp(sigma^2 / 2).
        let expected = 18.0 * (0.245f64).exp();
        assert!((mean(n, || rng.lognormal(18.0, 0.7)) - expected).abs() < 0.3);
    }

    #[test]
    fn pareto_has_its_tail() {
        let mut rng = Rng::new(4);
        let n = 100_000;
        let above = (0..n).filter(|_| rng.pareto(1.3) > 3.0).count() as f64 / f64::from(n);
        assert!((above - 4.0f64.powf(-1.3)).abs() < 0.01, "{above}");
    }

    #[test]
    fn zipf_matches_its_weights() {
        let (n, exponent, draws) = (50, 1.1, 400_000);
        let zipf = Zipf::new(n, exponent);
        let mut rng = Rng::new(5);
        let mut seen = vec![0u32; n];
        for _ in 0..draws {
            seen[zipf.draw(&mut rng)] += 1;
        }
        let total: f64 = (1..=n).map(|k| (k as f64).powf(-exponent)).sum();
        for (i, count) in seen.iter().enumerate() {
            let expected = (i as f64 + 1.0).powf(-exponent) / total * f64::from(draws);
            assert!((f64::from(*count) - expected).abs() < 6.0 * expected.sqrt(), "rank {i}");
        }
    }

    #[test]
    fn weighted_never_takes_a_zero() {
        let mut rng = Rng::new(6);
        for _ in 0..1000 {
            assert_eq!(rng.weighted(&[0.0, 2.0, 0.0]), 1);
        }
    }
}
