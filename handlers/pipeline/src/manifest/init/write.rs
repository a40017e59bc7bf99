//! The text of a first manifest, with comments for who reads it next.

use super::{Draft, DraftScore, DraftTrain};
use crate::manifest::OnWorse;

/// A text as YAML takes it, whatever is in it.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    // Words that YAML takes for something else, and numbers with an exponent, begin with a letter too.
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if is_plain && !words.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

fn or_null(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), quoted)
}

pub(super) fn write(draft: &Draft) -> String {
    let mut sections = vec![head(draft), triggers(draft), check(draft), train(draft.train.as_ref()), evaluate(draft)];
    if let Some(name) = &draft.model_name {
        sections.push(format!("register:\n  name: {}\n", quoted(name)));
    }
    sections.push(scoring(&draft.score));
    sections.push(environments());
    sections.join("\n")
}

fn head(draft: &Draft) -> String {
    format!(
        "# How Trainyard delivers this model. `trainyard schema` describes every key; what is left out has its default.\n\
         version: 1\n\
         project: {}\n",
        quoted(draft.project.as_str())
    )
}

fn triggers(draft: &Draft) -> String {
    let scoring = match &draft.score.folder {
        Some(folder) => format!("{folder}/**"),
        None => draft.score.entry.clone(),
    };
    format!(
        "triggers:\n  \
           branches: {branches}\n  \
           pull_requests: true           # checked only: nothing is trained or deployed\n  \
           paths:\n    \
             include: {include}   # empty means all\n    \
             exclude: [\"docs/**\", \"**/*.md\"]\n  \
           scoring_paths: {scoring}   # only these changed: a new image of the live model, no training\n",
        branches = list(&draft.branches),
        include = list(&draft.include),
        scoring = list(&[scoring]),
    )
}

fn check(draft: &Draft) -> String {
    let coverage = match draft.test {
        Some(_) => "{ min_line: 0 }         # percent; a missing report fails the check",
        None => "{ required: false }",
    };
    format!(
        "check:                          # both commands run, even if one of them is red\n  \
           environment: {}\n  \
           lint: {}\n  \
           test: {}\n  \
           coverage: {coverage}\n",
        quoted(&draft.check_environment),
        quoted(&draft.lint),
        or_null(draft.test.as_deref()),
    )
}

fn train(train: Option<&DraftTrain>) -> String {
    let Some(train) = train else {
        return "train: false                    # no training script was found\n".to_owned();
    };
    let auto = if train.auto { "" } else { "  auto: false                   # people start the training\n" };
    format!(
        "train:\n\
         {auto}  \
           environment: {}\n  \
           command: {}\n  \
           parameters: {}   # told to the command as TRAINYARD_PARAMETERS\n  \
           data: {}   # told to the command as TRAINYARD_DATA\n  \
           model: {}   # the command leaves it in the folder TRAINYARD_OUTPUTS, beside metrics.json\n",
        quoted(&train.environment),
        quoted(&train.command),
        or_null(train.parameters.as_deref()),
        or_null(train.data.as_deref()),
        quoted(&train.model),
    )
}

fn evaluate(draft: &Draft) -> String {
    let on_worse = match draft.on_worse {
        OnWorse::Stop => "stop",
        OnWorse::Register => "register",
    };
    format!(
        "evaluate:                       # against the model that is live in the last environment\n  \
           run: {}\n  \
           on_worse: {on_worse}\n  \
           rules:\n    \
             - {{ metric: mse, goal: minimize, min_improvement: 0 }}   # strictly better is always asked\n",
        draft.evaluate
    )
}

fn scoring(score: &DraftScore) -> String {
    let include = match &score.folder {
        Some(folder) => folder.clone(),
        None => score.entry.clone(),
    };
    format!(
        "scoring:\n  \
           entry: {}   # init() and run(...)\n  \
           environment: {}\n  \
           include: {}   # what goes into the image beside the model\n  \
           # A smoke test sends a request and compares the answer:\n  \
           # smoke:\n  \
           #   - payload: tests/smoke.json\n  \
           #     expect: {{ status: 200, length: 2 }}\n",
        quoted(&score.entry),
        quoted(&score.environment),
        list(&[include]),
    )
}

fn environments() -> String {
    "environments:                   # in this order\n  \
       qa: {}\n  \
       prod:\n    \
         approval: { approvers: [], need: one, timeout_hours: 48 }   # no names: anyone may answer\n    \
         rollback: true\n"
        .to_owned()
}
