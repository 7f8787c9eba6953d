//! What holds in every run: books, clock, luck, shares; and each noun of the model by one directed
//! scenario whose effect is asserted.

#[path = "support/model.rs"]
mod model;
#[path = "support/random.rs"]
mod random_scenario;

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
