//! What a message brings for all events in it: its timestamp, its position, its labels.

use super::*;
use crate::canonical::Message;

impl Intake {
    /// Begins a message of the call.
    pub fn begin_message(&mut self, message: &Message, origin: Origin) {
        self.origin = origin;
        self.ordinals.begin_batch();
        let nanoseconds = |stamp_ms: i64| stamp_ms.saturating_mul(NANOS / 1_000);
        self.ticks.set_stamp(message.stamp_ms.map(nanoseconds));
        if message.labels != self.message_labels {
            self.message_labels.clone_from(&message.labels);
            self.tenant_seed = xxh3_64(self.tenant.as_bytes());
            if !message.labels.is_empty() {
                // Equal lines under other labels are about other alerts.
                let spelled = format!("{}{:?}", self.tenant, message.labels);
                self.tenant_seed = xxh3_64(spelled.as_bytes());
            }
        }
    }

    /// Ends the last message of the call.
    pub fn end_messages(&mut self) {
        self.message_labels.clear();
        self.ticks.set_stamp(None);
    }

    /// Takes an alert event of a message that brings labels.
    pub(super) fn labelled_alert(
        &mut self,
        mut common: Common<'_>,
        draft: AlertDraft<'_>,
        spelling: Option<Spelling>,
    ) {
        let brought = std::mem::take(&mut self.message_labels);
        let mut labels = Labels::new();
        let own = draft.labels.iter();
        own.for_each(|(key, value)| labels.push(key, value, &mut common.quality));
        for (key, value) in &brought {
            labels.push_missing(key, value, &mut common.quality);
        }
        let AlertDraft { name, key, entity, said, .. } = draft;
        self.alert_of(common, AlertDraft { name, key, entity, labels, said }, spelling);
        self.message_labels = brought;
    }
}
