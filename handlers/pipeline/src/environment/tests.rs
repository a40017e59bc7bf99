use proptest::prelude::*;

use super::{Environment, KEPT, REMEMBERED};
use crate::event::{EnvironmentEvent, Event};
use crate::names::Digest;
use crate::release::Release;
use crate::steps::testing::{MSE_04, digest, key, noon, release, run_id};

#[test]
fn a_free_environment_is_granted_at_once() {
    assert_eq!(new().hears(1, acquire(1)), Some(Event::EnvironmentGranted { current: None, last_good: None }));
}

#[test]
fn i_one_prod_writer_a_second_run_waits_for_the_first() {
    let mut prod = new().after(1, acquire(1));
    assert_eq!(prod.hears(2, acquire(2)), Some(Event::EnvironmentBusy { holder: run_id(1) }));
    assert_eq!(prod.holds(), Some(1));
}

#[test]
fn runs_get_their_turn_in_the_order_in_which_they_came() {
    let mut prod = new().after(3, acquire(3)).after(5, acquire(5)).after(4, acquire(4));
    prod.hears(3, EnvironmentEvent::Leave);
    assert_eq!((prod.holds(), prod.told()), (Some(5), vec![(5, granted(None, None))]));
    prod.hears(5, EnvironmentEvent::Leave);
    assert_eq!((prod.holds(), prod.told()), (Some(4), vec![(4, granted(None, None))]));
}

#[test]
fn whoever_is_granted_later_is_told_what_serves_now() {
    let mut prod = new().after(1, acquire(1)).after(2, acquire(2)).after(1, deployed(1));
    prod.hears(1, EnvironmentEvent::Proven);
    assert_eq!(prod.told(), [(2, granted(Some(1), Some(1)))]);
}

#[test]
fn a_grant_carries_an_id_of_its_own_so_that_a_bus_can_drop_the_second() {
    let mut prod = new().after(1, acquire(1)).after(2, acquire(2));
    prod.0.take(&run_id(1), &EnvironmentEvent::Leave, "r-1/deploy:prod/1", noon());
    assert_eq!(prod.0.outbox[0].message.id, "r-1/deploy:prod/1/prod/r-2");
    assert_eq!((prod.0.outbox[0].message.step.clone(), prod.0.outbox[0].message.attempt), (key("deploy:prod"), 1));
}

#[test]
fn who_asks_again_keeps_its_place_and_is_told_at_its_newest_address() {
    let mut prod = new().after(1, acquire(1)).after(2, acquire(2)).after(3, acquire(3));
    let EnvironmentEvent::Acquire { number, image, explicit, .. } = acquire(2) else { unreachable!() };
    prod.hears(2, EnvironmentEvent::Acquire { number, image, explicit, reply_to: (key("deploy:prod"), 2) });
    assert_eq!(prod.0.queue.len(), 2);
    prod.hears(1, EnvironmentEvent::Leave);
    assert_eq!((prod.holds(), prod.0.outbox[0].message.attempt), (Some(2), 2));
}

#[test]
fn a_release_is_unproven_until_its_smoke_test_passes() {
    let prod = new().after(1, acquire(1)).after(1, deployed(1));
    assert_eq!((prod.serves(), prod.0.proven, prod.champion()), (Some(1), false, None));

    let prod = prod.after(1, EnvironmentEvent::Proven);
    assert_eq!((prod.serves(), prod.0.proven, prod.champion()), (Some(1), true, Some(1)));
    assert_eq!(prod.holds(), None, "the run is done here");
}

#[test]
fn the_champion_is_the_last_proven_release_while_a_new_one_is_tried() {
    let prod = with(&[1]).after(2, acquire(2)).after(2, deployed(2));
    assert_eq!((prod.serves(), prod.champion()), (Some(2), Some(1)));
}

#[test]
fn a_run_that_leaves_has_changed_nothing() {
    let before = with(&[1]);
    let after = before.clone().after(2, acquire(2)).after(2, EnvironmentEvent::Leave);
    assert_eq!(after, before);
}

