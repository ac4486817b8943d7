//! What things are called.

use crate::rng::Rng;

/// The systems, each a namespace with its trade's nouns.
const SYSTEMS: [(&str, [&str; 12]); 9] = [
    (
        "shop",
        [
            "cart", "checkout", "catalog", "price", "promo", "basket", "offer", "stock", "review",
            "wishlist", "bundle", "coupon",
        ],
    ),
    (
        "pay",
        [
            "charge",
            "refund",
            "wallet",
            "invoice",
            "payout",
            "risk",
            "card",
            "mandate",
            "settlement",
            "fx",
            "tax",
            "dispute",
        ],
    ),
    (
        "search",
        [
            "query",
            "suggest",
            "ranking",
            "facet",
            "synonym",
            "crawl",
            "snippet",
            "intent",
            "embedding",
            "spell",
            "trend",
            "geo",
        ],
    ),
    (
        "media",
        [
            "image",
            "video",
            "thumb",
            "upload",
            "transcode",
            "caption",
            "asset",
            "stream",
            "playlist",
            "render",
            "watermark",
            "preview",
        ],
    ),
    (
        "ship",
        [
            "parcel", "route", "label", "depot", "carrier", "tracking", "customs", "pickup",
            "returns", "slot", "fleet", "weight",
        ],
    ),
    (
        "ident",
        [
            "login", "session", "token", "consent", "account", "device", "mfa", "invite", "role",
            "audit", "avatar", "privacy",
        ],
    ),
    (
        "ads",
        [
            "bid",
            "campaign",
            "creative",
            "budget",
            "click",
            "pacing",
            "audience",
            "auction",
            "placement",
            "report",
            "attribution",
            "keyword",
        ],
    ),
    (
        "data",
        [
            "ingest", "schema", "lake", "feature", "export", "metric", "event", "lineage",
            "quality", "cohort", "snapshot", "merge",
        ],
    ),
    (
        "core",
        [
            "config", "flag", "notify", "mail", "sms", "webhook", "quota", "locale", "calendar",
            "rule", "workflow", "secret",
        ],
    ),
];

/// What a service does, by its place: where users enter, in between, at the end.
const ROLES: [[&str; 4]; 3] = [
    ["web", "gateway", "bff", "edge"],
    ["api", "engine", "broker", "sync"],
    ["store", "ledger", "index", "cache"],
];

/// Hands out names that no other service has.
pub(super) struct ServiceNames {
    /// By place: (namespace, name), in random order.
    free: [Vec<(&'static str, String)>; 3],
    handed_out: usize,
}

impl ServiceNames {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let free = ROLES.map(|roles| {
            let mut names = Vec::new();
            for (namespace, nouns) in SYSTEMS {
                for noun in nouns {
                    names.extend(roles.map(|role| (namespace, format!("{noun}-{role}"))));
                }
            }
            rng.shuffle(&mut names);
            names
        });
        ServiceNames { free, handed_out: 0 }
    }

    /// A name for a service at `place`: 0 entry, 1 middle, 2 leaf.
    pub(super) fn next(&mut self, place: usize) -> (&'static str, String) {
        self.handed_out += 1;
        // A very large estate outgrows the vocabulary and numbers its services.
        let numbered = || ("core", format!("unit-{:05}", self.handed_out));
        self.free[place].pop().unwrap_or_else(numbered)
    }
}

/// Teams of a namespace.
pub(super) const TEAM_WORDS: [&str; 3] = ["platform", "product", "reliability"];

/// Every namespace.
pub(super) fn namespaces() -> impl Iterator<Item = &'static str> {
    SYSTEMS.iter().map(|(namespace, _)| *namespace)
}

/// Regions, each with its failure domains.
pub(super) const REGIONS: [(&str, [&str; 3]); 2] =
    [("eu1", ["eu1-a", "eu1-b", "eu1-c"]), ("us1", ["us1-a", "us1-b", "us1-c"])];

/// What we buy from others.
pub(super) const EXTERNALS: [&str; 8] = [
    "card-network",
    "address-check",
    "sms-carrier",
    "mail-relay",
    "fraud-score",
    "map-tiles",
    "exchange-rates",
    "identity-provider",
];

/// The random tail of a pod's name, in the alphabet that Kubernetes uses (no vowels, no look-alikes).
pub(super) fn suffix(rng: &mut Rng, length: usize) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..length).map(|_| char::from(*rng.pick(ALPHABET))).collect()
}
