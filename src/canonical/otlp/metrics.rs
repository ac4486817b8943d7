//! Metrics: each data point of a gauge or a sum is a number of its series.
//!
//! | data | measure |
//! |---|---|
//! | gauge; cumulative sum that is not monotonic | level |
//! | cumulative monotonic sum | total |
//! | delta sum | added |
//! | histogram, exponential histogram, summary | see [`super::histograms`] |
//!
//! A data point that says that nothing was recorded is counted and no number.

use super::super::decoded::Kind;
use super::super::intake::{Intake, Labels, Measured, Payload, SignalDraft, Spelling};
use super::super::native::Refusal;
use super::super::native::signal::is_unit;
use super::super::protobuf::{Damage, Fields, Layer};
use super::super::reject::{Code, Quality};
use super::any::{self, Texts};
use super::{Scene, histograms, oversize};
use causeway_dataflows::model::{Measure, push_part};
use smallvec::SmallVec;

/// The bit of a data point that says that nothing was recorded.
pub(super) const NOTHING_RECORDED: u64 = 1;
/// The label of the instrumentation's scope.
const SCOPE: &str = "otel.scope.name";

/// The field of a metric that holds its data, which is its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Gauge = 5,
    Sum = 7,
    Histogram = 9,
    Exponential = 10,
    Summary = 11,
}

impl Shape {
    fn of(number: u32) -> Option<Shape> {
        let all = [Shape::Gauge, Shape::Sum, Shape::Histogram, Shape::Exponential, Shape::Summary];
        all.into_iter().find(|shape| *shape as u32 == number)
    }
}

/// A metric without its data points.
pub(super) struct Metric<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) name: &'a str,
    /// What was repaired of the metric itself.
    quality: Quality,
    shape: Shape,
    pub(super) is_delta: bool,
    is_monotonic: bool,
    /// The parts that a data point lies in, the innermost first.
    pub(super) layers: [Layer<'a>; 5],
}

/// What all data points have.
#[derive(Default)]
pub(super) struct Point<'a> {
    pub(super) time_ns: u64,
    pub(super) flags: u64,
    pub(super) attributes: SmallVec<[&'a [u8]; 12]>,
}

/// Takes the data points of a metric; gives the number of events that it was.
pub(super) fn take(intake: &mut Intake, scene: &Scene<'_>, bytes: &[u8], first: u64) -> u64 {
    let (metric, data) = match read(scene, bytes) {
        Ok(read) => read,
        Err(refusal) => {
            refusal.record(intake, first, Payload::Part { layers: &scene.layers, bytes });
            return 1;
        }
    };
    let event_bytes_max = intake.source().limits.event_bytes_max;
    let mut line = first;
    for point in super::parts(data, 1) {
        if point.len() > event_bytes_max {
            oversize(intake, line, metric.payload(point));
        } else if let Err(refusal) = metric.point(intake, point, line) {
            refusal.record(intake, line, metric.payload(point));
        }
        line += 1;
    }
    line - first
}

fn read<'a>(scene: &'a Scene<'a>, bytes: &'a [u8]) -> Result<(Metric<'a>, &'a [u8]), Refusal> {
    let (mut name, mut unit, mut found) = ("", &[][..], None);
    for field in Fields::of(bytes) {
        match field? {
            (1, value) => name = value.text()?,
            (3, value) => unit = value.bytes()?,
            (number, value) => {
                if let Some(shape) = Shape::of(number) {
                    found = Some((shape, value.bytes()?));
                }
            }
        }
    }
    let Some((shape, data)) = found else {
        return Err(Refusal::invalid("data", format!("the metric `{name}` has no data")));
    };
    let (is_delta, is_monotonic) = kind_of(shape, data)?;
    let mut quality = Quality::default();
    if !std::str::from_utf8(unit).is_ok_and(is_unit) {
        quality.note(Code::W104);
    }
    let [a, b, c] = scene.layers;
    let layers = [
        Layer { message: data, number: 1 },
        Layer { message: bytes, number: shape as u32 },
        a,
        b,
        c,
    ];
    Ok((Metric { scene, name, quality, shape, is_delta, is_monotonic, layers }, data))
}

/// Whether data is what was added since the sample before, and whether it only grows; its frame
/// is checked on the way.
fn kind_of(shape: Shape, data: &[u8]) -> Result<(bool, bool), Damage> {
    const DELTA: u64 = 1;
    let (mut temporality, mut monotonic) = (0, 0);
    for field in Fields::of(data) {
        match field? {
            (1, point) => {
                point.bytes()?;
            }
            (2, value) if shape != Shape::Gauge => temporality = value.varint()?,
            (3, value) if shape == Shape::Sum => monotonic = value.varint()?,
            _ => {}
        }
    }
    Ok((temporality == DELTA, monotonic > 0))
}

