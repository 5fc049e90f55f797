//! Reads the files that a person names: a configuration, a secret, a payload, certificates.
//!
//! Only regular files are read, and only up to a limit: a pipe or a device that is named by mistake
//! would block the process or fill its memory. The claimed size is not trusted, because files below
//! `/proc` claim none. A text is UTF-8; the mark that Windows writes before it is no part of it.

use std::fs::OpenOptions;
use std::io::{Error, Read as _, Result};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The content of a file of at most `limit` KiB.
///
/// # Errors
/// Why there is none, without waiting for whoever may write to a pipe.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    // Without it, opening a pipe would wait.
    let file = options.read(true).custom_flags(libc::O_NONBLOCK);
    let file = file.open(path)?;
    let kind = file.metadata()?.file_type();
    if !kind.is_file() {
        let what = match (kind.is_dir(), kind.is_fifo()) {
            (true, _) => "a directory",
            (_, true) => "a pipe",
            _ => "a device",
        };
        let what = format!("it is {what}, and only regular files are read");
        return Err(Error::other(what));
    }
    let mut bytes = Vec::new();
    file.take(limit * 1024 + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit * 1024 {
        return Err(Error::other(format!("it is larger than {limit} KiB")));
    }
    Ok(bytes)
}

/// The text of a file of at most `limit` KiB.
///
/// # Errors
/// Why there is none, without waiting for whoever may write to a pipe.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String> {
    let bytes = read(path, limit)?;
    let text = std::str::from_utf8(unmarked(&bytes)?).map(str::to_owned);
    text.map_err(|_| Error::other("it is not UTF-8 text"))
}

/// The bytes of a text without a mark of their encoding; UTF-16 also shows by its NUL bytes.
///
/// # Errors
/// If it is UTF-16.
pub(crate) fn unmarked(bytes: &[u8]) -> Result<&[u8]> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] | [1..=0x7f, 0, ..] => {
            Err(Error::other("it is UTF-16; save it as UTF-8"))
        }
        _ => Ok(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_of_a_regular_file_within_the_limit_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, content) in [
            ("plain", &b"text\r\n"[..]),
            ("marked", b"\xef\xbb\xbftext\r\n"),
            ("little", b"\xff\xfet\0e\0"),
            ("big", b"\xfe\xff\0t\0e"),
            ("unmarked little", b"t\0e\0"),
            ("unmarked big", b"\0t\0e"),
            ("latin", b"Gr\xf6\xdfe"),
            ("large", &[b'x'; 1025]),
        ] {
            std::fs::write(path(name), content).unwrap();
        }
        let mut mkfifo = std::process::Command::new("mkfifo");
        assert!(mkfifo.arg(path("pipe")).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        let utf16 = "it is UTF-16; save it as UTF-8";
        for (path, expected) in [
            (path("plain"), Ok("text\r\n")),
            (path("marked"), Ok("text\r\n")),
            (path("little"), Err(utf16)),
            (path("big"), Err(utf16)),
            (path("unmarked little"), Err(utf16)),
            (path("unmarked big"), Err(utf16)),
            (path("latin"), Err("not UTF-8 text")),
            (path("large"), Err("larger than 1 KiB")),
            (path("absent"), Err("No such file")),
            (path("."), Err("a directory")),
            (path("pipe"), Err("a pipe")),
            (path("socket"), Err("")),
            ("/dev/zero".into(), Err("a device")),
            ("/proc/self/mem".into(), Err("")),
        ] {
            let found = read_text(&path, 1);
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{}", path.display()),
                (Err(error), Err(word)) => assert!(error.to_string().contains(word), "{error}"),
                (found, _) => panic!("{}: {found:?}", path.display()),
            }
        }
        // It claims to be empty.
        assert!(!read_text(Path::new("/proc/version"), 1).unwrap().is_empty());
    }
}
