//! Routing against a second implementation, and topologies as others write them.
//!
//! `bgpsim` (ETH Zürich, Apache-2.0) computes OSPF and BGP in its own way and without time. On
//! random networks with fixed seeds, after random failures, every router here must forward to the
//! same next hops as there once routing has come to rest.

#[path = "support/model.rs"]
mod model;

#[path = "routing/differential.rs"]
mod differential;
#[path = "routing/faults.rs"]
mod faults;
#[path = "routing/import.rs"]
mod import;
