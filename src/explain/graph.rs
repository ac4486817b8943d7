//! `causeway graph`: the pipeline, or a topology, as a drawing.

use super::dot::quote;
use super::plain;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};

/// In which language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphFormat {
    /// Graphviz.
    Dot,
    /// Mermaid, as Markdown viewers draw it.
    Mermaid,
}

/// A topology cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The file cannot be read.
    #[error("topology cannot be read")]
    Read(#[source] io::Error),
    /// A line is no row of a topology.
    #[error("line {line} of the topology is no event: {problem}")]
    Decode {
        /// From 1.
        line: usize,
        /// What the decoder says.
        problem: String,
    },
}

/// Nodes with their labels, and labelled edges; both in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Graph {
    nodes: BTreeMap<String, String>,
    edges: BTreeSet<(String, String, String)>,
}

/// The stages that an event meets, in order, and what flows into each beside it.
const STAGES: [(&str, &str); 10] = [
    ("ingest", "bytes and their position"),
    ("canonical", "bytes to events"),
    ("journal", "order and time"),
    ("dedup", "events to alerts"),
    ("suppress", "silences, windows, rules, flapping"),
    ("enrich", "identity, owners, changes"),
    ("correlate", "alerts to incidents"),
    ("cause", "ranked candidates"),
    ("explain", "path, reasons, what if not"),
    ("emit", "ids and revisions"),
];

/// Inputs that are no events of alerts, and the stage that reads them.
const CONTEXT: [(&str, &str); 4] = [
    ("silences, maintenance, rules", "suppress"),
    ("topology, changes", "enrich"),
    ("history of alerts", "cause"),
    ("models, feedback", "cause"),
];

/// The pipeline with the sources and sinks of a configuration, by name.
pub fn pipeline(sources: &[String], sinks: &[String]) -> Graph {
    let mut graph = Graph::default();
    for (name, what) in STAGES {
        graph.nodes.insert(name.to_owned(), format!("{name}\n{what}"));
    }
    for pair in STAGES.windows(2) {
        graph.edge(pair[0].0, pair[1].0, "");
    }
    for source in sources {
        let id = format!("source {source}");
        graph.nodes.insert(id.clone(), source.clone());
        graph.edge(&id, "ingest", "");
    }
    for (name, stage) in CONTEXT {
        graph.nodes.insert(name.to_owned(), name.to_owned());
        graph.edge(name, stage, "");
    }
    for sink in sinks {
        let id = format!("sink {sink}");
        graph.nodes.insert(id.clone(), sink.clone());
        graph.edge("emit", &id, "");
    }
    graph
}

/// The topology that rows of entities and relations leave at their end; other kinds are passed over.
///
/// # Errors
/// When the reader fails or a line is no JSON object with a `kind`.
pub fn topology(reader: impl BufRead) -> Result<Graph, GraphError> {
    let mut graph = Graph::default();
    for (at, line) in reader.lines().enumerate() {
        let line = line.map_err(GraphError::Read)?;
        if line.trim().is_empty() {
            continue;
        }
        let row: Row = serde_json::from_str(&line)
            .map_err(|error| GraphError::Decode { line: at + 1, problem: error.to_string() })?;
        graph.apply(row);
    }
    // An edge may come before its ends, or without them.
    for (from, to, _) in &graph.edges {
        for end in [from, to] {
            graph.nodes.entry(end.clone()).or_insert_with(|| end.clone());
        }
    }
    Ok(graph)
}

#[derive(Deserialize)]
struct Row {
    kind: String,
    #[serde(default)]
    op: String,
    #[serde(default)]
    entity: String,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    relation: String,
}

impl Graph {
    fn edge(&mut self, from: &str, to: &str, label: &str) {
        self.edges.insert((from.to_owned(), to.to_owned(), label.to_owned()));
    }

    fn apply(&mut self, row: Row) {
        match (row.kind.as_str(), row.op.as_str()) {
            ("entity", "delete") => {
                self.nodes.remove(&row.entity);
            }
            ("entity", _) => {
                let label = match &row.owner {
                    Some(owner) => format!("{}\n{owner}", row.entity),
                    None => row.entity.clone(),
                };
                self.nodes.insert(row.entity, label);
            }
            ("relation", "delete") => {
                self.edges.remove(&(row.from, row.to, row.relation));
            }
            ("relation", _) => {
                self.edges.insert((row.from, row.to, row.relation));
            }
            _ => {}
        }
    }

    /// Writes the graph.
    pub fn render(&self, format: GraphFormat) -> String {
        match format {
            GraphFormat::Dot => self.dot(),
            GraphFormat::Mermaid => self.mermaid(),
        }
    }

    fn dot(&self) -> String {
        let mut text =
            String::from("digraph causeway {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n");
        for (id, label) in &self.nodes {
            text.push_str(&format!("  {} [label={}];\n", quote(&plain(id)), quote(&lines(label))));
        }
        for (from, to, label) in &self.edges {
            let label = match label.is_empty() {
                true => String::new(),
                false => format!(" [label={}]", quote(&plain(label))),
            };
            text.push_str(&format!("  {} -> {}{label};\n", quote(&plain(from)), quote(&plain(to))));
        }
        text + "}\n"
    }

    fn mermaid(&self) -> String {
        let numbers: BTreeMap<&str, usize> =
            self.nodes.keys().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
        let mut text = String::from("flowchart LR\n");
        for (at, label) in self.nodes.values().enumerate() {
            text.push_str(&format!("  n{at}[\"{}\"]\n", entities(&lines(label))));
        }
        for (from, to, label) in &self.edges {
            let (Some(from), Some(to)) = (numbers.get(from.as_str()), numbers.get(to.as_str()))
            else {
                continue;
            };
            let arrow = match label.is_empty() {
                true => "-->".to_owned(),
                false => format!("-- \"{}\" -->", entities(&plain(label))),
            };
            text.push_str(&format!("  n{from} {arrow} n{to}\n"));
        }
        text
    }
}

/// A label whose line breaks are ours, and whose other characters are harmless.
fn lines(label: &str) -> String {
    label.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

/// Text inside Mermaid's quotes, where entities stand for what has a meaning.
fn entities(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '#' => escaped.push_str("#35;"),
            '"' => escaped.push_str("#quot;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '&' => escaped.push_str("#amp;"),
            '\n' => escaped.push_str("<br/>"),
            letter => escaped.push(letter),
        }
    }
    escaped
}
