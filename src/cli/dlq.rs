//! `causeway dlq`: what could not be used, listed, shown, tried again, thrown away.

use super::config::settings;
use super::output::put;
use super::{Failure, exit};
use crate::canonical::DeadLetter;
use crate::dlq::{DIRECTORY, DlqError, Filter, Replayed, Store, StoreLimits};
use crate::settings::Settings;
use comfy_table::{Table, TableStyle};
use resend::Resender;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

mod resend;

/// Flags of every subcommand.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// File or folder of configuration, for the data directory and the server's address.
    #[arg(short = 'c', long = "config", global = true)]
    config: Vec<PathBuf>,
    /// The data directory, instead of the configured one.
    #[arg(long, global = true)]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List dead letters, oldest first.
    List {
        #[command(flatten)]
        wanted: Wanted,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// One JSON record a line instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Show one dead letter whole.
    Show {
        /// Its id, or the beginning of it.
        id: String,
        /// Write only the event's own bytes.
        #[arg(long)]
        payload: bool,
    },
    /// Send dead letters to the running process again; those it takes are removed.
    Replay {
        #[command(flatten)]
        wanted: Wanted,
        /// Where the process listens, instead of the configured address.
        #[arg(long)]
        url: Option<String>,
        /// Token of a caller that may ingest.
        #[arg(long, env = "CAUSEWAY_TOKEN", hide_env_values = true)]
        token: Option<String>,
    },
    /// Throw dead letters away.
    Purge {
        #[command(flatten)]
        wanted: Wanted,
        /// Needed when no other condition is given.
        #[arg(long)]
        all: bool,
    },
}

/// Which dead letters are meant; every condition that is given must hold.
#[derive(Debug, clap::Args)]
struct Wanted {
    /// Id, or the beginning of it.
    #[arg(long)]
    id: Option<String>,
    /// The configured source.
    #[arg(long)]
    source: Option<String>,
    /// The code, such as E004.
    #[arg(long)]
    code: Option<String>,
    /// Whose.
    #[arg(long)]
    tenant: Option<String>,
    /// First refused at this instant or later, RFC 3339.
    #[arg(long)]
    since: Option<jiff::Timestamp>,
    /// First refused before this instant, RFC 3339.
    #[arg(long)]
    until: Option<jiff::Timestamp>,
}

impl Wanted {
    fn filter(&self) -> Filter {
        Filter {
            id: self.id.clone(),
            source: self.source.clone(),
            code: self.code.clone(),
            tenant: self.tenant.clone(),
            since: self.since,
            until: self.until,
        }
    }
}

