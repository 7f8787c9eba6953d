//! Topologies in GraphML, as the Internet Topology Zoo writes them (Knight, Nguyen, Falkner, Bowden
//! and Roughan, "The Internet Topology Zoo", IEEE JSAC 29(9), 2011; <http://www.topology-zoo.org>).
//!
//! Nodes become routers, at their `Latitude` and `Longitude` where they have both; edges become
//! links, with `LinkSpeedRaw` as their bandwidth where it is given. Names come from `label`. An
//! edge from a node to itself is left out; edges in parallel stay apart.

use super::grammar::SCENARIO;
use super::overlay;
use super::problem::Place;
use super::tree::{Entry, Node, Value};

/// Bandwidth where neither the file nor the scenario gives one: OC-192, the usual wavelength of the
/// networks in the zoo.
const BANDWIDTH: &str = "10Gbps";

/// Nodes and edges of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// Nodes, in the order of the file.
    pub nodes: Vec<GraphNode>,
    /// Edges between two different nodes, in the order of the file.
    pub edges: Vec<GraphEdge>,
}

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphNode {
    /// A name that a scenario takes, unlike all others.
    pub name: String,
    /// Latitude and longitude, as written [degrees].
    pub at: Option<(String, String)>,
}

/// An edge.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphEdge {
    /// A name that a scenario takes, unlike all others.
    pub name: String,
    /// Indices of its two nodes.
    pub between: (usize, usize),
    /// Bandwidth, where given [bit/s].
    pub speed: Option<f64>,
}

/// Reads a graph.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn read(text: &str) -> Result<Graph, String> {
    let document = roxmltree::Document::parse(text).map_err(|error| error.to_string())?;
    let root = document.root_element();
    if root.tag_name().name() != "graphml" {
        return Err(format!("`{}` is not GraphML", root.tag_name().name()));
    }
    let elements = |name: &'static str| {
        let all = root.descendants();
        all.filter(move |element| element.is_element() && element.tag_name().name() == name)
    };
    // What each key means, and the value of a meaning on an element.
    let keys: Vec<(&str, &str)> = elements("key")
        .filter_map(|key| Some((key.attribute("id")?, key.attribute("attr.name")?)))
        .collect();
    let value = |element: roxmltree::Node<'_, '_>, meaning: &str| {
        let data = element.children().find(|data| {
            let id = data.attribute("key");
            keys.iter().any(|&(key, name)| Some(key) == id && name == meaning)
        });
        data.and_then(|data| data.text()).map(|text| text.trim().to_owned())
    };
    let mut ids: Vec<&str> = Vec::new();
    let mut nodes: Vec<GraphNode> = Vec::new();
    let mut names = Names::default();
    for node in elements("node") {
        let id = node.attribute("id").ok_or("a node has no `id`")?;
        let label = value(node, "label").unwrap_or_default();
        let number = |meaning: &str| value(node, meaning).filter(|v| v.parse::<f64>().is_ok());
        let at = number("Latitude").zip(number("Longitude"));
        ids.push(id);
        nodes.push(GraphNode { name: names.take(&label, "router"), at });
    }
    let mut edges = Vec::new();
    let mut names = Names::default();
    for edge in elements("edge") {
        let end = |side: &str| {
            let id = edge.attribute(side).ok_or(format!("an edge has no `{side}`"))?;
            let found = ids.iter().position(|known| *known == id);
            found.ok_or(format!("an edge goes to `{id}`, which is no node"))
        };
        let between = (end("source")?, end("target")?);
        if between.0 == between.1 {
            continue;
        }
        let raw = value(edge, "LinkSpeedRaw").and_then(|raw| raw.parse::<f64>().ok());
        let speed = raw.filter(|speed| speed.is_finite() && *speed >= 1.0);
        let label = format!("{}-{}", nodes[between.0].name, nodes[between.1].name);
        edges.push(GraphEdge { name: names.take(&label, "link"), between, speed });
    }
    Ok(Graph { nodes, edges })
}

/// Names given so far.
#[derive(Default)]
struct Names(std::collections::BTreeSet<String>);

