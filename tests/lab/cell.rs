//! One cell of the fault table: a kind, a phase, a fault, and its outcome.

use host_runner::report::RefreshResult;
use host_runner::run::OperationError;
use host_runner::verdict::{Sent, Status};

use super::faults::FaultCase;
use super::lab::{Lab, options};
use super::subjects::{Phase, Subject, name, truth};

/// The outcome of a cell: `status`, or `status code`.
pub type Outcome = String;

/// Runs a cell, asserts every promise, and returns its outcome.
pub fn play(subject: Subject, phase: Phase, fault: &FaultCase) -> Outcome {
    let (operation, after) = subject.operation(phase).expect("a phase of this kind");
    let place = format!("{} {} {}", name(subject), name(phase), fault.name);
    let world = subject.world().fault(fault.rule(operation, after));
    subject.lab(world, "", async |lab: &Lab| match phase {
        Phase::Cancel => cancelled(lab, &place).await,
        _ => refreshed(lab, &place).await,
    })
}

async fn refreshed(lab: &Lab, place: &str) -> Outcome {
    let invocation = lab.invocation();
    let result = invocation.refresh(options()).await;
    assert_promises(lab, &result, place);
    let (triggers, intents) = (lab.triggers(), invocation.intents());
    assert!(
        intents >= triggers,
        "{place}: {triggers} triggers were sent, but {intents} intents are in the audit log"
    );
    outcome(result.status, &result.code)
}

async fn cancelled(lab: &Lab, place: &str) -> Outcome {
    lab.detach().await;
    let cancellation = match lab.cancel().await {
        Ok(cancelled) => cancelled.status.name().to_owned(),
        Err(OperationError::Failed(verdict)) => outcome(verdict.status, &verdict.code),
        Err(other) => panic!("{place}: {other:?}"),
    };
    // Whatever the reply, the following follow reports the run's real outcome.
    let end = lab.invocation().follow().await;
    assert_promises(lab, &end, place);
    let expected = match truth(lab).completed.is_empty() {
        true => Status::Cancelled,
        false => Status::Completed,
    };
    assert_eq!(end.status, expected, "{place}: {end:?}");
    cancellation
}

/// Asserts what no fault may break.
pub fn assert_promises(lab: &Lab, result: &RefreshResult, place: &str) {
    let truth = truth(lab);
    if result.status == Status::Completed {
        let confirmed = truth.completed.contains(&result.service_run.to_lowercase());
        assert!(
            !truth.ours.is_empty() && (confirmed || result.service_run.is_empty()),
            "{place}: reported as completed, but not at the service: {result:?} {truth:?}"
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

/// The outcome of a cell with this verdict.
pub fn outcome(status: Status, code: &str) -> Outcome {
    format!("{} {code}", status.name()).trim_end().to_owned()
}
