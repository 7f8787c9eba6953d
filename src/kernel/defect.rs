//! Deliberate faults inside the program, for the tests that must catch them.
//!
//! Outside `cfg(test)` nothing can be planted: [`planted`] is a constant `false` that the compiler
//! removes. Inside, one defect can be planted a thread, by name; `simulation::planted_defects`
//! names each and the test that catches it.

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<&'static str>> = const { std::cell::Cell::new(None) };
}

/// Whether the named defect is planted in this thread.
#[cfg(test)]
pub fn planted(name: &'static str) -> bool {
    PLANTED.with(|cell| cell.get() == Some(name))
}

/// Whether the named defect is planted in this thread: never, outside tests.
#[cfg(not(test))]
#[inline(always)]
pub const fn planted(_name: &'static str) -> bool {
    false
}

/// Runs `work` with the named defect planted.
#[cfg(test)]
pub fn with_planted<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            PLANTED.with(|cell| cell.set(None));
        }
    }
    PLANTED.with(|cell| cell.set(Some(name)));
    let _reset = Reset;
    work()
}
