//! A client and a server on rustls, driven by the interop tests: see ../../../README.md for the protocol.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use ring::digest;
use rustls::crypto::{ring as provider, CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{pem::PemObject, CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, CommonState, ConnectionCommon, HandshakeKind, KeyLogFile, RootCertStore,
    ProtocolVersion, ServerConfig, ServerConnection, SideData, SignatureScheme, StreamOwned, SupportedProtocolVersion,
};

const EXPORTER_LABEL: &[u8] = b"EXPORTER-tacit-interop";

type Options = HashMap<String, String>;
type Failure = Box<dyn std::error::Error>;

fn main() {
    let options: Options = std::env::args()
        .skip(2)
        .filter_map(|argument| argument.split_once('=').map(|(name, value)| (name.into(), value.into())))
        .collect();
    match std::env::args().nth(1).as_deref() {
        Some("version") => println!("rustls 0.23.46 with ring 0.17.14"),
        Some("client") => run_client(&options).unwrap(),
        Some("server") => run_server(&options).unwrap(),
        _ => panic!("version, client or server"),
    }
}

fn versions(options: &Options) -> Vec<&'static SupportedProtocolVersion> {
    let version = |name| match name {
        "TLSv1.2" => &rustls::version::TLS12,
        "TLSv1.3" => &rustls::version::TLS13,
        _ => panic!("no version {name}"),
    };
    options["versions"].split(',').map(version).collect()
}

/// The provider, narrowed to what the test asks for.
fn crypto(options: &Options) -> Arc<CryptoProvider> {
    let mut crypto = provider::default_provider();
    if let Some(names) = options.get("groups") {
        crypto.kx_groups = names
            .split(',')
            .map(|name| match name {
                "x25519" => provider::kx_group::X25519,
                "secp256r1" => provider::kx_group::SECP256R1,
                "secp384r1" => provider::kx_group::SECP384R1,
                _ => panic!("rustls on ring has no {name}"),
            })
            .collect();
    }
    if let Some(names) = options.get("suites") {
        let all = crypto.cipher_suites;
        crypto.cipher_suites =
            names.split(',').flat_map(|name| all.iter().filter(move |suite| suite_name(suite.suite()) == name)).copied().collect();
    }
    if let Some(names) = options.get("sigalgs") {
        let all = crypto.signature_verification_algorithms;
        let mapping: Vec<_> = names
            .split(',')
            .flat_map(|name| all.mapping.iter().filter(move |(scheme, _)| scheme_name(*scheme) == name))
            .copied()
            .collect();
        crypto.signature_verification_algorithms =
            WebPkiSupportedAlgorithms { all: all.all, mapping: Box::leak(mapping.into_boxed_slice()) };
    }
    Arc::new(crypto)
}

fn suite_name(suite: rustls::CipherSuite) -> String {
    suite.as_str().unwrap_or_default().replace("TLS13_", "TLS_")
}

fn scheme_name(scheme: SignatureScheme) -> &'static str {
    match scheme {
        SignatureScheme::ECDSA_NISTP256_SHA256 => "ecdsa_secp256r1_sha256",
        SignatureScheme::ECDSA_NISTP384_SHA384 => "ecdsa_secp384r1_sha384",
        SignatureScheme::ED25519 => "ed25519",
        SignatureScheme::RSA_PSS_SHA256 => "rsa_pss_rsae_sha256",
        SignatureScheme::RSA_PSS_SHA384 => "rsa_pss_rsae_sha384",
        SignatureScheme::RSA_PSS_SHA512 => "rsa_pss_rsae_sha512",
        SignatureScheme::RSA_PKCS1_SHA256 => "rsa_pkcs1_sha256",
        SignatureScheme::RSA_PKCS1_SHA384 => "rsa_pkcs1_sha384",
        SignatureScheme::RSA_PKCS1_SHA512 => "rsa_pkcs1_sha512",
        _ => "",
    }
}

fn roots(path: &str) -> Result<RootCertStore, Failure> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path)? {
        store.add(certificate?)?;
    }
    Ok(store)
}

