//! When an event happened and how bad it is, as far as its source can be believed.

use super::*;

impl Intake {
    #[inline]
    pub(super) fn severity(&self, given: SeverityGiven<'_>, quality: &mut Quality) -> Severity {
        let found = match given {
            SeverityGiven::Word(word) => self.severity_word(word),
            SeverityGiven::Number(number) => Severity::from_number(number),
            SeverityGiven::Absent => None,
        };
        found.unwrap_or_else(|| {
            quality.note(Code::W105);
            Severity::INFO
        })
    }

    pub(super) fn severity_word(&self, word: &str) -> Option<Severity> {
        if !self.source.severities.is_empty() {
            let lower = word.trim().to_lowercase();
            if let Some(severity) = self.source.severities.get(lower.as_str()) {
                return Some(*severity);
            }
        }
        let number = || Severity::from_number(word.trim().parse().ok()?);
        Severity::parse(word).or_else(number)
    }

    /// Receipt and event time of an event that says when it happened.
    #[inline]
    pub(super) fn instants(
        &mut self,
        common: &Common<'_>,
        standing: bool,
        quality: &mut Quality,
    ) -> Option<(i64, i64)> {
        let observed_ns = self.observe(common.time, common, standing, quality)?;
        let time_ns = match common.time {
            Some(time) if time <= observed_ns.saturating_add(AHEAD_NS_MAX) => time,
            Some(_) => {
                quality.note(Code::W102);
                observed_ns
            }
            None => {
                quality.note(Code::W101);
                observed_ns
            }
        };
        if self.ticks.is_live() {
            self.note_skew(observed_ns, time_ns, quality);
        }
        if let Some(given_ns) = common.time.filter(|_| !standing) {
            self.tallies.delayed(observed_ns, given_ns);
        }
        // What holds from an old date on is not late.
        if !standing {
            self.note_late(observed_ns, time_ns, common.observed, quality);
        }
        Some((observed_ns, time_ns))
    }

    #[inline]
    pub(super) fn moment(
        &mut self,
        common: &Common<'_>,
        when: When,
        quality: &mut Quality,
    ) -> Option<Moment> {
        match when {
            When::Event { resolved, end } => {
                let (observed_ns, time_ns) = self.instants(common, false, quality)?;
                let ends = match end {
                    Some(end) if end >= time_ns => seconds_of(end),
                    Some(_) => {
                        quality.note(Code::W108);
                        Seconds::MAX
                    }
                    None => Seconds::MAX,
                };
                Some(Moment { observed_ns, time_ns, onset_ns: time_ns, ends, resolved })
            }
            When::Repeated { starts, ends, resolved, timeout_seconds } => {
                let over = if resolved == Some(true) { ends.or(starts) } else { starts.or(ends) };
                let observed_ns = self.observe(over, common, false, quality)?;
                let resolved = resolved.unwrap_or_else(|| ends.is_some_and(|e| e <= observed_ns));
                let moment =
                    repeated(observed_ns, starts, ends, resolved, timeout_seconds, &self.source);
                self.note_late(observed_ns, moment.time_ns, common.observed, quality);
                Some(moment)
            }
        }
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        time: Option<i64>,
        common: &Common<'_>,
        standing: bool,
        quality: &mut Quality,
    ) -> Option<i64> {
        let observed = self.ticks.observe(time, common.observed, standing, quality);
        if self.ticks.tick() != self.segment.tick {
            self.note_leap(common.line);
            self.turn_segment();
        }
        if let Some(observed_ns) = observed {
            self.tallies.received(&self.source.name, common.source, observed_ns);
        }
        observed
    }

    #[inline]
    pub(super) fn note_late(
        &mut self,
        observed_ns: i64,
        time_ns: i64,
        own: Option<i64>,
        quality: &mut Quality,
    ) {
        let bound = self.source.lateness_seconds.saturating_mul(NANOS);
        if observed_ns.saturating_sub(time_ns) > bound {
            quality.note(Code::W103);
            // A receipt of its own does not hang on what the clock did before.
            if own.is_none() {
                self.leaps.late(seconds_of(time_ns), self.source.lateness_seconds);
            }
        }
    }

    /// The clock of a replay has moved, by `line`.
    fn note_leap(&mut self, line: u64) {
        let (Some(from), Some(to)) = (self.segment.tick, self.ticks.tick()) else { return };
        if self.ticks.was_firm() && to - from > self.source.lateness_seconds {
            let partition = self.origin.partition.clone();
            self.leaps.note(Leap { partition, line, from, to, late: 0 });
        }
    }

    /// Keeps a mean over about 64 events. A clock that runs behind looks like
    /// slow delivery, so only one that runs ahead is called skewed.
    pub(super) fn note_skew(&mut self, observed_ns: i64, time_ns: i64, quality: &mut Quality) {
        const DAY_NS: i64 = 86_400 * NANOS;
        let delay = observed_ns.saturating_sub(time_ns).clamp(-DAY_NS, DAY_NS);
        self.skew_ns += (delay - self.skew_ns) / 64;
        if self.skew_ns < -SKEW_NS_MAX {
            quality.note(Code::W113);
        }
    }
}

fn repeated(
    observed_ns: i64,
    starts: Option<i64>,
    ends: Option<i64>,
    resolved: bool,
    timeout_seconds: Option<i64>,
    source: &Source,
) -> Moment {
    if resolved {
        let time_ns = ends.map_or(observed_ns, |end| end.min(observed_ns));
        let ends = Seconds::MAX;
        return Moment { observed_ns, time_ns, onset_ns: time_ns, ends, resolved };
    }
    let bound = source.lateness_seconds.saturating_mul(NANOS);
    let near = |start: &i64| {
        let age = observed_ns.saturating_sub(*start);
        (0..=bound).contains(&age)
    };
    let onset_ns = starts.filter(near).unwrap_or(observed_ns);
    let ends = match (ends.filter(|end| *end > observed_ns), timeout_seconds) {
        (Some(end), _) => seconds_after(end),
        (None, Some(timeout)) => seconds_of(observed_ns).saturating_add(timeout),
        (None, None) => Seconds::MAX,
    };
    Moment { observed_ns, time_ns: observed_ns, onset_ns, ends, resolved }
}
