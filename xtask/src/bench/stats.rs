//! Medians and quartiles.

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
}
