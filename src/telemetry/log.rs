//! The log: standard error, text for people, JSON for programs.

use crate::config::LogFormat;
use crate::settings::LoggingSettings;
use std::io::IsTerminal;
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

/// Sets the process's log up.
///
/// # Errors
/// When the filter is malformed, or when it was set up before.
pub fn init(settings: &LoggingSettings) -> Result<(), LogError> {
    let variable = std::env::var(FILTER_VARIABLE).ok();
    let filter = variable.filter(|filter| !filter.is_empty());
    let filter = filter.unwrap_or_else(|| settings.filter.clone());
    let terminal = std::io::stderr().is_terminal();
    let subscriber = subscriber(&filter, settings.format, terminal, std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)
}

/// A log that writes to `writer`.
///
/// # Errors
/// When the filter is malformed.
pub fn subscriber<W>(
    filter: &str,
    format: LogFormat,
    terminal: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let parsed = EnvFilter::try_new(filter)
        .map_err(|source| LogError::Filter { filter: filter.to_owned(), source })?;
    let text = match format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(writer);
    Ok(match text {
        true => Box::new(builder.with_ansi(terminal).finish()),
        false => Box::new(builder.json().flatten_event(true).finish()),
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
        let subscriber = subscriber("info", format, terminal, move || writer.clone()).unwrap();
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
    fn a_bad_filter_is_refused() {
        let refused = subscriber("a=b=c", LogFormat::Text, false, std::io::stderr);
        assert!(matches!(refused, Err(LogError::Filter { .. })));
    }
}
