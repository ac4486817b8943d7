//! The parameters of the log detector, and how they make a score.

use super::rate::Known;
use super::surprise::poisson;
use super::{Reading, ReadingKind};

/// Every number that the detector decides with.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogModel {
    /// Its version.
    pub version: u32,
    /// How late a line may be.
    pub lateness_seconds: i64,
    /// Templates of a service with a counter of their own.
    pub templates_max: usize,
    /// Templates in one minute of a service.
    pub minute_templates_max: usize,
    /// Templates of a service that are remembered as seen.
    pub seen_max: usize,
    /// Lines before anything is called new.
    pub novelty_lines_min: u64,
    /// In this time a new template counts half.
    pub novelty_half_life_minutes: u32,
    /// The novelty, in thousandths of a decade, that is worth the whole score.
    pub novelty_full_milli: u32,
    /// Minutes before a rate is trusted.
    pub warm_minutes: u32,
    /// What a minute weighs in a rate that is warm.
    pub rate_ppm: u32,
    /// The surprise, in thousandths of a decade, that is worth the whole score.
    pub surprise_full_milli: u32,
    /// What a surprise is worth that breaks no record.
    pub no_record_ppm: u32,
    /// Lines in a minute, beyond which a rate can be unusual.
    pub rate_lines_min: u64,
    /// What a score is worth by severity: below 9, from 9 (info), 13 (warning), 17 (error)
    /// and 21 (fatal).
    pub severity_ppm: [u32; 5],
    /// The score of a fatal line by itself.
    pub fatal_ppm: u32,
    /// From here on people hear of it.
    pub alert_ppm: u32,
    /// They hear of the same template again after this.
    pub quiet_minutes: u32,
}

impl Default for LogModel {
    fn default() -> Self {
        LogModel {
            version: 1,
            lateness_seconds: 300,
            templates_max: 256,
            minute_templates_max: 1024,
            seen_max: 16_384,
            novelty_lines_min: 100,
            novelty_half_life_minutes: 1440,
            novelty_full_milli: 5000,
            warm_minutes: 30,
            rate_ppm: 20_000,
            surprise_full_milli: 20_000,
            no_record_ppm: 300_000,
            rate_lines_min: 5,
            severity_ppm: [250_000, 400_000, 700_000, 1_000_000, 1_000_000],
            fatal_ppm: 600_000,
            alert_ppm: 500_000,
            quiet_minutes: 30,
        }
    }
}

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
