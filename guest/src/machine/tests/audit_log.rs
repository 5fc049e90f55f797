//! The events in the audit log, and a store that fails.

use super::*;
use crate::contract::{Conclusion, Event, Sent, Status, StoreError, Verification};
use crate::testing::{flow, request, verified};

fn unavailable() -> StoreError {
    StoreError::Unavailable("disk full".into())
}

fn refresh_after_the_intent(errors: &[StoreError]) -> (World, Verdict) {
    // The intent takes the first scripted answer, so the gate lets it through.
    let world = World::new().with(our_run("Success"));
    let gate = Gate {
        world: &world,
        errors,
    };
    let ports = crate::ports::Ports {
        store: &gate,
        ..world.ports()
    };
    let verdict = crate::trigger_refresh(ports, &request(verified())).unwrap();
    (world, verdict)
}

/// A store that fails once the intent is in it.
struct Gate<'w> {
    world: &'w World,
    errors: &'w [StoreError],
}

impl crate::ports::Store for Gate<'_> {
    fn append(
        &self,
        entry: &crate::contract::Entry,
    ) -> Result<crate::contract::Receipt, StoreError> {
        let receipt = self.world.append(entry);
        if matches!(entry.event, Event::Intent(_)) {
            for error in self.errors {
                self.world.store_says(error.clone());
            }
        }
        receipt
    }
}

#[test]
fn events_that_could_not_be_stored_are_stored_later_in_order() {
    // With nine failures even the outcome is retried.
    for failures in [2, 9] {
        let (world, verdict) = refresh_after_the_intent(&vec![unavailable(); failures]);
        assert_eq!(verdict.status, Status::Completed);
        assert_eq!(
            world.kinds(),
            ["intent", "triggered", "matched", "status", "verdict"]
        );
        assert!(world.warnings()[0].contains("disk full"));
    }
}

#[test]
fn an_outcome_that_cannot_be_stored_is_not_a_success() {
    let errors: Vec<StoreError> = (0..40).map(|_| unavailable()).collect();
    let (world, verdict) = refresh_after_the_intent(&errors);
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "audit_write_failed")
    );
    assert_eq!((verdict.sent, verdict.own_run), (Sent::Yes, true));
    assert!(verdict.message.contains("completed") && verdict.message.contains("disk full"));
    assert_eq!(world.kinds(), ["intent"]);
    // Waits for the store are bounded.
    assert!(world.elapsed() < 75_000, "{}", world.elapsed());
}

#[test]
fn a_refused_late_event_is_only_a_warning() {
    let (world, verdict) = refresh_after_the_intent(&[StoreError::Refused("not yours".into())]);
    assert_eq!(verdict.status, Status::Completed);
    assert_eq!(world.kinds(), ["intent", "matched", "status", "verdict"]);
    assert!(world.warnings()[0].contains("not yours"));
}

#[test]
fn an_error_that_cannot_be_stored_is_still_returned() {
    let world = World::new().answers_get(crate::testing::error(400, ""));
    world.store_always_says(unavailable());
    let (kind, _) = error(&world, &request(verified()));
    assert_eq!(kind, "invalid");
    assert_eq!(world.elapsed(), 20);
}

#[test]
fn the_stored_outcome_is_the_returned_one() {
    let world = World::new().with(our_run("Failed"));
    let returned = verdict(&world, &request(verified()));
    let events = world.events();
    let Some(Event::Outcome(Conclusion::Verdict(stored))) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!(*stored, returned);

    let world = World::new().answers_get(crate::testing::error(404, ""));
    let returned = refresh(&world, &request(verified())).unwrap_err();
    assert_eq!(
        world.events(),
        [Event::Outcome(Conclusion::Error(returned))]
    );
}

#[test]
fn no_attempt_is_made_while_the_last_one_is_not_stored() {
    let world = World::new().answers_post(crate::testing::broken(
        crate::ports::TransportKind::ConnectionRefused,
    ));
    let gate = Gate {
        world: &world,
        errors: &[unavailable(), unavailable()],
    };
    let ports = crate::ports::Ports {
        store: &gate,
        ..world.ports()
    };
    let request = request(flow(Verification::None));
    let error = crate::trigger_refresh(ports, &request).unwrap_err();
    assert_eq!(problem(error).0, "audit_unavailable");
    assert_eq!(world.posts().len(), 1);
    assert_eq!(world.kinds(), ["intent", "not_sent", "error"]);

    world.store_recovers();
}

#[test]
fn queued_events_are_stored_before_the_next_intent() {
    let world = World::new().answers_post(crate::testing::broken(
        crate::ports::TransportKind::ConnectionRefused,
    ));
    let gate = Gate {
        world: &world,
        errors: &[unavailable()],
    };
    let ports = crate::ports::Ports {
        store: &gate,
        ..world.ports()
    };
    crate::trigger_refresh(ports, &request(flow(Verification::None))).unwrap();
    assert_eq!(
        world.kinds()[..3],
        ["intent", "not_sent", "intent"],
        "{:?}",
        world.kinds()
    );
}

#[test]
fn the_response_to_the_trigger_is_stored() {
    let world =
        World::new().answers_post(crate::testing::error(400, "WorkflowTriggerIsNotEnabled"));
    verdict(&world, &request(flow(Verification::None)));
    let events = world.events();
    let Event::Triggered(triggered) = &events[1] else {
        panic!("{events:?}");
    };
    assert_eq!(triggered.http_status, Some(400));
    assert_eq!(triggered.answered_at, "2026-11-23T08:00:00.020Z");
    let error = triggered.service_error.as_ref().unwrap();
    assert_eq!(error.code, "WorkflowTriggerIsNotEnabled");
}
