//! Medians and quartiles, and how they are printed.

/// The quartiles of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quartiles {
    /// A quarter of the values lies below.
    pub(crate) first: f64,
    /// Half of them.
    pub(crate) median: f64,
    /// Three quarters of them.
    pub(crate) third: f64,
}

impl Quartiles {
    /// The quartiles of these values, interpolated between neighbours; nothing of no values.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            first: quantile(&sorted, 1)?,
            median: quantile(&sorted, 2)?,
            third: quantile(&sorted, 3)?,
        })
    }

    /// Each quartile as a multiple of the other's.
    pub(crate) fn over(&self, other: &Self) -> Self {
        Self {
            first: self.first / other.first,
            median: self.median / other.median,
            third: self.third / other.third,
        }
    }
}

/// Each value as a multiple of the other series' value of the same round.
pub(crate) fn pairwise(values: &[f64], others: &[f64]) -> Vec<f64> {
    values
        .iter()
        .zip(others)
        .map(|(value, other)| value / other)
        .collect()
}

/// The heading of a table of quartiles, a line of its own above it.
pub(crate) fn head(what: &str) -> String {
    format!("\n{what:38}{:>9}{:>9}{:>9}", "1st qu.", "median", "3rd qu.")
}

/// The quartiles, under that heading.
pub(crate) fn row(quartiles: &Quartiles) -> String {
    format!(
        "{:>9.2}{:>9.2}{:>9.2}",
        quartiles.first, quartiles.median, quartiles.third
    )
}

/// The value that `quarters` quarters of a sorted series lie below.
fn quantile(sorted: &[f64], quarters: usize) -> Option<f64> {
    let steps = sorted.len().checked_sub(1)? * quarters;
    let below = *sorted.get(steps / 4)?;
    let above = *sorted.get(steps.div_ceil(4))?;
    let part = match steps % 4 {
        1 => 0.25,
        2 => 0.5,
        3 => 0.75,
        _ => 0.0,
    };
    Some(below + (above - below) * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_their_neighbours_whatever_the_order() {
        let quartiles = Quartiles::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(
            (quartiles.first, quartiles.median, quartiles.third),
            (1.75, 2.5, 3.25)
        );
        let odd = Quartiles::of(&[5.0, 1.0, 3.0]).unwrap();
        assert_eq!((odd.first, odd.median, odd.third), (2.0, 3.0, 4.0));
    }

    #[test]
    fn one_value_is_all_its_quartiles_and_none_has_none() {
        let one = Quartiles::of(&[7.0]).unwrap();
        assert_eq!((one.first, one.median, one.third), (7.0, 7.0, 7.0));
        assert_eq!(Quartiles::of(&[]), None);
    }

    #[test]
    fn a_ratio_is_taken_quartile_by_quartile() {
        let twice = Quartiles::of(&[2.0, 4.0, 6.0]).unwrap();
        let once = Quartiles::of(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(twice.over(&once).median, 2.0);
    }

    #[test]
    fn pairs_are_of_one_round() {
        assert_eq!(pairwise(&[2.0, 9.0], &[1.0, 3.0]), [2.0, 3.0]);
    }

    #[test]
    fn numbers_stand_under_their_headings() {
        let row = row(&Quartiles::of(&[7.0]).unwrap());
        let head = head("whole process");
        assert!(head.ends_with("3rd qu.") && row.ends_with("7.00"));
        assert_eq!(head.trim_start().len(), 38 + row.len());
    }
}
