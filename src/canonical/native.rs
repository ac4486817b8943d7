//! The native form (EVENT.md section 6): one JSON object for each event.
//!
//! The envelope is the same for every kind; what a kind adds is in its own
//! file below. Kinds that change what the engine does (silence, maintenance,
//! rule, model) have bodies in Alertmanager's terms, whose types HTTP and the
//! schemas share.

mod fields;
mod lookup;
mod walk;
mod plain;

pub mod schema;
pub mod alert;
pub mod topology;
pub mod change;
pub mod signal;
pub mod controls;
pub mod matcher;
pub mod interval;

use super::decoded::Kind;
use super::intake::{Common, Intake, Payload};
use super::json::Json;
use super::reject::{Code, Quality};
use super::scan::Scanner;
use causeway_dataflows::model::Op;
use fields::{Field, Fields};
use lookup::Lookup;
use plain::Plain;
use smol_str::SmolStr;

/// What an envelope around native events says for those that do not say it themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults<'a> {
    /// The envelope's id, already made unique among the events in it.
    pub id: &'a str,
    /// The envelope's source.
    pub source: &'a str,
    /// The envelope's time, nanoseconds.
    pub time: Option<i64>,
}

/// Why one event is refused: the code, the field at fault, what is wrong with it.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) field: SmolStr,
    pub(super) message: String,
}

impl Refusal {
    /// A required field is missing or makes no sense.
    #[cold]
    pub(super) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Refusal::new(Code::E004, field, message)
    }

    /// Counts and keeps the event as refused.
    #[cold]
    pub(super) fn record(self, intake: &mut Intake, line: u64, payload: Payload<'_>) {
        intake.reject(line, payload, self.code, &self.field, self.message);
    }

    /// Any other reason.
    #[cold]
    pub(super) fn new(code: Code, field: &str, message: impl Into<String>) -> Self {
        Refusal { code, field: SmolStr::new(field), message: message.into() }
    }
}

/// One event with its envelope read.
struct Event<'a> {
    kind: Kind,
    fields: Fields<'a, 'a>,
    common: Common<'a>,
}

/// Decodes one event, and refuses it if that is what it deserves.
pub fn decode<'a>(
    intake: &mut Intake,
    root: Json<'a, 'a>,
    line: u64,
    payload: Payload<'a>,
    repaired: Quality,
    defaults: Defaults<'a>,
) {
    if let Err(refusal) = read(intake, root, line, payload, repaired, defaults) {
        refusal.record(intake, line, payload);
    }
}

/// Decodes one event; what is wrong with it is left to the caller.
#[inline]
pub(super) fn read<'a>(
    intake: &mut Intake,
    root: Json<'a, 'a>,
    line: u64,
    payload: Payload<'a>,
    repaired: Quality,
    defaults: Defaults<'a>,
) -> Result<(), Refusal> {
    let event = envelope(intake, root, line, payload, repaired, defaults)?;
    dispatch(intake, event)
}

/// Decodes a line the short way, if it can be; `false` leaves it to the tape.
#[inline]
pub(super) fn read_plain(
    intake: &mut Intake,
    scanner: &mut Scanner,
    line: u64,
    text: &[u8],
) -> bool {
    let Some((words, marks)) = scanner.structure(text) else { return false };
    let keys_max = intake.source().limits.keys_max;
    let Some(plain) = Plain::of(words, marks, keys_max) else { return false };
    if plain.kind != Kind::Alert {
        return read_plain_signal(intake, &plain, marks, line, text);
    }
    if !plain.is_sound_beside_labels(marks) {
        return false;
    }
    // A source's own key replaces name and labels: such a spelling does not say which alert it is.
    let keyed = !plain.text(Field::Fingerprint).is_empty();
    let spelling = (!keyed).then(|| intake.spelling(|out| plain.spell(out)));
    let known = spelling.and_then(|spelling| intake.knows(spelling));
    let mut quality = Quality::default();
    let labels = match known {
        Some(_) => None,
        None => match plain.labels(marks, keys_max, &mut quality) {
            None => return false,
            labels => labels,
        },
    };
    let payload = Payload::Raw(text);
    let done = checked(intake, &plain).map(|_| {
        let common = common(&plain, line, payload, quality, Defaults::default());
        match (known, labels) {
            (Some(known), _) => intake.known_alert(common, known, alert::said(&plain)),
            (None, labels) => {
                let labels = labels.unwrap_or_default();
                alert::take(intake, &plain, labels, common, spelling);
            }
        }
    });
    if let Err(refusal) = done {
        refusal.record(intake, line, payload);
    }
    true
}