impl Names {
    /// A label as a name: lower case, other signs as hyphens, numbered where it is taken.
    fn take(&mut self, label: &str, fallback: &str) -> String {
        let mut name = String::new();
        for sign in label.chars().flat_map(char::to_lowercase) {
            if sign.is_ascii_lowercase() || (sign.is_ascii_digit() && !name.is_empty()) {
                name.push(sign);
            } else if !name.is_empty() && !name.ends_with('-') {
                name.push('-');
            }
        }
        let name = name.trim_end_matches('-');
        let name = if name.is_empty() { fallback } else { name };
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.to_owned()).chain(numbered);
        let found = free.into_iter().find(|name| !self.0.contains(name));
        let name = found.expect("numbers do not end");
        self.0.insert(name.clone());
        name
    }
}

/// The graph as a scenario would write it, every value at the place of the import, laid under
/// `tree`. `import` can give a `bandwidth` and a `delay` for links without one of their own.
pub fn lay_under(tree: &mut Node, graph: &Graph, import: &Node) {
    let place = import.place;
    let scalar = |text: &str| Node { place, value: Value::Scalar(text.to_owned()) };
    let list = |items: Vec<Node>| Node { place, value: Value::List(items) };
    let given = |key: &str| import.get(key).and_then(Node::text);
    let router = |node: &GraphNode| {
        let at = node.at.as_ref().map(|(latitude, longitude)| {
            entry(place, "at", list(vec![scalar(latitude), scalar(longitude)]))
        });
        let value = Node { place, value: Value::Map(at.into_iter().collect()) };
        entry(place, &node.name, value)
    };
    let link = |edge: &GraphEdge| {
        let ends = [edge.between.0, edge.between.1].map(|end| &graph.nodes[end]);
        let names = ends.iter().map(|end| scalar(&end.name)).collect();
        let speed = edge.speed.map(|speed| format!("{speed}bps"));
        let bandwidth = speed.as_deref().or(given("bandwidth")).unwrap_or(BANDWIDTH);
        let mut fields = vec![
            entry(place, "between", list(names)),
            entry(place, "bandwidth", scalar(bandwidth)),
        ];
        if let Some(delay) = given("delay").filter(|_| ends.iter().any(|end| end.at.is_none())) {
            fields.push(entry(place, "delay", scalar(delay)));
        }
        entry(place, &edge.name, Node { place, value: Value::Map(fields) })
    };
    let map = |entries: Vec<Entry>| Node { place, value: Value::Map(entries) };
    let network = map(vec![
        entry(place, "routers", map(graph.nodes.iter().map(router).collect())),
        entry(place, "links", map(graph.edges.iter().map(link).collect())),
    ]);
    let below = map(vec![entry(place, "network", network)]);
    overlay::merge(tree, &below, &SCENARIO);
}

fn entry(place: Place, key: &str, value: Node) -> Entry {
    Entry { key: key.to_owned(), key_place: place, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"<?xml version="1.0"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key attr.name="label" attr.type="string" for="node" id="d1"/>
  <key attr.name="Latitude" attr.type="double" for="node" id="d2"/>
  <key attr.name="Longitude" attr.type="double" for="node" id="d3"/>
  <key attr.name="LinkSpeedRaw" attr.type="double" for="edge" id="d4"/>
  <graph edgedefault="undirected">
    <node id="0"><data key="d1">St. Louis</data><data key="d2">38.63</data><data key="d3">-90.2</data></node>
    <node id="1"><data key="d1">Zürich</data></node>
    <node id="2"><data key="d1">St Louis</data></node>
    <edge source="0" target="1"><data key="d4">155000000.0</data></edge>
    <edge source="1" target="0"/>
    <edge source="0" target="1"/>
    <edge source="2" target="2"/>
  </graph>
</graphml>"#;

    #[test]
    fn nodes_and_edges_get_names_of_their_own() {
        let graph = read(SMALL).unwrap();
        let names: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["st-louis", "z-rich", "st-louis-2"]);
        assert_eq!(graph.nodes[0].at, Some(("38.63".into(), "-90.2".into())));
        assert_eq!(graph.nodes[1].at, None);
        let names: Vec<&str> = graph.edges.iter().map(|edge| edge.name.as_str()).collect();
        assert_eq!(names, ["st-louis-z-rich", "z-rich-st-louis", "st-louis-z-rich-2"]);
        assert_eq!(graph.edges[0].speed, Some(155e6));
    }

    #[test]
    fn what_is_no_graphml_is_refused_with_a_reason() {
        assert!(read("").is_err());
        assert!(read("<svg/>").unwrap_err().contains("is not GraphML"));
        let lost = SMALL.replace("target=\"0\"", "target=\"9\"");
        assert!(read(&lost).unwrap_err().contains("`9`, which is no node"));
    }
}
