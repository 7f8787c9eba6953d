//! Texts out, and what their failing means.

use super::ExitCode;
use crate::report::ReportError;
use std::io::{ErrorKind, IsTerminal, Write};

/// Writes to stdout. A reader that has gone (`| head`) is no failure.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

/// Writes to stderr; if even that fails there is nobody to tell.
pub fn warn(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Whether to colour what goes to this stream (<https://no-color.org>).
pub fn colored(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Columns of the terminal, as the shell says [count].
pub fn width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    told.unwrap_or(100).clamp(60, 160)
}

/// Tells an error; gives the exit code of its kind.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    if let Some(ReportError::Unmakeable { .. }) = error.downcast_ref() {
        warn(&super::bug::report(&format!("{error:#}")));
        return ExitCode::Bug;
    }
    warn(&format!("error: {error:#}\n"));
    ExitCode::InputOutput
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_can_not_be_made_is_a_bug_and_one_in_the_way_is_not() {
        let what = "index.html".to_owned();
        let unmakeable = ReportError::Unmakeable { what, why: "no template".into() };
        assert_eq!(failed(&unmakeable.into()), ExitCode::Bug);
        let in_the_way = ReportError::NotAReport { path: "reports".into() };
        assert_eq!(failed(&in_the_way.into()), ExitCode::InputOutput);
    }
}
