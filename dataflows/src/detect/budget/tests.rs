//! What an SLO finds does not depend on arrival, restarts, or which worker has its parts.

use super::super::deal::Dealt;
use super::super::tests::{Bench, START, identity, stamp};
use super::*;
use crate::model::{Bucket, Call, Labels, Matcher, MatcherOp, Sample, SignalBatch, Stamp};
use crate::params::Params;
use proptest::prelude::*;

/// Something that comes: when it happened after the start, how late it comes, and what it is.
type Coming = (Seconds, Seconds, What);

#[derive(Clone, Copy, Debug)]
enum What {
    /// A call of an operation, which fails or not.
    Call(&'static str, bool),
    /// Totals of all requests and of failed ones of a pod.
    Totals(&'static str, u32, u32),
}

fn is(name: &str, value: &str) -> Matcher {
    Matcher { name: name.into(), op: MatcherOp::Equal, value: value.into() }
}

fn slo(name: &str, indicator: Indicator) -> SloParams {
    SloParams {
        name: name.into(),
        tenant: "t".into(),
        entity: "service:shop/cart".into(),
        indicator,
        budget_ppm: 1_000,
        window_seconds: 30 * 86_400,
        tiers: TierParams::USUAL.to_vec(),
        events_min: 100,
    }
}

fn of_calls() -> SloParams {
    let indicator = Indicator::Calls {
        entity: "service:shop/cart".into(),
        operation: None,
        peer: None,
        failed_is_bad: true,
        bad_from_ns: Some(300_000_000),
    };
    slo("calls", indicator)
}

fn of_counters() -> SloParams {
    let (total, part) = (vec![is("alertname", "requests")], vec![is("alertname", "errors")]);
    let entity = "service:shop/all-carts".into();
    SloParams { entity, ..slo("counters", Indicator::Ratio { total, part, part_is_good: false }) }
}

fn params(slos: Vec<SloParams>) -> Params {
    let mut params = Params::default();
    params.detect.budget.slos = slos;
    params
}

/// The batch of an identity's worker, and its place in there.
fn place(
    batches: &mut [SignalBatch],
    identity: Arc<Identity>,
    time: Seconds,
) -> (&mut SignalBatch, Stamp) {
    let worker = identity.fingerprint.low64() % batches.len() as u64;
    let batch = &mut batches[worker as usize];
    batch.identities.push(identity);
    let place = batch.identities.len() as u32 - 1;
    (batch, Stamp { identity: place, ..stamp(time) })
}

/// Everything that comes to a tick, as the workers get it.
fn batches(coming: &[Coming], peers: usize) -> Vec<SignalBatch> {
    let mut batches: Vec<SignalBatch> =
        (0..peers as u64).map(|worker| SignalBatch { worker, ..SignalBatch::default() }).collect();
    for (at, _, what) in coming {
        match *what {
            What::Call(operation, failed) => {
                let of = identity("span", "service:shop/cart", operation);
                let (batch, stamp) = place(&mut batches, of, START + at);
                batch.calls.push(Call { stamp, duration_ns: 1_000_000, failed });
            }
            What::Totals(pod, requests, errors) => {
                for (name, value) in [("requests", requests), ("errors", errors)] {
                    let of = identity("metric", pod, name);
                    let (batch, stamp) = place(&mut batches, of, START + at);
                    let (measure, value) = (Measure::Total, f64::from(value));
                    batch.samples.push(Sample { stamp, measure, value });
                }
            }
        }
    }
    batches
}

/// What stands in the end, and what is left of each budget.
type Outcome = (BTreeMap<(String, Seconds), Option<String>>, BTreeMap<SmolStr, i64>);

fn run(params: &Params, coming: &[Coming], end: Seconds, peers: usize, restarts: bool) -> Outcome {
    let dealer = Dealer::new(params);
    let mut benches: Vec<Bench> =
        (0..peers).map(|index| Bench::of(params, (index, peers))).collect();
    let mut by_tick: BTreeMap<Seconds, Vec<Coming>> = BTreeMap::new();
    for (at, lag, what) in coming {
        by_tick.entry(START + at + lag).or_default().push((*at, *lag, *what));
    }
    for now in (START..=START + end).step_by(5) {
        let later = by_tick.split_off(&(now + 1));
        let arrived: Vec<Coming> =
            std::mem::replace(&mut by_tick, later).into_values().flatten().collect();
        let mut all = batches(&arrived, peers);
        let mut dealt = Dealt::new(peers);
        all.iter().for_each(|batch| dealer.deal(batch, &mut dealt));
        all.append(&mut dealt.batches);
        for (index, bench) in benches.iter_mut().enumerate() {
            let own = all.iter().filter(|batch| batch.worker == index as u64).cloned().collect();
            bench.epoch_of(now, own);
            if restarts && now % 965 == 0 {
                bench.resume(params, now);
            }
        }
    }
    let mut outcome = Outcome::default();
    for bench in benches {
        outcome.0.extend(bench.stands);
        outcome.1.extend(bench.watched.budgets_left_ppm);
    }
    outcome
}

/// Calls of two operations every five seconds for three hours, of which every second one fails
/// between an hour and an hour and twenty minutes.
fn failing(lag_of: impl Fn(Seconds) -> Seconds) -> Vec<Coming> {
    (0..3 * 3600 / 5)
        .map(|n| {
            let at = n * 5;
            let operation = if n % 3 == 0 { "GET /cart" } else { "POST /cart" };
            let failed = (3600..4800).contains(&at) && n % 2 == 0;
            (at, lag_of(n), What::Call(operation, failed))
        })
        .collect()
}

#[test]
fn a_budget_that_burns_is_found_and_ends_with_its_short_window() {
    let (stands, left) = run(&params(vec![of_calls()]), &failing(|_| 0), 3 * 3600 + 120, 1, false);
    let found: Vec<(Seconds, bool)> =
        stands.iter().map(|((_, at), said)| (at - START, said.is_some())).collect();
    let (begin, end) = (found[0].0, found.iter().find(|(_, burns)| !burns).map(|found| found.0));
    // Five bad calls of 730 are 6 times too many; the failures ended at 4800.
    assert!((3620..3700).contains(&begin), "{found:?}");
    assert!(found.windows(2).take(20).all(|pair| pair[1].0 - pair[0].0 == 60), "{found:?}");
    // Half an hour later its short window holds no failure any more.
    assert!(end.is_some_and(|end| (4800 + 1800..4800 + 2000).contains(&end)), "{found:?}");
    let (name, first) =
        stands.iter().next().map(|(key, said)| (&key.0, said.clone())).expect("it burns");
    assert_eq!(name, "ErrorBudgetBurn service:shop/cart");
    let first = first.unwrap_or_default();
    assert!(first.starts_with("burn rate of calls over 6h and 30m, with -"), "{first}");
    let finding = Finding::read(&first).expect("a finding");
    assert_eq!((&*finding.expected, &*finding.model), ("6", "budget/1"));
    let paged = stands.values().flatten().filter(|said| said.contains("over 1h and 5m"));
    assert!((18..24).contains(&paged.count()), "{stands:?}");
    // Of 2160 calls 120 failed and two might have.
    assert_eq!(left["t/calls"], 1_000_000 - 1_000_000 * 120 * 1000 / 2160 / 1000 * 1000);
}

#[test]
fn slow_calls_are_bad_and_calls_that_others_answer_do_not_count() {
    let params = params(vec![of_calls()]);
    let mut batch = batches(&[(0, 0, What::Call("a", false)); 3], 1).remove(0);
    batch.calls[1].duration_ns = 300_000_000;
    let mut asked = Identity::clone(&batch.identities[2]);
    asked.labels = Labels::pack([("peer", "database:shop/db")].into_iter());
    batch.identities[2] = Arc::new(asked);
    let mut dealt = Dealt::new(1);
    Dealer::new(&params).deal(&batch, &mut dealt);
    let told: Vec<(u32, u32)> =
        dealt.batches[0].tallies.iter().map(|tally| (tally.bad, tally.total)).collect();
    assert_eq!(told, [(1, 2)]);
}

#[test]
fn a_few_calls_of_which_one_fails_are_no_finding() {
    let rare: Vec<Coming> = (0..90).map(|n| (n * 60, 0, What::Call("a", n % 9 == 0))).collect();
    let (stands, _) = run(&params(vec![of_calls()]), &rare, 2 * 3600, 1, false);
    assert_eq!(stands, BTreeMap::new());
}

/// Two pods whose totals come every half minute; one starts again, and fails a lot afterwards.
fn pods(lag_of: impl Fn(Seconds) -> Seconds) -> Vec<Coming> {
    let mut coming = Vec::new();
    for n in 0..2 * 60 * 2 {
        let at = n * 30;
        let of_b = if at < 3600 { (n * 40 + 7, 0) } else { ((n - 120) * 40, (n - 120) * 4) };
        coming.push((at, lag_of(n), What::Totals("pod:shop/a", n as u32 * 60, n as u32 / 200)));
        let totals = What::Totals("pod:shop/b", of_b.0 as u32, of_b.1 as u32);
        coming.push((at + 7, lag_of(n + 3), totals));
    }
    coming
}

#[test]
fn counters_of_all_series_add_up() {
    let params = params(vec![of_counters()]);
    let (stands, left) = run(&params, &pods(|_| 0), 2 * 3600 + 60, 2, false);
    let begin = stands.keys().next().map(|(_, at)| at - START).expect("it burns");
    assert!((3660..4500).contains(&begin), "{begin}");
    // Twelve thousand and some requests, of which one and 4 * 119 were errors.
    assert!(left["t/counters"] < -18_000_000, "{left:?}");
}

#[test]
fn a_bucket_is_a_counter_by_its_bound() {
    let of = |bound: &str| vec![is("alertname", "latency_bucket"), is("le", bound)];
    let (total, part) = (of("+Inf"), of("0.3"));
    let promise = slo("latency", Indicator::Ratio { total, part, part_is_good: true });
    let bucket = |bound, count| Bucket { stamp: stamp(START), bound, count, grows: false };
    let batch = SignalBatch {
        identities: vec![identity("metric", "service:shop/cart", "latency_bucket")],
        buckets: vec![bucket(0.1, 5.0), bucket(0.3, 7.0), bucket(f64::INFINITY, 9.0)],
        ..SignalBatch::default()
    };
    let mut dealt = Dealt::new(1);
    let params = params(vec![promise]);
    Dealer::new(&params).deal(&batch, &mut dealt);
    let counted = &dealt.batches[0].counted;
    let told: Vec<_> = counted.iter().map(|of| (of.is_total, of.is_part, of.value)).collect();
    assert_eq!(told, [(false, true, 7.0), (true, false, 9.0)]);
    assert_ne!(counted[0].series, counted[1].series, "each grows by itself");
    // One that grows need not have the bound: what is at most that is there all the same.
    let grown = |bound, count| Bucket { grows: true, ..bucket(bound, count) };
    let buckets = vec![grown(0.1, 5.0), grown(0.2, 7.0), grown(f64::INFINITY, 7.0)];
    let mut dealt = Dealt::new(1);
    Dealer::new(&params).deal(&SignalBatch { buckets, ..batch }, &mut dealt);
    let told: Vec<_> = dealt.batches[0].counted.iter().map(|of| (of.is_part, of.value)).collect();
    assert_eq!(told, [(true, 7.0), (false, 7.0)]);
}

#[test]
fn an_slo_that_counts_something_else_begins_anew() {
    let before = params(vec![of_calls()]);
    let mut bench = Bench::new(&before);
    let fed = |bench: &mut Bench, params: &Params, now: Seconds, failed: bool| {
        let mut all = batches(&[(now - START, 0, What::Call("a", failed)); 200], 1);
        let mut dealt = Dealt::new(1);
        Dealer::new(params).deal(&all[0], &mut dealt);
        all.append(&mut dealt.batches);
        bench.epoch_of(now, all);
    };
    fed(&mut bench, &before, START, true);
    let mut promise = of_calls();
    promise.budget_ppm = 500_000;
    bench.resume(&params(vec![promise]), START);
    bench.epoch_of(START + 120, Vec::new());
    assert_eq!(bench.watched.budgets_left_ppm["t/calls"], -1_000_000, "200 bad of 200");
    let mut other = of_calls();
    let Indicator::Calls { bad_from_ns, .. } = &mut other.indicator else { unreachable!() };
    *bad_from_ns = None;
    let other = params(vec![other]);
    bench.resume(&other, START + 120);
    fed(&mut bench, &other, START + 240, false);
    bench.epoch_of(START + 360, Vec::new());
    assert_eq!(bench.keeper_watches(), 2, "the operation and the SLO");
    assert_eq!(bench.watched.budgets_left_ppm["t/calls"], 1_000_000, "none of 200 is bad");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn arrival_restarts_and_workers_do_not_matter(
        lags in prop::collection::vec(0i64..60, 7..20),
        peers in 1usize..4,
        restarts in any::<bool>(),
    ) {
        let params = params(vec![of_calls(), of_counters()]);
        let all = |lag_of: &dyn Fn(Seconds) -> Seconds| [failing(lag_of), pods(lag_of)].concat();
        let end = 3 * 3600 + 400;
        let prompt = run(&params, &all(&|_| 0), end, 1, false);
        prop_assert!(!prompt.0.is_empty());
        let late = all(&|n| lags[n as usize % lags.len()] * 5);
        prop_assert_eq!(run(&params, &late, end, peers, restarts), prompt);
    }
}
