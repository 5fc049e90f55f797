//! The trusted certificates, loaded once and only for the first encrypted call.
//!
//! Loading a machine's root certificates takes milliseconds that an unencrypted call need not
//! spend. One configuration serves the whole process, so that later handshakes resume earlier
//! sessions. No switch turns verification off: a private root goes into `transport.ca_file`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, RootCertStore};

use super::error::{Cause, TlsSetupError};

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

    /// The configuration. A failure is not kept: the file may be added later.
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

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsSetupError> {
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
        _ => Ok(()),
    }
}

/// Distinguishes an untrusted certificate from a server that does not speak TLS.
pub(crate) fn handshake_failure(error: &std::io::Error) -> Cause {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => {
            Cause::TlsUntrusted(certificate_reason(why))
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            Cause::TlsFailed("the reply is not TLS".to_owned())
        }
        Some(other) => Cause::TlsFailed(other.to_string()),
        None => Cause::TlsFailed(error.to_string()),
    }
}

/// The reason in words, and what helps.
fn certificate_reason(why: &CertificateError) -> String {
    use CertificateError as Why;
    let text = match why {
        Why::UnknownIssuer => {
            "it is not signed by a trusted authority; if your network re-signs traffic, put the root certificate that it uses into `transport.ca_file`"
        }
        Why::Expired | Why::ExpiredContext { .. } => {
            "it has expired; renew the certificate, or correct this machine's clock"
        }
        Why::NotValidYet | Why::NotValidYetContext { .. } => {
            "it is not valid yet; correct this machine's clock"
        }
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            "it is for another host; check the host name"
        }
        Why::Revoked => "it was revoked; replace the certificate",
        Why::UnsupportedSignatureAlgorithmContext { .. }
        | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its signature algorithm is not accepted; have the certificate issued with SHA-256 or better"
        }
        Why::InvalidPurpose | Why::InvalidPurposeContext { .. } => {
            "it was not issued for a server; have a server certificate issued"
        }
        Why::Other(other) => match other.0.downcast_ref() {
            Some(webpki::Error::UnsupportedCriticalExtension) => {
                "its chain has a critical extension that this program does not know, usually `certificatePolicies` in an intermediate; put the intermediate certificate itself into `transport.ca_file`"
            }
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "the server presents an authority's certificate as its own; have a certificate issued for the server, without `CA:TRUE`"
            }
            _ => return other.to_string(),
        },
        other => return other.to_string(),
    };
    text.to_owned()
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
        let error = |path: &Path| {
            let error = add_file(&mut RootCertStore::empty(), path).unwrap_err();
            assert!(error.to_string().contains(&path.display().to_string()));
            error
        };
        let missing = error(Path::new("does/not/exist.pem"));
        assert!(matches!(missing, TlsSetupError::Unreadable { .. }));
        let empty = file("no certificate here");
        assert!(matches!(error(empty.path()), TlsSetupError::Empty { .. }));
        let garbled = file("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
        assert!(matches!(
            error(garbled.path()),
            TlsSetupError::Unreadable { .. }
        ));
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
