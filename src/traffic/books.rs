//! The books of traffic: what both ways to solve it count at each window's end.

use thiserror::Error;

/// A ledger that does not balance: a bug in the program, never a result.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the {side} ledger of {what} does not balance: {expected} expected, {found} found")]
pub struct Imbalance {
    /// `client` or `server`.
    pub side: &'static str,
    /// Class or station number, or what else was counted.
    pub what: String,
    /// By the totals.
    pub expected: u64,
    /// By walking.
    pub found: u64,
}

/// Operations of one class since t = 0: what an attempt's ledger cannot see, since an operation
/// that is parked or backing off has no attempt outstanding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// Entered: demanded, induced, parked for after a sign-in, or accepted as a message.
    pub begun: u64,
    /// Left: answered, failed, cancelled or discarded.
    pub ended: u64,
}

/// What is in the structures now.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// [class]: attempts that clients wait for.
    pub outstanding: Vec<u64>,
    /// [station]: jobs in the queue.
    pub waiting: Vec<u64>,
    /// [station]: jobs in a slot, or calling.
    pub holding: Vec<u64>,
}

/// Holds what was counted against what the totals say.
///
/// # Errors
/// [`Imbalance`] where they differ.
pub(super) fn check(
    side: &'static str,
    what: impl Fn() -> String,
    expected: u64,
    found: u64,
) -> Result<(), Imbalance> {
    if expected == found { Ok(()) } else { Err(Imbalance { side, what: what(), expected, found }) }
}
