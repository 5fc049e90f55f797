//! Quartiles, and how they are printed.

/// The first quartile, the median and the third quartile, interpolated between neighbours; `None`
/// without values.
pub(crate) fn quartiles(values: &[f64]) -> Option<[f64; 3]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |quarters| quantile(&sorted, quarters);
    Some([at(1)?, at(2)?, at(3)?])
}

/// The heading of a table of quartiles.
pub(crate) fn head(what: &str) -> String {
    format!("\n{what:38}{:>9}{:>9}{:>9}", "1st qu.", "median", "3rd qu.")
}

/// The quartiles, under that heading.
pub(crate) fn row([first, median, third]: [f64; 3]) -> String {
    format!("{first:>9.2}{median:>9.2}{third:>9.2}")
}

fn quantile(sorted: &[f64], quarters: usize) -> Option<f64> {
    let steps = sorted.len().checked_sub(1)? * quarters;
    let below = *sorted.get(steps / 4)?;
    let above = *sorted.get(steps.div_ceil(4))?;
    let part = [0.0, 0.25, 0.5, 0.75].get(steps % 4)?;
    Some(below + (above - below) * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_interpolated_whatever_the_order() {
        assert_eq!(quartiles(&[4.0, 1.0, 3.0, 2.0]), Some([1.75, 2.5, 3.25]));
        assert_eq!(quartiles(&[5.0, 1.0, 3.0]), Some([2.0, 3.0, 4.0]));
        assert_eq!(quartiles(&[7.0]), Some([7.0; 3]));
        assert_eq!(quartiles(&[]), None);
    }

    #[test]
    fn numbers_are_aligned_with_their_headings() {
        assert_eq!(
            head("whole process").trim_start().len(),
            38 + row([7.0; 3]).len()
        );
    }
}
