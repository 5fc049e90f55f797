//! The table of verdicts and exit codes, for `--help` and for the README. Both come from
//! [`Status::TABLE`], so that neither can say what the process does not do.

use crate::verdict::{Status, StatusRow};

/// The heads of the columns.
const HEAD: [&str; 4] = ["exit", "status", "sent", "means"];

/// The table as plain text for a terminal, without a line end after the last row. Whether the
/// trigger left is said by the README's table only: here the lines would wrap.
#[must_use]
pub fn plain() -> String {
    let rows: Vec<_> = [HEAD]
        .into_iter()
        .chain(Status::TABLE.iter().map(cells))
        .collect();
    let widest = |cell: fn(&[&'static str; 4]) -> &'static str| {
        rows.iter().map(|row| cell(row).len()).max().unwrap_or(0)
    };
    let exit_width = widest(|[exit, ..]| exit);
    let status_width = widest(|[_, status, ..]| status);
    let line = |[exit, status, _, means]: &[&str; 4]| {
        format!("  {exit:exit_width$}  {status:status_width$}  {means}")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The table in Markdown, each row ending in a line end.
#[must_use]
pub fn markdown() -> String {
    let row = |[exit, status, sent, means]: [&str; 4]| {
        format!(
            "| {status} | {sent} | {} | {exit} |\n",
            means.replace('|', "\\|")
        )
    };
    let mut out = row(HEAD);
    out.push_str("|---|---|---|---|\n");
    for status in &Status::TABLE {
        let [exit, name, sent, means] = cells(status);
        out.push_str(&row([exit, &format!("`{name}`"), sent, means]));
    }
    out
}

fn cells(row: &StatusRow) -> [&'static str; 4] {
    [row.exit, row.name, row.sent, row.means]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_say_every_row() {
        let (plain, markdown) = (plain(), markdown());
        for row in Status::TABLE {
            assert!(
                plain
                    .lines()
                    .any(|line| line.contains(row.name) && line.ends_with(row.means))
            );
            let cells = format!(
                "| `{}` | {} | {} | {} |",
                row.name, row.sent, row.means, row.exit
            );
            assert!(markdown.lines().any(|line| line == cells), "{cells}");
        }
        assert_eq!(plain.lines().count(), Status::TABLE.len() + 1);
        assert_eq!(markdown.lines().count(), Status::TABLE.len() + 2);
    }

    #[test]
    fn the_readme_has_the_table_that_the_process_goes_by() {
        let readme = include_str!("../../../README.md");
        assert!(readme.contains(&markdown()), "paste this:\n{}", markdown());
    }

    #[test]
    fn the_columns_of_the_plain_table_are_aligned() {
        let plain = plain();
        let column = plain.lines().next().unwrap().find("means").unwrap();
        for (line, row) in plain.lines().skip(1).zip(Status::TABLE) {
            assert_eq!(&line[column..], row.means);
        }
    }
}
