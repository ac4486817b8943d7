//! What a verified token claims, held against the configuration and the time.

use crate::config::server::Role;
use crate::ingest::http::auth::Caller;
use crate::ingest::http::refusal::Refusal;
use crate::settings::JwtSettings;
use serde_json::{Map, Value};
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// Characters of a caller's name that logs show.
const NAME_CHARS_MAX: usize = 64;
/// Bytes of a tenant's name, as in the configuration.
const TENANT_BYTES_MAX: usize = 64;

type Claims = Map<String, Value>;

/// The caller that the claims speak of, at this time.
pub(super) fn caller(
    settings: &JwtSettings,
    claims: &Claims,
    now_seconds: i64,
) -> Result<Caller, Refusal> {
    let leeway = i64::try_from(settings.leeway.as_secs()).unwrap_or(i64::MAX);
    let end = seconds(claims.get("exp")).ok_or(Refusal::NoEnd)?.saturating_add(leeway);
    if now_seconds >= end {
        return Err(Refusal::Expired);
    }
    if let Some(begin) = claims.get("nbf") {
        let begin = seconds(Some(begin)).ok_or(Refusal::NotYet)?;
        if now_seconds.saturating_add(leeway) < begin {
            return Err(Refusal::NotYet);
        }
    }
    if claims.get("iss").and_then(Value::as_str) != Some(settings.issuer.as_str()) {
        return Err(Refusal::Issuer);
    }
    let is_for = |audience: &Value| {
        audience.as_str().is_some_and(|one| settings.audience.iter().any(|own| own == one))
    };
    let meant = match claims.get("aud") {
        Some(Value::Array(audiences)) => audiences.iter().any(is_for),
        Some(audience) => is_for(audience),
        None => false,
    };
    if !meant {
        return Err(Refusal::Audience);
    }
    let tenant = found(claims, &settings.claims.tenant).and_then(Value::as_str);
    let tenant = tenant.filter(|tenant| is_name(tenant)).ok_or(Refusal::Tenant)?;
    let roles = roles(found(claims, &settings.claims.roles));
    let name = name(found(claims, &settings.claims.name));
    Ok(Caller::vouched_for(name, SmolStr::new(tenant), roles, end))
}

/// The claim of that name, or at that JSON pointer.
fn found<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    let Some(path) = name.strip_prefix('/') else { return claims.get(name) };
    let (first, rest) = path.split_once('/').unzip();
    let part = first.unwrap_or(path).replace("~1", "/").replace("~0", "~");
    let value = claims.get(&part)?;
    rest.map_or(Some(value), |rest: &str| value.pointer(&format!("/{rest}")))
}

/// A number of seconds since the Unix epoch; parts of seconds are dropped.
fn seconds(claim: Option<&Value>) -> Option<i64> {
    let number = claim?.as_number()?;
    // Casting keeps to the ends of the range, and JSON has no number that is none.
    number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds.floor() as i64))
}

/// Words that are roles here; an issuer has others for others.
fn roles(claim: Option<&Value>) -> BTreeSet<Role> {
    let role = |word: &str| match word {
        "ingest" => Some(Role::Ingest),
        "read" => Some(Role::Read),
        "operate" => Some(Role::Operate),
        _ => None,
    };
    match claim {
        Some(Value::String(words)) => words.split(' ').filter_map(role).collect(),
        Some(Value::Array(words)) => {
            words.iter().filter_map(Value::as_str).filter_map(role).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// The same names as the configuration takes.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.len() <= TENANT_BYTES_MAX && text.bytes().all(plain)
}

/// What logs and answers call the caller.
fn name(claim: Option<&Value>) -> SmolStr {
    let text = claim.and_then(Value::as_str).unwrap_or_default();
    let shown: String = text.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    match shown.is_empty() {
        true => SmolStr::new_static("a JWT without a name"),
        false => SmolStr::new(shown),
    }
}
