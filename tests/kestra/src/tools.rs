//! Finds the JDK and Maven, and what else the tests on the engine need.

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
        Ok(Self {
            java_home: jdk()?,
            maven: maven().ok_or(EngineError::NoMaven)?,
        })
    }
}

/// Something that the tests on the engine need and this machine lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its name.
    pub name: String,
    /// Debian's package.
    pub package: String,
}

/// What the tests on the engine need and this machine lacks.
#[must_use]
pub fn missing() -> Vec<Missing> {
    let release = pinned("jdk");
    let jdk_package = format!("openjdk-{release}-jdk-headless");
    [
        (format!("JDK {release}"), jdk_package, jdk().is_ok()),
        ("Maven".into(), "maven".into(), maven().is_some()),
        // The shipped flows send alerts with it.
        ("curl".into(), "curl".into(), on_path("curl").is_some()),
    ]
    .into_iter()
    .filter(|(.., found)| !found)
    .map(|(name, package, _)| Missing { name, package })
    .collect()
}

fn jdk() -> Result<PathBuf, EngineError> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let release = pinned("jdk");
    let mut candidates: Vec<PathBuf> = variable("JAVA_HOME").into_iter().collect();
    // `java` on the PATH is usually a link into a JDK's `bin`.
    let of_path = on_path("java").and_then(|java| java.canonicalize().ok());
    candidates.extend(of_path.and_then(|java| Some(java.parent()?.parent()?.to_owned())));
    let mut folders: Vec<PathBuf> = JDK_FOLDERS.iter().map(PathBuf::from).collect();
    if let Some(home) = variable("HOME") {
        folders.extend(JDK_FOLDERS_AT_HOME.iter().map(|folder| home.join(folder)));
    }
    for folder in &folders {
        candidates.extend(jdks_in(folder));
    }
    candidates
        .into_iter()
        .find(|candidate| is_jdk(candidate, release))
        .ok_or_else(|| EngineError::NoJdk {
            release: release.to_owned(),
            places: folders
                .iter()
                .map(|folder| folder.display().to_string())
                .collect::<Vec<_>>()
                .join(", "),
        })
}

fn maven() -> Option<PathBuf> {
    std::env::var_os("MAVEN_HOME")
        .map(|home| Path::new(&home).join("bin/mvn"))
        .filter(|maven| maven.is_file())
        .or_else(|| on_path("mvn"))
}

/// A program on the PATH.
#[must_use]
pub fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
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
