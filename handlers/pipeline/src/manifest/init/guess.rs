//! Any repository: files are found by their usual names.

use super::{Draft, DraftScore, DraftTrain, Repository, folder, project};
use crate::manifest::OnWorse;

const DEPENDENCIES: [&str; 6] =
    ["requirements.txt", "conda_dependencies.yml", "environment.yml", "conda.yml", "conda.yaml", "environment.yaml"];

const CHECK_DEPENDENCIES: [&str; 5] = [
    "requirements-ci.txt",
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
    "ci_dependencies.yml",
];

pub(super) fn draft(repository: &Repository, notes: &mut Vec<String>) -> Draft {
    let mut guess = Guess { repository, notes };
    let project = guess.project();
    let score_entry = guess.score_entry();
    let environment = guess.environment();
    let train = guess.train(&environment);
    let score_folder = folder(&score_entry).map(str::to_owned);
    let beside = score_folder.iter().flat_map(|folder| {
        let file = move |name: &&str| format!("{folder}/{name}");
        DEPENDENCIES.iter().map(file)
    });
    let beside: Vec<String> = beside.collect();
    let score_environment = repository.first(beside.iter().map(String::as_str));
    let check_environment = repository.first(CHECK_DEPENDENCIES);
    let test = guess.test();
    let lint = repository.first([".flake8"]).map_or_else(|| "ruff check .".to_owned(), |_| "flake8 .".to_owned());
    guess.notes.push(
        "The metric `mse` (smaller is better) and the branches are assumed: check `evaluate.rules` and `triggers.branches`."
            .to_owned(),
    );
    Draft {
        project,
        branches: vec!["main".into(), "master".into()],
        include: Vec::new(),
        check_environment: check_environment.unwrap_or_else(|| environment.clone()),
        lint,
        test,
        train,
        evaluate: true,
        on_worse: OnWorse::Stop,
        model_name: None,
        score: DraftScore {
            environment: score_environment.unwrap_or(environment),
            entry: score_entry,
            folder: score_folder,
        },
    }
}

struct Guess<'a, 'r> {
    repository: &'a Repository<'r>,
    notes: &'a mut Vec<String>,
}

impl Guess<'_, '_> {
    fn project(&mut self) -> crate::names::Project {
        let named = self.repository.text("pyproject.toml").and_then(|text| {
            let line = text.lines().find_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == "name").then(|| value.trim().trim_matches(['"', '\'']).to_owned())
            })?;
            project(&line)
        });
        match named {
            Some(name) => {
                self.notes.push(format!("`project` is `{name}`, from `pyproject.toml`."));
                name
            }
            None => {
                self.notes.push("`project` is `my_model`: write the name of your project.".to_owned());
                project("my_model").expect("it follows the rules")
            }
        }
    }

    fn environment(&mut self) -> String {
        let usual = self.repository.first(DEPENDENCIES);
        let found = usual.or_else(|| {
            let anywhere = DEPENDENCIES.iter();
            anywhere.filter_map(|name| self.repository.nearest(name)).next()
        });
        found.unwrap_or_else(|| {
            self.notes.push(
                "No dependency file was found: `requirements.txt` is assumed. It, or a conda file, must be there."
                    .to_owned(),
            );
            "requirements.txt".to_owned()
        })
    }

    fn score_entry(&mut self) -> String {
        let found =
            self.repository.first(["scoring/score.py", "score.py"]).or_else(|| self.repository.nearest("score.py"));
        match found {
            Some(entry) => {
                self.notes.push(format!("`scoring.entry` is `{entry}`, by its name."));
                entry
            }
            None => {
                self.notes.push(
                    "No `score.py` was found: `scoring/score.py` is assumed. Write it with `init()` and `run(...)`."
                        .to_owned(),
                );
                "scoring/score.py".to_owned()
            }
        }
    }

    fn train(&mut self, environment: &str) -> Option<DraftTrain> {
        let usual = ["training/train.py", "train/train.py", "train.py", "src/train.py"];
        let found = self.repository.first(usual).or_else(|| self.repository.nearest("train.py"));
        let Some(script) = found else {
            self.notes.push(
                "No `train.py` was found: `train: false`, and nothing is trained. Name the command under `train.command`."
                    .to_owned(),
            );
            return None;
        };
        self.notes.push(format!(
            "`train.command` runs `{script}`, by its name. It must leave `model.pkl` and `metrics.json` in the folder \
             `TRAINYARD_OUTPUTS`."
        ));
        let parameters =
            self.repository.first(["parameters.json"]).or_else(|| self.repository.nearest("parameters.json"));
        let data = match self.repository.csv_in_data()[..] {
            [only] => Some(only.to_owned()),
            [] => None,
            _ => {
                self.notes.push(
                    "There is more than one file in `data`: name the training data under `train.data`.".to_owned(),
                );
                None
            }
        };
        Some(DraftTrain {
            auto: true,
            environment: environment.to_owned(),
            command: format!("python {}", shell_word(&script)),
            parameters,
            data,
            model: "model.pkl".to_owned(),
        })
    }

    fn test(&mut self) -> Option<String> {
        if self.repository.has_tests() {
            return Some("pytest --junitxml=unit-testresults.xml --cov=. --cov-report=xml".to_owned());
        }
        self.notes.push("No tests were found: `check.test` is left out, and no coverage is asked for.".to_owned());
        None
    }
}

/// A path as a shell takes it.
pub(super) fn shell_word(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
