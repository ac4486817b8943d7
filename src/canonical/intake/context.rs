//! Context events: what they share with all events, and the references they make.

use super::{Common, Intake, NAME_BYTES_MAX, SOURCE_BYTES_MAX, cut, refuses, short_id};
use crate::canonical::decoded::Kind;
use causeway_dataflows::model::{Context, ContextEvent, EntityRef, EventId, Fingerprint, Op};
use smol_str::SmolStr;

impl Intake {
    /// The reference `text` of the current tenant.
    pub fn entity_ref(&self, text: &str) -> EntityRef {
        let text = &text[..text.floor_char_boundary(NAME_BYTES_MAX)];
        EntityRef::new(&self.tenant, text)
    }

    /// Takes a context event about `subject`, the words that identify it within its kind.
    pub fn context(
        &mut self,
        common: Common<'_>,
        kind: Kind,
        op: Op,
        subject: &str,
        body: Context,
    ) {
        if self.refuses_kind(&common, kind) {
            return;
        }
        let mut quality = common.quality;
        // Changes and feedback happen; the rest says what holds from now on.
        let standing = !matches!(kind, Kind::Change | Kind::Feedback);
        let Some((observed_ns, time_ns)) = self.instants(&common, standing, &mut quality) else {
            return self.reject_timeless(&common);
        };
        let source = match common.source {
            "" => self.source.name.clone(),
            source => SmolStr::new(cut(source, SOURCE_BYTES_MAX, &mut quality)),
        };
        let id = match common.id.len() {
            0 => {
                let empty = std::iter::empty();
                let word = kind.word();
                let fingerprint =
                    Fingerprint::of(&mut self.scratch, &self.tenant, word, subject, "", empty);
                let payload = common.payload.hash(&mut self.scratch);
                let mut digits = [0; 22];
                let scratch = &mut self.scratch;
                EventId::new(self.ordinals.derive(
                    scratch,
                    &mut digits,
                    &source,
                    kind,
                    fingerprint,
                    time_ns,
                    payload,
                ))
            }
            1..=super::ID_BYTES_MAX => EventId::new(common.id),
            _ => EventId::new(&short_id(common.id, &mut quality)),
        };
        if !quality.is_clean() && refuses(&self.source, quality) {
            return self.reject_repaired(&common, quality);
        }
        if self.ids.is_some() {
            let named = Common { id: &id.0, ..common };
            if self.repeats(&named, observed_ns) {
                return;
            }
        }
        let tenant = self.tenant.clone();
        let event = ContextEvent { tenant, source, id, time_ns, observed_ns, op, body };
        self.segment.context.push(event);
        self.out.counts.context += 1;
        self.accept(kind, quality);
    }
}
