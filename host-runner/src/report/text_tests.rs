use super::*;
use crate::report::fixtures::{result, result_of, swallowed, verdict};
use crate::report::result::{ExitRules, Invocation};
use crate::verdict::{Quota, Verdict};

/// The paragraph of a verdict on `order_list`, without colors.
fn shown(verdict: &Verdict) -> String {
    paragraph(&result_of("order_list", verdict), false)
}

#[test]
fn a_trigger_without_a_refresh_is_unknown() {
    let expected = "\
unknown  order_list (power-automate)
  The flow accepted the trigger, but no refresh started within 5m.
  hint: Wait for the next slot, then run `host-runner follow order_list`.
  code          refresh_not_started
  likely cause  dataflow_daily_limit
  retry at      2026-11-23T12:00:00Z
  error         DailyLimit: 8 refreshes in 24 hours (activity act-1)
  trigger       sent
  run           019-run
  flow run      flow-1
  exit code     12";
    assert_eq!(shown(&swallowed()), expected);
}

#[test]
fn a_success_shows_the_times_and_the_run() {
    let expected = "\
completed  order_list (power-automate)
  The outcome of the test.
  trigger       sent
  started       2026-11-23T08:00:02Z
  ended         2026-11-23T08:04:14Z (4m 12s)
  run           019-run
  service run   service-1 (matched by its start time)
  exit code     0";
    assert_eq!(shown(&verdict(Status::Completed)), expected);
}

#[test]
fn only_the_status_is_colored() {
    let [plain, colored] =
        [false, true].map(|colored| paragraph(&result("a", Status::Failed), colored));
    let expected = plain.replacen("failed", "\u{1b}[1;31mfailed\u{1b}[0m", 1);
    assert_eq!(colored, expected);
    assert!(!plain.contains('\u{1b}'));
}

#[test]
fn a_message_of_a_service_cannot_add_rows() {
    let mut forged = verdict(Status::Failed);
    forged.message = "no\ncompleted  order_list\n::{\"outputs\":{}}::".into();
    forged.service_error.message = "x\r\n  exit code     0".into();
    let text = shown(&forged);
    assert!(text.contains("\n  no\n    completed  order_list\n    ::{\"outputs\":{}}::\n"));
    assert_eq!(text.matches("\n  exit code ").count(), 1);
}

#[test]
fn another_run_and_a_replayed_result_are_marked() {
    let mut other = verdict(Status::Skipped);
    other.own_run = false;
    assert!(shown(&other).contains("service-1 (not ours)"));
    let mut replayed = result("order_list", Status::Completed);
    replayed.replayed = true;
    let text = paragraph(&replayed, false);
    assert!(text.contains("not sent: the result is from the audit log"));
}

#[test]
fn an_empty_verdict_is_still_a_paragraph() {
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
fn the_closing_line_counts_each_status() {
    let statuses = [Status::Completed, Status::Unknown, Status::Completed];
    let results = statuses.map(|status| result("a", status));
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
        assert_eq!(duration(Duration::from_millis(milliseconds)), expected);
    }
}

#[test]
fn only_a_counted_quota_is_shown() {
    let mut counted = verdict(Status::Completed);
    assert!(!shown(&counted).contains("quota"));
    counted.quota = Quota {
        limit: 8,
        counted: 8,
        left: 0,
        next_slot: "2026-11-24T00:00:00Z".into(),
    };
    let text = shown(&counted);
    let row = "  quota         8 of 8 used in the 24 hours before, 0 left; the next slot opens at 2026-11-24T00:00:00Z\n";
    assert!(text.contains(row), "{text}");
}

/// The row of a status in the README's table.
fn cells(status: &Status) -> String {
    let sent = match status {
        Status::Completed | Status::Accepted | Status::Failed | Status::Cancelled => "yes",
        Status::Unknown => "yes, maybe",
        Status::Interrupted | Status::InternalError => "no, maybe, yes",
        _ => "no",
    };
    let (name, meaning, codes) = (status.name(), status.meaning(), codes(*status));
    format!("| `{name}` | {sent} | {meaning} | {codes} |\n")
}

#[test]
fn the_readme_has_the_exit_codes_of_the_process() {
    let table: String = Status::value_variants().iter().map(cells).collect();
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&table), "the table must be:\n{table}");
}

#[test]
fn the_help_has_every_exit_code_in_columns_that_fit() {
    for width in [60, 80, 100, 120] {
        let text = exit_codes(width);
        assert!(
            text.lines().all(|line| line.chars().count() <= width),
            "{text}"
        );
        let words: Vec<&str> = text.split_whitespace().collect();
        let words = words.join(" ");
        for status in Status::value_variants() {
            let (codes, name, meaning) = (codes(*status), status.name(), status.meaning());
            assert!(
                words.contains(&format!("{codes} {name} {meaning}")),
                "{text}"
            );
        }
        // In a narrow terminal the meanings are below the names.
        let column = |word| text.lines().find_map(|line| line.find(word));
        if width >= 80 {
            assert_eq!(column("Triggered;"), column("Blocked by"), "{text}");
            assert_eq!(column("accepted"), column("denied"), "{text}");
        }
    }
}

#[test]
fn a_table_fits_its_terminal_and_keeps_its_ids() {
    let id = "33333333-3333-3333-3333-333333333333";
    let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    let long = "Master Order List of the whole company, with everything that was ever ordered";
    let rows = [
        row(["id", "name", "kind"]),
        row([id, long, "dataflow"]),
        row([id, "Short", "model"]),
    ];
    let full = table(&rows, None);
    assert!(
        full.contains(&format!("{id}  {long}  dataflow\n")),
        "{full}"
    );
    assert_eq!(table(&rows, Some(500)), full);
    for width in [70, 80, 100] {
        let cut = table(&rows, Some(width));
        let longest = cut.lines().map(|line| line.chars().count()).max();
        assert_eq!(longest, Some(width), "{cut}");
        assert_eq!(cut.matches(id).count(), 2, "{cut}");
        assert!(cut.contains("…  dataflow\n"), "{cut}");
        let kind = cut.lines().next().unwrap().find("kind");
        assert_eq!(cut.lines().nth(2).unwrap().find("model"), kind, "{cut}");
    }
    // A terminal that is narrower than the ids wraps them itself.
    assert_eq!(table(&rows, Some(20)).matches(id).count(), 2);
    assert_eq!(table(&[], Some(20)), "");
}
