//! Settings that are right, wrong, and none.

use super::Settings;

fn of(given: &[(&str, &str)]) -> Result<Settings, String> {
    let owned = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::of(owned).map_err(|failure| format!("{} ({})", failure.sentence, failure.advice.unwrap_or_default()))
}

#[test]
fn what_nobody_sets_has_its_default_and_an_empty_value_is_none() {
    let settings = of(&[("TRAINYARD_BUS", "service_bus"), ("TRAINYARD_STORE", ""), ("PATH", "/bin")]).unwrap();
    assert_eq!(settings.get("TRAINYARD_STORE"), Some("embedded"));
    assert_eq!(settings.get("TRAINYARD_BUS"), Some("service_bus"));
    assert_eq!(settings.get("TRAINYARD_AZURE_ML"), None);
}

#[test]
fn a_name_that_nobody_knows_is_an_error_that_says_what_was_meant() {
    let error = of(&[("TRAINYARD_JOB", "embedded")]).unwrap_err();
    assert!(error.contains("no setting TRAINYARD_JOB") && error.contains("did you mean TRAINYARD_JOBS?"), "{error}");
    let error = of(&[("TRAINYARD_COLOUR", "red")]).unwrap_err();
    assert!(error.contains("local.settings.example.json"), "{error}");
    assert!(of(&[("TRAINYARD_SECRET_QA_KEY", "x"), ("TRAINYARD_DATA", "/data")]).is_ok());
}

#[test]
fn a_word_that_is_not_allowed_names_those_that_are() {
    let settings = of(&[("TRAINYARD_STORE", "blobs")]).unwrap();
    let failure = settings.word("TRAINYARD_STORE", &[("embedded", 1), ("blob", 2)]).unwrap_err();
    assert_eq!(failure.sentence, "the setting TRAINYARD_STORE is \"blobs\"; it may be embedded, blob");
}

#[test]
fn json_of_another_shape_is_told_without_what_is_in_it() {
    let settings = of(&[("TRAINYARD_BLOB", "{\"secret\": ")]).unwrap();
    let failure = settings.json::<Vec<u8>>("TRAINYARD_BLOB").unwrap_err();
    assert!(failure.sentence.contains("TRAINYARD_BLOB cannot be read"), "{}", failure.sentence);
    assert!(!failure.sentence.contains("secret"), "{}", failure.sentence);
    let failure = settings.needed::<Vec<u8>>("TRAINYARD_AZURE_ML", "TRAINYARD_JOBS").unwrap_err();
    assert!(failure.sentence.contains("is not set, and TRAINYARD_JOBS needs it"), "{}", failure.sentence);
}

#[test]
fn no_setting_is_there_twice() {
    let mut names: Vec<&str> = super::table::all().map(|setting| setting.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
