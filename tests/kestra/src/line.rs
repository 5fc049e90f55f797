//! The two lines of Kestra that are kept.

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

    /// Its name, as folders and profiles have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "1.3",
            Self::V2 => "2.0",
        }
    }

    /// What stands in the names of the flows that are for this line alone.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    /// The release that the workspace pins.
    #[must_use]
    pub fn release(self) -> &'static str {
        tools::pinned(match self {
            Self::V1 => "\"kestra-1.3\"",
            Self::V2 => "\"kestra-2.0\"",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_a_pinned_release_of_its_own() {
        for line in Line::ALL {
            assert!(
                line.release().starts_with(line.name()),
                "{line:?}: {}",
                line.release()
            );
        }
    }
}
