//! The log: standard error, text for people, JSON for programs.

use crate::config::LogFormat;
use crate::settings::LoggingSettings;
use std::fmt;
use std::io::IsTerminal;
use std::sync::Arc;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Environment variable that overrides the configured filter.
pub const FILTER_VARIABLE: &str = "RUST_LOG";

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is none.
    #[error("log filter `{filter}` is not valid: {source}; write a level such as `info`")]
    Filter {
        /// As given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// There is a log already.
    #[error("the log is already set up")]
    Twice,
}

/// Changes the filter of a log that is in use; cloning shares it.
#[derive(Clone)]
pub struct LogFilter {
    set: Arc<dyn Fn(EnvFilter) + Send + Sync>,
    /// Whether the environment decides, whatever is configured.
    is_overridden: bool,
}

impl LogFilter {
    /// Shows what `filter` says from now on, unless the environment decides; says whether that
    /// is so.
    ///
    /// # Errors
    /// When the filter is malformed.
    pub fn set(&self, filter: &str) -> Result<bool, LogError> {
        let parsed = parsed(filter)?;
        if !self.is_overridden {
            (self.set)(parsed);
        }
        Ok(!self.is_overridden)
    }
}

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogFilter")
    }
}

/// Sets the process's log up; what comes back changes its filter.
///
/// # Errors
/// When the filter is malformed, or when it was set up before.
pub fn init(settings: &LoggingSettings) -> Result<LogFilter, LogError> {
    let variable = std::env::var(FILTER_VARIABLE).ok();
    let variable = variable.filter(|filter| !filter.is_empty());
    let is_overridden = variable.is_some();
    let filter = variable.unwrap_or_else(|| settings.filter.clone());
    let terminal = std::io::stderr().is_terminal();
    let (subscriber, change) = subscriber(&filter, settings.format, terminal, std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    Ok(LogFilter { is_overridden, ..change })
}

fn parsed(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(filter)
        .map_err(|source| LogError::Filter { filter: filter.to_owned(), source })
}

/// A log that writes to `writer`, and what changes its filter.
///
/// # Errors
/// When the filter is malformed.
pub fn subscriber<W>(
    filter: &str,
    format: LogFormat,
    terminal: bool,
    writer: W,
) -> Result<(Box<dyn Subscriber + Send + Sync>, LogFilter), LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let text = match format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(parsed(filter)?).with_writer(writer);
    // A line that cannot be written would be complained of on standard error, which panics where
    // that takes nothing, as on a full disk; the process has better to do than to log.
    let builder = builder.log_internal_errors(false);
    // A log that is gone has nothing left to filter.
    macro_rules! changeable {
        ($builder:expr) => {{
            let builder = $builder.with_filter_reloading();
            let handle = builder.reload_handle();
            let set = move |filter| drop(handle.reload(filter));
            let filter = LogFilter { set: Arc::new(set), is_overridden: false };
            (Box::new(builder.finish()), filter)
        }};
    }
    Ok(match text {
        true => changeable!(builder.with_ansi(terminal)),
        false => changeable!(builder.json().flatten_event(true)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, terminal: bool) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let (subscriber, _) = subscriber("info", format, terminal, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(events = 3, "taken");
            tracing::debug!("not shown");
        });
        String::from_utf8(captured.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn programs_get_json_and_people_text() {
        let line = logged(LogFormat::Auto, false);
        let record: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&record["message"], &record["events"]), (&"taken".into(), &3.into()));
        assert!(logged(LogFormat::Auto, true).contains("taken"));
        assert!(!logged(LogFormat::Text, false).contains('\u{1b}'));
    }

    #[test]
    fn the_filter_changes_while_the_log_is_in_use() {
        let captured = Captured::default();
        let writer = captured.clone();
        let made = subscriber("info", LogFormat::Text, false, move || writer.clone()).unwrap();
        let (subscriber, filter) = made;
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("before");
            assert!(filter.set("debug").unwrap());
            tracing::debug!("after");
            assert!(filter.set("a=b=c").is_err());
            let overridden = LogFilter { is_overridden: true, ..filter.clone() };
            assert!(!overridden.set("error").unwrap());
            tracing::debug!("still");
        });
        let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        let shown = ["before", "after", "still"].map(|word| text.contains(word));
        assert_eq!(shown, [false, true, true], "{text}");
    }

    #[test]
    fn a_bad_filter_is_refused() {
        let refused = subscriber("a=b=c", LogFormat::Text, false, std::io::stderr);
        assert!(matches!(refused, Err(LogError::Filter { .. })));
    }
}
