//! The location of the audit log.
//!
//! | form | meaning |
//! |---|---|
//! | `sqlite:/var/lib/audit.db`, `sqlite:///var/lib/audit.db` | that file |
//! | `sqlite:audit.db` | a file relative to the configuration or the working directory |
//! | nothing | `audit.db` in the user's state folder |
//!
//! Rejected: `sqlite::memory:` and a `?` with SQLite's options, because neither is durable; a plain
//! path, because the scheme was probably forgotten; every other scheme. Errors never repeat the text,
//! because the URL of another database may contain a password.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use super::error::AuditLogError;

/// The maximum number of symbolic links in a path, as in Linux.
const MAX_LINKS: usize = 40;

/// The location of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLogLocation {
    path: PathBuf,
}

impl AuditLogLocation {
    /// Parses a location; a relative path is relative to `base`.
    ///
    /// # Errors
    /// [`AuditLogError::UnsupportedLocation`] for every form that is not in the table above.
    pub fn parse(text: &str, base: &Path) -> Result<Self, AuditLogError> {
        let unsupported = |why| Err(AuditLogError::UnsupportedLocation { why });
        let path = match text.trim().split_once(':') {
            Some(("sqlite", path)) => path,
            Some(("postgres" | "postgresql", _)) => {
                return unsupported("PostgreSQL is not supported by this version");
            }
            Some(_) => return unsupported("its scheme is not `sqlite`"),
            None => return unsupported("it has no scheme"),
        };
        let path = match path.strip_prefix("//") {
            Some(absolute) if absolute.starts_with('/') => absolute,
            Some(_) => {
                return unsupported("an SQLite file has no host: write one slash or three");
            }
            None => path,
        };
        match path {
            path if path.is_empty() || path.ends_with('/') => unsupported("it names no file"),
            path if path.starts_with(':') => unsupported("an in-memory database is not durable"),
            path if path.contains('?') => unsupported("options after `?` are not supported"),
            path => Ok(Self::file(base.join(path))),
        }
    }

    /// The audit log in this file.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// `host-runner/audit.db` in the user's state folder: `xdg_state_home` if it is absolute (the XDG
    /// specification ignores relative paths), otherwise `.local/state` in `home`.
    ///
    /// # Errors
    /// [`AuditLogError::NoStateFolder`] if neither is absolute.
    pub fn in_state_folder(
        xdg_state_home: Option<&Path>,
        home: Option<&Path>,
    ) -> Result<Self, AuditLogError> {
        let usable = |path: &&Path| path.is_absolute();
        xdg_state_home
            .filter(usable)
            .map(Path::to_path_buf)
            .or_else(|| home.filter(usable).map(|home| home.join(".local/state")))
            .map(|state| Self::file(state.join("host-runner/audit.db")))
            .ok_or(AuditLogError::NoStateFolder)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether the file is, or would be created, in `dir` or below, after following links.
    #[must_use]
    pub fn inside(&self, dir: &Path) -> bool {
        resolve(&absolute(&self.path), MAX_LINKS).starts_with(resolve(&absolute(dir), MAX_LINKS))
    }
}

impl fmt::Display for AuditLogLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite:{}", self.path.display())
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// The path with every link followed, even a dangling one. A part that does not exist yet is kept as
/// it would be created.
fn resolve(path: &Path, links: usize) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let Some(parent) = path.parent() else {
        return path.to_path_buf();
    };
    if let (Ok(target), true) = (path.read_link(), links > 0) {
        return resolve(&parent.join(target), links - 1);
    }
    let mut real = resolve(parent, links);
    match path.components().next_back() {
        Some(Component::ParentDir) => {
            real.pop();
        }
        Some(last) => real.push(last),
        None => {}
    }
    real
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<PathBuf, AuditLogError> {
        AuditLogLocation::parse(text, Path::new("/etc/refresh")).map(|location| location.path)
    }

    #[test]
    fn the_forms_of_the_table_name_a_file() {
        for (text, path) in [
            ("sqlite:/var/lib/a.db", "/var/lib/a.db"),
            ("sqlite:///var/lib/a.db", "/var/lib/a.db"),
            ("sqlite:state/a.db", "/etc/refresh/state/a.db"),
            (" sqlite:a.db ", "/etc/refresh/a.db"),
        ] {
            assert_eq!(parsed(text).unwrap(), Path::new(path));
        }
    }

    #[test]
    fn every_other_form_is_rejected_with_the_supported_forms_as_a_hint() {
        for text in [
            "",
            "audit.db",
            "/var/lib/audit.db",
            "sqlite:",
            "sqlite:/var/lib/",
            "sqlite://server/a.db",
            "sqlite::memory:",
            "sqlite:a.db?mode=memory",
            "postgres://user@host/db",
            "https://example.com/a.db",
        ] {
            let error = parsed(text).unwrap_err();
            assert_eq!(error.code(), "audit_location_unsupported", "{text}");
            assert!(error.hint().contains("sqlite:/absolute/path"), "{error}");
        }
    }

    #[test]
    fn an_error_never_repeats_a_password() {
        let error = parsed("postgres://user:INVENTED-password-0123@host/db").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("INVENTED"));
        assert!(error.to_string().contains("PostgreSQL"));
    }

    #[test]
    fn the_default_is_in_the_state_folder() {
        let home = Path::new("/home/a");
        for (xdg, path) in [
            (Some("/state"), "/state/host-runner/audit.db"),
            (None, "/home/a/.local/state/host-runner/audit.db"),
            (
                Some("relative"),
                "/home/a/.local/state/host-runner/audit.db",
            ),
        ] {
            let found = AuditLogLocation::in_state_folder(xdg.map(Path::new), Some(home));
            assert_eq!(found.unwrap().path, Path::new(path));
        }
        let error = AuditLogLocation::in_state_folder(Some(Path::new("")), None).unwrap_err();
        assert_eq!(error.code(), "audit_location_missing");
    }

    /// A folder with the folders `task` and `other`.
    fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let (work, other) = (root.path().join("task"), root.path().join("other"));
        std::fs::create_dir_all(work.join("deep")).unwrap();
        std::fs::create_dir_all(&other).unwrap();
        (root, work, other)
    }

    #[test]
    fn a_file_is_inside_a_folder_however_the_path_is_written() {
        let (root, work, other) = folders();
        let inside = |path: PathBuf| AuditLogLocation::file(path).inside(&work);
        assert!(inside(work.join("audit.db")));
        assert!(inside(work.join("not/yet/there/audit.db")));
        assert!(inside(other.join("../task/audit.db")));
        assert!(inside(other.join("not_there/../../task/audit.db")));
        assert!(!inside(other.join("audit.db")));
        assert!(!inside(root.path().join("workshop/audit.db")));
        assert!(!inside(work.join("../other/audit.db")));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_even_to_a_file_that_does_not_exist_yet() {
        use std::os::unix::fs::symlink;
        let (_root, work, other) = folders();
        symlink(&work, other.join("folder")).unwrap();
        symlink(work.join("audit.db"), other.join("dangling.db")).unwrap();
        symlink("../other/audit.db", work.join("leads_out.db")).unwrap();
        symlink(other.join("loop"), other.join("loop")).unwrap();
        let inside = |path: PathBuf| AuditLogLocation::file(path).inside(&work);
        assert!(inside(other.join("folder/audit.db")));
        assert!(inside(other.join("dangling.db")));
        assert!(!inside(work.join("leads_out.db")));
        assert!(!inside(other.join("loop")));
    }
}
