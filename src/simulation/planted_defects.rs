//! Deliberate faults inside the program, each caught by a named check.

mod ledger_fuzz;
