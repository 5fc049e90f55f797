//! What a refresh says is what became of it.

use serde_json::json;
use simulator::world::RefreshType;

use crate::support::{Platform, Setup, WORKSPACE, dataflow, flow, world, world_of};

#[test]
fn a_refresh_that_the_service_completed_is_completed() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    let outcome = setup.refresh(&[]);
    outcome.is("completed", "", 0);
    assert_eq!(outcome.field("sent"), "yes");
    assert_eq!(outcome.field("evidence"), "service");
    assert_eq!(outcome.field("matched"), "inferred");
    assert_eq!(outcome.field("own_run"), "true");
    assert_eq!(platform.completed_runs(), [outcome.field("service_run")]);
    assert_eq!(platform.triggers(), 1);
    let kinds = setup.event_kinds();
    assert_eq!(kinds.first().map(String::as_str), Some("intent"));
    assert_eq!(kinds.get(1).map(String::as_str), Some("triggered"));
    assert_eq!(kinds.last().map(String::as_str), Some("outcome"));
}

#[test]
fn the_trigger_carries_the_five_standard_fields_and_the_runs_id() {
    let platform = Platform::start(&world());
    let outcome = Setup::verified(&platform).refresh(&[]);
    let triggers = platform.requests_for("trigger");
    let trigger = triggers.first().unwrap();
    let body: serde_json::Value = match &trigger.body {
        serde_json::Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    };
    assert_eq!(body["trigger_type"], "Gen1_Dataflow_Refresh");
    assert_eq!(body["dataflow_name"], "Master Order List");
    assert_eq!(body["workspace"], "Data Admin");
    assert_eq!(body["source"], "ORDER_LIST_pipeline");
    let timestamp: jiff::Timestamp = body["timestamp"].as_str().unwrap().parse().unwrap();
    let apart = jiff::Timestamp::now().duration_since(timestamp).abs();
    assert!(apart < jiff::SignedDuration::from_mins(5), "{apart:?}");
    assert_eq!(
        trigger.headers["x-ms-client-tracking-id"],
        outcome.field("run")
    );
    assert_eq!(trigger.headers["content-type"], "application/json");
    assert!(trigger.had_sig && !trigger.had_authorization);
}

