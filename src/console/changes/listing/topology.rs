//! Entities and relations as they stand, a page at a time.

use crate::console::Console;
use crate::console::incidents::{page_limit, tenants};
use crate::console::params::Params;
use crate::console::registry::{Said, Statement, StatementKey, Thing, TopologyQuery};
use crate::emit::wire::Time;
use crate::ingest::http::answer::{Problem, json_of};
use crate::ingest::http::auth::CanRead;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

/// Statements of a page when nothing is said.
const PAGE_DEFAULT: usize = 100;
/// Parameters of `GET /v1/topology`.
pub const TOPOLOGY_PARAMS: [&str; 6] = ["kind", "entity", "source", "tenant", "limit", "cursor"];

/// A page of the topology.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TopologyPage {
    /// Entities before relations, each once for every source that says so.
    pub items: Vec<ListedStatement>,
    /// Give this as `cursor` for the next page; null on the last.
    pub next: Option<String>,
}

/// What one source says of one entity or relation; as it is, `DELETE /v1/topology` takes it back.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ListedStatement {
    /// Whose it is.
    pub tenant: String,
    /// The source that said so: `api`, `topology`, `backstage/…`, `kubernetes/…`, `resources`,
    /// `spans`, or what an event named.
    pub source: String,
    /// Since when it was said without a break, as far as this process knows.
    pub first_seen: Time,
    /// When that was said last.
    pub updated_at: Time,
    /// Until when it holds unless it is said again; absent for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// What was said.
    #[serde(flatten)]
    pub body: ListedBody,
}

/// The fields of a native event of that kind.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ListedBody {
    /// A node.
    Entity {
        /// Its reference.
        entity: String,
        /// What sort of thing it is.
        #[serde(rename = "type")]
        sort: String,
        /// Who answers for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// `critical`, `high`, `medium` or `low`.
        criticality: &'static str,
        /// Other references that mean it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        aliases: Vec<String>,
        /// From when on it is there; absent for ever.
        #[serde(skip_serializing_if = "Option::is_none")]
        valid_from: Option<Time>,
        /// Until when it is there; absent for ever.
        #[serde(skip_serializing_if = "Option::is_none")]
        valid_to: Option<Time>,
    },
    /// An edge.
    Relation {
        /// The dependent.
        from: String,
        /// What it depends on.
        to: String,
        /// How.
        relation: &'static str,
        /// How sure the source is, 0 to 1.
        confidence: f64,
        /// How long it holds without being said again, nanoseconds; absent for ever.
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl: Option<u64>,
    },
}

/// `GET /v1/topology`.
pub async fn list_topology(
    State(console): State<Console>,
    CanRead(caller): CanRead,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&TOPOLOGY_PARAMS)?;
    let relations = params.read("kind", "entity or relation", |word| match word {
        "entity" => Some(false),
        "relation" => Some(true),
        _ => None,
    })?;
    let query = TopologyQuery {
        tenants: tenants(&caller, &params),
        sources: params.words("source"),
        entities: params.words("entity"),
        relations,
        limit: page_limit(&params)?.unwrap_or(PAGE_DEFAULT),
        after: params.read("cursor", "one that a page gave out", place)?,
    };
    let (found, more) = console.registry.topology(&query, console.http.clock.now_ns());
    let next = found.last().filter(|_| more).map(|(key, _)| cursor(key));
    let items = found.into_iter().filter_map(|(key, statement)| listed(key, statement)).collect();
    Ok(json_of(StatusCode::OK, &TopologyPage { items, next }))
}

fn cursor(key: &StatementKey) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

fn place(cursor: &str) -> Option<StatementKey> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}

/// `None` where the two do not speak of the same, which does not happen.
fn listed(key: StatementKey, statement: Statement) -> Option<ListedStatement> {
    let (valid_from, end_ns) = (statement.from_ns().map(Time::from_nanos), statement.end_ns());
    let until = (end_ns < i64::MAX).then(|| Time::from_nanos(end_ns));
    let body = match (key.thing, statement.body) {
        (Thing::Entity(entity), Said::Entity(update)) => ListedBody::Entity {
            entity: entity.into(),
            sort: update.kind.into(),
            owner: update.owner.map(|owner| owner.text.into()),
            criticality: update.criticality.word(),
            aliases: update.aliases.into_iter().map(|alias| alias.text.into()).collect(),
            valid_from,
            valid_to: until,
        },
        (Thing::Relation(from, to, kind), Said::Relation { confidence_ppm, ttl_seconds }) => {
            ListedBody::Relation {
                from: from.into(),
                to: to.into(),
                relation: kind.word(),
                confidence: f64::from(confidence_ppm) / 1e6,
                ttl: (ttl_seconds > 0).then_some(u64::from(ttl_seconds) * 1_000_000_000),
            }
        }
        _ => return None,
    };
    let text = |text: SmolStr| text.to_string();
    Some(ListedStatement {
        tenant: text(key.tenant),
        source: text(key.source),
        first_seen: Time::from_nanos(statement.since_ns),
        updated_at: Time::from_nanos(statement.time_ns),
        until,
        body,
    })
}
