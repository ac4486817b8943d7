//! Signals: numbers, lines, calls and signs of life into the batch of their worker.

use super::*;
use causeway_dataflows::model::{Bucket, Call, Measure, Sample, SignalBatch, Stamp};
use smallvec::SmallVec;

/// The key of a series, with its fingerprint when it is known and its identity when not.
type Identified = (u128, Result<Identity, Fingerprint>);

/// What histograms are told apart by from numbers.
const HISTOGRAM: &str = "histogram";
/// Bytes of a log line that detection reads.
const LINE_BYTES_MAX: usize = 4_096;

/// A signal as found.
#[derive(Clone, Debug)]
pub struct SignalDraft<'a> {
    /// The metric, the operation; empty for lines and signs of life.
    pub name: &'a str,
    /// The entity named outright.
    pub entity: &'a str,
    /// What tells one series of the metric from another.
    pub labels: Labels<'a>,
    /// What was measured.
    pub measured: Measured<'a>,
}

/// What a signal brings.
#[derive(Clone, Copy, Debug)]
pub enum Measured<'a> {
    /// A number, which is finite.
    Sample {
        /// The number.
        value: f64,
        /// What it is.
        measure: Measure,
    },
    /// Buckets of a histogram that counts since some start.
    Buckets {
        /// Bounds, and how many were at most so much; finite counts.
        buckets: &'a [(f64, f64)],
        /// As [`Bucket::grows`].
        grows: bool,
    },
    /// A line of a log.
    Line {
        /// How bad.
        severity: SeverityGiven<'a>,
        /// The line.
        body: &'a str,
    },
    /// A span.
    Call {
        /// How long it took.
        duration_ns: u64,
        /// Whether it went wrong.
        failed: bool,
        /// The entity that it asks; empty for none.
        peer: &'a str,
    },
    /// A sign of life.
    Beat,
}

impl Measured<'_> {
    fn kind(&self) -> Kind {
        match self {
            Measured::Sample { .. } | Measured::Buckets { .. } => Kind::Metric,
            Measured::Line { .. } => Kind::Log,
            Measured::Call { .. } => Kind::Span,
            Measured::Beat => Kind::Heartbeat,
        }
    }
}

impl Intake {
    /// Takes a signal of which nothing can be learned but that it came.
    pub fn count_signal(&mut self, common: Common<'_>, kind: Kind) {
        if self.refuses_kind(&common, kind) {
            return;
        }
        let mut quality = common.quality;
        if self.signal_time(&common, &mut quality).is_some() {
            self.accept_signal(kind, quality);
        }
    }

    /// Whether a signal of the same spelling was taken before.
    #[inline]
    pub fn knows_series(&mut self, spelling: Spelling) -> bool {
        self.series.known(spelling.0).is_some()
    }

    /// Takes a signal whose identity is spelled as one before it, or not.
    pub fn signal(
        &mut self,
        common: Common<'_>,
        draft: SignalDraft<'_>,
        spelling: Option<Spelling>,
    ) {
        let kind = draft.measured.kind();
        if self.refuses_kind(&common, kind) {
            return;
        }
        let mut quality = common.quality;
        let identified = self.identify(&common, &draft, spelling, &mut quality);
        let Some(time) = self.signal_time(&common, &mut quality) else { return };
        // What is beyond the bound is counted and can change nothing.
        if !quality.has(Code::W103) {
            self.keep(identified, time, draft.measured, &mut quality);
        }
        self.accept_signal(kind, quality);
    }

