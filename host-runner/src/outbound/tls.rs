//! The trusted certificates, loaded once and only for the first encrypted call.
//!
//! Loading a machine's root certificates takes milliseconds that an unencrypted call need not
//! spend. One configuration serves the whole process, so that later handshakes resume earlier
//! sessions. No switch turns verification off: a private root goes into `transport.ca_file`.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, RootCertStore};

use super::error::{Cause, TlsSetupError};
use crate::files;

/// The largest `ca_file`, in KiB: the bundle of a system has about 250.
const LARGEST_CA_FILE: u64 = 4096;

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
        let added = certificates(path).map_err(|reason| TlsSetupError::Unusable {
            path: path.display().to_string(),
            reason,
        })?;
        roots.extend(added.roots);
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

/// The certificates of a `ca_file`. None is skipped, because its absence would show much later.
///
/// # Errors
/// What is wrong with the file, or with which certificate of it.
pub(crate) fn certificates(path: &Path) -> Result<RootCertStore, String> {
    let bytes = files::read(path, LARGEST_CA_FILE).map_err(|error| error.to_string())?;
    // The beginning of a long ASN.1 sequence.
    if matches!(bytes.as_slice(), [0x30, 0x81..=0x84, ..]) {
        return Err(
            "it is binary; convert it to PEM, as with `openssl x509 -inform der`".to_owned(),
        );
    }
    let text = files::unmarked(&bytes).map_err(|error| error.to_string())?;
    // What is between the certificates may have any encoding.
    let text = String::from_utf8_lossy(text);
    let mut roots = RootCertStore::empty();
    let is_certificate = |block: &&str| {
        let label = block.split("-----").next();
        label.is_some_and(|label| label.ends_with("CERTIFICATE"))
    };
    let blocks = text.split("-----BEGIN ").skip(1).filter(is_certificate);
    for (index, block) in blocks.enumerate() {
        let pem = format!("-----BEGIN {block}");
        let unusable = |reason: &dyn Display| {
            format!("certificate {} in it cannot be read ({reason})", index + 1)
        };
        let one =
            CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| unusable(&error))?;
        roots.add(one).map_err(|error| unusable(&error))?;
    }
    match roots.is_empty() {
        true => Err("it contains no `BEGIN CERTIFICATE` block".to_owned()),
        false => Ok(roots),
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

    fn root() -> rcgen::Certificate {
        let key = rcgen::KeyPair::generate().unwrap();
        let root = rcgen::CertificateParams::new(vec![]).unwrap();
        root.self_signed(&key).unwrap()
    }

    #[test]
    fn every_certificate_of_a_ca_file_is_used_or_the_file_is_refused() {
        let pem = root().pem();
        let garbled = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
        let other = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let utf16: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (content, expected) in [
            (pem.clone().into_bytes(), Ok(1)),
            (format!("\u{feff}{pem}").replace('\n', "\r\n").into(), Ok(1)),
            (format!("# Größe\n{pem}\n\u{feff}{pem}").into(), Ok(2)),
            ([b"# Gr\xf6\xdfe\n", pem.as_bytes()].concat(), Ok(1)),
            ("no certificate here".into(), Err("contains no `BEGIN")),
            (
                pem.replace("CERTIFICATE", "PKCS7").into(),
                Err("contains no"),
            ),
            (format!("{pem}{garbled}").into(), Err("certificate 2 ")),
            (format!("{pem}{other}{pem}").into(), Err("certificate 2 ")),
            (
                format!("{pem}{}", &pem[..200]).into(),
                Err("certificate 2 "),
            ),
            (
                pem.replace(" CERT", " TRUSTED CERT").into(),
                Err("certificate 1 "),
            ),
            (root().der().to_vec(), Err("binary")),
            (utf16, Err("UTF-16")),
        ] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), content).unwrap();
            match (certificates(file.path()), expected) {
                (Ok(roots), Ok(number)) => assert_eq!(roots.len(), number),
                (Err(error), Err(word)) => assert!(error.contains(word), "{error}"),
                (found, _) => panic!("{found:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn a_failed_setup_does_not_stick() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.pem");
        let tls = LazyTls::new(Some(path.clone()));
        assert!(tls.config().is_err() && !tls.is_made());
        std::fs::write(&path, root().pem()).unwrap();
        assert!(tls.config().is_ok() && tls.is_made());
    }
}
