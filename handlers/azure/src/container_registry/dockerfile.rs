//! How images are made: Dockerfiles, written here, with nothing in them that could be read as more than a name.

use std::fmt::Write as _;

use pipeline::effect::BuildSpec;
use pipeline::event::model_reference;
use pipeline::names::Digest;

use super::RegistrySettings;

/// Where the environment is in a scoring image.
const ENVIRONMENT: &str = "/opt/environment";
/// The inference server, for dependency files that do not name one.
const SERVER: &str = "azureml-inference-server-http~=1.5";
const PORT: u16 = 5001;
/// Nobody in particular. A number, because only that shows a cluster that it is not the administrator.
pub(super) const USER: &str = "1000:1000";

/// The Dockerfile of a scoring image. Its context holds `app/` (with the scoring script and the dependency file) and
/// `model/`. `dependencies` is the dependency file's digest.
///
/// The image is the same that `handlers/local` serves: `/app`, the model in `/app/model`, and Microsoft's inference
/// server on port 5001. The user cannot change what is in it.
pub(super) fn scoring(
    build: &BuildSpec,
    entry: &str,
    environment: &str,
    dependencies: &Digest,
    settings: &RegistrySettings,
) -> String {
    let is_conda = environment.ends_with(".yml") || environment.ends_with(".yaml");
    let file = format!("/app/{environment}");
    let python = format!("{ENVIRONMENT}/bin/python");
    let mut text = String::new();
    let mut line = |line: String| text += &(line + "\n");
    line(format!("FROM {}", if is_conda { &settings.conda_image } else { &settings.python_image }));
    line("USER root".into());
    line("COPY app/ /app/".into());
    line("WORKDIR /app".into());
    if is_conda {
        line(run(&["conda", "env", "create", "--prefix", ENVIRONMENT, "--file", &file]));
    } else {
        line(run(&["python3", "-m", "venv", ENVIRONMENT]));
        line(run(&[&python, "-m", "pip", "install", "--no-cache-dir", "--requirement", &file]));
    }
    let server = format!("test -x {ENVIRONMENT}/bin/azmlinfsrv || {python} -m pip install --no-cache-dir '{SERVER}'");
    line(run(&["sh", "-c", &server]));
    line("COPY model/ /app/model/".into());
    for (name, value) in [
        ("AZUREML_ENTRY_SCRIPT", format!("/app/{entry}")),
        ("AZUREML_APP_ROOT", "/app".into()),
        ("AML_APP_ROOT", "/app".into()),
        ("AZUREML_MODEL_DIR", "/app/model".into()),
        ("AML_APP_INSIGHTS_ENABLED", "false".into()),
        ("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true".into()),
        ("SERVER_VERSION_LOG_RESPONSE_ENABLED", "false".into()),
        ("PYTHONUNBUFFERED", "1".into()),
        ("PYTHONDONTWRITEBYTECODE", "1".into()),
        ("HOME", "/tmp".into()),
    ] {
        line(format!("ENV {name}={}", quoted(&value)));
    }
    // The folder of programs stands before the others, which the base knows.
    line(format!("ENV PATH=\"{ENVIRONMENT}/bin:$PATH\""));
    for (name, value) in [
        ("trainyard.entry", build.entry.clone()),
        ("trainyard.environment", dependencies.to_string()),
        ("trainyard.environment.file", build.environment.clone()),
        ("trainyard.model", model_reference(&build.model.name, build.model.version)),
        ("trainyard.model.digest", build.model.digest.to_string()),
        ("trainyard.model.file", build.model_file.clone()),
    ] {
        line(format!("LABEL {name}={}", quoted(&value)));
    }
    line(format!("EXPOSE {PORT}"));
    line(format!("USER {USER}"));
    let script = format!("/app/{entry}");
    let port = PORT.to_string();
    let words = ["azmlinfsrv", "--entry_script", &script, "--model_dir", "/app/model", "--port", &port];
    line(format!("ENTRYPOINT {}", words_of(&words)));
    text
}

/// The Dockerfile of a job that runs commands on a snapshot. Its context holds `job/`.
pub(super) fn check(python_image: &str) -> String {
    let mut text = format!("FROM {python_image}\nUSER root\n");
    let more = ["--environment", "/tmp/trainyard/environment"];
    finish(&mut text, "python3", &more);
    text
}

/// The Dockerfile of a job in an image: what is in the image, the snapshot and the launcher. The commands may write
/// beside the application, as reports are left there.
pub(super) fn in_image(reference: &str) -> String {
    let mut text = format!("FROM {reference}\nUSER root\n");
    text += &format!("{}\n", run(&["chown", "-R", USER, "/app"]));
    finish(&mut text, "python", &["--app", "/app"]);
    text
}

fn finish(text: &mut String, python: &str, more: &[&str]) {
    let launcher = [python, "/trainyard/launch.py", "--job", "/trainyard/job.json"];
    let folders = ["--source", "/trainyard/source.tar", "--result", "/tmp/trainyard/result"];
    let words = [&launcher, &folders, more, &["--print"]].concat();
    let _ = write!(
        text,
        "ENV HOME=\"/tmp\"\nCOPY job/ /trainyard/\nUSER {USER}\nWORKDIR /tmp\nENTRYPOINT {}\nCMD []\n",
        words_of(&words)
    );
}

/// A command without a shell: its words are never read again.
fn run(words: &[&str]) -> String {
    format!("RUN {}", words_of(words))
}

fn words_of(words: &[&str]) -> String {
    serde_json::to_string(words).expect("texts are plain data")
}

/// A value as one word.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$') {
            text.push('\\');
        }
        text.push(c);
    }
    text + "\""
}

/// Whether a path can stand in a Dockerfile. A line end would begin another line.
pub(super) fn is_plain(path: &str) -> bool {
    !path.chars().any(char::is_control)
}
