//! What is shown when the program itself is wrong.

use super::ExitCode;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// All that somebody needs to see the same fault again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Root seed.
    pub seed: u64,
    /// Digest of the checked scenario.
    pub scenario_digest: String,
    /// The command line that does it again.
    pub command: String,
}

/// What is being run now: the hook of a panic has no other way to learn of it.
static RUNNING: Mutex<Option<Replay>> = Mutex::new(None);

/// Notes what is being run, for the case that it fails.
pub fn remember(replay: Replay) {
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some(replay);
}

/// Runs `command`; a panic in it is told with what replays it and ends as [`ExitCode::Bug`].
pub fn guarded(command: impl FnOnce() -> ExitCode) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| eprintln!("{}", told(panic))));
    // Nothing of what the closure touched is used afterwards.
    let ended = catch_unwind(AssertUnwindSafe(command));
    let _ = std::panic::take_hook();
    ended.unwrap_or(ExitCode::Bug)
}

/// The report of a fault that was noticed without a panic.
pub fn report(what: &str) -> String {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    text(what, running.as_ref())
}

fn told(panic: &PanicHookInfo) -> String {
    let payload = panic.payload();
    let message = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|| payload.downcast_ref::<String>().cloned());
    let message = message.unwrap_or_else(|| "no message".to_owned());
    let at = panic.location().map_or(String::new(), |place| format!(" ({place})"));
    report(&format!("{message}{at}"))
}

fn text(what: &str, running: Option<&Replay>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        "bug: {what}\n\nThis is a fault of blackstart {version}, not of your scenario. \
         Please report it with these lines.\n"
    );
    if let Some(Replay { seed, scenario_digest, command }) = running {
        text.push_str(&format!(
            "  version   {version}\n  scenario  {scenario_digest}\n  seed      {seed}\n  \
             replay    {command}\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_with_all_that_replays_it() {
        let replay = Replay {
            seed: 42,
            scenario_digest: "af13".into(),
            command: "blackstart run a.yaml --seed 42".into(),
        };
        let text = text("queue index out of range", Some(&replay));
        for part in ["queue index out of range", "af13", "42", env!("CARGO_PKG_VERSION")] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.contains("replay    blackstart run a.yaml --seed 42\n"));
    }

    #[test]
    fn a_panic_ends_as_a_bug_and_nothing_else_does() {
        assert_eq!(guarded(|| panic!("on purpose: the test of the panic hook")), ExitCode::Bug);
        assert_eq!(guarded(|| ExitCode::TargetMissed), ExitCode::TargetMissed);
    }
}
