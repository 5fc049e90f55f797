//! Reads the configuration, or a payload, as text.

use std::io::Read;
use std::path::Path;

use super::error::ConfigError;
use super::fault::Fault;

/// The largest configuration or payload, in bytes. A payload is stored in the audit log with every
/// run, and a configuration of this size is a file that was named by mistake.
const LARGEST: u64 = 1024 * 1024;

/// The text of a configuration.
pub(crate) fn text_of(path: &Path) -> Result<String, ConfigError> {
    read(
        path,
        Fault::ConfigNotFound {
            path: path.to_path_buf(),
        },
    )
}

/// The text of a file; `absent` where there is none.
pub(crate) fn read(path: &Path, absent: Fault) -> Result<String, ConfigError> {
    let unreadable =
        |reason: String| ConfigError::of_file(path, Fault::ConfigUnreadable { reason });
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() as u64 > LARGEST => {
            Err(unreadable("it is larger than 1 MiB".to_owned()))
        }
        Ok(_) => {
            String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(ConfigError::of_option("", absent))
        }
        Err(error) => Err(unreadable(error.to_string())),
    }
}