fn identity(options: &Options) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, Failure> {
    let Some(path) = options.get("cert") else { return Ok(None) };
    let chain = CertificateDer::pem_file_iter(path)?.collect::<Result<_, _>>()?;
    Ok(Some((chain, PrivateKeyDer::from_pem_file(&options["key"])?)))
}

fn alpn(options: &Options) -> Vec<Vec<u8>> {
    options.get("alpn").map(|names| names.split(',').map(|name| name.into()).collect()).unwrap_or_default()
}

fn number(options: &Options, name: &str, otherwise: usize) -> usize {
    options.get(name).map_or(otherwise, |text| text.parse().expect(name))
}

/// One line of JSON; the values are JSON already.
fn say(event: &str, fields: &[(&str, String)]) {
    let mut line = format!("{{\"event\":\"{event}\"");
    for (name, value) in fields {
        line += &format!(",\"{name}\":{value}");
    }
    println!("{line}}}");
}

fn quoted(text: impl std::fmt::Display) -> String {
    format!("\"{}\"", text.to_string().replace(['"', '\\', '\n'], " "))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

type Fields = Vec<(&'static str, String)>;

fn describe<S: SideData>(conn: &ConnectionCommon<S>) -> Result<Fields, Failure> {
    let state: &CommonState = conn;
    let kind = state.handshake_kind().ok_or("no handshake")?;
    let suite = state.negotiated_cipher_suite().ok_or("no cipher suite")?;
    let exporter = conn.export_keying_material([0u8; 32], EXPORTER_LABEL, None)?;
    let in_context = conn.export_keying_material([0u8; 32], EXPORTER_LABEL, Some(b"context"))?;
    let version = match state.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLSv1.3",
    };
    let mut fields = vec![
        ("protocolVersion", quoted(version)),
        ("resumed", (kind == HandshakeKind::Resumed).to_string()),
        ("cipherSuite", quoted(suite_name(suite.suite()))),
        ("peerCertificate", state.peer_certificates().is_some().to_string()),
        ("exporter", quoted(hex(&exporter))),
        ("exporterInContext", quoted(hex(&in_context))),
    ];
    if let Some(protocol) = state.alpn_protocol() {
        fields.push(("alpnProtocol", quoted(String::from_utf8_lossy(protocol))));
    }
    if let Some(group) = state.negotiated_key_exchange_group() {
        fields.push(("group", quoted(format!("{:?}", group.name()).to_lowercase())));
    }
    if kind != HandshakeKind::Resumed {
        let retried = kind == HandshakeKind::FullWithHelloRetryRequest;
        fields.push(("helloRetryRequest", retried.to_string()));
    }
    Ok(fields)
}

/// Reads `limit` bytes, or with none to the end.
fn receive(stream: &mut impl Read, limit: Option<usize>, fields: &mut Fields) -> io::Result<()> {
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut count = 0;
    let mut buffer = vec![0; 65536];
    let mut outcome = Ok(());
    while limit.is_none_or(|limit| count < limit) {
        let want = limit.map_or(buffer.len(), |limit| buffer.len().min(limit - count));
        match stream.read(&mut buffer[..want]) {
            Ok(0) => break,
            Ok(length) => {
                hash.update(&buffer[..length]);
                count += length;
            }
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    fields.push(("bytes", count.to_string()));
    fields.push(("sha256", quoted(hex(hash.finish().as_ref()))));
    outcome
}

/// Sends close_notify and reads to the peer's.
fn finish<C, S>(stream: &mut StreamOwned<C, TcpStream>) -> String
where
    C: std::ops::DerefMut<Target = ConnectionCommon<S>>,
    S: SideData,
{
    stream.conn.send_close_notify();
    let flushed = stream.flush();
    let _ = stream.sock.shutdown(std::net::Shutdown::Write);
    match flushed.and_then(|()| io::copy(stream, &mut io::sink())) {
        Ok(_) => quoted("close_notify"),
        Err(_) => quoted("fin"),
    }
}

fn write_payload<C, S>(stream: &mut StreamOwned<C, TcpStream>, payload: &[u8], options: &Options) -> Result<(), Failure>
where
    C: std::ops::DerefMut<Target = ConnectionCommon<S>>,
    S: SideData,
{
    let (first, second) = payload.split_at(payload.len() / 2);
    stream.write_all(first)?;
    if options.contains_key("rekey") {
        stream.conn.refresh_traffic_keys()?;
    }
    stream.write_all(second)?;
    Ok(stream.flush()?)
}

fn run_client(options: &Options) -> Result<(), Failure> {
    let payload = fs::read(&options["payload"])?;
    let builder = ClientConfig::builder_with_provider(crypto(options))
        .with_protocol_versions(&versions(options))?
        .with_root_certificates(roots(&options["ca"])?);
    let mut config = match identity(options)? {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn(options);
    config.key_log = Arc::new(KeyLogFile::new());
    let config = Arc::new(config);
    for _ in 0..number(options, "connections", 1) {
        match connect_once(options, &config, &payload) {
            Ok(fields) => say("connection", &fields),
            Err(error) => say("connection", &[("error", quoted(error))]),
        }
    }
    Ok(())
}

fn connect_once(options: &Options, config: &Arc<ClientConfig>, payload: &[u8]) -> Result<Fields, Failure> {
    let name = ServerName::try_from(options["name"].clone())?;
    let socket = TcpStream::connect(("127.0.0.1", number(options, "port", 0) as u16))?;
    let mut stream = StreamOwned::new(ClientConnection::new(config.clone(), name)?, socket);
    write_payload(&mut stream, payload, options)?;
    if options.get("mode").is_some_and(|mode| mode == "upload") {
        stream.conn.send_close_notify();
        stream.flush()?;
    }
    let mut fields = Fields::new();
    receive(&mut stream, None, &mut fields)?;
    fields.extend(describe(&stream.conn)?);
    fields.push(("ended", finish(&mut stream)));
    Ok(fields)
}

fn run_server(options: &Options) -> Result<(), Failure> {
    let payload = fs::read(&options["payload"])?;
    let crypto = crypto(options);
    let builder =
        ServerConfig::builder_with_provider(crypto.clone()).with_protocol_versions(&versions(options))?;
    let builder = match options.get("ca") {
        Some(path) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), crypto).build()?,
        ),
        None => builder.with_no_client_auth(),
    };
    let (chain, key) = identity(options)?.ok_or("a server needs cert and key")?;
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = alpn(options);
    config.key_log = Arc::new(KeyLogFile::new());
    // Without it, sessions are kept by their IDs.
    if options.get("tickets").is_none_or(|tickets| tickets != "0") {
        config.ticketer = provider::Ticketer::new()?;
    }
    let config = Arc::new(config);
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    say("listening", &[("port", listener.local_addr()?.port().to_string())]);
    for _ in 0..number(options, "connections", 1) {
        let (socket, _) = listener.accept()?;
        match serve_once(options, &config, socket, &payload) {
            Ok(fields) => say("connection", &fields),
            Err(error) => say("connection", &[("error", quoted(error))]),
        }
    }
    Ok(())
}

fn serve_once(options: &Options, config: &Arc<ServerConfig>, socket: TcpStream, payload: &[u8]) -> Result<Fields, Failure> {
    let mut stream = StreamOwned::new(ServerConnection::new(config.clone())?, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    let mut fields = describe(&stream.conn)?;
    if options.get("mode").is_some_and(|mode| mode == "sink") {
        // Nothing is read before the test says so.
        say("accepted", &[]);
        io::stdin().lock().read_line(&mut String::new())?;
        let ended = match receive(&mut stream, None, &mut fields) {
            Ok(()) => finish(&mut stream),
            Err(error) => quoted(error),
        };
        fields.push(("ended", ended));
        return Ok(fields);
    }
    receive(&mut stream, Some(number(options, "expect", 0)), &mut fields)?;
    write_payload(&mut stream, payload, options)?;
    fields.push(("ended", finish(&mut stream)));
    Ok(fields)
}
