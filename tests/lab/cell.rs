//! One cell of the fault table: a kind, a phase, a fault, and its outcome.

use host_runner::report::RefreshResult;
use host_runner::run::{self, FollowMode, OperationError, RefreshOptions};
use host_runner::verdict::{Sent, Status};

use super::faults::FaultCase;
use super::lab::{Lab, asked};
use super::subjects::{Phase, Subject, truth};

/// The outcome of a cell: `status`, or `status code`.
pub type Outcome = String;

/// Runs a cell, asserts every promise, and returns its outcome.
pub fn play(subject: Subject, phase: Phase, fault: &FaultCase) -> Option<Outcome> {
    let (operation, after) = subject.operation(phase)?;
    let place = format!("{} {} {}", subject.name(), phase.name(), fault.name);
    let world = subject.world().fault(fault.rule(operation, after));
    Some(subject.lab(world, async |lab: &Lab| match phase {
        Phase::Cancel => cancelled(lab, &place).await,
        _ => refreshed(lab, &place).await,
    }))
}

async fn refreshed(lab: &Lab, place: &str) -> Outcome {
    let invocation = lab.invocation();
    let result = invocation.refresh(asked()).await;
    assert_promises(lab, &result, place);
    assert!(
        invocation.intents() >= lab.triggers(),
        "{place}: {} triggers were sent, but {} intents are in the audit log",
        lab.triggers(),
        invocation.intents()
    );
    outcome(result.status, &result.code)
}

async fn cancelled(lab: &Lab, place: &str) -> Outcome {
    let invocation = lab.invocation();
    let detached = RefreshOptions {
        follow: FollowMode::UntilStarted,
        ..asked()
    };
    let result = invocation.refresh(detached).await;
    assert_eq!(result.status, Status::Accepted, "{place}: {result:?}");
    let invocation = lab.cancelling();
    let view = invocation.newest_run().expect("a run");
    let ended = run::cancel(
        &invocation.session,
        &invocation.audit,
        invocation.target(),
        view,
    )
    .await;
    let cancellation = match ended {
        Ok(cancelled) => cancelled.status.name().to_owned(),
        Err(OperationError::Failed(verdict)) => outcome(verdict.status, &verdict.code),
        Err(other) => panic!("{place}: {other:?}"),
    };
    // Whatever the reply, the following follow reports the run's real outcome.
    let end = lab.invocation().follow().await;
    assert_promises(lab, &end, place);
    let stopped = truth(lab).completed.is_empty();
    let expected = match stopped {
        true => Status::Cancelled,
        false => Status::Completed,
    };
    assert_eq!(end.status, expected, "{place}: {end:?}");
    cancellation
}

/// Asserts what no fault may break.
fn assert_promises(lab: &Lab, result: &RefreshResult, place: &str) {
    let truth = truth(lab);
    if result.status == Status::Completed && !result.service_run.is_empty() {
        assert!(
            truth.completed.contains(&result.service_run.to_lowercase()),
            "{place}: reported as completed, but not at the service: {result:?} {truth:?}"
        );
    }
    if result.status == Status::Completed {
        assert!(
            !truth.ours.is_empty(),
            "{place}: no run was triggered: {result:?}"
        );
    }
    assert!(
        truth.effective <= 1,
        "{place}: triggered {} times: {result:?}",
        truth.effective
    );
    if truth.effective > 0 {
        assert_ne!(result.sent, Sent::No, "{place}: {result:?}");
    }
    let violations = lab.services.violations();
    assert!(violations.is_empty(), "{place}: {violations:?}");
}

fn outcome(status: Status, code: &str) -> Outcome {
    format!("{} {code}", status.name()).trim_end().to_owned()
}
