//! Environments, built with the Python of this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::*;

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// An interpreter that is a script.
    fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn environments(&self) -> Environments {
        Environments::new(self.folder.path().join("python"))
    }

    async fn get(&self, file: &Path) -> Result<Environment, PythonError> {
        self.environments().get(file, &self.log()).await
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log.txt")
    }

    /// What is left in the folder of environments, locks aside.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("python")).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.ends_with(".lock")).collect()
    }
}

#[tokio::test]
async fn the_same_requirements_are_one_environment_whoever_asks_at_the_same_time() {
    let bench = Bench::new();
    let one = bench.write("requirements.txt", "# one\n");
    let two = bench.write("environment.yml", "dependencies: []\n");
    let environments = bench.environments();
    let log = bench.log();

    let (first, second) = tokio::join!(environments.get(&one, &log), environments.get(&two, &log));

    let first = first.unwrap();
    assert_eq!(first, second.unwrap());
    assert!(first.python().exists() && first.bin().join("pip").exists());
    let log = fs::read_to_string(bench.log()).unwrap();
    assert_eq!(log.matches("building an environment").count(), 1, "{log}");

    // A crash in the middle of building leaves a folder without its marker.
    fs::remove_file(first.folder().join("ready.json")).unwrap();
    fs::remove_file(first.bin().join("pip")).unwrap();
    let again = bench.get(&one).await.unwrap();
    assert_eq!(again, first);
    assert!(again.bin().join("pip").exists());
}

#[tokio::test]
async fn a_package_that_does_not_exist_is_named_and_nothing_is_left_behind() {
    let bench = Bench::new();
    let file = bench.write("requirements.txt", "--no-index\ntrainyard-no-such-package==9.9\n");

    let error = bench.get(&file).await.unwrap_err();

    assert!(matches!(&error, PythonError::NoSuchPackage { .. }), "{error}");
    assert!(error.to_string().contains("trainyard-no-such-package==9.9"), "{error}");
    assert_eq!(bench.left(), Vec::<String>::new());
}

#[tokio::test]
async fn an_index_that_does_not_answer_is_no_fault_of_the_package() {
    let bench = Bench::new();
    // Nobody listens on port 1, so it is refused at once; pip tries for some seconds all the same.
    let file = bench.write("requirements.txt", "--index-url http://127.0.0.1:1/simple\ntrainyard-some-package\n");

    let error = bench.get(&file).await.unwrap_err();

    assert!(matches!(&error, PythonError::PackagesUnreachable { .. }), "{error}");
    assert!(error.is_transient());
    assert_eq!(bench.left(), Vec::<String>::new());
}

#[tokio::test]
async fn requirements_that_pip_cannot_read_are_told_in_its_words() {
    let bench = Bench::new();
    let file = bench.write("requirements.txt", "numpy=1.26\n");

    let error = bench.get(&file).await.unwrap_err();

    let PythonError::InstallFailed { line } = &error else { panic!("{error}") };
    assert!(line.contains("numpy=1.26"), "{line}");
    assert_eq!(bench.left(), Vec::<String>::new());
}

#[tokio::test]
async fn an_interpreter_that_will_not_do_is_told_with_the_reason() {
    let bench = Bench::new();
    let file = bench.write("requirements.txt", "");
    let with = async |interpreter: PathBuf| {
        let environments = bench.environments().with_interpreter(Some(interpreter));
        environments.get(&file, &bench.log()).await.unwrap_err()
    };

    let error = with(bench.folder.path().join("no-python")).await;
    assert!(matches!(&error, PythonError::NotFound { .. }), "{error}");
    let error = with(bench.script("not-a-python", "echo hello")).await;
    assert!(matches!(&error, PythonError::NotFound { .. }), "{error}");
    let error = with(bench.script("old", "echo 2.7.18; exit 1")).await;
    assert!(matches!(&error, PythonError::TooOld { found, .. } if found == "2.7.18"), "{error}");
    let bare = "printf '3.12.4\\ncpython-312\\nlinux-x86_64\\nFalse\\n/usr/bin/python3\\n'";
    let error = with(bench.script("bare", bare)).await;
    assert!(matches!(&error, PythonError::NoVenv { .. }), "{error}");
    assert_eq!(bench.left(), Vec::<String>::new());
}

#[tokio::test]
async fn a_conda_file_that_wants_another_python_is_refused() {
    let bench = Bench::new();
    let file = bench.write("environment.yml", "dependencies: [python=3.7.5, numpy]\n");

    let error = bench.get(&file).await.unwrap_err();

    assert!(matches!(&error, PythonError::WrongVersion { .. }), "{error}");
    assert!(error.to_string().contains("python =3.7.5"), "{error}");
}
