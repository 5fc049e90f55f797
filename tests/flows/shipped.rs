//! What `kestra-flows/` holds.

use std::path::PathBuf;

use kestra_engine::Line;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../kestra-flows"))
}

/// A file, by its path in the folder.
pub fn file(path: &str) -> String {
    let file = folder().join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A flow, by its name without `.yml`.
pub fn flow(name: &str) -> String {
    file(&format!("{name}.yml"))
}

/// The names of the flows for this line: those for both, and those that are for it alone.
pub fn flows_of(line: Line) -> Vec<String> {
    let others = Line::ALL
        .into_iter()
        .filter(|other| *other != line)
        .map(|other| format!(".{}", other.suffix()));
    let others: Vec<String> = others.collect();
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("there are flows")
        .filter_map(|entry| {
            Some(
                entry
                    .ok()?
                    .file_name()
                    .to_str()?
                    .strip_suffix(".yml")?
                    .to_owned(),
            )
        })
        .filter(|name| name != "dashboard")
        .filter(|name| !others.iter().any(|other| name.ends_with(other)))
        .collect();
    names.sort();
    names
}
