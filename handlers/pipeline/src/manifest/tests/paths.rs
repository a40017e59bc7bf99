use proptest::prelude::*;

use crate::manifest::{Concern, Triggers};

#[test]
fn a_change_of_documents_starts_nothing_and_says_why() {
    let concern = changed(&["docs/a.png", "README.md", "training/notes.md", "docs/x/y.md"]);
    let Concern::Nothing { reason } = concern else {
        panic!("{concern:?}");
    };
    assert_eq!(
        reason,
        "`triggers.paths` leaves out all changed files: `docs/a.png`, `README.md`, `training/notes.md` and 1 more"
    );
}

#[test]
fn a_change_of_scoring_alone_packages_the_live_model_anew() {
    assert_eq!(changed(&["scoring/score.py"]), Concern::Scoring);
    assert_eq!(changed(&["scoring/a/b.py", "README.md"]), Concern::Scoring);
}

#[test]
fn any_other_change_is_the_whole_delivery() {
    assert_eq!(changed(&["training/train.py"]), Concern::Everything);
    assert_eq!(changed(&["scoring/score.py", "parameters.json"]), Concern::Everything);
    assert_eq!(changed(&["scoring.py"]), Concern::Everything);
}

#[test]
fn a_change_that_is_not_known_is_the_whole_delivery() {
    assert_eq!(changed(&[]), Concern::Everything);
}

#[test]
fn only_included_files_count_when_any_are_named() {
    let mut triggers = Triggers::default();
    triggers.paths.include = vec!["training/**".into(), "scoring".into()];
    assert_eq!(triggers.concerns(&paths(&["training/a.py"])), Concern::Everything);
    assert_eq!(triggers.concerns(&paths(&["scoring/a.py", "tools/x.py"])), Concern::Scoring);
    assert!(matches!(triggers.concerns(&paths(&["tools/x.py"])), Concern::Nothing { .. }));
}

#[test]
fn globs_mean_what_people_expect() {
    for (glob, path, expected) in [
        ("docs/**", "docs/a", true),
        ("docs/**", "docs/a/b/c", true),
        ("docs/**", "docs", true),
        ("docs/**", "docs2/a", false),
        ("docs/**", "x/docs/a", false),
        ("**/*.md", "README.md", true),
        ("**/*.md", "a/b/c.md", true),
        ("**/*.md", "a/b/c.mdx", false),
        ("*.md", "README.md", true),
        ("*.md", "a/b.md", false),
        ("**", "any/thing", true),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b", true),
        ("a/**/b", "a/x/y/c", false),
        ("a/**/b/**/c", "a/b/x/b/y/c", true),
        ("a/*/c", "a/b/c", true),
        ("a/*/c", "a/b/b/c", false),
        ("a/?.py", "a/é.py", true),
        ("a/?.py", "a/bb.py", false),
        ("a/*b*.py", "a/xbyb.py", true),
        ("*", ".gitignore", true),
        ("docs", "docs/a/b", true),
        ("docs", "docs", true),
        ("docs", "docs.txt", false),
        ("docs/", "docs/a", true),
        ("docs/", "docs", false),
        ("*/", "docs/a/b", true),
        ("*/", "README", false),
        ("scoring/*", "scoring/a/b", false),
        ("data/a.csv", "data/a.csv", true),
    ] {
        let mut triggers = Triggers::default();
        triggers.paths.include = vec![glob.into()];
        triggers.paths.exclude.clear();
        let concern = triggers.concerns(&paths(&[path]));
        let is_meant = !matches!(concern, Concern::Nothing { .. });
        assert_eq!(is_meant, expected, "`{glob}` and `{path}`");
    }
}

proptest! {
    #[test]
    fn a_glob_and_a_path_of_any_kind_end_quickly(glob in "[*?/ab]{0,40}", path in "[/ab]{0,200}") {
        let mut triggers = Triggers::default();
        triggers.paths.include = vec![glob];
        let _ = triggers.concerns(&[path]);
    }

    #[test]
    fn a_path_without_wildcards_means_itself(path in "[a-z]{1,4}(/[a-z.]{1,4}){0,4}") {
        let mut triggers = Triggers::default();
        triggers.paths.include = vec![path.clone()];
        triggers.paths.exclude.clear();
        prop_assert_eq!(triggers.concerns(&[path]), Concern::Everything);
    }
}

fn changed(files: &[&str]) -> Concern {
    Triggers::default().concerns(&paths(files))
}

fn paths(files: &[&str]) -> Vec<String> {
    files.iter().map(|&file| file.to_owned()).collect()
}
