//! Routers, links, middleboxes, routing timers and sites.

use super::{Context, Kind, read, routing};
use crate::kernel::math;
use crate::kernel::time::SimDuration;
use crate::scenario::cities;
use crate::scenario::model::{Link, Middlebox, Network, Router, RouterId, Site, SiteId, WhenFull};
use crate::scenario::problem::Code;
use crate::scenario::suggest;
use crate::scenario::tree::{Entry, Node};
use crate::scenario::unit::Unit;

/// Length of fibre over the great circle unless given: the middle of the usual 1.2 to 2.
const FIBRE: f64 = 1.5;

/// Distance that light covers in fibre in a second [km/s].
const LIGHT_IN_FIBRE_KM_S: f64 = 200_000.0;

/// Mean radius of the Earth [km] (IUGG).
const EARTH_RADIUS_KM: f64 = 6_371.0;

/// Queueing in a link before it drops unless given: about one round trip across a continent, the
/// bandwidth-delay rule of router buffers (Villamizar and Song 1994).
const LINK_BUFFER: SimDuration = SimDuration::from_millis(100);

/// Queueing in a middlebox unless given: what waits longer is sent again anyway (the first
/// retransmission of a SYN, RFC 6298, section 2.1).
const MIDDLEBOX_BUFFER: SimDuration = SimDuration::from_secs(1);

fn entries<'a>(context: &Context<'a>, kind: Kind) -> &'a [Entry] {
    context.tree.at(kind.path()).map(Node::entries).unwrap_or(&[])
}

/// The network of the model.
pub fn network(context: &Context<'_>) -> Network {
    let network = context.tree.get("network");
    let fibre = network.and_then(|network| network.get("fibre"));
    let stretch = read::quantity(fibre, Unit::Factor).unwrap_or(FIBRE);
    if let Some(fibre) = fibre.filter(|_| stretch < 1.0) {
        let message = "fibre cannot be shorter than the great circle: at least 1x";
        context.reporter.error(Code::OutOfRange, fibre.place, message);
    }
    let routers: Vec<Router> =
        entries(context, Kind::Router).iter().map(|entry| router(context, entry)).collect();
    let links = entries(context, Kind::Link)
        .iter()
        .map(|entry| link(context, entry, &routers, stretch))
        .collect();
    Network {
        links,
        routers,
        middleboxes: entries(context, Kind::Middlebox)
            .iter()
            .map(|entry| middlebox(context, entry))
            .collect(),
        systems: routing::systems(context),
        prefixes: routing::prefixes(context),
        routing: routing::timers(context, network.and_then(|network| network.get("routing"))),
        operators: routing::operators(context, network.and_then(|n| n.get("operators"))),
    }
}

fn router(context: &Context<'_>, entry: &Entry) -> Router {
    let at = entry.value.get("at");
    let values: Vec<f64> = at
        .map(Node::items)
        .unwrap_or(&[])
        .iter()
        .filter_map(|item| read::quantity(Some(item), Unit::Degrees))
        .collect();
    let coordinates = match values[..] {
        [latitude, longitude] if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 => {
            Some((latitude, longitude))
        }
        _ => None,
    };
    if let Some(at) = at.filter(|at| coordinates.is_none() && at.items().len() == values.len()) {
        let message = "this is no place on Earth";
        let help = Some("[latitude -90 to 90, longitude -180 to 180]".to_owned());
        context.reporter.error_with_help(Code::OutOfRange, at.place, message, help);
    }
    let city = entry.value.get("city").and_then(|node| {
        let name = node.text()?;
        let found = cities::find(name);
        if found.is_none() {
            let message = format!("`{name}` is not among the cities that are known");
            let help = suggest::help(name, cities::names());
            context.reporter.error_with_help(Code::UnknownName, node.place, message, help);
        }
        found
    });
    if let (Some(at), Some(_)) = (at, entry.value.get("city")) {
        let message = "a router is in a city or `at` a place, not both";
        context.reporter.error(Code::Conflict, at.place, message);
    }
    let coordinates = coordinates.or(city);
    Router { name: entry.key.clone(), coordinates, system: routing::system_of(context, entry) }
}

