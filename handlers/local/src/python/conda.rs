//! conda's `environment.yml` as pip requirements: the same names with the same versions. Channels do not matter.

use serde::Deserialize;

use super::pin::PythonPin;

/// What a conda file says, in pip's words.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Mapped {
    /// Lines of a requirements file.
    pub(super) lines: Vec<String>,
    /// The Python that it asks for.
    pub(super) python: Option<PythonPin>,
    /// What is left out and why, in sentences.
    pub(super) notes: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Dependency {
    Conda(String),
    Pip { pip: Vec<String> },
}

/// Names that differ between conda's channels and PyPI.
const RENAMED: [(&str, &str); 10] = [
    ("pytorch", "torch"),
    ("pytorch-cpu", "torch"),
    ("py-xgboost", "xgboost"),
    ("py-opencv", "opencv-python"),
    ("opencv", "opencv-python"),
    ("matplotlib-base", "matplotlib"),
    ("msgpack-python", "msgpack"),
    ("pytables", "tables"),
    ("tensorflow-base", "tensorflow"),
    ("dask-core", "dask"),
];

/// Not Python packages: libraries and tools that wheels bring along or the machine has.
const NOT_PYTHON: [&str; 20] = [
    "blas",
    "bzip2",
    "ca-certificates",
    "conda",
    "cudatoolkit",
    "cudnn",
    "gcc",
    "gxx",
    "intel-openmp",
    "llvm-openmp",
    "mkl",
    "ncurses",
    "nodejs",
    "openblas",
    "openjdk",
    "openssl",
    "readline",
    "sqlite",
    "tk",
    "zlib",
];

/// Reads a conda file. `Err` says what is wrong, in a sentence.
pub(super) fn read(text: &str) -> Result<Mapped, String> {
    let file: File =
        serde_saphyr::from_str(text).map_err(|error| format!("this is not a conda environment file: {error}"))?;
    let mut mapped = Mapped::default();
    for dependency in file.dependencies {
        match dependency {
            Dependency::Pip { pip } => mapped.lines.extend(pip),
            Dependency::Conda(spec) => conda(&spec, &mut mapped)?,
        }
    }
    Ok(mapped)
}

fn conda(spec: &str, mapped: &mut Mapped) -> Result<(), String> {
    let unclear = |why: &str| format!("`{spec}` cannot be mapped to a pip requirement: {why}");
    let plain = spec.rsplit("::").next().unwrap_or(spec).trim();
    let end = plain.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(plain.len());
    let (name, version) = plain.split_at(end);
    let (name, version) = (name.to_ascii_lowercase(), version.trim());
    if name.is_empty() {
        return Err(unclear("it has no name"));
    }
    if name == "python" {
        mapped.python =
            PythonPin::read(version).map_err(|()| unclear("write the version as python=3.12 or python>=3.10,<3.13"))?;
        return Ok(());
    }
    if name == "pip" {
        return Ok(()); // Every environment has it.
    }
    let is_library = name.starts_with('_') || name.starts_with("lib") || name.starts_with("r-");
    if is_library || NOT_PYTHON.contains(&name.as_str()) {
        let note =
            format!("{name} is left out: it is no Python package; if the commands need it, install it on this machine");
        mapped.notes.push(note);
        return Ok(());
    }
    let renamed = RENAMED.iter().find(|(conda, _)| *conda == name);
    let name = renamed.map_or(name.as_str(), |(_, pip)| pip);
    let version = pip_version(version).map_err(|why| unclear(&why))?;
    mapped.lines.push(format!("{name}{version}"));
    Ok(())
}

/// `=1.2` (which conda takes for any 1.2) as `==1.2.*`, `=1.2.3=py311_0` as `==1.2.3`, `>=1,<2` as it is.
fn pip_version(version: &str) -> Result<String, String> {
    if version.contains(['|', '[', '(']) {
        return Err("alternatives and selectors have no counterpart; move it to the `pip:` list".into());
    }
    if let Some(exact) = version.strip_prefix("==") {
        let exact = exact.split(['=', ' ']).next().unwrap_or_default();
        return Ok(format!("=={exact}"));
    }
    if version.starts_with(['>', '<', '!', '~']) {
        return Ok(version.split_whitespace().collect());
    }
    let version = version.trim_start_matches('=').trim();
    let (version, build) = match version.split_once(['=', ' ']) {
        Some((version, build)) => (version.trim(), !build.trim().is_empty()),
        None => (version, false),
    };
    let stem = version.trim_end_matches('*').trim_end_matches('.');
    match (stem.is_empty(), build) {
        (true, _) => Ok(String::new()),
        (false, true) if !version.ends_with('*') => Ok(format!("=={stem}")),
        (false, _) => Ok(format!("=={stem}.*")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conda_file_becomes_pip_requirements() {
        let mapped = read(
            "name: training\n\
             channels: [conda-forge, defaults]\n\
             dependencies:\n\
             - python=3.11.4\n\
             - numpy=1.26\n\
             - conda-forge::Pandas=2.2.1=py311h1\n\
             - scikit-learn >=1.3, <1.6\n\
             - joblib==1.4.2\n\
             - scipy 1.11.*\n\
             - pytorch\n\
             - libgomp\n\
             - pip=24\n\
             - pip:\n  - azureml-inference-server-http==1.5.1\n  - mlflow>=2\n",
        )
        .unwrap();
        assert_eq!(
            mapped.lines,
            [
                "numpy==1.26.*",
                "pandas==2.2.1",
                "scikit-learn>=1.3,<1.6",
                "joblib==1.4.2",
                "scipy==1.11.*",
                "torch",
                "azureml-inference-server-http==1.5.1",
                "mlflow>=2",
            ]
        );
        assert_eq!(mapped.notes.len(), 1);
        assert!(mapped.notes[0].starts_with("libgomp is left out"));
        let python = mapped.python.unwrap();
        assert!(python.fits(&[3, 11, 7]));
        assert!(!python.fits(&[3, 12, 4]));
    }

    #[test]
    fn ranges_of_python_are_understood() {
        let fits = |spec: &str, version: &[u32]| PythonPin::read(spec).unwrap().is_none_or(|pin| pin.fits(version));
        assert!(fits(">=3.10,<3.13", &[3, 12, 4]));
        assert!(!fits(">=3.10,<3.13", &[3, 13, 0]));
        assert!(fits("<=3.11", &[3, 11, 7]));
        assert!(!fits(">3.11", &[3, 11, 7]));
        assert!(fits("", &[3, 14, 0]));
        assert!(PythonPin::read("=three").is_err());
    }

    #[test]
    fn what_cannot_be_mapped_is_said() {
        let error = read("dependencies: ['numpy=1.25|1.26']").unwrap_err();
        assert!(error.contains("numpy=1.25|1.26"), "{error}");
        let error = read("just some text").unwrap_err();
        assert!(error.contains("not a conda environment file"), "{error}");
    }
}
