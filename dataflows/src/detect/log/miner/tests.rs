//! What becomes one template, what does not, and that nothing depends on chance.

use super::{Limits, MergeModel, Miner, Templates};
use proptest::prelude::*;

fn miner() -> Miner {
    Miner::new(MergeModel::default(), Limits::default())
}

/// The texts of the templates of `messages`, as they stand at the end.
fn texts(messages: &[&str]) -> Vec<String> {
    let mut miner = miner();
    let ids: Vec<u64> = messages.iter().map(|message| miner.of(message).id).collect();
    ids.iter().map(|id| miner.text(miner.current(*id)).unwrap_or_default()).collect()
}

fn same(messages: &[&str], template: &str) {
    for (text, message) in texts(messages).iter().zip(messages) {
        assert_eq!(text, template, "{message}");
    }
}

#[test]
fn values_become_parameters() {
    same(&["login of user ann", "login of user bob", "login of user cem"], "login of user <*>");
    same(&["mode=fast on", "mode=slow on", "mode=safe on", "mode=none on"], "mode=<*> on");
    same(&["link eth0 up", "link eth1 up"], "link <*> up");
    same(&["load a.b.Main now", "load a.b.Other now"], "load <*> now");
    same(
        &[
            "cache a is warm",
            "cache b is warm",
            "cache c is warm",
            "cache d is warm",
            "cache e is warm",
        ],
        "cache <*> is warm",
    );
}

#[test]
fn words_that_tell_apart_stay() {
    for pair in [
        ["node was Started now", "node was Stopped now"],
        ["\"GET <*>\" served", "\"PUT <*>\" served"],
        ["session opened by 3", "session closed by 3"],
        ["state is READY", "state is FAILED"],
        ["3 read", "3 written"],
    ] {
        let found = texts(&pair);
        assert_ne!(found[0], found[1], "{pair:?}");
    }
}

#[test]
fn lists_keep_their_length_where_it_is_always_the_same() {
    same(&["at 1 2 3", "at 4 5 6"], "at <*> <*> <*>");
    same(&["at 1 2 3", "at 4 5"], "at <*>");
}

#[test]
fn an_old_id_leads_to_the_new_one() {
    let mut miner = miner();
    let first = miner.of("login of user ann");
    assert!(first.fresh);
    assert!(!miner.of("login of user ann").fresh);
    let second = miner.of("login of user bob").id;
    let third = miner.of("login of user cem").id;
    let changes = miner.take_changes();
    assert!(changes.iter().all(|alias| alias.new == third), "{changes:?}");
    assert_eq!(miner.current(first.id), third);
    assert_eq!(miner.current(second), third);
    assert_eq!(miner.of("login of user dan").id, third);
    assert_eq!(miner.standing(), 1);
    // The id is that of the text, so another process that got there has the same.
    let mut other = self::miner();
    for user in ["x", "y", "z"] {
        other.of(&format!("login of user {user}"));
    }
    assert_eq!(other.of("login of user ann").id, third);
}

#[test]
fn bounds_hold_and_are_counted() {
    let limits = Limits { templates_max: 40, shelf_max: 10, forms_max: 64, ..Limits::default() };
    let mut miner = Miner::new(MergeModel::default(), limits);
    let word = |mut n: u32| {
        let mut word = String::from("x");
        while n > 0 {
            word.push(char::from(b'a' + (n % 20) as u8));
            n /= 20;
        }
        word
    };
    for n in 0..3000u32 {
        let text =
            format!("{} {} says {}", word(n), word(n * 7 % 1000), ",".repeat(n as usize % 90));
        let id = miner.of(&text).id;
        assert!(miner.text(id).is_some());
    }
    assert!(miner.templates.len() <= 40, "{}", miner.templates.len());
    assert!(miner.counts().overflowed > 0);
    assert_eq!(miner.counts().messages, 3000);
    let held = miner.templates.iter().map(|template| {
        template.parsed.bytes() + template.whole.as_ref().map_or(0, super::Parsed::bytes)
    });
    assert_eq!(held.sum::<usize>(), miner.bytes);
}

/// Messages from few words, so that templates meet.
fn messages() -> impl Strategy<Value = Vec<String>> {
    let word = prop::sample::select(vec![
        "start", "stop", "user", "ann", "bob", "cem", "dan", "eve", "READY", "a.b.C", "a.b.D",
        "eth0", "eth1", "7", "12", "x=1", "k=on", "k=off", "k=auto", "(9)", "()", "\"q\"", "end.",
    ]);
    let message = prop::collection::vec(word, 1..6).prop_map(|words| words.join(" "));
    prop::collection::vec(message, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn the_books_of_a_miner_balance(messages in messages()) {
        let (mut one, mut other) = (miner(), miner());
        let mut ids = Vec::new();
        for message in &messages {
            let found = one.of(message);
            prop_assert_eq!(found, other.of(message));
            ids.push(found.id);
        }
        for (message, id) in messages.iter().zip(&ids) {
            let current = one.current(*id);
            prop_assert_eq!(one.current(current), current);
            prop_assert!(one.text(current).is_some());
            // What was seen is known, and leads to a template that stands.
            let again = one.of(message);
            prop_assert!(!again.fresh);
            prop_assert_eq!(again.id, one.current(again.id));
        }
        let standing: u64 = one.shelves.values().flatten()
            .map(|index| one.templates[*index as usize].count).sum();
        prop_assert_eq!(standing, one.counts().messages);
    }
}