#[test]
fn a_run_may_leave_the_queue() {
    let mut prod = new().after(1, acquire(1)).after(2, acquire(2)).after(2, EnvironmentEvent::Leave);
    prod.hears(1, EnvironmentEvent::Leave);
    assert_eq!((prod.holds(), prod.told()), (None, Vec::new()));
}

#[test]
fn i_monotone_an_older_run_never_overwrites_a_newer_one_s_release() {
    let mut prod = with(&[5]);
    assert_eq!(prod.hears(4, acquire(4)), Some(superseded("run 5 is newer and already serves in prod")));
    assert_eq!((prod.holds(), prod.0.queue.len()), (None, 0));
}

#[test]
fn i_monotone_an_older_run_in_the_queue_is_passed_over() {
    let mut prod = new().after(5, acquire(5)).after(4, acquire(4)).after(6, acquire(6)).after(5, deployed(5));
    prod.hears(5, EnvironmentEvent::Proven);
    let refused = (4, superseded("run 5 is newer and already serves in prod"));
    assert_eq!(prod.told(), [refused, (6, granted(Some(5), Some(5)))]);
    assert_eq!(prod.holds(), Some(6));
}

#[test]
fn a_person_may_bring_back_an_older_run_s_release() {
    let mut prod = with(&[5]);
    assert_eq!(prod.hears(4, explicitly(4)), Some(granted(Some(5), Some(5))));
}

#[test]
fn a_failed_release_makes_room_for_the_last_good_one() {
    let mut prod = with(&[1]).after(2, acquire(2)).after(2, deployed(2)).after(3, acquire(3));
    prod.hears(2, failed(Some(1)));
    assert_eq!((prod.serves(), prod.0.proven, prod.champion()), (Some(1), true, Some(1)));
    assert_eq!((prod.holds(), prod.told()), (Some(3), vec![(3, granted(Some(1), Some(1)))]));
}

#[test]
fn a_failed_release_without_a_good_one_serves_on_unproven() {
    let prod = new().after(1, acquire(1)).after(1, deployed(1)).after(1, failed(None));
    assert_eq!((prod.serves(), prod.0.proven, prod.champion(), prod.holds()), (Some(1), false, None, None));
}

#[test]
fn i_quarantine_an_image_that_failed_does_not_come_back_by_itself() {
    let mut prod = with(&[1]).after(2, acquire(2)).after(2, deployed(2)).after(2, failed(Some(1)));
    assert_eq!(prod.0.quarantine, [image(2)]);

    let Some(Event::EnvironmentRefused { reason, superseded: false }) = prod.hears(3, acquire_with(3, 2)) else {
        panic!("it is let in")
    };
    assert!(reason.contains("is in quarantine"), "{reason}");
    assert_eq!(prod.holds(), None);
}

#[test]
fn i_quarantine_holds_for_a_run_that_was_in_the_queue_already() {
    let mut prod = with(&[1]).after(2, acquire(2)).after(3, acquire_with(3, 2)).after(2, deployed(2));
    prod.hears(2, failed(Some(1)));
    assert!(matches!(prod.told()[..], [(3, Event::EnvironmentRefused { superseded: false, .. })]));
    assert_eq!(prod.holds(), None);
}

#[test]
fn who_is_refused_while_waiting_has_no_claim_any_more() {
    let mut prod = with(&[1]).after(2, acquire(2)).after(3, acquire_with(3, 2)).after(4, acquire(4));
    prod.0.quarantine.push(image(2));
    assert!(matches!(prod.hears(3, acquire_with(3, 2)), Some(Event::EnvironmentRefused { .. })));
    assert_eq!(prod.0.queue.len(), 1, "only run 4 waits");
}

