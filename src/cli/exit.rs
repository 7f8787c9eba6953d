//! What the program says by its exit code.

/// How a command ended; the numbers are part of the interface and never change.
///
/// None is 1 or between 126 and 129, which shells, `make` and the Rust runtime use for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// All well; every target was met.
    Success = 0,
    /// The command line can't be understood.
    Usage = 2,
    /// The run is good, and a target was missed.
    TargetMissed = 10,
    /// Worse than the baseline.
    Regression = 11,
    /// Two runs of one input differ.
    NotReproducible = 12,
    /// The scenario is wrong; the places are shown.
    ScenarioInvalid = 20,
    /// There is no baseline to compare with.
    NoBaseline = 21,
    /// Something could not be read or written.
    InputOutput = 30,
    /// A fault of this program; what replays it is shown.
    Bug = 70,
    /// Stopped from outside: what a shell reports after Ctrl-C (128 + SIGINT).
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        std::process::ExitCode::from(code as u8)
    }
}
