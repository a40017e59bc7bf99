//! Who has which part of the requests. Nothing here calls anybody.

use super::object::Route;

/// All of the requests, in percent.
pub(super) const ALL: u32 = 100;

/// What a route says about releases, by the names of their Deployments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shares {
    /// The one that was asked for last.
    pub wanted: Option<String>,
    /// Those that are there, and their weights.
    pub weights: Vec<(String, u32)>,
    /// The one that the one before it took the place of: the way back leads there.
    pub replaced: Option<String>,
    /// Why the one that is wanted failed on its way. Then it has no weight.
    pub failed: Option<String>,
}

impl Shares {
    /// What a route says.
    pub fn of(route: &Route) -> Self {
        Self { wanted: route.wanted(), weights: route.weights(), replaced: route.replaced(), failed: route.failed() }
    }

    /// The weight of a release; None where it has no place in the route.
    pub fn weight(&self, name: &str) -> Option<u32> {
        self.weights.iter().find(|(other, _)| other == name).map(|(_, weight)| *weight)
    }

    pub fn is_wanted(&self, name: &str) -> bool {
        self.wanted.as_deref() == Some(name)
    }

    /// The release that serves beside the one that is wanted, and from which that takes over.
    pub fn base(&self) -> Option<&str> {
        self.serving().find(|name| !self.is_wanted(name))
    }

    /// Those with requests.
    pub fn serving(&self) -> impl Iterator<Item = &str> {
        self.weights.iter().filter(|(_, weight)| *weight > 0).map(|(name, _)| name.as_str())
    }

    /// Another release is wanted. Who served before it has all of the requests, a third one none.
    pub fn wanting(&self, name: &str) -> Self {
        let serving = self.base().or_else(|| self.serving().next());
        let mut weights: Vec<_> = serving.map(|serving| (serving.to_owned(), ALL)).into_iter().collect();
        if serving != Some(name) {
            weights.push((name.to_owned(), 0));
        }
        Self { wanted: Some(name.to_owned()), weights, replaced: self.replaced.clone(), failed: None }
    }

    /// The one that is wanted has so many percent, the one beside it the others. With all of them it is alone.
    pub fn shifted(&self, percent: u32) -> Self {
        let (Some(wanted), base) = (self.wanted.clone(), self.base()) else { return self.clone() };
        match base.filter(|_| percent < ALL) {
            Some(base) => {
                let weights = vec![(base.to_owned(), ALL - percent), (wanted, percent)];
                Self { weights, ..self.clone() }
            }
            None => {
                // Having come back from a release is no reason to go there again without steps.
                let is_way_back = self.is_way_back();
                let replaced = if is_way_back { None } else { base.map(str::to_owned) };
                Self { weights: vec![(wanted, ALL)], replaced, ..self.clone() }
            }
        }
    }

    /// Whether the one that is wanted has served before, and was replaced last.
    pub fn is_way_back(&self) -> bool {
        self.wanted.is_some() && self.wanted == self.replaced
    }

    /// The one that is wanted has failed. The one beside it has all again.
    pub fn failed(&self, reason: String) -> Self {
        let weights = self.base().map(|base| (base.to_owned(), ALL)).into_iter().collect();
        Self { weights, failed: Some(reason), ..self.clone() }
    }

    /// A release is taken out; None where it is not in it.
    pub fn without(&self, name: &str) -> Option<Self> {
        if self.weight(name).is_none() && !self.is_wanted(name) {
            return None;
        }
        if !self.is_wanted(name) {
            let weights = self.weights.iter().filter(|(other, _)| other != name).cloned().collect();
            return Some(Self { weights, ..self.clone() });
        }
        let base = self.base().map(str::to_owned);
        let weights = base.iter().map(|base| (base.clone(), ALL)).collect();
        Some(Self { wanted: base, weights, replaced: self.replaced.clone(), failed: None })
    }
}
