//! Where file sinks write: to no file of the process, and each to its own, however it is spelled.

use super::checker::Checker;
use crate::config::Config;
use crate::config::sink::Sink;
use crate::disk::resolved;
use crate::{dlq, emit, journal, snapshot};

/// What the process keeps in the data directory, and nobody else may write to.
const OWN: [&str; 4] = [journal::DIRECTORY, snapshot::DIRECTORY, emit::DIRECTORY, dlq::DIRECTORY];

pub(super) fn check(checker: &mut Checker<'_>, config: &Config) {
    let own = OWN.map(|name| (name, resolved(&config.data_dir.0.join(name))));
    for (name, sink) in &config.sinks {
        let Sink::File(file) = sink else { continue };
        if file.path.0.as_os_str().is_empty() {
            continue;
        }
        let path = resolved(&file.path.0);
        if let Some((directory, _)) = own.iter().find(|(_, own)| path.starts_with(own)) {
            let message = format!(
                "`{}` lies in `{directory}` of `data_dir`, which is `{}` and the process's own",
                file.path.0.display(),
                config.data_dir.0.display()
            );
            checker.wrong(&format!("sinks.{name}.path"), message, "name a file elsewhere");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Surroundings, load_text};
    use crate::settings::Settings;

    fn wrong(text: &str) -> String {
        let around = Surroundings::of_process();
        let written = load_text("c.yaml", text, &around).unwrap();
        Settings::check(&written).err().map_or(String::new(), |error| error.to_string())
    }

    #[test]
    fn a_file_is_the_same_however_it_is_spelled() {
        for other in ["./out/../out/i.ndjson", "out/./i.ndjson", "none/../out/i.ndjson"] {
            let text = format!(
                "version: 1\nsinks:\n  a: {{type: file, path: out/i.ndjson}}\n  \
                 b: {{type: file, path: {other}}}\n"
            );
            let wrong = wrong(&text);
            assert!(wrong.contains("c.yaml:4") && wrong.contains("sink `a`"), "{other}: {wrong}");
        }
        let two = "version: 1\nsinks:\n  a: {type: file, path: i}\n  b: {type: file, path: j}\n";
        assert_eq!(wrong(two), "");
    }

    #[test]
    fn what_the_process_keeps_is_no_place_for_a_sink() {
        let text = |path: &str| {
            format!("version: 1\ndata_dir: data\nsinks:\n  a: {{type: file, path: {path}}}\n")
        };
        for path in ["data/journal/i.ndjson", "./data/x/../sinks/a", "data/snapshots/i"] {
            let wrong = wrong(&text(path));
            assert!(wrong.contains("sinks.a.path") && wrong.contains("`data_dir`"), "{wrong}");
        }
        assert_eq!(wrong(&text("data/incidents.ndjson")), "");
    }
}
