//! Rows of CSV as a series.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the columns of a file of samples are, for a source whose format is `csv`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Csv {
    /// In the order of the file: `timestamp` and `value`, `name` and `entity` where rows name
    /// them, and any others, which become labels. A row that is these words is passed over.
    pub columns: Vec<String>,
    /// The metric, where no column names it.
    pub metric: Option<String>,
    /// The entity that the rows are about, where no column names it.
    pub entity: Option<String>,
}

impl Default for Csv {
    fn default() -> Self {
        let columns = ["timestamp", "value"].map(str::to_owned).to_vec();
        Csv { columns, metric: None, entity: None }
    }
}
