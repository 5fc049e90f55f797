//! Small matters of wording: lists, and the nearest of the known words.

use std::fmt::Display;

/// `a, b and c`, each in backticks.
pub(crate) fn list<T: Display>(words: &[T]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
    }
}

/// The known word that `word` was probably meant to be: at most a third of it differs.
pub(crate) fn nearest<T: AsRef<str>>(
    word: &str,
    known: impl IntoIterator<Item = T>,
) -> Option<String> {
    let allowed = (word.chars().count() / 3).max(1);
    let folded = word.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|known| {
            let distance = strsim::damerau_levenshtein(&folded, &known.as_ref().replace('-', "_"));
            (distance, known.as_ref().to_owned())
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_like_a_sentence() {
        assert_eq!(list::<&str>(&[]), "");
        assert_eq!(list(&["a"]), "`a`");
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
    }

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["timeout", "deadline", "if_running", "power-automate"];
        assert_eq!(nearest("timout", known).as_deref(), Some("timeout"));
        assert_eq!(nearest("If-Running", known).as_deref(), Some("if_running"));
        assert_eq!(
            nearest("power_automate", known).as_deref(),
            Some("power-automate")
        );
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("x", known), None);
    }
}
