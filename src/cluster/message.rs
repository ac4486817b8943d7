//! What processes tell each other beside what timely carries: a JSON object a line.

use crate::epoch::{Order, Run};
use causeway_dataflows::model::ContextEvent;
use serde::{Deserialize, Serialize};

/// Something that one process tells another.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// I am here.
    Beat,

    // From the others to process 0.
    /// What I have on disk.
    State(Box<State>),
    /// Context that I know or have taken, so that it can be listed.
    Context(Vec<ContextEvent>),
    /// I have read my journal.
    Ready,
    /// There is something for an epoch.
    Waiting,
    /// I am done with a snapshot; these are whole.
    Saved(Vec<u64>),
    /// I was told to stop.
    Stop,

    // From process 0 to the others.
    /// All are there: connect to each other, under this number.
    Gather(u64),
    /// What to go on with.
    Begin(Box<Agreed>),
    /// We cannot go on together.
    Refused(String),
    /// An epoch.
    Epoch(Order),
    /// Snapshots before that of this epoch are not needed any more.
    Forget(u64),
}

/// What a process has on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Who writes its journal; the journal's name is empty when it is new.
    pub run: Run,
    /// Worker threads.
    pub workers: usize,
    /// Epochs after which whole snapshots go on.
    pub snapshots: Vec<u64>,
    /// The first epoch of its journal.
    pub first: Option<u64>,
    /// The epoch after the last.
    pub next: u64,
}

/// What is agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// The journal's name.
    pub journal: String,
    /// The epoch after whose snapshot all go on.
    pub snapshot: Option<u64>,
    /// Epochs that the journal of the process lacks.
    pub missing: Vec<Order>,
}
