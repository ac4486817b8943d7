//! The hot path: an alert event into the batch of its worker.

use super::*;
use causeway_dataflows::model::{SourceIndex, push_part};

impl Intake {
    /// The hash of what `spell` writes: the bytes that say which alert an event is about.
    #[inline]
    pub fn spelling(&mut self, spell: impl FnOnce(&mut Vec<u8>)) -> Spelling {
        self.scratch.clear();
        self.scratch.extend_from_slice(&self.tenant_seed.to_le_bytes());
        spell(&mut self.scratch);
        Spelling(xxh3_128(&self.scratch))
    }

    /// Whether an event of the same spelling was taken before.
    #[inline]
    pub fn knows(&mut self, spelling: Spelling) -> Option<Known> {
        let fingerprint = self.identities.known(spelling.0)?;
        Some(Known { spelling, fingerprint })
    }

    /// Takes an event of a spelling that is known.
    #[inline]
    pub fn known_alert(&mut self, common: Common<'_>, known: Known, said: Said<'_>) {
        if self.refuses_kind(&common, Kind::Alert) {
            return;
        }
        let mut quality = common.quality;
        let Some(moment) = self.moment(&common, said.when, &mut quality) else {
            return self.reject_timeless(&common);
        };
        let forgotten = || unreachable!("a spelling was forgotten within its own line");
        let key = known.spelling.0;
        self.take(&common, &moment, said, quality, known.fingerprint, key, |_| forgotten());
    }

    /// Takes an alert event; `spelling`, if it has one, will be known after it.
    #[inline]
    pub fn alert(&mut self, common: Common<'_>, draft: AlertDraft<'_>, spelling: Option<Spelling>) {
        match self.message_labels.is_empty() {
            true => self.alert_of(common, draft, spelling),
            false => self.labelled_alert(common, draft, spelling),
        }
    }

    #[inline]
    pub(super) fn alert_of(
        &mut self,
        common: Common<'_>,
        mut draft: AlertDraft<'_>,
        spelling: Option<Spelling>,
    ) {
        if self.refuses_kind(&common, Kind::Alert) {
            return;
        }
        let mut quality = common.quality;
        let Some(moment) = self.moment(&common, draft.said.when, &mut quality) else {
            return self.reject_timeless(&common);
        };
        let limits = &self.source.limits;
        draft.labels.settle(&self.source.replica_labels, limits.labels_max, &mut quality);
        let name = or(draft.name, Kind::Alert.word(), NAME_BYTES_MAX, &mut quality);
        let explicit = cut(draft.entity, NAME_BYTES_MAX, &mut quality);
        let mut derived = std::mem::take(&mut self.entity);
        let order = &self.source.entity_order;
        let found = entity::find(order, explicit, &draft.labels, &mut derived);
        let given = match found {
            Found::Explicit => explicit,
            Found::Derived => cut(&derived, NAME_BYTES_MAX, &mut quality),
            Found::Unknown => {
                quality.note(Code::W112);
                ""
            }
        };
        let fingerprint = fingerprint(&mut self.scratch, &self.tenant, given, name, &draft);
        let keyed = (!draft.key.is_empty()).then_some((name, &draft.labels));
        // What had to be repaired must be repaired, and counted, again.
        let key = match spelling.filter(|_| quality.is_clean()) {
            Some(own) => own.0,
            None => words(&mut self.scratch, fingerprint, common.source, keyed),
        };
        let tenant = self.tenant.clone();
        self.take(&common, &moment, draft.said, quality, fingerprint, key, |source| Identity {
            fingerprint,
            entity: match found {
                Found::Unknown => unknown(&tenant, source, fingerprint),
                _ => EntityRef::new(&tenant, given),
            },
            tenant: tenant.clone(),
            source: SmolStr::new(source),
            name: SmolStr::new(name),
            labels: causeway_dataflows::model::Labels::pack(draft.labels.iter()),
        });
        self.entity = derived;
    }

