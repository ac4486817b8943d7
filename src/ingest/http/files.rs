//! Certificates and keys from PEM files, and other small files that a configuration names.

use super::terms::Unusable;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes of a file that are read: all authorities that a system trusts take a quarter of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The bytes of the file that `key` of the configuration names.
pub(super) fn bytes(key: &'static str, path: &Path) -> Result<Vec<u8>, Unusable> {
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Ok(count) if count as u64 > FILE_BYTES_MAX => {
            let message = format!("is larger than {FILE_BYTES_MAX} bytes");
            Err(Unusable::file(key, path, message, "name another file"))
        }
        Ok(_) => Ok(bytes),
        Err(error) => {
            let message = format!("cannot be read: {error}");
            Err(Unusable::file(key, path, message, "correct the path or the file's permissions"))
        }
    }
}

/// The certificates of a file, at least one.
pub(super) fn certificates(
    key: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let bytes = bytes(key, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => {
            let remedy = "name a PEM file with `BEGIN CERTIFICATE` in it";
            Err(Unusable::file(key, path, "holds no certificate", remedy))
        }
        Err(error) => {
            let message = format!("is not a PEM file: {error}");
            Err(Unusable::file(key, path, message, "name a PEM file"))
        }
    }
}

/// The first private key of a file.
pub(super) fn key(name: &'static str, path: &Path) -> Result<PrivateKeyDer<'static>, Unusable> {
    let bytes = bytes(name, path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
        // What was wrong with it is not repeated: the message could hold a part of the key.
        let remedy = "name a PEM file; one that is encrypted is decrypted by `openssl pkey -in`";
        Unusable::file(name, path, "holds no private key that can be read", remedy)
    })
}
