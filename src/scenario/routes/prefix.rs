//! The few prefixes that matter here: of the sites, of the places where users are attached, those
//! that the scenario names, and one for each more specific one that a hijack announces.

use crate::scenario::model::{FaultKind, PrefixId, RouterId, Scenario, SiteId};

/// Where packets are addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// A site's service.
    Site(SiteId),
    /// Users behind a router.
    Users(RouterId),
    /// Any of the sites of a prefix, whichever the routes lead to.
    Anycast(PrefixId),
}

/// Where packets to an address end, and what routers look up for it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Routers behind which it is.
    pub homes: &'a [RouterId],
    /// A home takes it only while it announces the prefix: others take it as well.
    pub anycast: bool,
    /// Prefixes that it is in, the most specific first.
    pub prefixes: &'a [PrefixId],
}

/// The prefixes of a scenario.
#[derive(Clone, Debug)]
pub struct Prefixes {
    names: Vec<String>,
    /// [prefix]: where it is announced when nothing is wrong.
    origins: Vec<Vec<RouterId>>,
    announced: Vec<bool>,
    /// [prefix]: those that an address in it is in, the most specific first.
    covering: Vec<Vec<PrefixId>>,
    /// Routers with users, and their prefix.
    users: Vec<(RouterId, [PrefixId; 1])>,
    /// [fault]: the prefix that it announces.
    hijacks: Vec<Option<PrefixId>>,
}

impl Prefixes {
    /// The prefixes of a scenario.
    pub fn new(scenario: &Scenario) -> Prefixes {
        let named = &scenario.network.prefixes;
        let router_of = |site: &SiteId| scenario.sites[site.index()].router;
        let mut this = Prefixes {
            names: scenario.sites.iter().map(|site| site.name.clone()).collect(),
            origins: scenario.sites.iter().map(|site| vec![site.router]).collect(),
            announced: vec![true; scenario.sites.len()],
            covering: Vec::new(),
            users: Vec::new(),
            hijacks: Vec::new(),
        };
        for prefix in named {
            let origins = prefix.sites.iter().map(router_of).collect();
            this.add(prefix.name.clone(), origins, prefix.announced);
        }
        let mut routers: Vec<RouterId> =
            scenario.regions.iter().flat_map(|r| r.routers.iter().map(|a| a.0)).collect();
        routers.sort_unstable();
        routers.dedup();
        for router in routers {
            let name = format!("users-{}", scenario.network.routers[router.index()].name);
            let prefix = this.add(name, vec![router], true);
            this.users.push((router, [prefix]));
        }
        // (prefix, the one that it is part of).
        let mut parts: Vec<(PrefixId, PrefixId)> = Vec::new();
        for (index, prefix) in named.iter().enumerate() {
            let id = PrefixId((scenario.sites.len() + index) as u32);
            parts.extend(prefix.within.map(|whole| (id, whole)));
        }
        for fault in &scenario.faults {
            let hijack = match fault.kind {
                FaultKind::PrefixHijacked { prefix, more_specific: true, .. } => {
                    let id = this.add(format!("{}-part", fault.name), Vec::new(), false);
                    parts.push((id, prefix));
                    Some(id)
                }
                FaultKind::PrefixHijacked { prefix, .. } => Some(prefix),
                _ => None,
            };
            this.hijacks.push(hijack);
        }
        let all = (0..this.count() as u32).map(PrefixId);
        this.covering = all.map(|own| covering(own, &parts)).collect();
        this
    }

    fn add(&mut self, name: String, origins: Vec<RouterId>, announced: bool) -> PrefixId {
        self.names.push(name);
        self.origins.push(origins);
        self.announced.push(announced);
        PrefixId(self.names.len() as u32 - 1)
    }

    /// Number of prefixes.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// Name of a prefix.
    pub fn name(&self, prefix: PrefixId) -> &str {
        &self.names[prefix.index()]
    }

    /// Routers that announce a prefix when nothing is wrong.
    pub fn origins(&self, prefix: PrefixId) -> &[RouterId] {
        &self.origins[prefix.index()]
    }

    /// The prefix that a hijacking fault announces.
    pub fn hijack(&self, fault: usize) -> Option<PrefixId> {
        self.hijacks[fault]
    }

    /// (prefix, router) of everything announced at t = 0.
    pub fn announced_at_start(&self) -> impl Iterator<Item = (PrefixId, RouterId)> + '_ {
        let all = self.origins.iter().zip(&self.announced).enumerate();
        all.filter(|(_, (_, announced))| **announced).flat_map(|(index, (origins, _))| {
            origins.iter().map(move |&router| (PrefixId(index as u32), router))
        })
    }

    /// Where an address is, and the prefixes that it is in.
    pub fn of(&self, address: Address) -> Target<'_> {
        let (own, anycast) = match address {
            Address::Site(site) => (PrefixId(site.0), false),
            Address::Anycast(prefix) => (prefix, true),
            Address::Users(router) => {
                let found = self.users.binary_search_by_key(&router, |users| users.0);
                let users = &self.users[found.expect("an address of users that are there")];
                (users.1[0], false)
            }
        };
        let (homes, prefixes) = (self.origins(own), &self.covering[own.index()]);
        Target { homes, anycast, prefixes }
    }
}

/// The prefixes that an address in `own` is in, the most specific first: parts of it, itself, and
/// what it is part of.
fn covering(own: PrefixId, parts: &[(PrefixId, PrefixId)]) -> Vec<PrefixId> {
    let mut found = vec![(0, own)];
    let mut next = 0;
    while next < found.len() {
        let (depth, whole) = found[next];
        let below = parts.iter().filter(|part| part.1 == whole);
        found.extend(below.map(|part| (depth + 1, part.0)));
        next += 1;
    }
    found.sort_by_key(|&(depth, prefix)| (std::cmp::Reverse(depth), prefix));
    let mut found: Vec<PrefixId> = found.into_iter().map(|(_, prefix)| prefix).collect();
    let mut at = own;
    while let Some(&(_, whole)) = parts.iter().find(|part| part.0 == at) {
        found.push(whole);
        at = whole;
    }
    found
}
