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
}

/// The prefixes of a scenario.
#[derive(Clone, Debug)]
pub struct Prefixes {
    names: Vec<String>,
    /// [prefix]: where it is announced when nothing is wrong.
    origins: Vec<Vec<RouterId>>,
    announced: Vec<bool>,
    /// [site]: its router, and the prefixes that its address is in, the most specific first.
    sites: Vec<(RouterId, Vec<PrefixId>)>,
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
            sites: Vec::new(),
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
        for (index, site) in scenario.sites.iter().enumerate() {
            let own = PrefixId(index as u32);
            let mut covering = vec![(0, own)];
            let mut next = 0;
            while next < covering.len() {
                let (depth, whole) = covering[next];
                let below = parts.iter().filter(|part| part.1 == whole);
                covering.extend(below.map(|part| (depth + 1, part.0)));
                next += 1;
            }
            covering.sort_by_key(|&(depth, prefix)| (std::cmp::Reverse(depth), prefix));
            this.sites.push((site.router, covering.into_iter().map(|(_, p)| p).collect()));
        }
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

    /// The router that an address is at, and the prefixes that it is in, the most specific first.
    pub fn of(&self, address: Address) -> (RouterId, &[PrefixId]) {
        match address {
            Address::Site(site) => {
                let (router, prefixes) = &self.sites[site.index()];
                (*router, prefixes)
            }
            Address::Users(router) => {
                let found = self.users.binary_search_by_key(&router, |users| users.0);
                (router, found.map_or(&[], |index| &self.users[index].1))
            }
        }
    }
}
