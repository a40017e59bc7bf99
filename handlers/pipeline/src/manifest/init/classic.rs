//! A repository that looks like MLOpsPython: its variables keep their meaning.

use super::guess::shell_word;
use super::variables::Variables;
use super::{Draft, DraftScore, DraftTrain, Repository, folder, project};
use crate::manifest::OnWorse;
use crate::manifest::paths::glob_problem;
use crate::manifest::places::shown;
use crate::manifest::validate::path_problem;
use crate::names::{Branch, ModelName};

/// The variables template of such a repository.
pub(super) struct Template {
    path: String,
    sources: String,
    variables: Variables,
}

/// The template, if there is exactly one and its sources hold `parameters.json`.
pub(super) fn template(repository: &Repository) -> Option<Template> {
    let is_template = |file: &&String| {
        file.strip_prefix(".pipelines/")
            .is_some_and(|name| !name.contains('/') && name.ends_with("-variables-template.yml"))
    };
    let mut templates = repository.files.iter().filter(is_template);
    let (path, None) = (templates.next()?, templates.next()) else {
        return None;
    };
    let variables = Variables::read(&repository.text(path)?)?;
    let sources = variables.get("SOURCES_DIR_TRAIN")?;
    let sources = sources.trim_matches('/').to_owned();
    let fits = path_problem(&sources).is_none();
    (fits && repository.has(&format!("{sources}/parameters.json"))).then(|| Template {
        path: path.clone(),
        sources,
        variables,
    })
}

pub(super) fn draft(repository: &Repository, template: Template, notes: &mut Vec<String>) -> Draft {
    let mut reader = Reader { repository, template: &template, notes };
    reader.note(format!("This repository looks like MLOpsPython: what follows was taken from `{}`.", template.path));
    let name = folder_name(&template.sources);
    let project = project(name).unwrap_or_else(|| project("my_model").expect("it follows the rules"));
    reader.note(format!("`project` is `{project}`, from SOURCES_DIR_TRAIN."));
    let (branches, include) = reader.triggers();
    let train = reader.train();
    let model_name = reader.model_name();
    let score = reader.score(&train.environment);
    let (evaluate, on_worse) = reader.evaluate();
    let check_environment = reader.check_environment(&train.environment);
    reader.notes.extend(template.variables.without_counterpart());
    Draft {
        project,
        branches,
        include,
        check_environment,
        lint: "flake8 --output-file=lint-testresults.xml --format junit-xml".to_owned(),
        test: Some(format!(
            "pytest . --cov={} --cov-report=html --cov-report=xml --junitxml=unit-testresults.xml",
            shell_word(&template.sources)
        )),
        train: Some(train),
        evaluate,
        on_worse,
        model_name,
        score,
    }
}

struct Reader<'a, 'r> {
    repository: &'a Repository<'r>,
    template: &'a Template,
    notes: &'a mut Vec<String>,
}

