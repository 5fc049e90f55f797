//! The files in `kestra-flows/`.

use std::path::PathBuf;

use kestra_engine::Line;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../kestra-flows"))
}

/// The text of a file, by its path in the folder.
pub fn file(path: &str) -> String {
    let file = folder().join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The text of a flow, by its name without `.yml`.
pub fn flow(name: &str) -> String {
    file(&format!("{name}.yml"))
}

/// The names of the flows for this line, including those for both.
pub fn flows_of(line: Line) -> Vec<String> {
    let other = match line {
        Line::V1 => Line::V2,
        Line::V2 => Line::V1,
    };
    let other = format!(".{}", other.suffix());
    let files = std::fs::read_dir(folder()).expect("the folder of the flows");
    let mut names: Vec<String> = files
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .filter_map(|file| file.strip_suffix(".yml").map(str::to_owned))
        .filter(|name| name != "dashboard" && !name.ends_with(&other))
        .collect();
    names.sort();
    names
}
