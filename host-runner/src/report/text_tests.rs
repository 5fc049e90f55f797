use super::*;
use crate::report::fixtures::{invocation, swallowed, verdict};
use crate::report::result::{ExitRules, Invocation};
use crate::verdict::{Quota, Verdict};

fn result(verdict: &Verdict) -> RefreshResult {
    RefreshResult::new(verdict, &invocation("order_list"), &ExitRules::default())
}

#[test]
fn the_main_incident_reads_as_what_it_is() {
    let expected = "\
unknown  order_list (power-automate)
  The flow accepted the trigger, but no refresh began within 5m.
  code          refresh_not_started
  likely cause  dataflow_daily_limit
  do next       Wait for the next slot; `host-runner follow order_list` asks again.
  retry at      2026-11-23T12:00:00Z
  service said  DailyLimit: 8 refreshes in 24 hours (activity act-1)
  trigger       sent
  run           019-run
  flow run      flow-1
  exit code     12";
    assert_eq!(paragraph(&result(&swallowed()), false), expected);
}

#[test]
fn a_good_end_says_when_and_which_run() {
    let expected = "\
completed  order_list (power-automate)
  It went as the test says.
  trigger       sent
  started       2026-11-23T08:00:02Z
  ended         2026-11-23T08:04:14Z (4m 12s)
  run           019-run
  service run   service-1 (ours by its time)
  exit code     0";
    assert_eq!(
        paragraph(&result(&verdict(Status::Completed)), false),
        expected
    );
}

#[test]
fn only_the_status_word_is_coloured() {
    let plain = paragraph(&result(&verdict(Status::Failed)), false);
    let colored = paragraph(&result(&verdict(Status::Failed)), true);
    assert_eq!(
        colored,
        plain.replacen("failed", "\u{1b}[1;31mfailed\u{1b}[0m", 1)
    );
    assert!(!plain.contains('\u{1b}'));
}

#[test]
fn an_end_is_only_told_where_there_was_one() {
    let told = |status| {
        let mut silent = verdict(status);
        (silent.started_at, silent.ended_at) = (String::new(), String::new());
        paragraph(&result(&silent), false).contains("\n  ended  ")
    };
    for status in [Status::Completed, Status::Failed, Status::Cancelled] {
        assert!(told(status), "{status:?}");
    }
    for status in [Status::Accepted, Status::Unknown, Status::Interrupted] {
        assert!(!told(status), "{status:?}");
    }
}

#[test]
fn a_message_of_a_service_cannot_add_rows() {
    let mut forged = verdict(Status::Failed);
    forged.message = "no\ncompleted  order_list\n::{\"outputs\":{}}::".into();
    forged.service_error.message = "x\r\n  exit code     0".into();
    let text = paragraph(&result(&forged), false);
    assert!(text.contains("\n  no completed  order_list ::{\"outputs\":{}}::\n"));
    assert_eq!(text.matches("\n  exit code ").count(), 1);
}

#[test]
fn whose_run_and_whose_word_it_is_can_be_told() {
    let mut other = verdict(Status::Skipped);
    other.own_run = false;
    assert!(paragraph(&result(&other), false).contains("service-1 (not ours)"));
    let mut replayed = invocation("order_list");
    replayed.replayed = true;
    let result = RefreshResult::new(
        &verdict(Status::Completed),
        &replayed,
        &ExitRules::default(),
    );
    assert!(paragraph(&result, false).contains("not sent now: answered from the audit log"));
}

#[test]
fn a_result_that_says_almost_nothing_is_still_a_paragraph() {
    let nothing = Verdict::not_sent(Status::Invalid, "", "", "");
    let named = Invocation {
        target: "a".into(),
        ..Invocation::default()
    };
    let result = RefreshResult::new(&nothing, &named, &ExitRules::default());
    let expected = "invalid  a\n  trigger       not sent\n  exit code     2";
    assert_eq!(paragraph(&result, false), expected);
}

#[test]
fn the_closing_line_counts_what_there_is() {
    let results =
        [Status::Completed, Status::Unknown, Status::Completed].map(|s| result(&verdict(s)));
    let line = closing_line(&Summary::of(&results));
    assert_eq!(line, "3 targets: 2 completed, 1 unknown; exit code 12");
}

#[test]
fn durations_are_as_exact_as_a_person_needs() {
    for (milliseconds, expected) in [
        (0, "0ms"),
        (850, "850ms"),
        (12_999, "12s"),
        (252_000, "4m 12s"),
        (7_500_000, "2h 05m"),
        (100 * 3_600_000, "100h 00m"),
    ] {
        assert_eq!(duration(milliseconds), expected);
    }
}

#[test]
fn a_quota_that_was_counted_is_told_and_no_other() {
    let mut told = verdict(Status::Completed);
    assert!(!paragraph(&result(&told), false).contains("quota"));
    told.quota = Quota {
        limit: 8,
        counted: 8,
        left: 0,
        next_slot: "2026-11-24T00:00:00Z".into(),
    };
    let text = paragraph(&result(&told), false);
    let row = "  quota         8 of 8 used in the 24 h before, 0 left; the next slot opens at 2026-11-24T00:00:00Z\n";
    assert!(text.contains(row), "{text}");
}
