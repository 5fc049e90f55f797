//! Builds the Java program for a line of Kestra. It is built again only if its sources change.
//!
//! Maven has its own cache, so only the first build on a machine needs the network.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::tools::{Tools, pinned};
use crate::{EngineError, Line};

/// How many lines of Maven's output are shown if it fails.
const SHOWN: usize = 30;

/// What Maven prints if it cannot reach its repository: now, during an earlier build, or because it is
/// told to work offline.
const TRANSFER_FAILED: [&str; 3] = [
    "Could not transfer artifact",
    "failed to transfer from",
    "in offline mode",
];

/// A built program.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its folder.
    pub folder: PathBuf,
    /// The class path for `java -cp`.
    pub class_path: String,
}

/// Builds the program for this line below `target` unless it is up to date.
///
/// # Errors
/// [`EngineError::Fetch`], [`EngineError::Build`], [`EngineError::Io`].
pub fn program(line: Line, tools: &Tools, target: &Path) -> Result<Program, EngineError> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("engine");
    let folder = target.join("kestra").join(line.name());
    let built_from = folder.join("built-from");
    let list = folder.join("class-path");
    let stamp = stamp(line, &sources)?;
    let ready = std::fs::read_to_string(&built_from).is_ok_and(|before| before == stamp)
        && std::fs::read_to_string(&list)
            .is_ok_and(|list| std::env::split_paths(list.trim()).all(|jar| jar.is_file()));
    if !ready {
        std::fs::create_dir_all(&folder)
            .map_err(EngineError::io(format!("making {}", folder.display())))?;
        maven(line, tools, &sources, &folder, &list)?;
        std::fs::write(&built_from, stamp)
            .map_err(EngineError::io(format!("writing {}", built_from.display())))?;
    }
    let jars = std::fs::read_to_string(&list)
        .map_err(EngineError::io(format!("reading {}", list.display())))?;
    let class_path = format!("{}:{}", folder.join("classes").display(), jars.trim());
    Ok(Program { folder, class_path })
}

fn maven(
    line: Line,
    tools: &Tools,
    sources: &Path,
    folder: &Path,
    list: &Path,
) -> Result<(), EngineError> {
    let output = Command::new(&tools.maven)
        .args(["--quiet", "--batch-mode", "--no-transfer-progress"])
        .arg("--file")
        .arg(sources.join("pom.xml"))
        .arg(format!("--activate-profiles=line-{}", line.name()))
        .arg(format!("-Dkestra.line={}", line.name()))
        .arg(format!("-Dkestra.version={}", line.release()))
        .arg(format!("-Djdk.version={}", pinned("jdk")))
        .arg(format!("-Dengine.build={}", folder.display()))
        .arg(format!("-Dmdep.outputFile={}", list.display()))
        .args(["process-classes", "dependency:build-classpath"])
        .env("JAVA_HOME", &tools.java_home)
        .stdin(Stdio::null())
        .output()
        .map_err(EngineError::io(format!(
            "starting {}",
            tools.maven.display()
        )))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    Err(failure(line, &printed))
}

/// Why Maven failed, from what it printed. Only a transfer that failed is the network's fault: an artifact
/// that does not exist is ours.
fn failure(line: Line, printed: &str) -> EngineError {
    let is_transfer = TRANSFER_FAILED.iter().any(|text| printed.contains(text));
    let (line, output) = (line.name(), last_lines(printed, SHOWN));
    match is_transfer {
        true => EngineError::Fetch { line, output },
        false => EngineError::Build { line, output },
    }
}

/// Everything that the build depends on.
fn stamp(line: Line, sources: &Path) -> Result<String, EngineError> {
    let mut stamp = format!("Kestra {}, JDK {}\n", line.release(), pinned("jdk"));
    let mut folders = vec![sources.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .map_err(EngineError::io(format!("reading {}", folder.display())))?;
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file)
            .map_err(EngineError::io(format!("reading {}", file.display())))?;
        stamp += &text;
    }
    Ok(stamp)
}

/// The last lines of a text.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(count)..)
        .unwrap_or_default()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_lines_are_at_most_as_many_as_requested() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
        assert_eq!(last_lines("", 2), "");
    }

    #[test]
    fn only_a_failed_transfer_is_the_networks_fault() {
        for (printed, is_transfer) in [
            (
                "[ERROR] Non-resolvable import POM: Could not transfer artifact io.kestra:platform:pom:2.0.0 from/to central: Unknown host",
                true,
            ),
            (
                "io.kestra:core:jar:2.0.0 failed to transfer from https://x during a previous attempt. This failure was cached",
                true,
            ),
            (
                "Cannot access central (https://x) in offline mode and the artifact has not been downloaded from it before.",
                true,
            ),
            (
                "Could not find artifact io.kestra:platform:pom:2.0.99 in central (https://x)",
                false,
            ),
            (
                "[ERROR] COMPILATION ERROR : [ERROR] Main.java:[3,5] cannot find symbol",
                false,
            ),
            ("", false),
        ] {
            let error = failure(Line::V2, printed);
            assert_eq!(
                matches!(error, EngineError::Fetch { .. }),
                is_transfer,
                "{error}"
            );
        }
    }

    #[test]
    fn the_stamp_depends_on_the_line_and_on_the_sources() {
        let sources = tempfile::tempdir().unwrap();
        let file = sources.path().join("A.java");
        std::fs::write(&file, "class A {}").unwrap();
        let before = stamp(Line::V2, sources.path()).unwrap();
        assert_eq!(before, stamp(Line::V2, sources.path()).unwrap());
        assert_ne!(before, stamp(Line::V1, sources.path()).unwrap());
        std::fs::write(&file, "class A { }").unwrap();
        assert_ne!(before, stamp(Line::V2, sources.path()).unwrap());
    }
}
