//! Bugs that were in the program once, each with the smallest run that shows it.
