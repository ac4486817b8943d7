//! The one object that `replay --summary json` prints and `run` leaves at drain.

use super::digest::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Over the final alerts and incidents, whatever their order; 32 hexadecimal digits.
    #[schemars(regex(pattern = "^[0-9a-f]{32}$"))]
    pub digest: String,
    /// From the first byte read to the last output.
    pub seconds: f64,
    /// Events received in a second, over the same stretch; those that an earlier run received,
    /// which are in the books as well, do not count.
    pub events_per_second: f64,
    /// The most memory the process held.
    pub peak_rss_bytes: u64,
    /// Worker threads of the engine.
    pub workers: usize,
    /// The books.
    pub ledger: Books,
    /// Whether all input was worked off and told; only written when it was not.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub complete: bool,
    /// What a drain that was cut short did not work off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Unfinished>,
}

fn yes() -> bool {
    true
}

/// What was accepted and not worked off when a drain was cut short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unfinished {
    /// Bytes of input that waited for the engine.
    pub input_bytes: u64,
    /// Epochs that the engine had not answered.
    pub epochs: u64,
    /// Revisions that waited for their sinks, those on their way included.
    pub revisions: u64,
}

impl Summary {
    /// Puts the parts together; a run too short to be measured has a rate of zero.
    pub fn new(
        digest: &Digest,
        seconds: f64,
        peak_rss_bytes: u64,
        workers: usize,
        ledger: Books,
    ) -> Summary {
        Summary {
            digest: digest.to_string(),
            seconds: round(seconds, 1e6),
            events_per_second: rate(ledger.received, seconds),
            peak_rss_bytes,
            workers,
            ledger,
            complete: true,
            unfinished: None,
        }
    }

    /// The same for a run that went on from books in which so many events were received already.
    #[must_use]
    pub fn after(self, received: u64) -> Summary {
        let own = self.ledger.received.saturating_sub(received);
        Summary { events_per_second: rate(own, self.seconds), ..self }
    }

    /// The same for a run whose drain was cut short.
    #[must_use]
    pub fn cut_short(self, unfinished: Unfinished) -> Summary {
        Summary { complete: false, unfinished: Some(unfinished), ..self }
    }

    /// The object as one line, without the newline.
    pub fn line(&self) -> String {
        // `round` keeps every number finite, and there are no maps: writing cannot fail.
        serde_json::to_string(self).unwrap_or_else(|error| unreachable!("summary: {error}"))
    }
}

fn rate(received: u64, seconds: f64) -> f64 {
    round(if seconds > 0.0 { received as f64 / seconds } else { 0.0 }, 10.0)
}

fn round(value: f64, parts: f64) -> f64 {
    if value.is_finite() { (value * parts).round() / parts } else { 0.0 }
}

/// Every event and every alert, accounted for once (DESIGN.md section 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Books {
    /// Lines and elements that arrived.
    pub received: u64,
    /// Those that went on.
    pub accepted: u64,
    /// Those that went to the dead letters.
    pub rejected: u64,
    /// Those seen before, dropped by id.
    pub duplicate: u64,
    /// Accepted ones that were beyond their source's lateness bound.
    pub late: u64,
    /// Accepted ones that are part of an alert, or audited as too late for one.
    pub folded: u64,
    /// Accepted metric samples, log lines and spans.
    pub signals: u64,
    /// Accepted topology, changes, silences, windows, rules, models, feedback.
    pub context: u64,
    /// Alerts that the folded events made.
    pub alerts: u64,
    /// Alerts kept out of incidents, with a reason.
    pub suppressed: u64,
    /// Alerts alone, and too mild to be an incident.
    pub standalone: u64,
    /// Alerts that are members of an incident.
    pub in_incidents: u64,
    /// Incidents that stand.
    pub incidents: u64,
}

impl Books {
    /// Adds another set of books.
    pub fn add(&mut self, other: &Books) {
        for (own, theirs) in self.columns_mut().into_iter().zip(other.columns()) {
            *own += theirs;
        }
    }