    /// Takes an event that brings numbers of several series, such as the count and the sum of a
    /// histogram.
    pub fn signals(&mut self, common: Common<'_>, parts: &[(SignalDraft<'_>, Option<Spelling>)]) {
        let kind = parts.first().map_or(Kind::Other, |(draft, _)| draft.measured.kind());
        if self.refuses_kind(&common, kind) {
            return;
        }
        let mut quality = common.quality;
        let mut identified = SmallVec::<[_; 4]>::new();
        for (draft, spelling) in parts {
            identified.push(self.identify(&common, draft, *spelling, &mut quality));
        }
        let Some(time) = self.signal_time(&common, &mut quality) else { return };
        if !quality.has(Code::W103) {
            for ((draft, _), identified) in parts.iter().zip(identified) {
                self.keep(identified, time, draft.measured, &mut quality);
            }
        }
        self.accept_signal(kind, quality);
    }

    /// The key of a series, with its fingerprint when it is known and its identity when not.
    #[inline]
    fn identify(
        &mut self,
        common: &Common<'_>,
        draft: &SignalDraft<'_>,
        spelling: Option<Spelling>,
        quality: &mut Quality,
    ) -> Identified {
        let known = spelling.and_then(|own| Some((own, self.series.known(own.0)?)));
        match known {
            Some((own, fingerprint)) => (own.0, Err(fingerprint)),
            None => {
                let identity = self.series_of(common, draft.clone(), quality);
                // What had to be repaired must be repaired, and counted, again.
                let own = spelling.filter(|_| quality.is_clean());
                let key = match own {
                    Some(own) => own.0,
                    None => {
                        let fingerprint = identity.fingerprint;
                        alert::words(&mut self.scratch, fingerprint, common.source, None)
                    }
                };
                (key, Ok(identity))
            }
        }
    }

    /// Puts what was measured into the batch of its worker.
    #[inline]
    fn keep(
        &mut self,
        (key, built): Identified,
        time: Seconds,
        measured: Measured<'_>,
        quality: &mut Quality,
    ) {
        let fingerprint = built.as_ref().map_or_else(|known| *known, |own| own.fingerprint);
        let severity = match measured {
            Measured::Line { severity: SeverityGiven::Absent, .. } => Severity::INFO,
            Measured::Line { severity, .. } => self.severity(severity, quality),
            _ => Severity::INFO,
        };
        let batch = &mut self.segment.heard[(fingerprint.low64() % self.workers) as usize];
        let forgotten = || unreachable!("a spelling was forgotten within its own signal");
        let build = || built.unwrap_or_else(|_| forgotten());
        let identity = self.series.place(key, &mut batch.identities, build);
        let stamp = Stamp { identity, source: self.source.index, time };
        put(batch, stamp, severity, measured);
    }

    /// Event time; nothing when the signal is refused or was seen before.
    fn signal_time(&mut self, common: &Common<'_>, quality: &mut Quality) -> Option<Seconds> {
        let Some((observed_ns, time_ns)) = self.instants(common, false, quality) else {
            self.reject_timeless(common);
            return None;
        };
        if !quality.is_clean() && refuses(&self.source, *quality) {
            self.reject_repaired(common, *quality);
            return None;
        }
        let is_repeat =
            self.ids.is_some() && !common.id.is_empty() && self.repeats(common, observed_ns);
        (!is_repeat).then(|| seconds_of(time_ns))
    }

    fn accept_signal(&mut self, kind: Kind, quality: Quality) {
        self.segment.signals.add_one(kind);
        self.out.counts.signals += 1;
        self.accept(kind, quality);
    }

    /// The words that tell the series from others.
    fn series_of(
        &mut self,
        common: &Common<'_>,
        mut draft: SignalDraft<'_>,
        quality: &mut Quality,
    ) -> Identity {
        let source = match common.source {
            "" => self.source.name.clone(),
            source => SmolStr::new(cut(source, SOURCE_BYTES_MAX, quality)),
        };
        let labels_max = self.source.limits.labels_max;
        draft.labels.settle(&self.source.replica_labels, labels_max, quality);
        let explicit = cut(draft.entity, NAME_BYTES_MAX, quality);
        let mut derived = std::mem::take(&mut self.entity);
        let order = &self.source.entity_order;
        let given = match entity::find(order, explicit, &draft.labels, &mut derived) {
            Found::Explicit => explicit,
            Found::Derived => cut(&derived, NAME_BYTES_MAX, quality),
            Found::Unknown => "",
        };
        // A line belongs to its writer, a call to its operation and peer, whatever else is said.
        let mut labels = Labels::new();
        match draft.measured {
            Measured::Sample { .. } | Measured::Buckets { .. } => labels = draft.labels,
            Measured::Call { peer, .. } => labels.push("peer", peer, quality),
            Measured::Line { .. } | Measured::Beat => {}
        }
        labels.settle(&[], labels_max, quality);
        // A number and a histogram of one name are two things.
        let kind = match draft.measured {
            Measured::Buckets { .. } => HISTOGRAM,
            measured => measured.kind().word(),
        };
        let name = cut(draft.name, NAME_BYTES_MAX, quality);
        let tenant = self.tenant.clone();
        let fingerprint =
            Fingerprint::of(&mut self.scratch, &tenant, kind, given, name, labels.iter());
        let entity = match given {
            "" => unknown(&tenant, &source, fingerprint),
            given => EntityRef::new(&tenant, given),
        };
        self.entity = derived;
        Identity {
            fingerprint,
            entity,
            tenant,
            source,
            name: SmolStr::new(if name.is_empty() { kind } else { name }),
            labels: causeway_dataflows::model::Labels::pack(labels.iter()),
        }
    }
}

fn put(batch: &mut SignalBatch, stamp: Stamp, severity: Severity, measured: Measured<'_>) {
    match measured {
        Measured::Sample { value, measure } => {
            batch.samples.push(Sample { stamp, measure, value });
        }
        Measured::Buckets { buckets, grows } => {
            let bucket = |&(bound, count): &(f64, f64)| Bucket { stamp, bound, count, grows };
            batch.buckets.extend(buckets.iter().map(bucket));
        }
        Measured::Line { body, .. } => {
            let end = body.floor_char_boundary(LINE_BYTES_MAX);
            batch.push_line(stamp, severity, &body[..end]);
        }
        Measured::Call { duration_ns, failed, .. } => {
            batch.calls.push(Call { stamp, duration_ns, failed });
        }
        Measured::Beat => batch.beats.push(stamp),
    }
}