impl Reader<'_, '_> {
    fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.template.variables.get(name)
    }

    /// A file below the sources that a variable names.
    fn source_file(&mut self, variable: &str, usual: &str) -> String {
        let named = self.variable(variable).map(str::to_owned);
        let fits = |name: &String| path_problem(name).is_none();
        match named {
            Some(name) if !fits(&name) => {
                self.note(format!(
                    "{variable} says `{}`, which is no path below the sources: `{usual}` is assumed.",
                    shown(&name)
                ));
                format!("{}/{usual}", self.template.sources)
            }
            Some(name) => format!("{}/{name}", self.template.sources),
            None => format!("{}/{usual}", self.template.sources),
        }
    }

    fn triggers(&mut self) -> (Vec<String>, Vec<String>) {
        let sources = self.template.sources.clone();
        let usual = (
            vec!["master".to_owned(), "main".to_owned()],
            vec![format!("{sources}/**"), "data/**".to_owned(), "trainyard.yml".to_owned()],
        );
        let file = self.template.path.replace("-variables-template.yml", "-ci.yml");
        let Some(trigger) = self
            .repository
            .text(&file)
            .and_then(|text| serde_saphyr::from_str::<serde_json::Value>(&text).ok())
            .map(|pipeline| pipeline["trigger"].clone())
        else {
            return usual;
        };
        let texts = |value: &serde_json::Value| -> Vec<String> {
            let items = value.as_array().or_else(|| value["include"].as_array());
            let items = items.into_iter().flatten();
            items.filter_map(|item| Some(item.as_str()?.to_owned())).collect()
        };
        let named = if trigger.is_array() { texts(&trigger) } else { texts(&trigger["branches"]) };
        let (mut branches, patterns): (Vec<_>, Vec<_>) =
            named.into_iter().partition(|name| name.parse::<Branch>().is_ok());
        if !patterns.is_empty() {
            let patterns = patterns.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ");
            self.note(format!("Branches are named, not matched, here: `{patterns}` in `{file}` is left out."));
        }
        if branches.is_empty() {
            branches = usual.0;
        } else {
            self.note(format!("`triggers.branches` is the trigger of `{file}`."));
        }
        // The pipelines that were published from these files are not built any more.
        let (obsolete, mut include): (Vec<_>, Vec<_>) = texts(&trigger["paths"])
            .into_iter()
            .partition(|path| path.starts_with("ml_service/") || glob_problem(path).is_some());
        if !obsolete.is_empty() {
            let obsolete = obsolete.iter().map(|path| shown(path)).collect::<Vec<_>>().join(", ");
            self.note(format!("These paths of `{file}` start nothing here: `{obsolete}`."));
        }
        if !include.is_empty() {
            self.note(format!("`triggers.paths.include` is the trigger of `{file}`."));
            include.push("trainyard.yml".to_owned());
        }
        (branches, include)
    }

    fn train(&mut self) -> DraftTrain {
        let script = self.source_file("TRAIN_SCRIPT_PATH", "training/train_aml.py");
        let text = self.repository.text(&script).unwrap_or_default();
        let model = self.model_file();
        let data = self.data();
        let mut command = python(&script);
        let dataset = self.variable("DATASET_NAME").map(str::to_owned);
        let version = self.variable("DATASET_VERSION").unwrap_or("latest").to_owned();
        let arguments = [
            ("--model_name", Some(model.clone())),
            ("--step_output", Some("outputs".to_owned())),
            ("--dataset_name", dataset.clone()),
            ("--dataset_version", Some(version)),
            ("--data_file_path", Some("none".to_owned())),
            ("--caller_run_id", Some("none".to_owned())),
        ];
        for (flag, value) in arguments {
            if let Some(value) = value
                && text.contains(flag)
            {
                command.push_str(&format!(" {flag} {}", shell_word(&value)));
            }
        }
        self.note(format!(
            "`train.command` runs `{script}`, from TRAIN_SCRIPT_PATH, with the arguments that it asks for. It must leave \
             `{model}` (MODEL_NAME) and `metrics.json` in the folder `TRAINYARD_OUTPUTS`."
        ));
        if text.contains("azureml.core") {
            self.note(format!(
                "`{script}` uses the Azure ML SDK of version 1, which has no workspace to talk to on this machine: let it \
                 read `TRAINYARD_DATA` and `TRAINYARD_PARAMETERS` and write into `TRAINYARD_OUTPUTS`."
            ));
        }
        if let Some(dataset) = dataset {
            let instead = match &data {
                Some(data) => format!("`train.data` is `{data}` instead"),
                None => "name a file under `train.data`".to_owned(),
            };
            self.note(format!(
                "DATASET_NAME (`{}`) names a registered data set, which has no counterpart yet: {instead}.",
                shown(&dataset)
            ));
        }
        let auto = self.template.variables.is_on("auto-trigger-training");
        if !auto {
            self.note("`train.auto` is `false`, from auto-trigger-training.".to_owned());
        }
        DraftTrain {
            auto,
            environment: self.train_environment(),
            command,
            parameters: Some(format!("{}/parameters.json", self.template.sources)),
            data,
            model,
        }
    }

    fn model_file(&mut self) -> String {
        match self.variable("MODEL_NAME") {
            Some(name) if path_problem(name).is_none() && !name.contains('/') => name.to_owned(),
            _ => format!("{}_model.pkl", folder_name(&self.template.sources)),
        }
    }

    fn model_name(&mut self) -> Option<String> {
        let name = self.variable("MODEL_NAME")?.to_owned();
        if name.parse::<ModelName>().is_err() {
            self.note(format!(
                "MODEL_NAME (`{}`) cannot be the name of a model: `register.name` is left out.",
                shown(&name)
            ));
            return None;
        }
        self.note(format!("`register.name` is `{name}`, from MODEL_NAME."));
        Some(name)
    }

    fn train_environment(&mut self) -> String {
        let file = self.source_file("AML_ENV_TRAIN_CONDA_DEP_FILE", "conda_dependencies.yml");
        self.note(format!("`train.environment` is `{file}`, from AML_ENV_TRAIN_CONDA_DEP_FILE."));
        if !self.repository.has(&file) {
            self.note(format!("`{file}` is not in the repository: name the right file under `train.environment`."));
        }
        file
    }

    /// The only file in `data` whose name the data set's name begins with.
    fn data(&self) -> Option<String> {
        let files = self.repository.csv_in_data();
        if let [only] = files[..] {
            return Some(only.to_owned());
        }
        let dataset = self.variable("DATASET_NAME")?;
        let mut named = files.into_iter().filter(|file| {
            let stem = file.trim_start_matches("data/").trim_end_matches(".csv");
            dataset.starts_with(stem)
        });
        let only = named.next()?;
        named.next().is_none().then(|| only.to_owned())
    }

    fn score(&mut self, train_environment: &str) -> DraftScore {
        let entry = self.source_file("SCORE_SCRIPT", "scoring/score.py");
        self.note(format!("`scoring.entry` is `{entry}`, from SCORE_SCRIPT."));
        let folder = folder(&entry).unwrap_or(&self.template.sources).to_owned();
        let settings = format!("{folder}/inference_config.yml");
        let conda = self
            .repository
            .text(&settings)
            .and_then(|text| serde_saphyr::from_str::<serde_json::Value>(&text).ok())
            .and_then(|settings| beside(&folder, settings["condaFile"].as_str()?))
            .filter(|file| self.repository.has(file));
        let environment = match conda {
            Some(file) => {
                self.note(format!("`scoring.environment` is `{file}`, from `{settings}`."));
                file
            }
            None => train_environment.to_owned(),
        };
        DraftScore { entry, environment, folder: Some(folder) }
    }

    fn evaluate(&mut self) -> (bool, OnWorse) {
        let run = self.template.variables.is_on("RUN_EVALUATION");
        let cancels = self.template.variables.is_on("ALLOW_RUN_CANCEL");
        if !run {
            self.note(
                "`evaluate.run` is `false`, from RUN_EVALUATION: every model is registered and released.".to_owned(),
            );
        }
        if !cancels {
            self.note(
                "`evaluate.on_worse` is `register`, from ALLOW_RUN_CANCEL: a model that is not better is registered for \
                 the record. It is not released any more."
                    .to_owned(),
            );
        }
        let on_worse = if cancels { OnWorse::Stop } else { OnWorse::Register };
        (run, on_worse)
    }

    fn check_environment(&mut self, train_environment: &str) -> String {
        let beside = format!("{}/ci_dependencies.yml", self.template.sources);
        let found = self.repository.first([beside.as_str(), "ci_dependencies.yml"]);
        found.unwrap_or_else(|| {
            self.note(
                "There is no `ci_dependencies.yml`: the check runs in the training environment, which must hold flake8 \
                 and pytest."
                    .to_owned(),
            );
            train_environment.to_owned()
        })
    }
}

/// The command that runs a script, as a module where its path allows: then imports from the root work.
fn python(script: &str) -> String {
    let module = script.strip_suffix(".py").unwrap_or_default();
    let is_identifier = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if module.split('/').all(is_identifier) {
        format!("python -m {}", module.replace('/', "."))
    } else {
        format!("python {}", shell_word(script))
    }
}

/// A path that is written relative to a folder.
fn beside(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    let path = parts.join("/");
    path_problem(&path).is_none().then_some(path)
}

fn folder_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