#[test]
fn a_person_may_bring_an_image_back_from_quarantine() {
    let mut prod = with(&[1]).after(2, acquire(2)).after(2, deployed(2)).after(2, failed(Some(1)));
    assert_eq!(prod.hears(2, explicitly(2)), Some(granted(Some(1), Some(1))));
}

#[test]
fn i_rollback_target_a_person_s_rollback_goes_to_the_good_release_before_the_one_that_serves() {
    let mut prod = with(&[1, 2, 3]);
    assert_eq!(prod.hears(4, go_back(4)), Some(granted(Some(3), Some(2))));
    let prod = prod.after(4, failed(Some(2)));
    assert_eq!((prod.serves(), prod.champion()), (Some(2), Some(2)));
    assert_eq!(prod.0.quarantine, [image(3)], "what a person took out does not come back by itself");
}

#[test]
fn i_rollback_target_from_an_unproven_release_a_rollback_goes_to_the_last_good_one() {
    let mut prod = with(&[1]).after(2, acquire(2)).after(2, deployed(2)).after(2, failed(None));
    assert_eq!(prod.hears(3, go_back(3)), Some(granted(Some(2), Some(1))));
}

#[test]
fn i_rollback_target_with_one_good_release_there_is_none_to_go_back_to() {
    assert_eq!(with(&[1]).hears(2, go_back(2)), Some(granted(Some(1), None)));
}

#[test]
fn the_last_good_releases_are_kept_newest_first() {
    let numbers: Vec<_> = with(&[1, 2, 3, 4, 5, 6]).0.good.iter().map(|good| good.number).collect();
    assert_eq!(numbers, [6, 5, 4, 3]);
    assert_eq!(numbers.len(), KEPT + 1, "the one that serves, and those to go back to");
}

#[test]
fn people_can_look_back_on_the_last_changes() {
    let prod = with(&(1..60).collect::<Vec<_>>());
    assert_eq!(prod.0.history.len(), REMEMBERED);
    assert_eq!(prod.0.history[0].what, "the release of run 59 passed its smoke test");
}

#[test]
fn news_of_a_run_that_does_not_hold_the_environment_changes_nothing() {
    let prod = with(&[1]).after(2, acquire(2));
    for event in [deployed(3), EnvironmentEvent::Proven, failed(Some(1)), failed(None), EnvironmentEvent::Leave] {
        assert_eq!(prod.clone().after(3, event), prod);
    }
}

proptest! {
    /// Whatever a crash makes a run say twice: the second time changes nothing that others could see.
    #[test]
    fn i_effect_once_saying_everything_twice_is_saying_it_once(story in stories()) {
        let (mut once, mut twice) = (new(), new());
        for (run, event) in story {
            once.hears(run, event.clone());
            twice.hears(run, event.clone());
            twice.hears(run, event);
            prop_assert_eq!(&once.0, &twice.0);
        }
    }

    #[test]
    fn an_environment_is_always_in_order(story in stories()) {
        let mut prod = new();
        for (run, event) in story {
            let before = prod.holds();
            let answer = prod.hears(run, event);
            let Environment { holder, queue, good, .. } = &prod.0;
            prop_assert!(holder.is_some() || queue.is_empty(), "L-TERMINATES: nobody waits for a free environment");
            let mut runs: Vec<_> = queue.iter().chain(holder).map(|claim| claim.run.clone()).collect();
            runs.sort();
            runs.dedup();
            prop_assert_eq!(runs.len(), queue.len() + usize::from(holder.is_some()), "a run has one claim");
            prop_assert!(good.len() <= KEPT + 1);
            let told = prod.told();
            if before.is_some() && before != prod.holds() && prod.holds().is_some() {
                prop_assert!(!told.is_empty(), "who gets it is told");
            }
            if let Some(Event::EnvironmentGranted { .. }) = answer {
                prop_assert_eq!(prod.holds(), Some(run), "I-ONE-PROD-WRITER");
            }
        }
    }
}

