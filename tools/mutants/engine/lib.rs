//! What runs the dataflows and says what came of them, without sources and sinks.

pub mod runtime;

/// What a decoder would yield.
pub mod canonical {
    use causeway_dataflows::model::{AlertBatch, ContextEvent, SignalBatch};

    pub struct Decoded {
        pub segments: Vec<Segment>,
    }

    pub struct Segment {
        pub alerts: Vec<AlertBatch>,
        pub context: Vec<ContextEvent>,
        pub heard: Vec<SignalBatch>,
    }
}

/// What a configuration would say.
pub mod settings {
    use std::time::Duration;

    pub struct EmissionSettings {
        pub settle: Duration,
        pub settle_max: Duration,
        pub revise_interval: Duration,
    }
}

/// What is told, and its digest.
pub mod emit {
    pub mod digest;
    pub mod ledger;
    pub mod table;
    pub mod wire;
}
