//! An invented credential of a simulated service.
//!
//! It does not print itself, but it can be written to and read from a world file: the simulator
//! must know the signature that it accepts. That is why this is not `secrecy::SecretString`, which
//! refuses to be serialised.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What stands where a secret stood.
pub const MASK: &str = "***";

/// A credential that shows itself only where it is asked for by name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps an invented credential.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The credential itself, to compare it or to hand it to its owner.
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
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("INVENTED-sig-0123456789");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.expose(), "INVENTED-sig-0123456789");
    }
}
