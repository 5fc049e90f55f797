//! The two supported lines of Kestra.

use crate::tools;

/// A line of Kestra.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Line {
    /// 1.3.
    V1,
    /// 2.0.
    V2,
}

impl Line {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// Its name, used in folders and Maven profiles.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "1.3",
            Self::V2 => "2.0",
        }
    }

    /// The suffix of flows for this line only.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    /// What the name of every test on this line's engine contains, so that `cargo xtask test` can leave
    /// them out where the engine cannot be built.
    #[must_use]
    pub fn in_test_names(self) -> String {
        format!("on_kestra_{}", self.name().replace('.', "_"))
    }

    /// The pinned release.
    #[must_use]
    pub fn release(self) -> &'static str {
        tools::pinned(&format!("\"kestra-{}\"", self.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_a_pinned_release() {
        for line in Line::ALL {
            assert!(
                line.release().starts_with(line.name()),
                "{line:?}: {}",
                line.release()
            );
        }
    }
}
