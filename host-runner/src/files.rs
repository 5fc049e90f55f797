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
/// A sentence about the file. Opening a pipe fails at once, although it has no writer yet.
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
/// A sentence about the file. Opening a pipe fails at once, although it has no writer yet.
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
    fn a_text_is_utf_8_within_the_limit_with_or_without_a_mark() {
        let utf16 = "it is UTF-16; save it as UTF-8";
        let file = tempfile::NamedTempFile::new().unwrap();
        for (content, expected) in [
            (&b"text\r\n"[..], Ok("text\r\n")),
            (b"\xef\xbb\xbftext", Ok("text")),
            (b"\xff\xfet\0e\0", Err(utf16)),
            (b"\xfe\xff\0t\0e", Err(utf16)),
            (b"t\0e\0", Err(utf16)),
            (b"\0t\0e", Err(utf16)),
            (b"Gr\xf6\xdfe", Err("it is not UTF-8 text")),
            (&[b'x'; 1025], Err("it is larger than 1 KiB")),
        ] {
            std::fs::write(file.path(), content).unwrap();
            let found = read_text(file.path(), 1).map_err(|error| error.to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), expected);
        }
        // It claims to be empty.
        assert!(!read_text(Path::new("/proc/version"), 1).unwrap().is_empty());
    }
}
