use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::manifest::{Derived, Manifest, OnWorse, derive, read};

const VARIABLES: &str = r#"
variables:
  - group: a-variable-group
  - name: SOURCES_DIR_TRAIN
    value: diabetes_regression
  - name: TRAIN_SCRIPT_PATH
    value: training/train_aml.py
  - name: SCORE_SCRIPT
    value: scoring/score.py
  - name: MODEL_NAME
    value: diabetes_regression_model.pkl
  - name: DATASET_NAME
    value: diabetes_ds
  - name: AML_ENV_TRAIN_CONDA_DEP_FILE
    value: "conda_dependencies.yml"
  - name: AML_CLUSTER_MIN_NODES
    value: 0
  - name: USE_GPU_FOR_SCORING
    value: False
  - name: modelbuildid
    value: $[coalesce(variables['MODEL_BUILD_ID'], variables['Build.BuildId'])]
  - name: BATCHSCORE_SCRIPT_PATH
    value: scoring/parallel_batchscore.py
  - name: COFFEE
    value: black
"#;

#[test]
fn a_repository_like_mlopspython_keeps_its_settings() {
    let (manifest, notes) = derived(&classic(VARIABLES));

    assert_eq!(manifest.project.as_str(), "diabetes_regression");
    let train = manifest.train.get().unwrap();
    assert_eq!(
        train.command,
        "python -m diabetes_regression.training.train_aml --model_name diabetes_regression_model.pkl \
         --step_output outputs --dataset_name diabetes_ds"
    );
    assert_eq!(train.environment, "diabetes_regression/conda_dependencies.yml");
    assert_eq!(train.parameters.as_deref(), Some("diabetes_regression/parameters.json"));
    assert_eq!(train.data.as_deref(), Some("data/diabetes.csv"));
    assert_eq!(train.model, "diabetes_regression_model.pkl");
    assert!(train.auto);
    assert_eq!(manifest.model_name().as_str(), "diabetes_regression_model.pkl");
    assert_eq!(manifest.scoring.entry, "diabetes_regression/scoring/score.py");
    assert_eq!(manifest.scoring.environment, "diabetes_regression/scoring_dependencies.yml");
    assert_eq!(manifest.scoring.include, ["diabetes_regression/scoring"]);
    assert_eq!(manifest.triggers.scoring_paths, ["diabetes_regression/scoring/**"]);
    assert_eq!((manifest.evaluate.run, manifest.evaluate.on_worse), (true, OnWorse::Stop));
    let check = manifest.check.get().unwrap();
    assert_eq!(check.environment, "diabetes_regression/ci_dependencies.yml");
    assert!(check.lint.as_deref().unwrap().starts_with("flake8 "));
    assert!(check.test.as_deref().unwrap().contains("--cov=diabetes_regression "));

    assert!(notes[0].contains(".pipelines/diabetes_regression-variables-template.yml"), "{notes:#?}");
    for said in [
        "`train.command` runs `diabetes_regression/training/train_aml.py`, from TRAIN_SCRIPT_PATH",
        "DATASET_NAME (`diabetes_ds`)",
        "AML_CLUSTER_MIN_NODES, USE_GPU_FOR_SCORING: where a job runs",
        "BATCHSCORE_SCRIPT_PATH: batch scoring has no counterpart yet.",
        "COFFEE: not known here, and left out.",
    ] {
        assert!(notes.iter().any(|note| note.contains(said)), "{said}: {notes:#?}");
    }
}

#[test]
fn its_trigger_is_the_one_of_its_pipeline() {
    let mut files = classic(VARIABLES);
    let pipeline = "trigger:\n  branches:\n    include: [master, 'releases/*']\n  paths:\n    include:\n    \
                    - diabetes_regression/\n    - ml_service/pipelines/build.py\n";
    files.insert(".pipelines/diabetes_regression-ci.yml".into(), pipeline.into());

    let (manifest, notes) = derived(&files);

    let branches: Vec<&str> = manifest.triggers.branches.iter().map(|branch| branch.as_str()).collect();
    assert_eq!(branches, ["master"]);
    assert_eq!(manifest.triggers.paths.include, ["diabetes_regression/", "trainyard.yml"]);
    assert!(notes.iter().any(|note| note.contains("`releases/*`")), "{notes:#?}");
    assert!(notes.iter().any(|note| note.contains("ml_service/pipelines/build.py")), "{notes:#?}");
}

#[test]
fn its_switches_keep_their_meaning() {
    let off = "  - { name: RUN_EVALUATION, value: 'false' }\n  - { name: ALLOW_RUN_CANCEL, value: false }\n  \
               - { name: auto-trigger-training, value: False }\n";
    let (manifest, notes) = derived(&classic(&format!("{VARIABLES}{off}")));

    assert!(!manifest.evaluate.run);
    assert_eq!(manifest.evaluate.on_worse, OnWorse::Register);
    assert!(!manifest.train.get().unwrap().auto);
    for name in ["RUN_EVALUATION", "ALLOW_RUN_CANCEL", "auto-trigger-training"] {
        assert!(notes.iter().any(|note| note.contains(name)), "{name}: {notes:#?}");
    }
}

