//! An invented credential of a simulated service.
//!
//! Its `Debug` output is masked, but it can be written to and read from a world file: the simulator
//! must know the signature that it accepts. `secrecy::SecretString` cannot be serialised.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Replaces a secret.
pub const MASK: &str = "***";

/// A credential that is visible only through [`Secret::expose`].
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps an invented credential.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The credential itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_in_debug_output() {
        let secret = Secret::new("INVENTED-sig-0123456789");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.expose(), "INVENTED-sig-0123456789");
    }
}
