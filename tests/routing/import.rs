//! Topologies in GraphML, as the Internet Topology Zoo writes them.

use blackstart::kernel::time::SimDuration;
use blackstart::scenario::{Options, graphml, load};
use std::path::{Path, PathBuf};

const SCENARIO: &str = r#"
blackstart: 1
name: imported
clock: { start: "2026-01-12T09:00[America/New_York]", duration: 10m, warmup: 1m }
network:
  import: { file: square.graphml, bandwidth: 40Gbps, delay: 5ms }
  links:
    new-york-chicago: { metric: 77 }
regions:
  east:
    mailboxes: 1k
    time_zone: America/New_York
    routers: { new-york: 50%, somewhere: rest }
    clients: { browser: 100% }
sites: { lake: { router: chicago } }
services:
  web: { sites: { lake: { instances: 4 } }, concurrency: 16, service_time: { constant: 20ms } }
clients:
  browser:
    operations:
      read: { enters: web, rate: 6/h, size: 10KiB, timeout: 4s, retry: { attempts: 1 } }
steering: { mail: { dns: { ttl: 1m }, answers: { lake: 100% } } }
"#;

fn scenario(folder: &Path, text: &str) -> PathBuf {
    let square = include_str!("square.graphml");
    std::fs::write(folder.join("square.graphml"), square).expect("a folder of our own");
    let path = folder.join("imported.yaml");
    std::fs::write(&path, text).expect("a folder of our own");
    path
}

#[test]
fn an_imported_topology_is_as_if_it_were_written_and_can_be_changed() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let path = scenario(folder.path(), SCENARIO);
    let loaded = load(&path, &Options::default()).unwrap_or_else(|p| panic!("{p}"));
    let network = &loaded.scenario.network;
    let names: Vec<&str> = network.routers.iter().map(|router| router.name.as_str()).collect();
    assert_eq!(names, ["new-york", "chicago", "washington-dc", "somewhere"]);
    assert_eq!(network.links.len(), 4);
    // New York to Chicago: 1,145 km x 1.5 at 200 km/ms.
    let first = &network.links[0];
    assert!((first.delay.as_secs_f64() - 8.59e-3).abs() < 0.05e-3, "{}", first.delay);
    assert_eq!((first.bandwidth, first.metric), (40e9, 77), "the file changes what it imports");
    assert_eq!(network.links[3].delay, SimDuration::from_millis(5), "an end without a place");
}

#[test]
fn a_file_that_can_not_be_imported_is_told_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    for (file, part) in [
        ("../square.graphml", "is not below the folder"),
        ("triangle.graphml", "there is no file"),
        ("imported.yaml", "cannot be imported"),
    ] {
        let text = SCENARIO.replace("square.graphml", file);
        let path = scenario(folder.path(), &text);
        let told = load(&path, &Options::default()).expect_err(file).to_string();
        assert!(told.contains(part) && told.contains("imported.yaml:6"), "{told}");
    }
}

#[test]
fn every_topology_of_the_zoo_that_is_there_imports() {
    // The Internet Topology Zoo is not part of this project; where some of it lies beside it, all
    // of its files must import.
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/topologies");
    let named = std::env::var_os("BLACKSTART_TOPOLOGIES").map(PathBuf::from);
    let Ok(folder) = std::fs::read_dir(named.unwrap_or(beside)) else { return };
    for entry in folder {
        let path = entry.expect("a readable folder").path();
        if path.extension().is_none_or(|end| end != "graphml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        let found = graphml::read(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert!(found.nodes.len() > 1 && !found.edges.is_empty(), "{path:?}");
        let scratch = tempfile::tempdir().expect("a folder of our own");
        std::fs::write(scratch.path().join("zoo.graphml"), &text).expect("a folder of our own");
        // Users and the site are at the ends of the first edge, which are connected.
        let [one, other] = [found.edges[0].between.0, found.edges[0].between.1]
            .map(|end| found.nodes[end].name.clone());
        let scenario = SCENARIO
            .replace("square.graphml", "zoo.graphml")
            .replace("  links:\n    new-york-chicago: { metric: 77 }\n", "")
            .replace("new-york: 50%, somewhere: rest", &format!("{one}: 100%"))
            .replace("router: chicago", &format!("router: {other}"));
        let file = scratch.path().join("zoo.yaml");
        std::fs::write(&file, scenario).expect("a folder of our own");
        let loaded = load(&file, &Options::default()).unwrap_or_else(|p| panic!("{path:?}: {p}"));
        assert_eq!(loaded.scenario.network.routers.len(), found.nodes.len(), "{path:?}");
    }
}