/// The same for a line that holds a signal.
#[inline]
fn read_plain_signal(
    intake: &mut Intake,
    plain: &Plain<'_>,
    marks: &[u32],
    line: u64,
    text: &[u8],
) -> bool {
    let Some(read) = signal::plain(intake, plain, marks) else { return false };
    let payload = Payload::Raw(text);
    let done = checked(intake, plain).and_then(|_| {
        let common = common(plain, line, payload, read.quality, Defaults::default());
        signal::take_plain(intake, plain, read, common)
    });
    if let Err(refusal) = done {
        refusal.record(intake, line, payload);
    }
    true
}

/// Whether an object looks like a native event: it names a kind that we know.
pub fn is_native(root: Json<'_, '_>) -> bool {
    root.text("kind").is_some_and(|word| Kind::parse(word).is_some())
}

#[inline]
fn envelope<'a>(
    intake: &mut Intake,
    root: Json<'a, 'a>,
    line: u64,
    payload: Payload<'a>,
    quality: Quality,
    defaults: Defaults<'a>,
) -> Result<Event<'a>, Refusal> {
    if !root.is_object() {
        return Err(Refusal::new(Code::E001, "", "an event is a JSON object"));
    }
    if root.len() > intake.source().limits.keys_max {
        return Err(too_many_keys(""));
    }
    let fields = Fields::of(root);
    let kind = checked(intake, &fields)?;
    let mut quality = quality;
    if fields.mistyped {
        quality.note(Code::W106);
    }
    let common = common(&fields, line, payload, quality, defaults);
    Ok(Event { kind, fields, common })
}

/// What an event of any kind must get right.
#[inline]
fn checked<'a>(intake: &mut Intake, fields: &impl Lookup<'a>) -> Result<Kind, Refusal> {
    fields.check_schema().map_err(unknown_schema)?;
    let tenant = fields.text(Field::Tenant);
    if !tenant.is_empty() && tenant != intake.tenant() {
        let message = "the event names another tenant than the sender's";
        return Err(Refusal::new(Code::E007, "tenant", message));
    }
    let word = fields.text(Field::Kind);
    let Some(kind) = Kind::parse(word) else { return Err(unknown_kind(word)) };
    if fields.unknown() > 0 {
        intake.add_unknown_fields(fields.unknown());
    }
    Ok(kind)
}

#[inline]
fn common<'a>(
    fields: &impl Lookup<'a>,
    line: u64,
    payload: Payload<'a>,
    quality: Quality,
    defaults: Defaults<'a>,
) -> Common<'a> {
    let or = |own: &'a str, other: &'a str| if own.is_empty() { other } else { own };
    Common {
        line,
        payload,
        id: or(fields.text(Field::Id), defaults.id),
        source: or(fields.text(Field::Source), defaults.source),
        time: fields.instant(Field::Time).or(defaults.time),
        observed: fields.instant(Field::ObservedTime),
        quality,
    }
}

#[inline]
fn dispatch(intake: &mut Intake, event: Event<'_>) -> Result<(), Refusal> {
    match event.kind {
        Kind::Alert => alert::decode(intake, event),
        Kind::Entity => topology::entity(intake, event),
        Kind::Relation => topology::relation(intake, event),
        Kind::Change => change::change(intake, event),
        Kind::Feedback => change::feedback(intake, event),
        Kind::Silence | Kind::Maintenance | Kind::Rule | Kind::Model => {
            controls::decode(intake, event)
        }
        Kind::Log | Kind::Metric | Kind::Span | Kind::Heartbeat | Kind::Other => {
            signal::decode(intake, event)
        }
    }
}

#[cold]
fn unknown_schema(word: &str) -> Refusal {
    let short = &word[..word.floor_char_boundary(64)];
    Refusal::new(Code::E003, "schema", format!("schema {short:?} is none of event/1.x"))
}

#[cold]
fn unknown_kind(word: &str) -> Refusal {
    if word.is_empty() {
        return Refusal::invalid("kind", "the event has no kind");
    }
    let known: Vec<_> = Kind::ALL[..Kind::Other as usize].iter().map(|kind| kind.word()).collect();
    let short = &word[..word.floor_char_boundary(64)];
    Refusal::invalid("kind", format!("kind {short:?} is none of {}", known.join(", ")))
}

#[cold]
pub(super) fn too_many_keys(field: &str) -> Refusal {
    Refusal::new(Code::E006, field, "an object has more keys than keys_max")
}

/// The `op` of a context event; upsert when there is none.
fn op<'a>(fields: &impl Lookup<'a>) -> Result<Op, Refusal> {
    match fields.text(Field::Op) {
        "" | "upsert" => Ok(Op::Upsert),
        "delete" => Ok(Op::Delete),
        _ => Err(Refusal::invalid("op", "op is neither upsert nor delete")),
    }
}
