//! Networks of stations: open and closed Jackson networks, and the finite source.
//!
//! A call graph without cycles says a network with feedback by routes: a request of "journey", a
//! service that takes no time, calls the nodes in turn, with the mean number of visits that the
//! traffic equations give. Where every node serves FIFO with an exponential law that is the same
//! for all, the law of each node depends on its arrival rate only, not on the routes (Kelly 1979,
//! "Reversibility and stochastic networks", section 3.1): so a Jackson network with cycles and
//! the same network by routes have the same nodes, and by Little's law the same mean sojourn.

use crate::markov::station;
use crate::model::{Model, call, constant, exponential, retry};
use crate::oracle::{Row, rows};
use crate::seen::{Seen, UNIT_S};
use crate::statistics::{Family, trials};
use blackstart::scenario::model::{Call, FaultKind, OperationId, ServiceId};

/// The rows of one network, one a node.
fn network(table: &[Row], name: &str) -> Vec<Row> {
    let rows = table.iter().filter(|row| row.text("network") == name);
    let rows: Vec<Row> = rows.cloned().collect();
    assert!(!rows.is_empty(), "the table has {name}");
    rows
}

/// A model whose demands enter "journey", which takes no time and gives its slot back.
fn journey(warmup: f64, measured: f64) -> Model {
    let model = station(1, 0.0, warmup, measured);
    model
        .with_service(|service| service.name = "journey".into())
        .service_time(constant(0.0))
        .releases_slot()
        .timeout(1e5 * UNIT_S)
}

/// Adds a node.
fn node(model: Model, name: &str, servers: u64, rate: f64) -> Model {
    let law = exponential(UNIT_S / rate);
    model.service(name).servers(servers).service_time(law)
}

/// The call of a node with some probability.
fn visit(model: &Model, name: &str, probability: f64) -> Call {
    Call { probability, ..call(model.service_id(name)) }
}

/// Adds `visits` calls of a node on the mean: whole ones, and one with what is left.
fn visits(mut model: Model, name: &str, visits: f64) -> Model {
    let whole = visit(&model, name, 1.0);
    for _ in 0..visits.floor() as u32 {
        model = model.calls("journey", whole.clone());
    }
    let left = visits - visits.floor();
    if left > 1e-9 {
        let last = visit(&model, name, left);
        model = model.calls("journey", last);
    }
    model
}

/// Compares the nodes, and the sojourn in the whole network, with the rows.
fn expect_open(family: &mut Family, model: &Model, rows: &[Row], operations: &[(&str, f64)]) {
    let figures = trials(&model.clone().build(), |outcome| {
        let seen = Seen(outcome);
        let sojourns = operations.iter().map(|(name, share)| share * seen.mean(name));
        let mut figures = vec![sojourns.sum()];
        for row in rows {
            let name = row.text("node");
            figures.extend([seen.busy(name), seen.busy(name) + seen.waiting(name)]);
        }
        figures
    });
    let name = rows[0].text("network");
    let sojourn = rows[0].number("network_mean_sojourn");
    family.expect(format!("{name} sojourn"), sojourn, &figures[0], 0.1);
    for (row, samples) in rows.iter().zip(figures[1..].chunks(2)) {
        let label = format!("{name} {}", row.text("node"));
        let busy = row.number("rho") * row.number("servers");
        family.expect(format!("{label} busy"), busy, &samples[0], 0.05);
        let present = row.number("mean_in_node");
        family.expect(format!("{label} mean in node"), present, &samples[1], 0.1);
    }
}

pub fn jackson_open() {
    let table = rows("jackson_open");
    let mut family = Family::new("Jackson open");

    // A tandem as it is: each node gives its slot back and calls the next.
    let tandem = network(&table, "tandem3");
    let mut model = station(1, 0.8, 500.0, 1e5).timeout(1e5 * UNIT_S);
    model = model.with_service(|service| service.name = "q1".into()).releases_slot();
    model = node(model, "q2", 1, 1.25).releases_slot();
    model = node(model, "q3", 3, 0.5);
    let (second, third) = (visit(&model, "q2", 1.0), visit(&model, "q3", 1.0));
    model = model.calls("q1", second).calls("q2", third);
    expect_open(&mut family, &model, &tandem, &[("request", 1.0)]);

    // Feedback as it is: a share of the answers is an error, and the client asks again at once.
    let feedback = network(&table, "feedback_retry");
    let model = station(1, 0.5, 2_000.0, 1.2e5)
        .with_service(|service| service.name = "server".into())
        .timeout(1e5 * UNIT_S)
        .retries(retry(u32::MAX, 0.0))
        .from_the_beginning(FaultKind::Erroring { service: ServiceId(0), site: None, share: 0.4 });
    expect_open(&mut family, &model, &feedback, &[("request", 1.0)]);

    // Mail: the directory sends back to the client access server. By routes (see above).
    let mail = network(&table, "mail_edge_cas_dir_mbx");
    let mut model = journey(20.0, 500.0);
    for row in &mail {
        model = node(model, row.text("node"), row.count("servers"), row.number("service_rate"));
    }
    for row in &mail {
        model = visits(model, row.text("node"), row.number("visit_ratio"));
    }
    let model = model.rate(100.0 / UNIT_S);
    expect_open(&mut family, &model, &mail, &[("request", 1.0)]);

    // Two sites: half the requests begin east, half west; some move from east to west.
    let diverted = network(&table, "two_site_20pct_divert");
    let mut model = journey(20.0, 100.0).rate(150.0 / UNIT_S);
    model = model.operation("western", ServiceId(0)).rate(150.0 / UNIT_S).timeout(1e5 * UNIT_S);
    for row in &diverted {
        model = node(model, row.text("node"), row.count("servers"), row.number("service_rate"));
    }
    let of = |operation: u32, call: Call| Call { operations: vec![OperationId(operation)], ..call };
    for (operation, name, probability) in [
        (0, "gslb", 1.0),
        (0, "east", 1.0),
        (0, "west", 0.1),
        (0, "dir", 0.3 + 0.1 * 0.3),
        (1, "gslb", 1.0),
        (1, "west", 1.0),
        (1, "dir", 0.3),
    ] {
        let visit = of(operation, visit(&model, name, probability));
        model = model.calls("journey", visit);
    }
    expect_open(&mut family, &model, &diverted, &[("request", 0.5), ("western", 0.5)]);
    family.judge();
}