/// Runs a subcommand.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let settings = settings(&args.config)?;
    let mut store = open(args, &settings)?;
    match &args.command {
        Command::List { wanted, limit, json } => list(&store, &wanted.filter(), *limit, *json),
        Command::Show { id, payload } => show(&store, id, *payload),
        Command::Replay { wanted, url, token } => {
            let url = url.clone().unwrap_or_else(|| format!("http://{}", settings.server.listen));
            let mut resender = Resender::new(&url, token.as_deref(), &settings)?;
            let replayed = store
                .replay(&wanted.filter(), &mut |letter, bytes| resender.send(letter, bytes))
                .map_err(refuse)?;
            report(&replayed, resender.problem())
        }
        Command::Purge { wanted, all } => {
            let filter = wanted.filter();
            if filter == Filter::default() && !all {
                let error = anyhow::anyhow!("say which dead letters, or --all of them");
                return Err(Failure { code: exit::USAGE, error });
            }
            let purged = store.purge(&filter).map_err(refuse)?;
            println!("{purged} dead letters purged");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn open(args: &Args, settings: &Settings) -> Result<Store, Failure> {
    let data_dir = args.data_dir.as_ref().unwrap_or(&settings.data_dir);
    if !data_dir.is_dir() {
        let error = anyhow::anyhow!(
            "there is no data directory {}; name it with --data-dir or -c",
            data_dir.display()
        );
        return Err(Failure { code: exit::IO, error });
    }
    let limits = StoreLimits {
        bytes_max: settings.dead_letters.bytes_max,
        age_max: settings.dead_letters.age_max,
    };
    Store::open(&data_dir.join(DIRECTORY), limits).map_err(refuse)
}

fn refuse(error: DlqError) -> Failure {
    let code = match error {
        DlqError::Io { .. } => exit::IO,
        DlqError::Unknown { .. } | DlqError::Ambiguous { .. } => exit::FAILED,
    };
    Failure { code, error: error.into() }
}

fn list(store: &Store, filter: &Filter, limit: usize, json: bool) -> Result<ExitCode, Failure> {
    let listed = store.list(filter, limit).map_err(refuse)?;
    let mut text = String::new();
    if json {
        for letter in &listed.letters {
            text += &(serde_json::to_string(letter)? + "\n");
        }
    } else {
        text = format!("{}\n", table(&listed.letters));
    }
    put(&text)?;
    if listed.omitted > 0 {
        eprintln!("{} more; raise --limit to see them", listed.omitted);
    }
    if listed.damaged > 0 {
        eprintln!("{} damaged lines; purge removes them", listed.damaged);
    }
    Ok(ExitCode::SUCCESS)
}

fn table(letters: &[DeadLetter]) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.set_header(["ID", "FIRST SEEN", "SOURCE", "CODE", "TRIES", "WHAT IS WRONG"]);
    for letter in letters {
        let data = &letter.data;
        let what = match data.field.is_empty() {
            true => data.message.clone(),
            false => format!("{}: {}", data.field, data.message),
        };
        let id = letter.id.chars().take("dlq-".len() + 12).collect::<String>();
        table.add_row([
            id,
            data.first_seen.clone(),
            data.source.to_string(),
            data.code.to_string(),
            data.attempts.to_string(),
            what,
        ]);
    }
    table
}

fn show(store: &Store, id: &str, payload: bool) -> Result<ExitCode, Failure> {
    let letter = store.show(id).map_err(refuse)?;
    let bytes = letter.data.payload_bytes();
    if payload {
        let bytes = bytes.ok_or_else(|| anyhow::anyhow!("the payload of {id} is damaged"))?;
        std::io::stdout().write_all(&bytes)?;
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", serde_json::to_string_pretty(&letter)?);
    if let Some(text) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        println!("\npayload, {} bytes:\n{text}", letter.data.payload_bytes);
    }
    Ok(ExitCode::SUCCESS)
}

fn report(replayed: &Replayed, problem: Option<&str>) -> Result<ExitCode, Failure> {
    println!(
        "{} taken, {} refused again, {} incomplete, {} left",
        replayed.done, replayed.refused, replayed.incomplete, replayed.left
    );
    let none_taken = replayed.done == 0 && replayed.refused + replayed.incomplete > 0;
    match problem {
        None if none_taken => {
            let error = anyhow::anyhow!(
                "none was taken; `causeway dlq show ID` says why, mend the sender or the \
                 configuration, or purge them"
            );
            Err(Failure { code: exit::DATA, error })
        }
        None => Ok(ExitCode::SUCCESS),
        Some(problem) => {
            let error = anyhow::anyhow!("replay stopped: {problem}");
            Err(Failure { code: exit::UNAVAILABLE, error })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_of_which_nothing_could_be_used_says_so() {
        let replayed = |done, refused, incomplete| Replayed { done, refused, incomplete, left: 0 };
        for (replayed, problem, code) in [
            (replayed(0, 2, 0), None, Some(exit::DATA)),
            (replayed(0, 0, 1), None, Some(exit::DATA)),
            (replayed(0, 1, 0), Some("the server is away"), Some(exit::UNAVAILABLE)),
            (replayed(1, 2, 0), None, None),
            (replayed(0, 0, 0), None, None),
        ] {
            let found = report(&replayed, problem).err().map(|failure| failure.code);
            assert_eq!(found, code, "{replayed:?}");
        }
    }
}
