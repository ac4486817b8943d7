//! The OpenAPI document: committed, served, and compared with the types by a test.

use super::Console;
use super::changes::{MaintenanceList, RuleList, SilenceList, TopologyPage};
use super::incidents::{AlertPage, IncidentHistory, IncidentPage};
use crate::canonical::native::controls::{MaintenanceBody, RuleBody, SilenceBody};
use crate::canonical::native::schema::NativeEvent;
use crate::emit::wire::{AlertRow, Envelope};
use crate::ingest::http::answer::{Answer, Problem, json};
use crate::ingest::http::auth::CanRead;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

mod parts;
mod paths;
mod signals;

/// The document as committed.
const COMMITTED: &str = include_str!("../../fixtures/openapi.json");

/// `GET /openapi.json`.
pub async fn serve(State(_): State<Console>, CanRead(_): CanRead) -> Response {
    json(StatusCode::OK, COMMITTED)
}

/// The document as the types and routes say.
pub fn document() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let mut named = Named { generator: &mut generator };
    let paths = paths::paths(&mut named);
    let mut schemas: Map<String, Value> = generator.take_definitions(true);
    schemas.insert("AlertmanagerAlerts".to_owned(), paths::alertmanager_alerts());
    schemas.insert("OtlpStatus".to_owned(), signals::otlp_status());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Causeway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Events in, explained incidents out. The paths under /api/v2 answer as Alertmanager's do.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token that the configuration lists under `server.tokens`."},
                "jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A token of the issuer that `server.jwt` names."},
                "basic": {"type": "http", "scheme": "basic", "description": "Any name, and a token as password; not a JWT."},
                "certificate": {"type": "mutualTLS", "description": "A client certificate that `server.tokens` lists; it counts where no `authorization` is sent."},
            },
        },
        "security": [{"bearer": []}, {"jwt": []}, {"basic": []}, {"certificate": []}, {}],
    })
}

/// Types by reference.
struct Named<'a> {
    generator: &'a mut SchemaGenerator,
}

impl Named<'_> {
    fn of<T: JsonSchema>(&mut self) -> Value {
        self.generator.subschema_for::<T>().to_value()
    }

    fn answer(&mut self) -> Value {
        self.of::<Answer>()
    }

    fn problem(&mut self) -> Value {
        self.of::<Problem>()
    }
}
