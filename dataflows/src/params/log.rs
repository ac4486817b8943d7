//! Every figure of the template miner and the log detector that could be another one.

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

/// How many different words in one place make it a parameter.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct MergeModel {
    /// Its version.
    pub version: u32,
    /// Words.
    pub words_min: usize,
    /// Words, where they are the first of the message.
    pub first_words_min: usize,
    /// Words behind `=`.
    pub values_min: usize,
    /// Words in quotes, or behind a word that names, such as `user`.
    pub named_min: usize,
    /// Words with digits that look different without them.
    pub mixed_min: usize,
    /// Words in capitals.
    pub capitals_min: usize,
    /// Words, where numbers were seen as well.
    pub beside_numbers_min: usize,
    /// Words in each of several places at once.
    pub several_min: usize,
    /// Places in which templates that become one may differ.
    pub places_max: usize,
}

impl Default for MergeModel {
    fn default() -> Self {
        MergeModel {
            version: 1,
            words_min: 5,
            first_words_min: 12,
            values_min: 4,
            named_min: 3,
            mixed_min: 3,
            capitals_min: 20,
            beside_numbers_min: 3,
            several_min: 5,
            places_max: 3,
        }
    }
}

/// Bounds of a miner.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Templates, merged ones included, because their ids are remembered.
    pub templates_max: usize,
    /// Bytes of all templates' texts and words.
    pub bytes_max: usize,
    /// Templates with the same separators; beyond, a new one joins its nearest neighbour.
    pub shelf_max: usize,
    /// Keys that are remembered.
    pub forms_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { templates_max: 8192, bytes_max: 16 << 20, shelf_max: 256, forms_max: 65_536 }
    }
}
