//! Whom the servers kiln speaks https with must be vouched for by.

use crate::model::Failure;
use std::path::Path;
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

/// Where distributions keep the certificate authorities of the host.
const HOST_AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The host's authorities and those of `ca_file`; the built-in ones where the
/// host has none.
///
/// # Errors
/// When `ca_file` cannot be read or holds no certificate.
pub(crate) fn authorities(ca_file: Option<&Path>) -> Result<RootCerts, Failure> {
    let mut found = Vec::new();
    if let Some(bundle) = HOST_AUTHORITIES
        .iter()
        .find_map(|path| std::fs::read(path).ok())
    {
        found.extend(certificates(&bundle));
    }
    if let Some(path) = ca_file.filter(|path| !path.as_os_str().is_empty()) {
        let bad = |why: String| {
            Failure::certain(format!("cannot use ca_file {}: {why}", path.display()))
                .hint("it must hold certificates in PEM and be readable by the agent")
        };
        let own = certificates(&std::fs::read(path).map_err(|error| bad(error.to_string()))?);
        if own.is_empty() {
            return Err(bad("there is no certificate in it".into()));
        }
        found.extend(own);
    }
    match found.is_empty() {
        true => Ok(RootCerts::WebPki),
        false => Ok(RootCerts::new_with_certs(&found)),
    }
}

/// The host's authorities; the built-in ones where it has none.
pub(crate) fn host_authorities() -> RootCerts {
    // Only a `ca_file` can be wrong, and there is none.
    authorities(None).unwrap_or(RootCerts::WebPki)
}

fn certificates(pem: &[u8]) -> Vec<Certificate<'static>> {
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    };
    parse_pem(pem).filter_map(certificate).collect()
}