fn link(context: &Context<'_>, entry: &Entry, routers: &[Router], stretch: f64) -> Link {
    let node = &entry.value;
    let ends = node.get("between").map(Node::items).unwrap_or(&[]);
    let ids: Vec<u32> = ends.iter().map(|end| context.id(Kind::Router, Some(end))).collect();
    let between = match ids[..] {
        [a, b] if a != b || a == super::UNKNOWN => (RouterId(a), RouterId(b)),
        _ => {
            if let Some(between) = node.get("between").filter(|node| node.text().is_none()) {
                let message = "a link is between two different routers";
                context.reporter.error(Code::WrongShape, between.place, message);
            }
            (RouterId(super::UNKNOWN), RouterId(super::UNKNOWN))
        }
    };
    let place = |id: RouterId| routers.get(id.index()).map(|router| router.coordinates);
    let delay = read::duration(node.get("delay")).or_else(|| {
        let (a, b) = (place(between.0)?, place(between.1)?);
        if let (Some(a), Some(b)) = (a, b) {
            let seconds = great_circle_km(a, b) * stretch / LIGHT_IN_FIBRE_KM_S;
            return Some(SimDuration::from_secs_f64(seconds));
        }
        if node.get("delay").is_none() && node.is_map() {
            let message =
                format!("`{}` needs `delay`: an end has no place (`at`, `city`)", entry.key);
            context.reporter.error(Code::MissingKey, entry.key_place, message);
        }
        None
    });
    let delay = delay.unwrap_or(SimDuration::ZERO);
    let metric = read::count(node.get("metric")).unwrap_or((delay.0 / 1_000).max(1));
    Link {
        name: entry.key.clone(),
        between,
        delay,
        bandwidth: read::more_than_zero(context, node.get("bandwidth"), Unit::Bandwidth)
            .unwrap_or(0.0),
        loss: read::share(node.get("loss")).unwrap_or(0.0),
        metric,
        buffer: read::duration(node.get("buffer")).unwrap_or(LINK_BUFFER),
        preference: read::small_count(node.get("local_preference")),
        prefixes_max: read::small_count(node.get("max_prefixes")),
    }
}

/// Distance over the surface of a sphere (haversine formula) [km].
fn great_circle_km(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (latitude_a, latitude_b) = (a.0.to_radians(), b.0.to_radians());
    let up = math::sin((latitude_b - latitude_a) / 2.0);
    let over = math::sin((b.1 - a.1).to_radians() / 2.0);
    let half = up * up + math::cos(latitude_a) * math::cos(latitude_b) * over * over;
    2.0 * EARTH_RADIUS_KM * math::asin(math::sqrt(half.clamp(0.0, 1.0)))
}

fn middlebox(context: &Context<'_>, entry: &Entry) -> Middlebox {
    let node = &entry.value;
    let limit = |key, unit| read::more_than_zero(context, node.get(key), unit);
    let when_full = [("drop", WhenFull::Drop), ("reset", WhenFull::Reset)];
    Middlebox {
        name: entry.key.clone(),
        before: SiteId(context.id(Kind::Site, node.get("before"))),
        new_connections: limit("new_connections", Unit::Rate),
        sessions: limit("sessions", Unit::Count(0, u64::MAX)).map(|count| count as u64),
        bandwidth: limit("bandwidth", Unit::Bandwidth),
        packets: limit("packets", Unit::Rate),
        when_full: read::word(node.get("when_full"), &when_full).unwrap_or(WhenFull::Drop),
        buffer: read::duration(node.get("buffer")).unwrap_or(MIDDLEBOX_BUFFER),
    }
}

/// The sites of the model.
pub fn sites(context: &Context<'_>) -> Vec<Site> {
    entries(context, Kind::Site)
        .iter()
        .map(|entry| Site {
            name: entry.key.clone(),
            router: RouterId(context.id(Kind::Router, entry.value.get("router"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn great_circles_have_their_known_lengths() {
        let (new_york, los_angeles) = ((40.714, -74.006), (34.052, -118.244));
        assert!((great_circle_km(new_york, los_angeles) - 3_936.0).abs() < 10.0);
        let quarter = great_circle_km((0.0, 0.0), (0.0, 90.0));
        assert!((quarter - EARTH_RADIUS_KM * std::f64::consts::FRAC_PI_2).abs() < 1e-6);
        assert_eq!(great_circle_km(new_york, new_york), 0.0);
    }
}
