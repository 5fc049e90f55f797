//! `docs/codes.md` lists every stable code of the sources, and no other.
//!
//! A word with an underscore is a code unless it is in [`NOT_CODES`], wherever it is written, so
//! that a new code cannot be missed when files move. A word without one is a code only where the
//! text around it shows that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Words of the sources that are no codes: keys of the configuration and of results, SQL, OAuth and
/// services' words, events of the audit log, answers to a cancellation.
const NOT_CODES: &str = "
    access_key_params access_token allow_loopback api_version application_id apply_changes
    apply_refresh_policy ca_file clear_values client_credentials client_id client_secret
    commit_mode completed connect_patience credential_profiles daily_limit data_only
    dataflow_id dataflow_name default_timeout effective_date ended_at error_description
    exit_zero_on federated_token flow_run grant_type http_calls https_proxy if_lost if_needed
    if_running invalid_client invalid_grant invalid_request invalid_resource
    invalid_scope journal_mode logic_app_url mail_on_failure managed_identity max_attempts
    max_parallelism max_retries min_interval my_target never_started no_proxy no_response
    not_asked not_found not_sent on_demand on_interrupt operation_settings other_run
    partial_batch poll_from power_automate priority_resources refresh_type refresh_yaml
    response_timeout retry_count retry_delay server_error service_run snake_case so_far
    standard_fields start_within started_at successfully_marked temporarily_unavailable
    tenant_id time_zone trigger_source trigger_type unauthorized_client user_version via_api
    via_enhanced_api via_xmla_endpoint wal_autocheckpoint when_unreadable workspace_id
";

#[test]
fn every_stable_code_has_a_row_and_every_row_has_a_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/codes.md")).unwrap();
    let rows = rows(&page);
    let mut words = Words::default();
    for folder in ["guest/src", "host-runner/src"] {
        words.read(&root.join(folder));
    }
    assert!(words.codes.len() > 100, "only {} codes", words.codes.len());
    let mut problems = Vec::new();
    for (code, file) in &words.codes {
        if !rows.contains(code) {
            problems.push(format!(
                "`{code}` ({file}) has no row in docs/codes.md; if it is no code, add it to NOT_CODES"
            ));
        }
    }
    for code in &rows {
        if !words.all.contains(code) {
            problems.push(format!(
                "`{code}` has a row in docs/codes.md and is no code"
            ));
        }
        if is_other(code) {
            problems.push(format!("`{code}` has a row and is in NOT_CODES"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_scan_finds_codes_in_every_position() {
    let source = r#"
        // "in_a_comment"
        on!(FLOW SEND 400..=499 "Theirs" => Later "throttled", HINT, true),
        Verdict::not_sent(
            Status::Interrupted,
            "interrupted",
        );
        json!({"a_key": 1});
        Some(other) => "plain",
        fn code(&self) -> &'static str {
            Self::Denied => "denied",
    }
        const NAME: &str = "with_underscore";
        #[cfg(test)]
        mod tests {
            "in_a_test"
        }
        problem("after", "a message");
"#;
    let mut words = Words::default();
    words.scan(source, "here");
    let found: Vec<&str> = words.codes.keys().map(String::as_str).collect();
    assert_eq!(
        found,
        [
            "after",
            "denied",
            "interrupted",
            "throttled",
            "with_underscore"
        ]
    );
}

/// The codes in the first column of the page's tables; each has a cause and a remedy.
fn rows(page: &str) -> BTreeSet<String> {
    let mut rows = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 3, "{line}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{line}");
        let code = cells[0].trim_matches('`').to_owned();
        assert!(rows.insert(code), "listed twice: {line}");
    }
    rows
}

#[derive(Default)]
struct Words {
    /// Every quoted word.
    all: BTreeSet<String>,
    /// The codes, each with a file that has it.
    codes: BTreeMap<String, String>,
}

impl Words {
    fn read(&mut self, path: &Path) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let stem = name.trim_end_matches(".rs");
        if stem.ends_with("tests") || matches!(stem, "testing" | "fixtures") {
            return;
        }
        if path.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                self.read(&entry.unwrap().path());
            }
        } else if name.ends_with(".rs") {
            let source = std::fs::read_to_string(path).unwrap();
            self.scan(&source, &path.display().to_string());
        }
    }

    fn scan(&mut self, source: &str, file: &str) {
        let source = production(source);
        let mut code_ends = 0;
        for (at, _) in source.match_indices('"') {
            let (before, after) = (&source[..at], &source[at + 1..]);
            let Some(end) = after.find('"') else { continue };
            let word = &after[..end];
            if before.ends_with('\\') || !is_word(word) {
                continue;
            }
            self.all.insert(word.to_owned());
            if let Some(begin) = before.rfind("fn code(") {
                code_ends = source[begin..]
                    .find("\n    }")
                    .map_or(at, |end| begin + end);
            }
            let is_code = if word.contains('_') {
                !is_field(before, &after[end + 1..])
            } else {
                is_code_position(before, at < code_ends)
            };
            if is_code && !is_other(word) {
                self.codes.insert(word.to_owned(), file.to_owned());
            }
        }
    }
}

fn is_other(word: &str) -> bool {
    NOT_CODES.split_whitespace().any(|known| known == word)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Whether the word is the name of a field: a key of JSON, or one that is read or shown by name.
fn is_field(before: &str, after: &str) -> bool {
    let before = before.trim_end();
    after.starts_with(':')
        || ["field(", "get(", "rename = ", "\"target\", "]
            .iter()
            .any(|end| before.ends_with(end))
}

/// Whether a code is written here: after a status or a class, or where an error is made or named.
fn is_code_position(before: &str, in_fn_code: bool) -> bool {
    let before = before.trim_end();
    if in_fn_code && before.ends_with("=>") {
        return true;
    }
    if ["code:", "problem(", "invalid("]
        .iter()
        .any(|end| before.ends_with(end))
    {
        return true;
    }
    let is_name = |c: char| c.is_ascii_alphanumeric();
    match before.strip_suffix(',') {
        Some(status) => status.trim_end_matches(is_name).ends_with("Status::"),
        None => {
            let arrow = before.trim_end_matches(is_name);
            arrow.len() < before.len() && arrow.trim_end().ends_with("=>")
        }
    }
}

/// The source without comments and without what only tests use.
fn production(source: &str) -> String {
    let mut out = String::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            let indent = &line[..line.len() - line.trim_start().len()];
            let end = format!("{indent}}}");
            // The item ends with `;` on its first line, or with a brace at its own indentation.
            let mut item = lines
                .by_ref()
                .skip_while(|line| line.trim().starts_with("#["));
            if !item.next().is_some_and(|first| first.ends_with([';', ','])) {
                item.find(|line| *line == end);
            }
        } else if !line.trim_start().starts_with("//") {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}