#[test]
fn accepted_but_refused_inside_is_not_a_success() {
    // Eight refreshes in the last day: the flow answers 202, the dataflow refuses, nobody says so.
    let mut full = dataflow();
    for hours in 1..=8_u64 {
        full = full.past_run(hours * 2 * 3600, 240, RefreshType::Scheduled, "Success");
    }
    let platform = Platform::start(&world_of(full, flow()));
    let outcome = Setup::verified(&platform).refresh(&[]);
    outcome.is("unknown", "refresh_not_started", 12);
    assert_eq!(outcome.field("likely_cause"), "dataflow_daily_limit");
    outcome.says("8");
    let next: jiff::Timestamp = outcome.field("retry_at").parse().unwrap();
    let expected = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(8);
    let apart = next.duration_since(expected).abs();
    assert!(
        apart < jiff::SignedDuration::from_mins(5),
        "{next} is not about {expected}"
    );
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_refresh_that_the_service_failed_is_failed() {
    let platform = Platform::start(&world_of(dataflow().ends("Failed"), flow()));
    Setup::verified(&platform)
        .refresh(&[])
        .is("failed", "refresh_failed", 10);
}

#[test]
fn a_refresh_that_somebody_stopped_is_cancelled() {
    let platform = Platform::start(&world_of(dataflow().ends("Cancelled"), flow()));
    let outcome = Setup::verified(&platform).refresh(&[]);
    outcome.exits(17);
    assert_eq!(outcome.field("status"), "cancelled");
}

#[test]
fn a_refresh_that_outlasts_the_deadline_is_still_running_and_the_next_start_follows_it() {
    let platform = Platform::start(&world_of(dataflow().ends("Never"), flow()));
    let setup = Setup::verified(&platform);
    let first = setup.refresh(&["--deadline", "1500ms", "--idempotency-key", "k"]);
    first.is("unknown", "still_running", 12);
    platform.complete("Success");
    let second = setup.refresh(&["--idempotency-key", "k"]);
    second.is("completed", "", 0);
    assert_eq!(second.field("run"), first.field("run"));
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_status_that_nobody_knows_is_followed_and_never_success() {
    let platform = Platform::start(&world_of(dataflow().ends("Sideways"), flow()));
    let outcome = Setup::verified(&platform).refresh(&["--deadline", "2s"]);
    outcome.exits(12).says("Sideways");
    assert_eq!(outcome.field("status"), "unknown");
}

#[test]
fn a_scheduled_run_that_starts_in_the_same_minute_is_never_taken_for_ours() {
    // The refresh inside never starts; the schedule starts one of its own and it succeeds.
    let stranger = dataflow()
        .never_starting()
        .also_starts(100, RefreshType::Scheduled);
    let platform = Platform::start(&world_of(stranger, flow()));
    let outcome = Setup::verified(&platform).refresh(&[]);
    outcome.is("unknown", "refresh_not_started", 12);
    assert_eq!(outcome.field("service_run"), "");
}

#[test]
fn two_runs_that_could_be_ours_are_nobodys_success() {
    let twin = dataflow()
        .run_ms(1000)
        .also_starts(20, RefreshType::OnDemand);
    let platform = Platform::start(&world_of(twin, flow().start_delay_ms(20)));
    let outcome = Setup::verified(&platform).refresh(&[]);
    outcome.is("unknown", "ambiguous_run", 12);
}

#[test]
fn a_run_that_was_already_going_on_is_waited_for_and_then_the_trigger_is_sent() {
    let platform = Platform::start(&world_of(dataflow().run_ms(800), flow()));
    platform.start_run("OnDemand");
    platform.wait_until("the other run", |platform| platform.runs().len() == 1);
    std::thread::sleep(std::time::Duration::from_millis(200));
    let outcome = Setup::verified(&platform).refresh(&[]);
    outcome.is("completed", "", 0);
    assert_eq!(platform.runs().len(), 2);
}

#[test]
fn the_deadline_running_out_while_another_run_goes_on_is_skipped() {
    let platform = Platform::start(&world_of(dataflow().ends("Never"), flow()));
    platform.start_run("Scheduled");
    std::thread::sleep(std::time::Duration::from_millis(300));
    let outcome = Setup::verified(&platform).refresh(&["--deadline", "1s"]);
    outcome.is("skipped", "deadline_while_waiting", 11);
    assert_eq!(outcome.field("sent"), "no");
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn a_running_refresh_can_be_a_reason_to_skip_or_to_follow() {
    let platform = Platform::start(&world_of(dataflow().run_ms(1500), flow()));
    platform.start_run("OnDemand");
    std::thread::sleep(std::time::Duration::from_millis(300));
    let skipping =
        Setup::verified(&platform).replacing("poll: 50ms}", "poll: 50ms}\n    if_running: skip");
    skipping.refresh(&[]).is("skipped", "already_running", 11);
    let following =
        Setup::verified(&platform).replacing("poll: 50ms}", "poll: 50ms}\n    if_running: follow");
    let outcome = following.refresh(&[]);
    outcome.is("skipped", "already_running", 11);
    assert_eq!(outcome.field("own_run"), "false");
    assert_ne!(outcome.field("ended_at"), "");
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn a_sas_url_and_nothing_else_ends_in_accepted() {
    let platform = Platform::start(&world());
    let setup = Setup::unverified(&platform);
    let outcome = setup.refresh(&[]);
    outcome.exits(0);
    assert_eq!(outcome.field("status"), "accepted");
    assert_eq!(outcome.field("evidence"), "none");
    assert_eq!(platform.requests_for("token").len(), 0);
    assert_eq!(setup.event_kinds(), ["intent", "triggered", "outcome"]);
}

#[test]
fn an_accepted_is_not_enough_where_completed_is_required() {
    let platform = Platform::start(&world());
    let outcome = Setup::unverified(&platform).refresh(&["--require", "completed"]);
    outcome.exits(12);
    assert_eq!(outcome.field("status"), "accepted");
}

#[test]
fn no_verify_triggers_without_a_look_or_a_token() {
    let platform = Platform::start(&world());
    let outcome = Setup::verified(&platform).refresh(&["--no-verify"]);
    outcome.exits(0);
    assert_eq!(outcome.field("status"), "accepted");
    let asked: Vec<_> = platform
        .requests()
        .into_iter()
        .filter_map(|request| request.on)
        .collect();
    assert_eq!(asked, ["trigger"]);
}

#[test]
fn detach_ends_once_the_run_is_seen_and_follow_gives_the_verdict() {
    let platform = Platform::start(&world_of(dataflow().ends("Never"), flow()));
    let setup = Setup::verified(&platform);
    let outcome = setup.refresh(&["--detach"]);
    outcome.exits(0);
    assert_eq!(outcome.field("status"), "accepted");
    assert_ne!(outcome.field("service_run"), "");
    platform.complete("Failed");
    setup
        .run(&["follow", "order_list", "--output", "json"])
        .is("failed", "refresh_failed", 10);
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn the_dataflow_itself_is_a_target() {
    let platform = Platform::start(&world());
    let outcome = Setup::direct(&platform).refresh(&[]);
    outcome.is("completed", "", 0);
    assert_eq!(outcome.field("kind"), "dataflow");
    assert_eq!(platform.triggers(), 0);
    let refreshes = platform.requests_for("refresh");
    assert_eq!(refreshes.len(), 1);
    assert!(refreshes[0].had_authorization && !refreshes[0].had_sig);
}

#[test]
fn a_daily_limit_that_the_service_itself_names_is_failed_with_the_next_slot() {
    let mut full = dataflow();
    for hours in 1..=8_u64 {
        full = full.past_run(hours * 2 * 3600, 240, RefreshType::Scheduled, "Success");
    }
    let platform = Platform::start(&world_of(full, flow()));
    let outcome = Setup::direct(&platform).refresh(&[]);
    outcome.is("failed", "dataflow_daily_limit", 10);
    assert_eq!(outcome.field("retryable"), "true");
    let next: jiff::Timestamp = outcome.field("retry_at").parse().unwrap();
    assert!(next > jiff::Timestamp::now());
    assert_eq!(
        outcome.result()["service_error"]["code"],
        "DailyDataflowRefreshLimitExceeded"
    );
}

#[test]
fn follow_any_reports_the_newest_run_whoever_began_it() {
    let platform = Platform::start(&world_of(dataflow().ends("Failed"), flow()));
    platform.start_run("Scheduled");
    platform.wait_until("its end", |platform| {
        platform
            .runs()
            .first()
            .is_some_and(|run| run["status"] == "Failed")
    });
    let outcome =
        Setup::verified(&platform).run(&["follow", "order_list", "--any", "--output", "json"]);
    outcome.exits(10);
    assert_eq!(outcome.field("own_run"), "false");
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn a_follow_a_day_later_does_not_take_a_later_run_for_ours() {
    let platform = Platform::start(&world_of(dataflow().never_starting(), flow()));
    let setup = Setup::verified(&platform);
    let first = setup.refresh(&["--idempotency-key", "monday"]);
    first.is("unknown", "refresh_not_started", 12);
    platform.advance(std::time::Duration::from_secs(24 * 3600));
    platform.change_dataflow(json!({"starts": true}));
    platform.start_run("OnDemand");
    platform.wait_until("the later run's end", |platform| {
        platform.completed_runs().len() == 1
    });
    let later = setup.run(&["follow", "order_list", "--output", "json"]);
    later.is("unknown", "refresh_not_started", 12);
    let again = setup.refresh(&["--idempotency-key", "monday"]);
    again.is("unknown", "refresh_not_started", 12);
    assert_eq!(platform.triggers(), 1);
}

#[test]
fn a_dry_run_sends_no_trigger_and_shows_the_request_without_its_signature() {
    let platform = Platform::start(&world());
    let setup = Setup::verified(&platform);
    let outcome = setup.run(&["refresh", "order_list", "--dry-run"]);
    outcome
        .exits(0)
        .says("paths/invoke")
        .says("Master Order List");
    assert!(!outcome.stdout.contains(crate::support::SIG));
    assert_eq!(platform.triggers(), 0);
    assert_eq!(platform.requests_for("transactions").len(), 1);
}

#[test]
fn several_targets_end_with_the_worst_of_their_codes() {
    let platform = Platform::start(&world_of(dataflow().ends("Failed"), flow()));
    let setup = Setup::verified(&platform).appending(&format!(
        "  plain:\n    kind: power-automate\n    url: ${{env:ORDER_LIST_FLOW_URL}}\n  other:\n    kind: dataflow\n    workspace: {WORKSPACE}\n    dataflow: 99999999-9999-9999-9999-999999999999\n"
    ));
    let outcome = setup.run(&["refresh", "order_list", "plain", "--output", "json"]);
    outcome.exits(10);
    assert_eq!(outcome.results.len(), 2);
    let with_invalid = setup.run(&["refresh", "plain", "other", "--output", "json"]);
    with_invalid.exits(2);
}

#[test]
fn a_target_can_be_given_by_options_alone() {
    let platform = Platform::start(&world());
    // Loopback needs a configuration, so this one shows the refusal; the other form of the same
    // start, with a configuration and no name, is refused as well.
    let setup = Setup::bare().env("FLOW_URL", &platform.trigger_url());
    let outcome = setup.run(&[
        "refresh",
        "--kind",
        "power-automate",
        "--url-env",
        "FLOW_URL",
    ]);
    outcome.exits(2).says("https");
    assert_eq!(platform.triggers(), 0);
}
