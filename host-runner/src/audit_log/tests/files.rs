use std::fs;
use std::path::PathBuf;

use super::*;

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
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()), "{text}");
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
    add_note(&open_really(file.path()).unwrap(), "x");
    let events = open_really(file.path()).unwrap().events_of("").unwrap();
    assert_eq!(events.len(), 1);
}

#[test]
fn a_directory_and_a_device_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let error = open_really(folder.path()).unwrap_err();
    assert_eq!(error.code(), "audit_log_not_a_file");
    assert!(error.to_string().contains("a directory"), "{error}");
    #[cfg(unix)]
    {
        let error = open_really(Path::new("/dev/null")).unwrap_err();
        assert_eq!(error.code(), "audit_log_not_a_file");
    }
}

#[test]
fn a_folder_that_cannot_be_created_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = open_really(&file.path().join("audit.db")).unwrap_err();
    assert_eq!(error.code(), "audit_log_io");
    let missing = AuditLogLocation::file(file.path().with_file_name("no_such_audit.db"));
    let (clock, redactor) = (SystemClock::shared(), Redactor::new());
    let opened = AuditLog::open_existing(&missing, ann(), clock, redactor);
    assert_eq!(opened.unwrap_err().code(), "audit_log_not_found");
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
        let content = format!("CREATE TABLE customers (name); {marks}");
        other.execute_batch(&content).unwrap();
        other.close().unwrap();
        let code = rejected_unchanged(&path).code();
        assert_eq!(code, "audit_log_foreign", "{marks}");
    }
}

#[test]
fn the_audit_log_of_a_newer_version_is_rejected() {
    let bench = Bench::new();
    add_note(&bench.open(), "x");
    let newer =
        "PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE";
    bench.raw().execute_batch(newer).unwrap();
    let error = rejected_unchanged(bench.location().path());
    assert_eq!(error.code(), "audit_log_newer_schema");
    assert!(error.to_string().contains("version 2"), "{error}");
}

#[test]
fn a_damaged_file_is_an_error_and_not_a_crash() {
    let (bench, audit_log) = Bench::one();
    for _ in 0..50 {
        add_note(&audit_log, "something to fill pages with");
    }
    drop(audit_log);
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    bench.raw().execute_batch(checkpoint).unwrap();
    let path = bench.location().path().to_path_buf();
    let mut bytes = fs::read(&path).unwrap();
    bytes.iter_mut().skip(4096).for_each(|byte| *byte = 0x5a);
    fs::write(&path, bytes).unwrap();
    let append = |log: AuditLog| log.append(&RunInfo::default(), note("x"));
    let stored = open_really(&path).and_then(append);
    assert_eq!(stored.unwrap_err().code(), "audit_log_corrupt");
}

#[test]
fn a_locked_audit_log_is_busy_and_works_afterwards() {
    let (bench, audit_log) = Bench::one();
    audit_log.begin(&run("r"), FOLLOWING).unwrap();
    audit_log.writable().unwrap();
    let other = bench.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..2 {
        assert!(audit_log.append(&run("r"), intent()).unwrap_err().is_busy());
        let begin = audit_log.begin(&run("r2"), FOLLOWING);
        assert!(begin.unwrap_err().is_busy());
        assert_eq!(audit_log.writable().unwrap_err().code(), "audit_log_locked");
    }
    assert_eq!(audit_log.run("r").unwrap(), None, "reading still works");
    other.execute_batch("ROLLBACK").unwrap();
    audit_log.writable().unwrap();
    assert_eq!(audit_log.append(&run("r"), intent()).unwrap().number, 1);
}