    /// Puts an event into its worker's batch, once it is known which alert it is about.
    #[inline]
    fn take(
        &mut self,
        common: &Common<'_>,
        moment: &Moment,
        said: Said<'_>,
        mut quality: Quality,
        fingerprint: Fingerprint,
        key: u128,
        build: impl FnOnce(&str) -> Identity,
    ) {
        let severity = self.severity(said.severity, &mut quality);
        let summary = cut(said.summary, SUMMARY_BYTES_MAX, &mut quality);
        let source = or(common.source, &self.source.name, SOURCE_BYTES_MAX, &mut quality);
        let long;
        let mut digits = [0; 22];
        let id = match common.id.len() {
            0 => {
                let payload = common.payload.hash(&mut self.scratch);
                let (scratch, time_ns) = (&mut self.scratch, moment.time_ns);
                let digits = &mut digits;
                let kind = Kind::Alert;
                self.ordinals.derive(scratch, digits, source, kind, fingerprint, time_ns, payload)
            }
            1..=ID_BYTES_MAX => common.id,
            _ => {
                long = short_id(common.id, &mut quality);
                &long
            }
        };
        if !quality.is_clean() && refuses(&self.source, quality) {
            return self.reject_repaired(common, quality);
        }
        if let Some(ids) = &self.ids {
            let key = id_key(&mut self.scratch, &self.tenant, source, id);
            if is_repeat(ids, key, moment.observed_ns, &mut self.out) {
                self.tallies.taken(Quality::default());
                return;
            }
        }
        let batch = &mut self.segment.alerts[(fingerprint.low64() % self.workers) as usize];
        let place = self.identities.place(key, &mut batch.identities, || build(source));
        let event = event(moment, fingerprint, place, self.source.index, severity, quality);
        batch.push(event, id, summary);
        self.out.counts.folded += 1;
        self.accept(Kind::Alert, quality);
    }
}

/// What was given, cut to size; the default when nothing was.
#[inline]
fn or<'a>(given: &'a str, default: &'a str, bytes_max: usize, quality: &mut Quality) -> &'a str {
    if given.is_empty() { default } else { cut(given, bytes_max, quality) }
}

#[inline]
fn fingerprint(
    scratch: &mut Vec<u8>,
    tenant: &str,
    given: &str,
    name: &str,
    draft: &AlertDraft<'_>,
) -> Fingerprint {
    let kind = Kind::Alert.word();
    if draft.key.is_empty() {
        return Fingerprint::of(scratch, tenant, kind, given, name, draft.labels.iter());
    }
    // No label has an empty name, so a key can never pass for name and labels.
    let key = std::iter::once(("", draft.key));
    Fingerprint::of(scratch, tenant, kind, given, "", key)
}

/// What stands for an identity that is not spelled: its fingerprint, who speaks, and, where a
/// source's own key replaces them, name and labels. Whoever keeps the first of several identities
/// of a fingerprint must be given each as it came: what this process happens to remember may not
/// decide.
#[inline]
pub(super) fn words(
    scratch: &mut Vec<u8>,
    fingerprint: Fingerprint,
    source: &str,
    keyed: Option<(&str, &Labels<'_>)>,
) -> u128 {
    if source.is_empty() && keyed.is_none() {
        return fingerprint.0;
    }
    scratch.clear();
    scratch.extend_from_slice(&fingerprint.0.to_le_bytes());
    push_part(scratch, source.as_bytes());
    if let Some((name, labels)) = keyed {
        push_part(scratch, name.as_bytes());
        for text in labels.iter().flat_map(|(label, value)| [label, value]) {
            push_part(scratch, text.as_bytes());
        }
    }
    xxh3_128(scratch)
}

/// Whether the id was seen before, within lateness; counts it if so.
fn is_repeat(ids: &Mutex<IdWindow>, key: u128, observed_ns: i64, out: &mut Decoded) -> bool {
    let mut ids = ids.lock().unwrap_or_else(PoisonError::into_inner);
    let (repeat, forgotten) = ids.is_repeat(key, seconds_of(observed_ns));
    out.counts.ids_forgotten += forgotten;
    if repeat {
        out.counts.received += 1;
        out.counts.duplicate += 1;
    }
    repeat
}

#[inline]
fn event(
    moment: &Moment,
    fingerprint: Fingerprint,
    identity: u32,
    source: SourceIndex,
    severity: Severity,
    quality: Quality,
) -> AlertEvent {
    let mut flags = AlertFlags::default();
    if moment.resolved {
        flags = flags.with(AlertFlags::RESOLVED);
    }
    if quality.has(Code::W103) {
        flags = flags.with(AlertFlags::LATE);
    }
    AlertEvent {
        fingerprint,
        time: seconds_of(moment.time_ns),
        observed: seconds_of(moment.observed_ns),
        onset: seconds_of(moment.onset_ns),
        ends: moment.ends,
        identity,
        text_at: 0,
        id_len: 0,
        summary_len: 0,
        source,
        severity,
        flags,
    }
}