impl<'a> Metric<'a> {
    pub(super) fn payload(&'a self, point: &'a [u8]) -> Payload<'a> {
        Payload::Part { layers: &self.layers, bytes: point }
    }

    fn point(&self, intake: &mut Intake, bytes: &[u8], line: u64) -> Result<(), Refusal> {
        if self.name.is_empty() {
            return Err(Refusal::invalid("name", "the metric has no name"));
        }
        match self.shape {
            Shape::Gauge | Shape::Sum => self.number(intake, bytes, line),
            shape => histograms::take(intake, self, shape, bytes, line),
        }
    }

    fn number(&self, intake: &mut Intake, bytes: &[u8], line: u64) -> Result<(), Refusal> {
        let mut point = Point::default();
        let mut value = None;
        for field in Fields::of(bytes) {
            match field? {
                (3, field) => point.time_ns = field.fixed64()?,
                (4, field) => value = Some(field.double()?),
                (6, field) => value = Some(field.fixed64()? as i64 as f64),
                (7, field) => point.attributes.push(field.bytes()?),
                (8, field) => point.flags = field.varint()?,
                _ => {}
            }
        }
        let mut quality = self.quality;
        let value = match value {
            _ if point.flags & NOTHING_RECORDED > 0 => None,
            None => return Err(Refusal::invalid("value", "the data point has no value")),
            Some(value) if value.is_finite() => Some(value),
            Some(_) => {
                quality.note(Code::W109);
                None
            }
        };
        let Some(value) = value else {
            let common = self.scene.common(line, self.payload(bytes), point.time_ns, quality);
            intake.count_signal(common, Kind::Metric);
            return Ok(());
        };
        let spelling = self.spelling(intake, &point, "")?;
        let texts = self.texts(intake, &point, spelling)?;
        let labels = self.labels(texts.as_ref(), &mut quality);
        let measured = Measured::Sample { value, measure: self.measure() };
        let draft = SignalDraft { name: self.name, entity: "", labels, measured };
        let common = self.scene.common(line, self.payload(bytes), point.time_ns, quality);
        intake.signal(common, draft, Some(spelling));
        Ok(())
    }

    fn measure(&self) -> Measure {
        match self.shape {
            Shape::Sum if self.is_delta => Measure::Added,
            Shape::Sum if self.is_monotonic => Measure::Total,
            _ => Measure::Level,
        }
    }

    /// What was repaired of the metric itself.
    pub(super) fn quality(&self) -> Quality {
        self.quality
    }

    /// The bytes that say which series it is: those of the metric, of the attributes, and a
    /// suffix of its name.
    #[inline]
    pub(super) fn spelling(
        &self,
        intake: &mut Intake,
        point: &Point<'_>,
        suffix: &str,
    ) -> Result<Spelling, Refusal> {
        if point.attributes.len() > intake.source().limits.keys_max {
            return Err(Refusal::new(Code::E006, "attributes", "the point has too many keys"));
        }
        Ok(intake.spelling(|out| {
            out.push(Kind::Metric as u8);
            out.extend_from_slice(&self.scene.resource.hash.to_le_bytes());
            for text in [self.scene.scope, self.name, suffix] {
                push_part(out, text.as_bytes());
            }
            for attribute in &point.attributes {
                push_part(out, attribute);
            }
        }))
    }

    /// The texts of the attributes, unless the series is known.
    #[inline]
    pub(super) fn texts<'p>(
        &self,
        intake: &mut Intake,
        point: &Point<'p>,
        spelling: Spelling,
    ) -> Result<Option<Texts<'p>>, Refusal> {
        if intake.knows_series(spelling) {
            return Ok(None);
        }
        let depth_max = intake.source().limits.depth_max;
        any::texts(point.attributes.iter().copied(), depth_max).map(Some)
    }

    /// The labels of a series whose attributes are these; none when it is known.
    #[inline]
    pub(super) fn labels<'p>(
        &'p self,
        texts: Option<&'p Texts<'_>>,
        quality: &mut Quality,
    ) -> Labels<'p> {
        let mut labels = Labels::new();
        let Some(texts) = texts else { return labels };
        any::push(&mut labels, &self.scene.resource.labels, quality);
        if !self.scene.scope.is_empty() {
            labels.push(SCOPE, self.scene.scope, quality);
        }
        any::push(&mut labels, texts, quality);
        labels
    }
}
