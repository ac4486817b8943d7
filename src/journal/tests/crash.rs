//! Every call to the storage fails in every way, the machine or the process dies, and
//! nothing acknowledged is lost.

use super::super::testing::Fault;
use super::*;

/// So small that a segment holds about two frames.
const SEGMENT_BYTES: u64 = 900;
/// Seeds of each case.
const SEEDS: u64 = 4;

/// What a process knows of its journal when it ends.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Epochs below this one were acknowledged.
    durable: u64,
    /// Epochs from this one on were never given.
    given: u64,
    /// Epochs from this one on were not to be forgotten.
    kept: u64,
}

/// Uses a journal until it is done or something fails that a process ends for.
fn play(sim: &Sim, seed: u64) -> Known {
    let mut known = Known::default();
    let _ = try_play(sim, seed, &mut known);
    known
}

fn try_play(sim: &Sim, seed: u64, known: &mut Known) -> Result<(), JournalError> {
    let mut writer = reopen(sim, known)?;
    for epoch in 0..16 {
        let choice = mixed(seed * 100 + epoch);
        if epoch == 9 {
            writer = reopen(sim, known)?;
        }
        // After a reopening the journal says what comes next: nothing may be left out.
        let epoch = writer.next_epoch().unwrap_or(epoch);
        known.given = known.given.max(epoch + 1);
        if let Err(error) = append(&mut writer, &frame(epoch)) {
            if !error.is_passing() {
                return Err(error);
            }
            assert!(matches!(error, JournalError::Full { .. }), "{error}");
            sim.free();
            append(&mut writer, &frame(epoch))?;
        }
        known.durable = known.durable.max(writer.durable());
        if choice.is_multiple_of(3) {
            writer.sync()?;
            known.durable = writer.durable();
        }
        if epoch % 6 == 5 {
            known.kept = known.durable.saturating_sub(3);
            forget_before(&mut writer, known.kept)?;
        }
    }
    writer.sync()?;
    known.durable = writer.durable();
    Ok(())
}

fn reopen(sim: &Sim, known: &mut Known) -> Result<Writer<Sim>, JournalError> {
    let opened = Writer::open_in(sim.clone(), options(SEGMENT_BYTES));
    let (writer, _) = opened.inspect_err(|error| {
        assert!(matches!(error, JournalError::Io { .. }), "refused without damage: {error}");
    })?;
    known.durable = known.durable.max(writer.next_epoch().unwrap_or(0));
    Ok(writer)
}

/// Opens what a crash left, and checks it against what is known.
fn verify(sim: &Sim, known: &Known, seed: u64, case: &str) {
    let opened = Writer::open_in(sim.clone(), options(SEGMENT_BYTES));
    let (mut writer, recovery) = opened.unwrap_or_else(|error| panic!("{case}: {error}"));
    let next = recovery.last_epoch.map_or(0, |last| last + 1);
    let next = next.max(writer.next_epoch().unwrap_or(0));
    assert!(next >= known.durable, "{case}: ends before {next}, {known:?}");
    assert!(next <= known.given, "{case}: ends before {next}, {known:?}");
    let first = recovery.first_epoch.unwrap_or(next);
    assert!(first <= known.kept, "{case}: begins with {first}, {known:?}");
    expect_frames(&read(sim, None).unwrap(), first..next);
    // All that was found is durable by now.
    let again = sim.crash(seed);
    assert_eq!(open(&again, SEGMENT_BYTES).1.last_epoch, recovery.last_epoch, "{case}");
    for epoch in next..next + 4 {
        append(&mut writer, &frame(epoch)).unwrap();
        writer.sync().unwrap();
    }
    let crashed = sim.crash(seed);
    let (_, recovery) = open(&crashed, SEGMENT_BYTES);
    assert_eq!((recovery.last_epoch, recovery.torn), (Some(next + 3), None), "{case}");
    expect_frames(&read(&crashed, None).unwrap(), first..next + 4);
}

/// All calls of an undisturbed run.
fn calls(seed: u64) -> u64 {
    let sim = Sim::new(seed);
    let known = play(&sim, seed);
    assert_eq!((known.durable, known.given), (16, 16));
    assert!(segments(&sim).len() > 1 && segments(&sim)[0] > 0, "it rotates and forgets");
    sim.calls()
}

#[test]
fn nothing_acknowledged_is_lost_whatever_call_fails() {
    for seed in 0..SEEDS {
        for (call, fault) in
            (1..=calls(seed)).flat_map(|call| Fault::ALL.map(|fault| (call, fault)))
        {
            let sim = Sim::new(seed);
            sim.fail(call, fault);
            let known = play(&sim, seed);
            for crash in 0..3 {
                let case = format!("seed {seed}, call {call}, {fault:?}, crash {crash}");
                let left = match crash {
                    0 => sim.kill(),
                    crash => sim.crash(mixed(seed * 1000 + call * 10 + crash)),
                };
                verify(&left, &known, call, &case);
            }
        }
    }
}

#[test]
fn nothing_is_lost_when_recovery_fails_as_well() {
    let mut torn = 0;
    for seed in 0..SEEDS {
        for end in (5..calls(seed)).step_by(9) {
            let sim = Sim::new(seed);
            sim.fail(end, Fault::Torn);
            let known = play(&sim, seed);
            let image = sim.crash(mixed(seed * 1000 + end));
            let whole = image.kill();
            let before = whole.calls();
            torn += u64::from(open(&whole, SEGMENT_BYTES).1.torn.is_some());
            let calls = whole.calls() - before;
            for (call, fault) in (1..=calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault)))
            {
                let sim = image.kill();
                sim.fail(call, fault);
                let mut known = known;
                let _ = reopen(&sim, &mut known);
                let case = format!("seed {seed}, end {end}, call {call}, {fault:?}");
                verify(&sim.kill(), &known, call, &case);
                verify(&sim.crash(mixed(end * 1000 + call)), &known, call, &case);
            }
        }
    }
    assert!(torn > 10, "only {torn} images were torn");
}
