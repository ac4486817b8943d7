//! Authorities, and certificates that they sign, made anew for each test.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Somebody who signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(crate) struct Signed {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) der: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    fn sign(&self, params: &CertificateParams) -> Signed {
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.0).unwrap();
        let der = signed.der().clone();
        Signed { certificate: signed.pem(), key: key.serialize_pem(), der }
    }

    /// A certificate for the server on this machine.
    pub(crate) fn server(&self) -> Signed {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned).to_vec();
        self.sign(&CertificateParams::new(names).unwrap())
    }

    /// A certificate for a client: its common name, DNS name and URI are made from `name`.
    pub(crate) fn client(&self, name: &str) -> Signed {
        self.sign(&client(name))
    }

    /// The same, of long ago.
    pub(crate) fn expired(&self, name: &str) -> Signed {
        let mut params = client(name);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.sign(&params)
    }
}

fn client(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![format!("{name}.Shop.example")]).unwrap();
    params.distinguished_name.push(DnType::OrganizationName, "Shop");
    params.distinguished_name.push(DnType::CommonName, name);
    let uri = format!("spiffe://shop/{name}").as_str().try_into().unwrap();
    params.subject_alt_names.push(SanType::URI(uri));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

impl Signed {
    /// What a client of `reqwest` shows.
    pub(crate) fn identity(&self) -> reqwest::Identity {
        let both = format!("{}{}", self.key, self.certificate);
        reqwest::Identity::from_pem(both.as_bytes()).unwrap()
    }
}

/// Files of a server's certificate, its key, and the authority of clients.
pub(crate) struct Files {
    pub(crate) directory: PathBuf,
}

impl Files {
    pub(crate) fn write(directory: &Path, server: &Signed, clients: &Authority) -> Files {
        let files = Files { directory: directory.to_owned() };
        files.put("server.pem", &server.certificate);
        files.put("server.key", &server.key);
        files.put("clients.pem", &clients.pem());
        files
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(name), text).unwrap();
    }

    /// The section of the configuration that names them.
    pub(crate) fn section(&self, asked: &str) -> String {
        let at = self.directory.display();
        let ca = match asked {
            "off" => String::new(),
            _ => format!(", client_ca: {at}/clients.pem"),
        };
        format!(
            "tls: {{certificate: {at}/server.pem, key: {at}/server.key, \
             client_certificates: {asked}{ca}}}"
        )
    }
}

/// A client that trusts an authority, and shows what it has.
pub(crate) fn client_of(trusted: &Authority, shown: Option<&Signed>) -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = reqwest::Certificate::from_pem(trusted.pem().as_bytes()).unwrap();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
    match shown {
        Some(shown) => builder.identity(shown.identity()),
        None => builder,
    }
}

/// One connection that stays open.
pub(crate) struct Open(TlsStream<TcpStream>);

impl Open {
    pub(crate) async fn dial(
        address: SocketAddr,
        trusted: &Authority,
        shown: Option<&Signed>,
    ) -> std::io::Result<Open> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(trusted.0.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider);
        let builder =
            builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match shown {
            None => builder.with_no_client_auth(),
            Some(shown) => {
                let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![shown.der.clone()], key).unwrap()
            }
        };
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.map(Open)
    }

    /// The certificate that the server showed.
    pub(crate) fn shown(&self) -> &[u8] {
        &self.0.get_ref().1.peer_certificates().unwrap()[0]
    }

    /// Asks for a path over this very connection; the status.
    pub(crate) async fn get(&mut self, path: &str) -> std::io::Result<u16> {
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        self.0.write_all(head.as_bytes()).await?;
        let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let count = self.0.read(&mut buffer).await?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            read.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&read);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| body.len() >= length.parse().unwrap()) {
                return Ok(head[9..12].parse().unwrap());
            }
        }
    }
}
