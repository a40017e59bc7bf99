//! Scoring images that are only digests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;
use pipeline::effect::BuildSpec;
use pipeline::event::Event;
use pipeline::names::{BuildName, Digest};

use super::world::World;
use super::{absent, lock, named};
use crate::ports::{BuildStatus, Images, Result};

/// Builds that make nothing but a digest, at once unless a test holds them.
pub struct MemoryImages {
    world: World,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    builds: BTreeMap<BuildName, (BuildSpec, BuildStatus)>,
    images: BTreeSet<Digest>,
    held: bool,
}

named!(MemoryImages, "images in memory");

impl MemoryImages {
    pub(super) fn new(world: World) -> Self {
        Self { world, state: Mutex::default() }
    }

    /// Whether builds run until they are finished, instead of being done at once.
    pub fn hold(&self, held: bool) {
        lock(&self.state).held = held;
    }

    /// Ends a running build, well or for a reason not, and tells so.
    ///
    /// # Errors
    ///
    /// There is no such build.
    pub fn finish(&self, name: &BuildName, how: Result<(), String>) -> Result<()> {
        let mut state = lock(&self.state);
        let State { builds, images, .. } = &mut *state;
        let (spec, status) =
            builds.get_mut(name).ok_or_else(|| absent(format_args!("build {name}; was it asked for?")))?;
        if *status == BuildStatus::Running {
            *status = match how {
                Ok(()) => {
                    let digest = digest(spec);
                    images.insert(digest.clone());
                    BuildStatus::Built { digest }
                }
                Err(reason) => BuildStatus::Failed { reason },
            };
        }
        let build = name.clone();
        let event = match status.clone() {
            BuildStatus::Built { digest } => Event::ImageBuilt { build, digest },
            BuildStatus::Failed { reason } => Event::ImageFailed { build, reason },
            BuildStatus::Unknown | BuildStatus::Running => return Ok(()),
        };
        let reply_to = spec.reply_to.clone();
        drop(state);
        self.world.tell(&reply_to, &format!("{name}/ended"), event);
        Ok(())
    }

    /// Adds an image that somebody else built.
    pub fn add(&self, image: Digest) {
        lock(&self.state).images.insert(image);
    }

    /// All builds that were asked for, by name.
    #[must_use]
    pub fn builds(&self) -> Vec<BuildSpec> {
        let state = lock(&self.state);
        state.builds.values().map(|(spec, _)| spec.clone()).collect()
    }

    fn start(&self, build: &BuildSpec) -> Result<BuildStatus> {
        let mut state = lock(&self.state);
        let new = !state.builds.contains_key(&build.name);
        self.world.tally.note("image", build.name.as_str(), new);
        if new {
            let started = (build.clone(), BuildStatus::Running);
            state.builds.insert(build.name.clone(), started);
        }
        let held = state.held;
        drop(state);
        if new && !held {
            self.finish(&build.name, Ok(()))?;
        }
        Ok(self.look(&build.name))
    }

    fn look(&self, build: &BuildName) -> BuildStatus {
        let state = lock(&self.state);
        let found = state.builds.get(build);
        found.map_or(BuildStatus::Unknown, |(_, status)| status.clone())
    }
}

/// The digest that these inputs give, whoever asks.
fn digest(spec: &BuildSpec) -> Digest {
    let inputs = (
        &spec.project,
        &spec.source,
        (&spec.model.name, spec.model.version, &spec.model.digest),
        &spec.model_file,
        (&spec.entry, &spec.environment, &spec.include),
    );
    Digest::of(format!("{inputs:?}").as_bytes())
}

#[async_trait]
impl Images for MemoryImages {
    async fn build(&self, build: &BuildSpec) -> Result<BuildStatus> {
        let faults = &self.world.faults;
        faults.around("images.build", build.name.as_str(), || self.start(build))
    }

    async fn status(&self, build: &BuildName) -> Result<BuildStatus> {
        let faults = &self.world.faults;
        faults.around("images.status", build.as_str(), || Ok(self.look(build)))
    }

    async fn has(&self, image: &Digest) -> Result<bool> {
        let faults = &self.world.faults;
        faults.around("images.has", image.as_str(), || Ok(lock(&self.state).images.contains(image)))
    }
}
