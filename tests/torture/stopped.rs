//! R9: a process that is stopped, not dead, while another is started in its place.
//!
//! The second is refused for as long as the first may go on, so nothing is told by both.

use super::again;
use super::known::Known;
use super::load::{Load, sender};
use super::victim::Place;
use super::witness::Told;
use causeway_loadgen::rng::Rng;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Stopped {
    pub(super) refused: u64,
    pub(super) findings: Vec<String>,
}

/// Stops one process so many times, and starts another beside it each time.
pub(super) fn stop(seed: u64, times: u64) -> Stopped {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(torture(seed, times))
}

async fn torture(seed: u64, times: u64) -> Stopped {
    let mut rng = Rng::stream(seed, "stopped");
    let place = Place::new(&mut rng, |_| {
        "emission: {settle: 0s, settle_max: 0s, revise_interval: 0s}\n\
         sinks: {stdout: {type: stdout, queue: {full: block}}}\n"
            .to_owned()
    });
    let load = Arc::new(Load::new(place.url(""), Duration::from_millis(5)));
    let mut first = place.start();
    load.answers().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..3 {
        let load = Arc::clone(&load);
        tasks.spawn(async move { sender(&load, number, seed).await });
    }
    let mut stopped = Stopped::default();
    for time in 0..times {
        tokio::time::sleep(Duration::from_millis(5 + rng.below(50) as u64)).await;
        first.signal("STOP");
        let (status, log) = tokio::task::block_in_place(|| place.refused_beside(&mut rng));
        first.signal("CONT");
        if status == Some(74) && log.contains("in use by another causeway") {
            stopped.refused += 1;
        } else {
            stopped.findings.push(format!("seed {seed}, time {time}: {status:?} {log}"));
        }
    }
    load.finish();
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    first.signal("TERM");
    let status = tokio::task::block_in_place(|| first.ended());
    assert!(status.is_some_and(|status| status.success()), "{}", place.log_tail());
    let known = load.known().clone();
    stopped
        .findings
        .extend(judge(&place, &known).into_iter().map(|what| format!("seed {seed}: {what}")));
    stopped
}

/// Everything was told once: nobody was killed, so nothing comes again either.
fn judge(place: &Place, known: &Known) -> Vec<String> {
    let settings = again::settings(&place.config());
    let read = again::read_again(&place.journal(), &settings, 1).unwrap();
    let expected = Told::of_lines(read.lines.iter().map(String::as_str));
    let told = Told::of_stdout(&place.stdout(), &BTreeSet::new());
    let mut found = known.findings.clone();
    found.extend(told.findings.clone());
    found.extend(told.hold_against(&expected, "stdout"));
    found.extend(told.hold_to(known));
    if told.repeated > 0 {
        found.push(format!("{} revisions were told twice", told.repeated));
    }
    found
}
