//! Keeps the outputs of a task far below what Kestra takes.
//!
//! A task result above the limit of Kestra's queue loses all its outputs and fails the task. So
//! the outputs shrink instead: long sentences first, and where hundreds of targets are too many
//! even without sentences, the best results are left out, for a flow wants to see what went wrong.

use serde_json::Value;

use super::clean::cut;
use super::json::value_line;
use super::result::RefreshResult;
use super::summary::badness;

/// The most that the outputs may take, in bytes of JSON. Kestra's limit for a whole task result is
/// 1 MiB (`kestra.queue.message-protection.limit`); a quarter leaves room for the task run around
/// the outputs, and for JSON that is quoted within JSON.
pub(super) const OUTPUTS_LIMIT: usize = 256 * 1024;

/// How long a sentence may be, in characters: each is tried in turn.
const SENTENCE_LIMITS: [usize; 5] = [8192, 2048, 512, 128, 0];

/// How long an identifier may be, in characters. The longest real one, the id of a flow's
/// transaction, has fewer than 200.
const NAME_LIMIT: usize = 512;

/// A text of a row that is never cut, in characters: ids, names and times.
const SHORT: usize = 200;

/// What `build` makes of the results, shortened until it fits into [`OUTPUTS_LIMIT`]. `build` is
/// given the results and how many were left out.
pub(super) fn fitting(
    results: &[RefreshResult],
    build: impl Fn(&[RefreshResult], usize) -> Value,
) -> Value {
    let fits = |value: &Value| value_line(value).len() <= OUTPUTS_LIMIT;
    let mut value = Value::Null;
    for limit in SENTENCE_LIMITS {
        value = build(&shortened(results, limit), 0);
        if fits(&value) {
            return value;
        }
    }
    let mut kept = shortened(results, 0);
    kept.sort_by_key(badness);
    while !kept.is_empty() && !fits(&value) {
        kept.truncate(kept.len() / 2);
        value = build(&kept, results.len() - kept.len());
    }
    value
}

/// The same of rows that are plain values: long texts are cut first, then the last rows are left
/// out.
pub(super) fn fitting_rows(rows: &[Value], build: impl Fn(&[Value], usize) -> Value) -> Value {
    let fits = |value: &Value| value_line(value).len() <= OUTPUTS_LIMIT;
    let mut value = build(rows, 0);
    let mut kept = rows.to_vec();
    for limit in SENTENCE_LIMITS {
        if fits(&value) {
            return value;
        }
        kept = rows.iter().map(|row| cut_texts(row, limit)).collect();
        value = build(&kept, 0);
    }
    while !kept.is_empty() && !fits(&value) {
        kept.truncate(kept.len() / 2);
        value = build(&kept, rows.len() - kept.len());
    }
    value
}

/// A row with its texts cut; those that are ids and names by their length stay.
fn cut_texts(value: &Value, limit: usize) -> Value {
    match value {
        Value::String(text) => cut(text, limit.max(SHORT)).into(),
        Value::Array(items) => items.iter().map(|item| cut_texts(item, limit)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, item)| (name.clone(), cut_texts(item, limit)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn shortened(results: &[RefreshResult], sentence: usize) -> Vec<RefreshResult> {
    results
        .iter()
        .map(|result| result.map_texts(|name| cut(name, NAME_LIMIT), |text| cut(text, sentence)))
        .collect()
}
