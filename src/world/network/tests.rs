//! Network under load and under faults.