/// Closed networks: a fixed population that thinks (or does not) and visits the nodes by routes.
pub fn jackson_closed() {
    let table = rows("jackson_closed");
    let mut family = Family::new("Jackson closed");
    let mut sizes: Vec<(&str, u64)> = Vec::new();
    for row in &table {
        let size = (row.text("network"), row.count("population"));
        if !sizes.contains(&size) {
            sizes.push(size);
        }
    }
    for (name, population) in sizes {
        let nodes: Vec<Row> = network(&table, name)
            .into_iter()
            .filter(|row| row.count("population") == population)
            .collect();
        let (thinking, stations): (Vec<Row>, Vec<Row>) =
            nodes.into_iter().partition(|row| row.text("node") == "think");
        let think = thinking
            .first()
            .map_or(constant(0.0), |row| exponential(UNIT_S / row.number("service_rate")));
        let throughput = stations[0].number("system_throughput");
        let mut model = journey(1_000.0, (3e4 / throughput).max(500.0)).closed(population, think);
        for row in &stations {
            model = node(
                model,
                row.text("node"),
                row.count("servers_0_is_infinite"),
                row.number("service_rate"),
            );
        }
        for row in &stations {
            model = visits(model, row.text("node"), row.number("visit_ratio"));
        }
        let figures = trials(&model.build(), |outcome| {
            let seen = Seen(outcome);
            let mut figures = vec![seen.arrivals("journey")];
            for row in &stations {
                let node = row.text("node");
                figures.extend([seen.busy(node), seen.busy(node) + seen.waiting(node)]);
            }
            figures
        });
        let label = format!("{name} of {population}");
        family.expect(format!("{label} throughput"), throughput, &figures[0], 0.05);
        for (row, samples) in stations.iter().zip(figures[1..].chunks(2)) {
            let label = format!("{label} {}", row.text("node"));
            let servers = row.number("servers_0_is_infinite");
            let (busy, present) = (row.number("utilisation") * servers, row.number("mean_in_node"));
            family.expect(format!("{label} busy"), busy, &samples[0], 0.1);
            family.expect(format!("{label} mean in node"), present, &samples[1], 0.15);
        }
    }
    family.judge();
}

/// Machine repairman: so many mailboxes think, ask, wait, think again.
#[test]
fn finite_source() {
    let mut family = Family::new("finite source");
    for row in rows("finite_source_machine_repairman") {
        let (population, servers) = (row.count("population"), row.count("servers"));
        if !crate::applies(servers, "throughput") || population > crate::SOURCES {
            continue;
        }
        // Where a hundred services make a unit, twenty times as long: 20 ms a service.
        let longer = if row.number("service_rate") > 1.0 { 20.0 } else { 1.0 };
        let throughput = row.number("throughput");
        let think = 1.0 / row.number("think_rate");
        // Who is still being served at the end has no latency: with a mean of 1 over a time T the
        // others' mean is too low by 1 / T, so T is long against what the interval can see.
        let measured = (4e4 / throughput).max(9.0 * think);
        // Everybody thinks at t = 0, as nearly everybody does all the time where the servers are
        // enough; where they are not, the others come by e^-t, t in times of thinking.
        let warmup = if row.number("utilisation") < 1.0 { 6.0 * think } else { 20.0 * think };
        let service = UNIT_S * longer / row.number("service_rate");
        let scenario = station(servers, 0.0, warmup * longer, measured * longer)
            .service_time(exponential(service))
            .timeout(1e5 * UNIT_S)
            .closed(population, exponential(think * UNIT_S * longer))
            .build();
        let figures = trials(&scenario, |outcome| {
            let seen = Seen(outcome);
            let present = seen.busy("station") + seen.waiting("station");
            vec![seen.arrivals("station") * longer, present, seen.mean("request") / longer]
        });
        let columns = ["throughput", "mean_at_server", "mean_sojourn"];
        for (column, samples) in columns.iter().zip(&figures) {
            let label = format!("{population} over {servers} think {think:.1} {column}");
            family.expect(label, row.number(column), samples, 0.1);
        }
    }
    family.judge();
}
