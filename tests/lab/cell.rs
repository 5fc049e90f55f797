//! One cell of the fault table: a kind, a phase, a fault, and what came of it.

use host_runner::report::RefreshResult;
use host_runner::run::{self, FollowMode, OperationError, RefreshOptions};
use host_runner::verdict::{Sent, Status};

use super::faults::Wrong;
use super::lab::{Lab, asked};
use super::subjects::{Phase, Subject, truth};

/// What came of a cell, as the table shows it: `status`, or `status code`.
pub type Outcome = String;

/// Plays a cell, holds every promise against it, and gives what came of it.
pub fn play(subject: Subject, phase: Phase, wrong: &Wrong) -> Option<Outcome> {
    let (operation, after) = subject.operation(phase)?;
    let place = format!("{} {} {}", subject.name(), phase.name(), wrong.name);
    let world = subject.world().fault(wrong.befalling(operation, after));
    Some(subject.lab(world, async |lab: &Lab| match phase {
        Phase::Cancel => cancelled(lab, &place).await,
        _ => refreshed(lab, &place).await,
    }))
}

async fn refreshed(lab: &Lab, place: &str) -> Outcome {
    let invocation = lab.invocation();
    let result = invocation.refresh(asked()).await;
    hold(lab, &result, place);
    assert!(
        invocation.intents() >= lab.triggers(),
        "{place}: {} triggers left, and {} intents are in the audit log",
        lab.triggers(),
        invocation.intents()
    );
    told(result.status, &result.code)
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
    let outcome = match ended {
        Ok(cancelled) => cancelled.status.name().to_owned(),
        Err(OperationError::Failed(verdict)) => told(verdict.status, &verdict.code),
        Err(other) => panic!("{place}: {other:?}"),
    };
    // Whatever was answered, the follow afterwards tells what really became of the run.
    let end = lab.invocation().follow().await;
    hold(lab, &end, place);
    let stopped = truth(lab).completed.is_empty();
    let expected = match stopped {
        true => Status::Cancelled,
        false => Status::Completed,
    };
    assert_eq!(end.status, expected, "{place}: {end:?}");
    outcome
}

/// The promises that no fault may break.
fn hold(lab: &Lab, result: &RefreshResult, place: &str) {
    let truth = truth(lab);
    if result.status == Status::Completed && !result.service_run.is_empty() {
        assert!(
            truth.completed.contains(&result.service_run.to_lowercase()),
            "{place}: said completed, and the service did not: {result:?} {truth:?}"
        );
    }
    if result.status == Status::Completed {
        assert!(
            !truth.ours.is_empty(),
            "{place}: nothing of ours ran: {result:?}"
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

fn told(status: Status, code: &str) -> Outcome {
    format!("{} {code}", status.name()).trim_end().to_owned()
}
