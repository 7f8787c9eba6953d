//! The tables of `tests/oracles`: lines that begin with `#` say where they come from.

use std::collections::BTreeMap;
use std::path::Path;

/// One row: column name to text.
#[derive(Clone, Debug)]
pub struct Row(BTreeMap<String, String>);

impl Row {
    /// The text of a column.
    pub fn text(&self, column: &str) -> &str {
        self.0.get(column).unwrap_or_else(|| panic!("no column {column}"))
    }

    /// The number in a column.
    pub fn number(&self, column: &str) -> f64 {
        let text = self.text(column);
        text.parse().unwrap_or_else(|_| panic!("{column} is {text:?}, no number"))
    }

    /// The whole number in a column.
    pub fn count(&self, column: &str) -> u64 {
        let text = self.text(column);
        text.parse().unwrap_or_else(|_| panic!("{column} is {text:?}, no whole number"))
    }
}

/// All rows of a table; panics where it has none or names no source.
pub fn rows(name: &str) -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles");
    let path = folder.join(name).with_extension("csv");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(text.starts_with("# source: "), "{name} begins with its source");
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    let columns = reader.headers().expect("a header row").clone();
    let row = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.expect("a well-formed row");
        Row(columns.iter().zip(record.iter()).map(|(c, v)| (c.into(), v.into())).collect())
    };
    let rows: Vec<Row> = reader.records().map(row).collect();
    assert!(!rows.is_empty(), "{name} has rows");
    rows
}
