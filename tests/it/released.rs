//! A good model goes all the way.

use crate::support::{Machine, Repository, assert_outcome};

#[test]
fn a_good_model_goes_through_qa_and_an_approval_to_production() {
    let machine = Machine::new();
    let repository = Repository::new(&machine);

    let run = repository.push();
    machine.at_gate(&run, "prod");
    machine.approve(&run, "prod");
    let run = machine.ended(&run);

    assert_outcome(&run, "released");
    println!("{run:#}");
    println!("{}", repository.ask("prod"));
}
