//! What a replay takes from its own lines.

use causeway::canonical::{Decoder, Origin, Reject, Source};
use causeway::emit::ledger::Emission;
use causeway::emit::wire::Message;
use causeway::replay::{Outlet, Replay};
use causeway_dataflows::params::Params;
use std::sync::{Arc, Mutex};

/// Owners of the incidents told of.
#[derive(Clone, Default)]
struct Owners(Arc<Mutex<Vec<Option<String>>>>);

impl Outlet for Owners {
    fn revisions(&mut self, messages: Vec<Message>) {
        let owner = |message: Message| message.revision.owner.as_ref().map(ToString::to_string);
        self.0.lock().unwrap().extend(messages.into_iter().map(owner));
    }

    fn rejects(&mut self, rejects: Vec<Reject>) {
        assert!(rejects.is_empty(), "{rejects:?}");
    }
}

#[test]
fn topology_without_a_time_holds_before_the_first_event() {
    let entity = r#"{"id":"e","kind":"entity","entity":"service:shop/cart","owner":"team:shop"}"#;
    let alert = r#"{"id":"a","kind":"alert","name":"N","time":"2026-11-23T07:00:00Z","severity":"error","entity":"service:shop/cart"}"#;
    let owners = Owners::default();
    let decoder = Decoder::new(Arc::new(Source::named("test")), 1, None);
    let mut replay =
        Replay::start(1, &Params::default(), Emission::default(), decoder, owners.clone()).unwrap();
    replay.events(format!("{entity}\n{alert}\n").as_bytes(), &Origin::default()).unwrap();
    let (_, counts) = replay.finish().unwrap();
    assert_eq!((counts.folded, counts.context), (1, 1));
    let told = owners.0.lock().unwrap().clone();
    assert_eq!(told.first(), Some(&Some("team:shop".to_owned())), "{told:?}");
}