/// What runs may say, in any order.
fn stories() -> impl Strategy<Value = Vec<(u64, EnvironmentEvent)>> {
    let said = prop_oneof![
        (0..2u64).prop_map(|other| (0, other)),
        (0..2u64).prop_map(|other| (1, other)),
        (2..7u64).prop_map(|kind| (kind, 0)),
    ];
    let said = (1..5u64, said).prop_map(|(run, (kind, other))| {
        let event = match kind {
            0 => acquire_with(run, run + other),
            1 => go_back(run),
            2 => deployed(run),
            3 => EnvironmentEvent::Proven,
            4 => failed(None),
            5 => failed(Some(1)),
            _ => EnvironmentEvent::Leave,
        };
        (run, event)
    });
    prop::collection::vec(said, 0..40)
}

/// Production, and short words for what happens there.
#[derive(Debug, Clone, PartialEq)]
struct Prod(Environment);

impl Prod {
    fn hears(&mut self, run: u64, event: EnvironmentEvent) -> Option<Event> {
        self.0.take(&run_id(run), &event, "cause", noon())
    }

    fn after(mut self, run: u64, event: EnvironmentEvent) -> Self {
        let sent = self.0.outbox.len();
        self.hears(run, event);
        assert_eq!(self.0.outbox.len(), sent, "somebody else was told something");
        self
    }

    fn holds(&self) -> Option<u64> {
        self.0.holder.as_ref().map(|claim| claim.number)
    }

    fn serves(&self) -> Option<u64> {
        self.0.current.as_ref().map(|release| release.number)
    }

    fn champion(&self) -> Option<u64> {
        self.0.champion().map(|release| release.number)
    }

    /// Who was told what since the last look.
    fn told(&mut self) -> Vec<(u64, Event)> {
        let number = |run: &str| run.trim_start_matches("r-").parse().unwrap();
        let letters = self.0.outbox.drain(..);
        letters.map(|letter| (number(letter.message.run.as_str()), letter.message.event)).collect()
    }
}

fn new() -> Prod {
    Prod(Environment::new("diabetes".parse().unwrap(), "prod".parse().unwrap()))
}

/// Production after these runs were released, one after the other.
fn with(runs: &[u64]) -> Prod {
    runs.iter().fold(new(), |prod, &run| {
        prod.after(run, acquire(run)).after(run, deployed(run)).after(run, EnvironmentEvent::Proven)
    })
}

fn acquire(run: u64) -> EnvironmentEvent {
    acquire_with(run, run)
}

fn acquire_with(run: u64, image_of: u64) -> EnvironmentEvent {
    let reply_to = (key("deploy:prod"), 1);
    EnvironmentEvent::Acquire { number: run, image: Some(image(image_of)), explicit: false, reply_to }
}

fn explicitly(run: u64) -> EnvironmentEvent {
    let reply_to = (key("deploy:prod"), 2);
    EnvironmentEvent::Acquire { number: run, image: Some(image(run)), explicit: true, reply_to }
}

fn go_back(run: u64) -> EnvironmentEvent {
    EnvironmentEvent::Acquire { number: run, image: None, explicit: true, reply_to: (key("rollback:prod"), 1) }
}

fn deployed(run: u64) -> EnvironmentEvent {
    EnvironmentEvent::Deployed { release: Box::new(of(run)) }
}

fn failed(rolled_back_to: Option<u64>) -> EnvironmentEvent {
    EnvironmentEvent::Failed { rolled_back_to: rolled_back_to.map(|run| Box::new(of(run))) }
}

fn granted(current: Option<u64>, last_good: Option<u64>) -> Event {
    Event::EnvironmentGranted { current: current.map(of), last_good: last_good.map(of) }
}

fn superseded(reason: &str) -> Event {
    Event::EnvironmentRefused { reason: reason.into(), superseded: true }
}

fn of(run: u64) -> Release {
    release(run, MSE_04)
}

fn image(run: u64) -> Digest {
    digest(&format!("image {run}"))
}
