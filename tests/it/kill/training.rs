//! A training that lasts as long as a test wants.

use std::fs;
use std::path::PathBuf;

use super::once::names;
use crate::support::{Machine, Repository, eventually};

/// A model repository whose training says which process it is and lasts until the test lets it end.
pub struct Training<'a> {
    pub repository: Repository<'a>,
    folder: PathBuf,
    home: PathBuf,
}

impl<'a> Training<'a> {
    pub fn new(machine: &'a Machine) -> Self {
        let repository = Repository::new(machine);
        let folder = machine.folder().join("training");
        fs::create_dir(&folder).unwrap();
        let (hold, starts) = (folder.join("hold"), folder.join("starts"));
        let wait = format!(
            "with open({starts:?}, \"a\") as starts:\n    starts.write(f\"{{os.getpid()}}\\n\")\n\
             while Path({hold:?}).exists():\n    time.sleep(0.05)\n\nparameters = "
        );
        repository.replace("training/train.py", "parameters = ", &wait);
        repository.commit();
        let training = Self { repository, folder, home: machine.home() };
        training.hold();
        training
    }

    pub fn hold(&self) {
        fs::write(self.folder.join("hold"), "").unwrap();
    }

    pub fn finish(&self) {
        fs::remove_file(self.folder.join("hold")).unwrap();
    }

    /// The processes of the training so far, waiting until there are this many.
    #[track_caller]
    pub fn starts(&self, count: usize) -> Vec<u32> {
        eventually("the training has begun", || {
            let starts = fs::read_to_string(self.folder.join("starts")).ok()?;
            let starts: Vec<u32> = starts.lines().map(|line| line.parse().unwrap()).collect();
            (starts.len() >= count).then_some(starts)
        })
    }

    /// The folder of the newest training job.
    pub fn job(&self) -> PathBuf {
        let jobs = self.home.join("jobs");
        let job = names(jobs.clone()).into_iter().rfind(|name| name.contains("train")).unwrap();
        jobs.join(job)
    }
}
