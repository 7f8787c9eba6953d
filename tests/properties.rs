//! What holds in every run of `exact`: books, clock, luck, shares; and each noun of the model by
//! one directed scenario whose effect is asserted.

#[path = "support/model.rs"]
mod model;

#[path = "properties/faults.rs"]
mod faults;
#[path = "properties/flow.rs"]
mod flow;
#[path = "properties/people.rs"]
mod people;
#[path = "properties/random.rs"]
mod random;
#[path = "properties/transit.rs"]
mod transit;
