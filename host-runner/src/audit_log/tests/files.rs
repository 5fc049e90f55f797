use std::fs;
use std::path::PathBuf;

use super::*;

fn code(path: &Path) -> &'static str {
    open_really(path).map_or_else(|error| error.code(), |_| "opened")
}

/// The error of a file that is rejected and not changed.
fn rejected_unchanged(path: &Path) -> AuditLogError {
    let before = fs::read(path).unwrap();
    let error = open_really(path).unwrap_err();
    assert_eq!(fs::read(path).unwrap(), before);
    let beside: Vec<PathBuf> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(beside, [path], "nothing was left beside it");
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
    error
}

#[test]
fn a_new_audit_log_and_its_folder_are_readable_only_by_their_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not/yet/there/audit.db");
    let audit_log = open_really(&path).unwrap();
    audit_log.append(&RunInfo::default(), note("x")).unwrap();
    assert_eq!(audit_log.location().path(), path);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&path.with_file_name("audit.db-wal")), 0o600);
        assert_eq!(mode(&path.with_file_name("audit.db-shm")), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }
}

#[test]
fn an_empty_file_becomes_an_audit_log() {
    let file = tempfile::NamedTempFile::new().unwrap();
    open_really(file.path())
        .unwrap()
        .append(&RunInfo::default(), note("x"))
        .unwrap();
    assert_eq!(
        open_really(file.path())
            .unwrap()
            .events_of("")
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_directory_and_a_device_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(code(folder.path()), "audit_log_not_a_file");
    assert!(
        open_really(folder.path())
            .unwrap_err()
            .to_string()
            .contains("a directory")
    );
    #[cfg(unix)]
    assert_eq!(code(Path::new("/dev/null")), "audit_log_not_a_file");
}

#[test]
fn a_folder_that_cannot_be_created_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = open_really(&file.path().join("audit.db")).unwrap_err();
    assert_eq!(error.code(), "audit_log_io");
    let missing = AuditLogLocation::file(file.path().with_file_name("no_such_audit.db"));
    let error = AuditLog::open_existing(
        &missing,
        Actor::default(),
        SystemClock::shared(),
        Redactor::new(),
    )
    .unwrap_err();
    assert_eq!(error.code(), "audit_log_not_found");
    assert!(!missing.path().exists());
}

#[test]
fn a_file_that_is_not_sqlite_is_rejected_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::write(&path, "minutes of the meeting\n".repeat(100)).unwrap();
    assert_eq!(rejected_unchanged(&path).code(), "audit_log_not_sqlite");
}

#[test]
fn another_programs_database_is_rejected_unchanged() {
    for marks in ["", "PRAGMA user_version = 1", "PRAGMA application_id = 7"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crm.db");
        let other = rusqlite::Connection::open(&path).unwrap();
        other
            .execute_batch(&format!("CREATE TABLE customers (name); {marks}"))
            .unwrap();
        other.close().unwrap();
        assert_eq!(
            rejected_unchanged(&path).code(),
            "audit_log_foreign",
            "{marks}"
        );
    }
}

#[test]
fn the_audit_log_of_a_newer_version_is_rejected() {
    let bench = Bench::new();
    bench.open().append(&RunInfo::default(), note("x")).unwrap();
    bench.raw().execute_batch("PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE").unwrap();
    let error = rejected_unchanged(bench.location().path());
    assert_eq!(error.code(), "audit_log_newer_schema");
    assert!(error.to_string().contains("version 2"), "{error}");
}

#[test]
fn a_damaged_file_is_an_error_and_not_a_crash() {
    let bench = Bench::new();
    let audit_log = bench.open();
    for _ in 0..50 {
        audit_log
            .append(&RunInfo::default(), note("something to fill pages with"))
            .unwrap();
    }
    drop(audit_log);
    bench
        .raw()
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    let path = bench.location().path().to_path_buf();
    let mut bytes = fs::read(&path).unwrap();
    bytes.iter_mut().skip(4096).for_each(|byte| *byte = 0x5a);
    fs::write(&path, bytes).unwrap();
    let error = open_really(&path)
        .and_then(|audit_log| audit_log.append(&RunInfo::default(), note("x")))
        .unwrap_err();
    assert_eq!(error.code(), "audit_log_corrupt");
}

#[test]
fn a_locked_audit_log_is_busy_and_works_afterwards() {
    let bench = Bench::new();
    let audit_log = bench.open();
    audit_log.begin(&run("r"), FOLLOWING).unwrap();
    audit_log.writable().unwrap();
    let other = bench.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..2 {
        assert!(audit_log.append(&run("r"), intent()).unwrap_err().is_busy());
        assert!(
            audit_log
                .begin(&run("r2"), FOLLOWING)
                .unwrap_err()
                .is_busy()
        );
        assert_eq!(audit_log.writable().unwrap_err().code(), "audit_log_locked");
    }
    assert_eq!(audit_log.run("r").unwrap(), None, "reading still works");
    other.execute_batch("ROLLBACK").unwrap();
    audit_log.writable().unwrap();
    assert_eq!(audit_log.append(&run("r"), intent()).unwrap().number, 1);
}
