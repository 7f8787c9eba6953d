//! What a run leaves for its readers: a folder of plots, a page, tables and logs, and a screenful.
//!
//! Which question: what happened, and was it good enough? Nothing is computed here that is not in
//! [`Results`]: this room merges, thins and words, so that every figure of a report can be found in
//! its `results.json`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::measure::outcome::Results;

pub mod agreement;
#[cfg(test)]
mod fixture;
mod folder;
mod latency_log;
mod page;
mod plot;
mod tables;
pub mod terminal;
mod words;

/// What was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// The folder.
    pub folder: PathBuf,
    /// Names of its files, sorted.
    pub files: Vec<String>,
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder has something else in it, which would be lost.
    #[error("{} is neither empty nor a former report: use another place", path.display())]
    NotAReport {
        /// What is in the way.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A plot, the page, a table or a log could not be made: a fault of this program.
    #[error("{what} could not be made: {why}")]
    Unmakeable {
        /// Which file.
        what: String,
        /// What the library said.
        why: String,
    },
}

impl ReportError {
    fn unmakeable(what: &str, why: impl std::fmt::Display) -> ReportError {
        ReportError::Unmakeable { what: what.to_string(), why: why.to_string() }
    }
}

/// Writes the whole report into the folder `out`: all of it or nothing.
///
/// A former report there is replaced; files in it that are no part of a report are kept.
///
/// # Errors
/// [`ReportError::NotAReport`] where `out` holds something else, [`ReportError::Io`] where the file
/// system refuses, [`ReportError::Unmakeable`] for faults of this program.
pub fn write(results: &Results, out: &Path) -> Result<Written, ReportError> {
    let staged = folder::Staged::beside(out)?;
    let mut files = Vec::new();
    let mut put = |name: &str, bytes: &[u8]| -> Result<(), ReportError> {
        let path = staged.path.join(name);
        files.push(name.to_string());
        fs::write(&path, bytes).map_err(|source| ReportError::Io { path, source })
    };
    put("results.json", json("results.json", results)?.as_bytes())?;
    put("results.schema.json", json("results.schema.json", &schema())?.as_bytes())?;
    let failed = |name: &'static str| move |error: csv::Error| ReportError::unmakeable(name, error);
    put("timeline.csv", &tables::timeline(results).map_err(failed("timeline.csv"))?)?;
    put("windows.csv", &tables::windows(results).map_err(failed("windows.csv"))?)?;
    let logs = latency_log::all(results).map_err(|why| ReportError::unmakeable("*.hlog", why))?;
    for log in logs {
        put(&log.name, &log.bytes)?;
    }
    let shown = plot::Shown::of(results);
    let mut drawn = Vec::new();
    for plot in shown.as_ref().map(plot::all).unwrap_or_default() {
        let svg = plot.svg().map_err(|error| ReportError::unmakeable(plot.name, error))?;
        put(&format!("{}.svg", plot.name), svg.as_bytes())?;
        drawn.push((plot, svg));
    }
    let page = page::html(results, shown.as_ref(), &drawn)
        .map_err(|error| ReportError::unmakeable("index.html", format!("{error:#}")))?;
    put("index.html", page.as_bytes())?;
    for (plot, _) in &drawn {
        let name = format!("{}.png", plot.name);
        plot.png(&staged.path.join(&name))
            .map_err(|error| ReportError::unmakeable(&name, error))?;
        files.push(name);
    }
    files.sort();
    Ok(Written { folder: staged.place()?, files })
}

/// The JSON Schema of `results.json`.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Results).to_value()
}

fn json(name: &str, value: &impl serde::Serialize) -> Result<String, ReportError> {
    let text = serde_json::to_string_pretty(value);
    Ok(text.map_err(|error| ReportError::unmakeable(name, error))? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{STORIES, results};

    /// Writes the stories for a look at them where this variable names a folder.
    const LOOK: &str = "BLACKSTART_REPORT_FIXTURES";

    #[test]
    fn every_story_gives_a_whole_report() {
        let temporary = tempfile::tempdir().expect("folder");
        let home = std::env::var_os(LOOK).map_or(temporary.path().to_path_buf(), PathBuf::from);
        for story in STORIES {
            let written = write(&results(story), &home.join(story.name)).expect("written");
            for name in
                ["index.html", "results.json", "recovery.svg", "recovery.png", "latency.png"]
            {
                assert!(written.files.iter().any(|file| file == name), "{}: {name}", story.name);
            }
            for name in &written.files {
                let size = fs::metadata(written.folder.join(name)).expect("file").len();
                assert!(size > 30, "{}: {name} has {size} bytes", story.name);
            }
            let entries = fs::read_dir(&written.folder).expect("folder").count();
            assert_eq!(entries, written.files.len());
        }
    }

    #[test]
    fn results_hold_to_their_schema() {
        let validator = jsonschema::validator_for(&schema()).expect("a schema");
        for story in STORIES {
            let value = serde_json::to_value(results(story)).expect("json");
            let problems: Vec<String> =
                validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{}: {problems:?}", story.name);
        }
        let mut value = serde_json::to_value(results(STORIES[2])).expect("json");
        value["trials"][0]["seed"] = "twelve".into();
        assert!(!validator.is_valid(&value), "the schema allows anything");
    }

    #[test]
    fn two_reports_of_one_run_are_the_same_bytes() {
        let home = tempfile::tempdir().expect("folder");
        let results = results(STORIES[2]);
        let first = write(&results, &home.path().join("a")).expect("written");
        let second = write(&results, &home.path().join("b")).expect("written");
        assert_eq!(first.files, second.files);
        for name in &first.files {
            let read = |folder: &Path| fs::read(folder.join(name)).expect("file");
            assert!(read(&first.folder) == read(&second.folder), "{name} differs");
        }
    }
}
