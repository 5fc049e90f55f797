//! Whom to trust, set up once and only when the first encrypted call is made.
//!
//! Reading a machine's root certificates takes milliseconds that a call in the clear must not pay.
//! One configuration serves the whole process, so that later handshakes resume earlier sessions.
//! There is no switch that trusts everybody: a root of one's own goes into `transport.ca_file`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, RootCertStore};

/// Why the roots of trust could not be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsSetupError {
    /// The file cannot be read, or is not PEM.
    #[error(
        "`transport.ca_file` {path} cannot be read ({reason}); give a file of PEM certificates"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// What was wrong.
        reason: String,
    },
    /// The file holds no usable certificate.
    #[error(
        "`transport.ca_file` {path} holds no usable certificate; give a file with at least one `BEGIN CERTIFICATE` block"
    )]
    Empty {
        /// The file.
        path: String,
    },
    /// The TLS library refused its own settings.
    #[error("TLS could not be set up ({reason}); please report this fault")]
    Library {
        /// Its word.
        reason: String,
    },
}

impl TlsSetupError {
    /// The stable name of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "ca_file_unreadable",
            Self::Empty { .. } => "ca_file_empty",
            Self::Library { .. } => "tls_library",
        }
    }
}

/// Reads `transport.ca_file` and says how many certificates it holds; never zero.
pub fn check_ca_file(path: &Path) -> Result<usize, TlsSetupError> {
    add_file(&mut RootCertStore::empty(), path)
}

/// The TLS configuration of the process, made on first use.
#[derive(Debug)]
pub(crate) struct LazyTls {
    ca_file: Option<PathBuf>,
    made: Mutex<Option<Arc<ClientConfig>>>,
}

impl LazyTls {
    pub(crate) fn new(ca_file: Option<PathBuf>) -> Self {
        Self {
            ca_file,
            made: Mutex::new(None),
        }
    }

    /// The configuration. Another attempt follows a failed one, for a file may come to be.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, TlsSetupError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = made.as_ref() {
            return Ok(config.clone());
        }
        let config = Arc::new(build(self.ca_file.as_deref())?);
        *made = Some(config.clone());
        Ok(config)
    }

    #[cfg(test)]
    pub(crate) fn is_made(&self) -> bool {
        self.made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }
}

fn build(ca_file: Option<&Path>) -> Result<ClientConfig, TlsSetupError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        // A container without a certificate package: the Mozilla list that is compiled in.
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(path) = ca_file {
        add_file(&mut roots, path)?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsSetupError::Library {
            reason: error.to_string(),
        })?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<usize, TlsSetupError> {
    let unreadable = |reason: String| TlsSetupError::Unreadable {
        path: path.display().to_string(),
        reason,
    };
    let text = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(error.to_string()))?;
    match roots.add_parsable_certificates(certificates) {
        (0, _) => Err(TlsSetupError::Empty {
            path: path.display().to_string(),
        }),
        (added, _) => Ok(added),
    }
}

/// Why a handshake failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HandshakeFailure {
    /// The certificate does not prove the host.
    Untrusted(String),
    /// Anything else.
    Failed(String),
}

/// Tells a certificate that is not trusted from a server that speaks no TLS.
pub(crate) fn handshake_failure(error: &std::io::Error) -> HandshakeFailure {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => {
            HandshakeFailure::Untrusted(certificate_reason(why))
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            HandshakeFailure::Failed("what came back is not TLS".to_owned())
        }
        Some(other) => HandshakeFailure::Failed(other.to_string()),
        None => HandshakeFailure::Failed(error.to_string()),
    }
}

fn certificate_reason(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => "nobody trusted has signed it".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired; check this machine's clock too".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; check this machine's clock too".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another host".to_owned()
        }
        CertificateError::Revoked => "it was revoked".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    #[test]
    fn a_ca_file_that_is_missing_empty_or_garbled_is_refused_by_name() {
        let missing = check_ca_file(Path::new("does/not/exist.pem")).unwrap_err();
        assert_eq!(missing.code(), "ca_file_unreadable");
        assert!(missing.to_string().contains("exist.pem"));
        let empty = file("no certificate here");
        assert_eq!(
            check_ca_file(empty.path()).unwrap_err().code(),
            "ca_file_empty"
        );
        let garbled = file("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
        assert_eq!(
            check_ca_file(garbled.path()).unwrap_err().code(),
            "ca_file_unreadable"
        );
    }

    #[test]
    fn a_failed_setup_does_not_stick() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.pem");
        let tls = LazyTls::new(Some(path.clone()));
        assert!(tls.config().is_err() && !tls.is_made());
        let key = rcgen::KeyPair::generate().unwrap();
        let root = rcgen::CertificateParams::new(vec![])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        std::fs::write(&path, root.pem()).unwrap();
        assert!(tls.config().is_ok() && tls.is_made());
    }
}
