//! Keeps credentials and control characters out of every text that leaves the component.
//!
//! The host has a redactor of its own. This one serves hosts without one, and keeps what a service
//! echoed out of the audit log. It masks the secrets of this call and everything that looks like a
//! SAS signature, a bearer token or a JSON web token.

/// What replaces a secret.
pub(crate) const MASK: &str = "***";

/// The most bytes of a service's message that are kept: enough for every documented error.
pub(crate) const MESSAGE_LIMIT: usize = 1024;

/// The most bytes of a code, a header's id or another name that are kept; the longest known one has
/// 75.
pub(crate) const NAME_LIMIT: usize = 128;

/// The shortest known secret that is masked. Masking "a" everywhere would protect nothing.
const SHORTEST_SECRET: usize = 8;

/// Masks secrets. It has no `Debug`, because it holds them.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    known: Vec<String>,
}

impl Redactor {
    /// A redactor that knows these secrets.
    pub(crate) fn knowing<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let known = secrets
            .into_iter()
            .filter(|secret| secret.len() >= SHORTEST_SECRET)
            .map(str::to_owned)
            .collect();
        Self { known }
    }

    /// The text without secrets; nothing else changes.
    pub(crate) fn mask(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.known {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
        }
        for (marker, shortest) in [("sig=", 1), ("sig%3d", 1), ("bearer ", 8), ("eyj", 16)] {
            text = mask_after(&text, marker, shortest);
        }
        text
    }

    /// One line without secrets, at most `limit` bytes long.
    pub(crate) fn line(&self, text: &str, limit: usize) -> String {
        let masked = self.mask(text);
        let flat: String = masked
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        cut(
            &flat.split_whitespace().collect::<Vec<_>>().join(" "),
            limit,
        )
        .to_owned()
    }
}

/// The beginning of a text, at most `limit` bytes, cut between characters.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default()
}

/// Masks the token after each `marker` (lower case) if it has at least `shortest` bytes.
fn mask_after(text: &str, marker: &str, shortest: usize) -> String {
    // Lowering ASCII letters keeps all positions.
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = lower.get(at..).and_then(|rest| rest.find(marker)) {
        let from = at + found + marker.len();
        out.push_str(text.get(at..from).unwrap_or_default());
        let rest = text.get(from..).unwrap_or_default();
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/%=".contains(c)))
            .unwrap_or(rest.len());
        let token = rest.get(..length).unwrap_or_default();
        out.push_str(if length >= shortest { MASK } else { token });
        at = from + length;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_a_token_and_a_known_value_are_masked() {
        let redactor = Redactor::knowing(["INVENTED+opaque/value", "short"]);
        for (text, shown) in [
            (
                "https://h/x?sv=1.0&sig=INVENTED-sig-0123456789&z=1",
                "https://h/x?sv=1.0&sig=***&z=1",
            ),
            ("a=1&SIG=abc", "a=1&SIG=***"),
            ("next=%3Fsig%3DINVENTED-sig", "next=%3Fsig%3D***"),
            (
                "Authorization: Bearer INVENTED.token.value",
                "Authorization: Bearer ***",
            ),
            (
                "token eyJhbGciOiJub25lIn0.INVENTED.x was",
                "token eyJ*** was",
            ),
            ("said INVENTED+opaque/value!", "said ***!"),
            ("a bearer is a short word", "a bearer is a short word"),
        ] {
            assert_eq!(redactor.mask(text), shown);
        }
    }

    #[test]
    fn a_text_without_secrets_does_not_change() {
        let text = "Skipping dataflow refresh, design=1, naïve\ttext";
        assert_eq!(Redactor::default().mask(text), text);
    }

    #[test]
    fn a_line_has_no_control_characters_and_is_cut_between_characters() {
        let redactor = Redactor::default();
        assert_eq!(redactor.line("a\r\n\tb\u{1b}[31mc", 100), "a b [31mc");
        let long = "é".repeat(2000);
        let kept = redactor.line(&long, MESSAGE_LIMIT);
        assert_eq!(kept.len(), MESSAGE_LIMIT);
        assert_eq!(redactor.line(&long, 3), "é");
    }
}
