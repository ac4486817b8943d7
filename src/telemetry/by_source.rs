//! Figures that several sources have, each under its own label.

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::fmt;

/// A figure of a source: its name, its help, its unit and where it is.
pub(super) type Figure<C> = (&'static str, &'static str, Option<Unit>, fn(&C) -> u64);

/// Writes what only grows.
pub(super) fn counters<C>(
    encoder: &mut DescriptorEncoder<'_>,
    sources: &BTreeMap<SmolStr, C>,
    figures: &[Figure<C>],
) -> fmt::Result {
    for (name, help, unit, read) in figures {
        let kind = MetricType::Counter;
        let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
        for (source, counts) in sources {
            family
                .encode_family(&[("source", source.as_str())])?
                .encode_counter::<[(&str, &str); 0], _, f64>(&read(counts), None)?;
        }
    }
    Ok(())
}

/// Writes what goes up and down.
pub(super) fn gauges<C>(
    encoder: &mut DescriptorEncoder<'_>,
    sources: &BTreeMap<SmolStr, C>,
    figures: &[Figure<C>],
) -> fmt::Result {
    for (name, help, unit, read) in figures {
        let kind = MetricType::Gauge;
        let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
        for (source, counts) in sources {
            let labels = [("source", source.as_str())];
            family.encode_family(&labels)?.encode_gauge(&read(counts))?;
        }
    }
    Ok(())
}
