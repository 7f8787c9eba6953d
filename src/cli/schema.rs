//! `blackstart schema`: JSON Schemas, for editors and for readers of results.

use super::{ExitCode, output};
use crate::{report, scenario};
use clap::{Args, ValueEnum};

const AFTER: &str = "\
Examples:
  blackstart schema > scenario.schema.json
  blackstart schema results > results.schema.json

In an editor with the YAML language server, the first line of a scenario can then be
  # yaml-language-server: $schema=scenario.schema.json";

/// Print the JSON Schema of scenario files or of results.json
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct Arguments {
    /// Of what
    #[arg(default_value = "scenario")]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// Scenario files
    Scenario,
    /// results.json
    Results,
}

/// Prints one schema.
pub fn schema(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let schema = match arguments.of {
        Of::Scenario => scenario::schema(),
        Of::Results => report::schema(),
    };
    output::print(&format!("{}\n", serde_json::to_string_pretty(&schema)?))?;
    Ok(ExitCode::Success)
}
