use serde_json::json;

use super::*;

#[test]
fn what_is_wrong_is_told_with_its_path() {
    let body = json!({"resource": {"repository": {"id": 7.5}, "refUpdates": [{"name": null}]}});
    let resource = Object::at("", &body).unwrap().object("resource").unwrap();
    let told = |refusal: Refusal| refusal.to_string();
    let repository = resource.object("repository").unwrap();
    assert_eq!(
        told(repository.name("id").unwrap_err()),
        "shape.member: `resource.repository.id` is a number; it should be a name"
    );
    let updates = resource.maybe_list("refUpdates").unwrap().unwrap();
    let update = resource.item("refUpdates", 0, &updates[0]).unwrap();
    assert_eq!(told(update.text("name").unwrap_err()), "shape.missing: `resource.refUpdates[0].name` is missing");
}

#[test]
fn null_is_the_same_as_absent() {
    let body = json!({"a": null});
    let object = Object::at("", &body).unwrap();
    assert_eq!(object.maybe_text("a"), object.maybe_text("b"));
    assert_eq!(object.maybe_flag("a"), Ok(None));
    assert_eq!(object.maybe_list("a"), Ok(None));
}

#[test]
fn members_are_found_in_any_case_but_never_two_for_one() {
    let body = json!({"ModelName": "m", "modelVersion": 1, "MODELVERSION": 2});
    let object = Object::at("", &body).unwrap().in_any_case();
    assert_eq!(object.text("modelName"), Ok("m"));
    assert_eq!(object.value("modelVersion").unwrap_err().code, Code::JsonDuplicateMember);
}

#[test]
fn a_name_is_short_and_says_what_it_seems_to_say() {
    let body = json!({"a": "x".repeat(2000), "b": "a\nb", "c": "", "d": 17, "e": "\u{202e}x", "f": -1});
    let object = Object::at("", &body).unwrap();
    assert_eq!(object.name("d"), Ok("17".to_owned()));
    for bad in ["a", "b", "c", "e", "f"] {
        assert!(object.name(bad).is_err(), "{bad}");
    }
    assert_eq!(object.maybe_named("c"), Ok(None));
}
