//! `causeway series` and `causeway tap`: what a running process keeps, and what passes in it.

use super::client::{Answer, Client};
use super::output::put;
use super::{Failure, exit};
use comfy_table::{Table, TableStyle};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

/// Which process.
#[derive(Debug, clap::Args)]
struct At {
    /// Where the process listens.
    #[arg(long, default_value = "http://127.0.0.1:9190")]
    url: String,
    /// Token of a caller that may read.
    #[arg(long, env = "CAUSEWAY_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Flags of `series`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A metric has one figure, `value`; calls have `rate`, `errors` and `duration`. `off since` is when
a finding began that still stands. Of several processes the first tells of its own series.

Examples:
  causeway series --entity service:shop/cart
  causeway series --kind metric --name latency --json")]
pub struct SeriesArgs {
    #[command(flatten)]
    at: At,
    /// Only of this entity; may be given again.
    #[arg(long)]
    entity: Vec<String>,
    /// Only of this kind: metric, histogram, log, span, heartbeat, slo, expected or source; may be
    /// given again.
    #[arg(long)]
    kind: Vec<String>,
    /// Only of this name; may be given again.
    #[arg(long)]
    name: Vec<String>,
    /// How many at most.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// The answer as JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Flags of `tap`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes a JSON object a line: stage, epoch, diff (1 put up, -1 taken back), kind, and what it is.
A stage that is faster than it is read is sampled; {\"missed\": n} says how much was not shown.
Looking changes nothing and holds nothing up.

Examples:
  causeway tap detect
  causeway tap canonical --every 1000 --limit 20
  causeway tap dedup --entity service:shop/cart")]
pub struct TapArgs {
    /// canonical, detect, dedup, suppress, correlate or explain.
    stage: String,
    #[command(flatten)]
    at: At,
    /// Only what speaks of this entity; may be given again.
    #[arg(long)]
    entity: Vec<String>,
    /// Every so manieth row.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Ends after so many.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

/// Lists what detection keeps.
pub fn series(args: &SeriesArgs) -> Result<ExitCode, Failure> {
    let client = Client::new(&args.at.url, args.at.token.as_deref())?;
    let limit = args.limit.to_string();
    let mut query = vec![("limit", limit.as_str())];
    for (name, values) in [("entity", &args.entity), ("kind", &args.kind), ("name", &args.name)] {
        query.extend(values.iter().map(|value| (name, value.as_str())));
    }
    let answer = client.get(&with_query("/v1/series", &query)?).map_err(unavailable)?;
    let body = taken(answer)?;
    if args.json {
        return put(&String::from_utf8_lossy(&body));
    }
    put(&table(&serde_json::from_slice(&body)?))
}

/// Shows what passes.
pub fn tap(args: &TapArgs) -> Result<ExitCode, Failure> {
    let client = Client::new(&args.at.url, args.at.token.as_deref())?;
    let (every, limit) = (args.every.to_string(), args.limit.map(|limit| limit.to_string()));
    let mut query = vec![("every", every.as_str()), ("stage", args.stage.as_str())];
    query.extend(args.entity.iter().map(|entity| ("entity", entity.as_str())));
    query.extend(limit.iter().map(|limit| ("limit", limit.as_str())));
    let path = with_query("/v1/tap", &query)?;
    let mut out = std::io::stdout().lock();
    // Whoever has seen enough, such as `head`, closes the pipe.
    let show = |line: &str| writeln!(out, "{line}").and_then(|()| out.flush()).is_ok();
    taken(client.lines(&path, show).map_err(unavailable)?)?;
    Ok(ExitCode::SUCCESS)
}

/// A path with its query, escaped.
fn with_query(path: &str, query: &[(&str, &str)]) -> Result<String, Failure> {
    let url = reqwest::Url::parse_with_params(&format!("http://localhost{path}"), query)?;
    Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

fn unavailable(problem: String) -> Failure {
    Failure { code: exit::UNAVAILABLE, error: anyhow::anyhow!("{problem}") }
}

/// The body of a good answer; the detail of another as an error.
fn taken(answer: Answer) -> Result<Vec<u8>, Failure> {
    if answer.status.is_success() {
        return Ok(answer.body);
    }
    let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or_default();
    let code = if answer.status.as_u16() == 400 { exit::USAGE } else { exit::UNAVAILABLE };
    Err(Failure { code, error: anyhow::anyhow!("answered {}: {detail}", answer.status) })
}

/// Figures in a row each; of writers and beats what is known in words.
fn table(list: &Value) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.set_header(["entity", "kind", "name", "figure", "value", "expected", "latest", "state"]);
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    for item in items {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        let about = [text("entity"), text("kind"), named(item)];
        let figures = item["figures"].as_object();
        for (name, figure) in figures.into_iter().flatten() {
            let state = match (figure["off_since"].as_str(), item["begins"].as_str()) {
                (Some(since), _) => format!("off since {since}"),
                (None, Some(begins)) if begins > item["heard"].as_str().unwrap_or_default() => {
                    format!("warms up until {begins}")
                }
                _ => "usual".to_owned(),
            };
            let latest = figure["latest"].as_str().unwrap_or("-").to_owned();
            let row = [
                name.clone(),
                rounded(&figure["value"]),
                rounded(&figure["expected"]),
                latest,
                state,
            ];
            table.add_row(about.iter().cloned().chain(row));
        }
        if let Some(state) = in_words(item) {
            let heard = text("heard");
            let row = [String::new(), String::new(), String::new(), heard, state];
            table.add_row(about.iter().cloned().chain(row));
        }
    }
    let left_out = list["left_out"].as_u64().unwrap_or(0);
    let more = match left_out {
        0 => String::new(),
        more => format!("{more} more; --limit shows them\n"),
    };
    match items {
        [] => "nothing is watched that fits\n".to_owned(),
        _ => format!("{table}\n{more}"),
    }
}

/// The name with the labels.
fn named(item: &Value) -> String {
    let labels = item["labels"].as_object().into_iter().flatten();
    let labels: Vec<String> = labels.map(|(name, value)| format!("{name}={value}")).collect();
    let name = item["name"].as_str().unwrap_or_default();
    if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
}

fn rounded(value: &Value) -> String {
    let value = value.as_f64().unwrap_or(f64::NAN);
    let digits = if value.abs() >= 100.0 { 1 } else { 4 };
    format!("{value:.digits$}")
}

/// What is known of lines or beats.
fn in_words(item: &Value) -> Option<String> {
    let (lines, beats, budget) = (&item["lines"], &item["beats"], &item["budget"]);
    if let Some(left) = budget["left"].as_f64() {
        let burns = budget["burning"].as_f64();
        let burns = burns.map_or(String::new(), |rate| format!(", burns {rate:.1} times too fast"));
        return Some(format!("{:.1} % left{burns}", left * 100.0));
    }
    if let Some(after) = item["expected"]["missing_after"].as_str() {
        return Some(format!("missing after {after}"));
    }
    if lines.is_object() {
        let mut text = format!("{} lines, {} templates", lines["read"], lines["templates"]);
        for template in lines["frequent"].as_array().into_iter().flatten().take(3) {
            let _ = write!(text, "\n{} {}", template["lines"], template["text"]);
        }
        return Some(text);
    }
    beats.is_object().then(|| {
        let silent = beats["silent_after"].as_str();
        let silent =
            silent.map_or("too little is known".to_owned(), |at| format!("silent after {at}"));
        format!("every {} s, {silent}", rounded(&beats["gap"]))
    })
}
