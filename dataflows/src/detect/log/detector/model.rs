//! How the parameters of the log detector make a score.

use super::rate::Known;
use super::surprise::poisson;
use super::{Reading, ReadingKind};
use crate::params::log::LogModel;

const PPM: f64 = 1e6;

impl LogModel {
    /// Puts novelty (in decades), rate and severity together.
    pub(super) fn reading(
        &self,
        template: u64,
        time_seconds: i64,
        lines: u64,
        severity: u8,
        novelty: f64,
        known: Option<Known>,
    ) -> Reading {
        let novelty = (novelty * 1e3 / f64::from(self.novelty_full_milli.max(1))).min(1.0);
        let rate = known.map_or(0.0, |known| self.rate(lines, known));
        let level = match severity {
            0..9 => 0,
            9..13 => 1,
            13..17 => 2,
            17..21 => 3,
            _ => 4,
        };
        let weight = f64::from(self.severity_ppm[level]) / PPM;
        let fatal = if level == 4 { f64::from(self.fatal_ppm) / PPM } else { 0.0 };
        let parts = [
            (novelty * weight, ReadingKind::Novelty),
            (rate * weight, ReadingKind::Rate),
            (fatal, ReadingKind::Severity),
        ];
        // Evidence of different kinds adds up without passing one.
        let score = 1.0 - parts.iter().map(|(part, _)| 1.0 - part).product::<f64>();
        let mut most = parts[0];
        for part in &parts[1..] {
            if part.0 > most.0 {
                most = *part;
            }
        }
        let score_ppm = (score * PPM).round() as u32;
        Reading {
            template,
            time_seconds,
            score_ppm,
            alert: score_ppm >= self.alert_ppm,
            kind: most.1,
            expected_milli: known.map_or(0, |known| (known.expected * 1e3).round() as u64),
            value: lines,
            severity,
        }
    }

    /// How unusual `lines` are: a surprise counts whole where it breaks the record as well.
    fn rate(&self, lines: u64, known: Known) -> f64 {
        if lines < self.rate_lines_min {
            return 0.0;
        }
        let full = f64::from(self.surprise_full_milli.max(1)) / 1e3;
        let surprise = (poisson(lines, known.expected) / full).min(1.0);
        let base = f64::from(self.no_record_ppm) / PPM;
        surprise * (base + (1.0 - base) * known.exceedance.min(1.0))
    }
}
