//! A certificate authority of the test's own, and the certificate that it gives to the host.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// What a server needs, and what a client must trust to believe it.
pub(super) struct Identity {
    pub(super) acceptor: TlsAcceptor,
    pub(super) ca_pem: String,
}

/// A new authority and its certificate for these names and addresses.
///
/// # Panics
/// When a name is none, or the system has no random numbers.
pub(super) fn identity(names: &[&str]) -> Identity {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Refit's tests");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().expect("a key can be made");
    let authority = CertifiedIssuer::self_signed(authority, key).expect("a certificate authority can be made");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let params = CertificateParams::new(names).expect("every name can stand in a certificate");
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = params.signed_by(&key, &authority).expect("the authority can sign");
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows the usual versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .expect("the key fits the certificate");
    Identity { acceptor: TlsAcceptor::from(Arc::new(config)), ca_pem: authority.pem() }
}
