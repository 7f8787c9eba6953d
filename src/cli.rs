//! The command `blackstart`: arguments in, texts and an exit code out.
//!
//! One file a subcommand. Errors end here: what is wrong with a scenario is shown with its
//! places, what could not be read or written with its path, and a fault of the program with what
//! replays it. Nothing here computes a result; progress and the width of the terminal reach no
//! report.

mod bug;
mod exit;
mod explain;
mod input;
mod output;
mod progress;
mod routes;
mod run;
mod schema;
mod validate;
mod verify;

use clap::{Parser, Subcommand};
use std::ffi::OsString;

pub use exit::ExitCode;

const EXAMPLES: &str = "\
Examples:
  blackstart run scenarios/first-steps.yaml
  blackstart run outage.yaml --variant no-diversion --seeds 20
  blackstart run outage.yaml --set runbook.part-1.delay='{ constant: 5m }' --scale 1/100
  blackstart validate scenarios/*.yaml
  blackstart explain outage.yaml | less
  blackstart routes outage.yaml --at 10m
  blackstart verify outage.yaml
  blackstart schema > scenario.schema.json

Exit codes:
  0 all well        2 usage              10 target missed   11 regression   12 runs differ
  20 bad scenario   21 no baseline       30 read or write   70 bug          130 interrupted";

/// Rehearse an outage before it happens: how bad it gets, whether the failover plan brings it back,
/// and when.
#[derive(Debug, Parser)]
#[command(name = "blackstart", version, after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Validate(validate::Arguments),
    Explain(explain::Arguments),
    Routes(routes::Arguments),
    Verify(verify::Arguments),
    Schema(schema::Arguments),
}

/// Does what the command line says.
pub fn main(command_line: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command_line: Vec<OsString> = command_line.into_iter().collect();
    let arguments = match Arguments::try_parse_from(&command_line) {
        Ok(arguments) => arguments,
        Err(told) => {
            // Help and version are errors to clap, and all well to everybody else.
            let code = if told.use_stderr() { ExitCode::Usage } else { ExitCode::Success };
            return told.print().map_or(ExitCode::InputOutput, |()| code);
        }
    };
    bug::guarded(|| {
        let done = match arguments.command {
            Command::Run(arguments) => run::run(&arguments),
            Command::Validate(arguments) => validate::validate(&arguments),
            Command::Explain(arguments) => explain::explain(&arguments),
            Command::Routes(arguments) => routes::routes(&arguments),
            Command::Verify(arguments) => verify::verify(&arguments),
            Command::Schema(arguments) => schema::schema(&arguments),
        };
        done.unwrap_or_else(|error| output::failed(&error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