#[test]
fn two_templates_or_none_are_not_mlopspython() {
    let mut files = classic(VARIABLES);
    files.insert(".pipelines/other-variables-template.yml".into(), VARIABLES.into());
    let (manifest, _) = derived(&files);
    assert_eq!(manifest.project.as_str(), "my_model");

    let mut files = classic(VARIABLES);
    files.remove("diabetes_regression/parameters.json");
    let (manifest, _) = derived(&files);
    assert_eq!(manifest.project.as_str(), "my_model");
}

#[test]
fn any_other_repository_gets_its_files_by_their_usual_names() {
    let files = [
        ("pyproject.toml", "[project]\nname = \"wine.quality\"\n"),
        ("src/wine/train.py", ""),
        ("serving/score.py", ""),
        ("serving/requirements.txt", ""),
        ("requirements.txt", ""),
        ("requirements-dev.txt", ""),
        ("tests/test_train.py", ""),
        ("data/wine.csv", ""),
    ];
    let (manifest, notes) = derived(&repository(&files));

    assert_eq!(manifest.project.as_str(), "wine_quality");
    let train = manifest.train.get().unwrap();
    assert_eq!(train.command, "python src/wine/train.py");
    assert_eq!(train.data.as_deref(), Some("data/wine.csv"));
    assert_eq!(train.parameters, None);
    assert_eq!(manifest.scoring.entry, "serving/score.py");
    assert_eq!(manifest.scoring.environment, "serving/requirements.txt");
    assert_eq!(manifest.scoring.include, ["serving"]);
    let check = manifest.check.get().unwrap();
    assert_eq!(check.environment, "requirements-dev.txt");
    assert!(check.test.is_some() && check.coverage.required);
    assert!(notes.iter().any(|note| note.contains("src/wine/train.py")), "{notes:#?}");
}

#[test]
fn an_empty_repository_gets_a_manifest_and_is_told_what_is_missing() {
    let (manifest, notes) = derived(&BTreeMap::new());

    assert_eq!(manifest.train.get(), None);
    assert_eq!(manifest.check.get().unwrap().test, None);
    for said in ["`my_model`", "No `train.py`", "No `score.py`", "No dependency file", "No tests"] {
        assert!(notes.iter().any(|note| note.contains(said)), "{said}: {notes:#?}");
    }
}

proptest! {
    #[test]
    fn whatever_the_variables_say_the_manifest_can_be_read(
        values in prop::collection::vec("[ -~é\u{202e}]{0,30}", 6),
        sources in "[ -~é]{1,20}",
    ) {
        let names = [
            "TRAIN_SCRIPT_PATH", "SCORE_SCRIPT", "MODEL_NAME", "DATASET_NAME",
            "AML_ENV_TRAIN_CONDA_DEP_FILE", "DATASET_VERSION",
        ];
        let mut variables = vec![serde_json::json!({"name": "SOURCES_DIR_TRAIN", "value": sources})];
        for (name, value) in names.iter().zip(values) {
            variables.push(serde_json::json!({"name": name, "value": value}));
        }
        let template = serde_json::json!({"variables": variables}).to_string();
        let parameters = format!("{}/parameters.json", sources.trim().trim_matches('/'));
        derived(&repository(&[
            (".pipelines/x-variables-template.yml", template.as_str()),
            (parameters.as_str(), "{}"),
        ]));
    }

    #[test]
    fn whatever_the_files_are_called_the_manifest_can_be_read(
        files in prop::collection::vec("([ -~é]{1,10}/)?(train.py|score.py|requirements.txt|[ -~]{1,8}\\.csv)", 0..8),
    ) {
        let files: Vec<(&str, &str)> = files.iter().map(|file| (file.as_str(), "--model_name")).collect();
        derived(&repository(&files));
    }
}

fn classic(variables: &str) -> BTreeMap<String, String> {
    repository(&[
        (".pipelines/diabetes_regression-variables-template.yml", variables),
        ("diabetes_regression/parameters.json", "{}"),
        (
            "diabetes_regression/training/train_aml.py",
            "from azureml.core.run import Run\nargument(\"--model_name\", \"--step_output\", \"--dataset_name\")\n",
        ),
        ("diabetes_regression/scoring/score.py", ""),
        ("diabetes_regression/scoring/inference_config.yml", "condaFile: ../scoring_dependencies.yml\n"),
        ("diabetes_regression/conda_dependencies.yml", ""),
        ("diabetes_regression/scoring_dependencies.yml", ""),
        ("diabetes_regression/ci_dependencies.yml", ""),
        ("data/diabetes.csv", ""),
        ("data/diabetes_bad_schema.csv", ""),
    ])
}

fn repository(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    files.iter().map(owned).collect()
}

fn derived(files: &BTreeMap<String, String>) -> (Manifest, Vec<String>) {
    let paths: Vec<String> = files.keys().cloned().collect();
    let Derived { manifest_text, notes } = derive(&paths, &|path| files.get(path).cloned());
    let manifest = read("trainyard.yml", &manifest_text).unwrap_or_else(|error| panic!("{error}\n{manifest_text}"));
    (manifest, notes)
}
