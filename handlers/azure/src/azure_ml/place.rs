//! Places on datastores, in the ways in which Azure ML writes them.

use pipeline::names::JobName;

/// Somewhere on a datastore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The datastore's name.
    pub datastore: String,
    /// A folder or file, without `/` at either end.
    pub path: String,
}

impl Place {
    /// Reads `azureml://datastores/{name}/paths/{path}`, the same below a workspace, and
    /// `azureml://jobs/{job}/outputs/artifacts/paths/{path}`, which stands for a path of the store of artifacts. None: it
    /// is something else, such as a registry's.
    pub fn read(uri: &str) -> Option<Self> {
        let segments: Vec<&str> = uri.strip_prefix("azureml://")?.trim_matches('/').split('/').collect();
        let after = |word: &str| segments.iter().position(|segment| *segment == word).map(|at| at + 1);
        if let [_, job, "outputs", "artifacts", path @ ..] = &segments[..]
            && segments[0] == "jobs"
        {
            let path = path.strip_prefix(&["paths"]).unwrap_or(path).join("/");
            return Some(Self {
                datastore: "workspaceartifactstore".into(),
                path: format!("ExperimentRun/dcid.{job}/{path}").trim_end_matches('/').to_owned(),
            });
        }
        let name = after("datastores")?;
        let (datastore, rest) = segments.get(name..)?.split_first()?;
        let path = rest.strip_prefix(&["paths"])?.join("/");
        Some(Self { datastore: (*datastore).to_owned(), path })
    }

    /// Where a job leaves its result.
    pub fn of_job(datastore: &str, job: &JobName) -> Self {
        Self { datastore: datastore.to_owned(), path: format!("trainyard/{job}") }
    }

    /// Something in this folder.
    pub fn below(&self, name: &str) -> Self {
        Self { datastore: self.datastore.clone(), path: format!("{}/{name}", self.path) }
    }

    /// As Azure ML takes it.
    pub fn uri(&self) -> String {
        format!("azureml://datastores/{}/paths/{}", self.datastore, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_in_all_ways_they_are_written() {
        let read = |uri: &str| Place::read(uri).map(|place| (place.datastore, place.path));
        let place = |datastore: &str, path: &str| Some((datastore.to_owned(), path.to_owned()));
        assert_eq!(read("azureml://datastores/store/paths/trainyard/job/"), place("store", "trainyard/job"));
        let long = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/store/paths/a/b.pkl";
        assert_eq!(read(long), place("store", "a/b.pkl"));
        let artifacts = "azureml://jobs/train-1/outputs/artifacts/paths/model/";
        assert_eq!(read(artifacts), place("workspaceartifactstore", "ExperimentRun/dcid.train-1/model"));
        for other in ["azureml://registries/r/models/m/versions/1", "https://a.b/c", "azureml://datastores/x", ""] {
            assert_eq!(read(other), None, "{other}");
        }
        let place = Place::of_job("store", &"r1-train-1".parse().unwrap());
        assert_eq!(Place::read(&place.uri()), Some(place));
    }
}