    /// The first equation that does not hold, in words; `None` when the books balance.
    pub fn imbalance(&self) -> Option<String> {
        let equations = [
            (
                "received = accepted + rejected + duplicate",
                self.received,
                [self.accepted, self.rejected, self.duplicate],
            ),
            (
                "accepted = folded + signals + context",
                self.accepted,
                [self.folded, self.signals, self.context],
            ),
            (
                "alerts = suppressed + in_incidents + standalone",
                self.alerts,
                [self.suppressed, self.in_incidents, self.standalone],
            ),
        ];
        equations.into_iter().find_map(|(text, left, [a, b, c])| {
            (left != a + b + c)
                .then(|| format!("{text} does not hold: {left} is not {a} + {b} + {c}"))
        })
    }

    fn columns(&self) -> [u64; 13] {
        let mut copy = *self;
        copy.columns_mut().map(|column| *column)
    }

    fn columns_mut(&mut self) -> [&mut u64; 13] {
        [
            &mut self.received,
            &mut self.accepted,
            &mut self.rejected,
            &mut self.duplicate,
            &mut self.late,
            &mut self.folded,
            &mut self.signals,
            &mut self.context,
            &mut self.alerts,
            &mut self.suppressed,
            &mut self.standalone,
            &mut self.in_incidents,
            &mut self.incidents,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books() -> Books {
        Books {
            received: 10,
            accepted: 8,
            rejected: 1,
            duplicate: 1,
            late: 1,
            folded: 5,
            signals: 1,
            context: 2,
            alerts: 3,
            suppressed: 1,
            standalone: 1,
            in_incidents: 1,
            incidents: 1,
        }
    }

    #[test]
    fn the_object_has_the_published_fields_in_order() {
        let summary = Summary::new(&Digest::new(), 2.0, 1024, 2, books());
        assert_eq!(
            summary.line(),
            "{\"digest\":\"00000000000000000000000000000000\",\"seconds\":2.0,\
             \"events_per_second\":5.0,\"peak_rss_bytes\":1024,\"workers\":2,\"ledger\":{\
             \"received\":10,\"accepted\":8,\"rejected\":1,\"duplicate\":1,\"late\":1,\"folded\":5,\
             \"signals\":1,\"context\":2,\"alerts\":3,\"suppressed\":1,\"standalone\":1,\
             \"in_incidents\":1,\"incidents\":1}}"
        );
        let whole: Summary = serde_json::from_str(&summary.line()).unwrap();
        assert!(whole.complete);
        let unfinished = Unfinished { input_bytes: 7, epochs: 1, revisions: 2 };
        let cut = summary.cut_short(unfinished).line();
        let end =
            "\"complete\":false,\"unfinished\":{\"input_bytes\":7,\"epochs\":1,\"revisions\":2}}";
        assert!(cut.ends_with(end), "{cut}");
        assert_eq!(Summary::new(&Digest::new(), 0.0, 0, 1, books()).events_per_second, 0.0);
    }

    #[test]
    fn what_an_earlier_run_received_is_no_work_of_this_one() {
        let summary = Summary::new(&Digest::new(), 2.0, 1024, 2, books()).after(6);
        assert_eq!((summary.events_per_second, summary.ledger.received), (2.0, 10));
        assert_eq!(summary.after(11).events_per_second, 0.0);
        let short = Summary::new(&Digest::new(), 0.0, 0, 1, books()).after(0);
        assert_eq!(short.events_per_second, 0.0);
    }

    #[test]
    fn each_equation_is_checked() {
        assert_eq!(books().imbalance(), None);
        let mut twice = books();
        twice.add(&books());
        assert_eq!((twice.received, twice.incidents, twice.imbalance()), (20, 2, None));
        let breaks: [fn(&mut Books); 3] =
            [|b| b.received += 1, |b| b.context -= 1, |b| b.standalone += 1];
        for (at, break_it) in breaks.into_iter().enumerate() {
            let mut books = books();
            break_it(&mut books);
            let message = books.imbalance().unwrap();
            assert!(message.starts_with(["received", "accepted", "alerts"][at]), "{message}");
        }
    }
}
