//! Whether a task did its work, and whether the simulator saw what it should have.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use kestra_engine::Execution;
use serde_json::Value;

use super::way::{TASK, Way};

/// How long the task took, in milliseconds.
///
/// # Errors
/// Where it did not do its work, with all that the engine knows of it.
pub(crate) fn time_of(way: Way, execution: &Execution) -> Result<f64> {
    let (field, _) = way.says();
    let task = execution.task(TASK);
    let said = task
        .as_ref()
        .map(|task| task.var(field))
        .unwrap_or_default();
    if !did_its_work(way, execution.state(), &said) {
        bail!(
            "the task with {} did not do its work: {:#}",
            way.flow_id(),
            execution.raw()
        );
    }
    let milliseconds = task.map_or(0, |task| task.duration_ms());
    let Some(milliseconds) = u32::try_from(milliseconds).ok().filter(|time| *time > 0) else {
        bail!(
            "the engine does not say how long the task with {} took: {:#}",
            way.flow_id(),
            execution.raw()
        );
    };
    Ok(f64::from(milliseconds))
}

fn did_its_work(way: Way, state: &str, said: &Value) -> bool {
    state == "SUCCESS" && said == way.says().1
}

/// Makes sure that the simulator has accepted exactly this many triggers, that nothing else was asked
/// of it, and that all of them sent as much: host-runner's bytes differ in the time that they tell.
///
/// # Errors
/// Where it is not so.
pub(crate) fn triggers(log: &Value, expected: usize) -> Result<()> {
    let requests = log.as_array().map(Vec::as_slice).unwrap_or_default();
    let accepted = requests
        .iter()
        .filter(|request| request.get("on") == Some(&"trigger".into()))
        .filter(|request| request.get("status") == Some(&202.into()))
        .count();
    if accepted != expected || requests.len() != expected {
        bail!(
            "the simulator has seen {} requests, {accepted} of them triggers that it accepted, where \
             there should be {expected} of them and nothing else",
            requests.len()
        );
    }
    let sizes: BTreeSet<usize> = requests
        .iter()
        .filter_map(|request| Some(request.get("body")?.as_str()?.len()))
        .collect();
    if sizes.len() > 1 {
        bail!("the tasks did not send as much as each other: bodies of {sizes:?} bytes");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_that_failed_or_said_something_else_did_not_do_its_work() {
        assert!(did_its_work(Way::Runner, "SUCCESS", &json!("accepted")));
        assert!(!did_its_work(Way::Runner, "FAILED", &json!("accepted")));
        assert!(!did_its_work(Way::Runner, "SUCCESS", &json!("skipped")));
        assert!(did_its_work(Way::Curl, "SUCCESS", &json!("202")));
        assert!(!did_its_work(Way::Curl, "SUCCESS", &json!("429")));
        assert!(!did_its_work(Way::Script, "SUCCESS", &Value::Null));
    }

    fn trigger(body: &str) -> Value {
        json!({"on": "trigger", "status": 202, "body": body})
    }

    #[test]
    fn one_trigger_too_many_or_too_few_is_told() {
        let log = json!([trigger("{}"), trigger("{}")]);
        assert!(triggers(&log, 2).is_ok());
        assert!(triggers(&log, 1).is_err());
        assert!(triggers(&log, 3).is_err());
        assert!(triggers(&json!([]), 0).is_ok());
    }

    #[test]
    fn what_was_refused_and_what_is_no_trigger_is_told() {
        let refused = json!({"on": "trigger", "status": 429, "body": "{}"});
        assert!(triggers(&json!([refused]), 1).is_err());
        let other = json!({"on": null, "status": 404, "body": ""});
        assert!(triggers(&json!([trigger("{}"), other]), 1).is_err());
    }

    #[test]
    fn a_body_of_another_size_is_told_and_one_of_another_time_is_not() {
        assert!(triggers(&json!([trigger("{1}"), trigger("{2}")]), 2).is_ok());
        assert!(triggers(&json!([trigger("{}"), trigger("{ }")]), 2).is_err());
    }
}
