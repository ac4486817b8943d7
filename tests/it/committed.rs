//! Generated texts that are committed, so that a change of them is seen and reviewed.

use std::path::Path;

/// Asserts that the file holds `generated`; `REWRITE=1` writes it first.
#[track_caller]
pub(crate) fn expect_committed(path: &Path, generated: &str) {
    if std::env::var_os("REWRITE").is_some() {
        std::fs::write(path, generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == generated,
        "{} is not what the types say; review the change and run the test with REWRITE=1",
        path.display()
    );
}
