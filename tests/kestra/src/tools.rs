//! Finds the JDK and Maven.

use std::path::{Path, PathBuf};

use crate::EngineError;

/// The file that pins versions.
const WORKSPACE: &str = include_str!("../../../Cargo.toml");

/// Folders with JDKs, besides `JAVA_HOME` and the PATH.
const JDK_FOLDERS: [&str; 4] = [
    "/usr/lib/jvm",
    "/opt",
    "/usr/local",
    "/Library/Java/JavaVirtualMachines",
];

/// Folders with JDKs in the user's home.
const JDK_FOLDERS_AT_HOME: [&str; 2] = [".sdkman/candidates/java", ".jdks"];

/// The pinned version of a tool, or an empty string.
#[must_use]
pub fn pinned(tool: &str) -> &'static str {
    WORKSPACE
        .lines()
        .skip_while(|line| *line != "[workspace.metadata.tools]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.strip_prefix(tool)?.strip_prefix(" = "))
        .map_or("", |value| value.trim_matches('"'))
}

/// The tools that build and run the engine.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The JDK's folder.
    pub java_home: PathBuf,
    /// Maven's program.
    pub maven: PathBuf,
}

impl Tools {
    /// Finds the tools on this machine.
    ///
    /// # Errors
    /// [`EngineError::NoJdk`], [`EngineError::NoMaven`].
    pub fn find() -> Result<Self, EngineError> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let path: Vec<PathBuf> = std::env::var_os("PATH")
            .map(|path| std::env::split_paths(&path).collect())
            .unwrap_or_default();
        let release = pinned("jdk");
        let mut candidates: Vec<PathBuf> = variable("JAVA_HOME").into_iter().collect();
        // `java` on the PATH is usually a link into a JDK's `bin`.
        let of_path = on_path(&path, "java").and_then(|java| java.canonicalize().ok());
        candidates.extend(of_path.and_then(|java| Some(java.parent()?.parent()?.to_owned())));
        let mut folders: Vec<PathBuf> = JDK_FOLDERS.iter().map(PathBuf::from).collect();
        if let Some(home) = variable("HOME") {
            folders.extend(JDK_FOLDERS_AT_HOME.iter().map(|folder| home.join(folder)));
        }
        for folder in &folders {
            candidates.extend(jdks_in(folder));
        }
        let java_home = candidates
            .into_iter()
            .find(|candidate| is_jdk(candidate, release))
            .ok_or_else(|| EngineError::NoJdk {
                release: release.to_owned(),
                places: folders
                    .iter()
                    .map(|folder| folder.display().to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            })?;
        let maven = variable("MAVEN_HOME")
            .map(|home| home.join("bin/mvn"))
            .filter(|maven| maven.is_file())
            .or_else(|| on_path(&path, "mvn"))
            .ok_or(EngineError::NoMaven)?;
        Ok(Self { java_home, maven })
    }
}

fn on_path(path: &[PathBuf], program: &str) -> Option<PathBuf> {
    path.iter()
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// The JDKs in a folder, sorted so that every run uses the same one.
fn jdks_in(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .flat_map(|jdk| [jdk.join("Contents/Home"), jdk])
        .filter(|jdk| jdk.join("release").is_file())
        .collect();
    found.sort();
    found
}

/// Whether a folder is a JDK of this release, with a compiler.
fn is_jdk(folder: &Path, release: &str) -> bool {
    let is_release = |text: String| {
        text.lines()
            .filter_map(|line| line.strip_prefix("JAVA_VERSION="))
            .any(|version| version.trim_matches('"').split('.').next() == Some(release))
    };
    folder.join("bin/javac").is_file()
        && std::fs::read_to_string(folder.join("release")).is_ok_and(is_release)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jdk(version: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("some-jdk");
        std::fs::create_dir_all(home.join("bin")).unwrap();
        std::fs::write(home.join("bin/javac"), "").unwrap();
        std::fs::write(
            home.join("release"),
            format!("IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"{version}\"\n"),
        )
        .unwrap();
        dir
    }

    #[test]
    fn a_jdk_has_a_release_file_and_a_compiler() {
        let newer = jdk("25.0.1");
        let home = newer.path().join("some-jdk");
        assert!(is_jdk(&home, "25"));
        assert_eq!(jdks_in(newer.path()), std::slice::from_ref(&home));
        std::fs::remove_file(home.join("bin/javac")).unwrap();
        assert!(!is_jdk(&home, "25"), "a runtime cannot build");
        let older = jdk("17.0.15");
        assert!(!is_jdk(&older.path().join("some-jdk"), "25"));
    }

    #[test]
    fn versions_are_read_from_the_workspace() {
        assert_eq!(pinned("nothing"), "");
        assert!(pinned("jdk").parse::<u32>().is_ok(), "{}", pinned("jdk"));
    }

    #[test]
    fn a_missing_tool_is_an_error_with_a_hint() {
        let error = EngineError::NoJdk {
            release: "25".into(),
            places: "/usr/lib/jvm".into(),
        };
        assert!(error.to_string().contains("set JAVA_HOME"), "{error}");
        let error = EngineError::NoMaven.to_string();
        assert!(error.contains("apt-get install maven"), "{error}");
    }
}
