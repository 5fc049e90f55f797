//! The simulator over TLS, with a client that trusts the simulator's CA or does not.

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::*;

async fn handshake(
    simulator: &Simulator,
    roots: RootCertStore,
    name: &'static str,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = simulator.base_url().strip_prefix("https://").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from(name).unwrap(), stream)
        .await
}

fn trusting(simulator: &Simulator) -> RootCertStore {
    let pem = simulator.ca_pem().unwrap().as_bytes();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(pem).unwrap())
        .unwrap();
    roots
}

async fn started_with_tls(world: World) -> Simulator {
    Simulator::builder(world).tls().start().await.unwrap()
}

#[tokio::test]
async fn a_client_that_trusts_the_ca_is_served_for_both_names() {
    let simulator = started_with_tls(scenario::order_list_completes()).await;
    for name in ["127.0.0.1", "localhost"] {
        let mut stream = handshake(&simulator, trusting(&simulator), name)
            .await
            .unwrap();
        let text = request_text("GET", "/nowhere", &[], "");
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(RawReply::parse(&bytes).unwrap().status, 404);
    }
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_ca_is_not_served() {
    let simulator = started_with_tls(scenario::order_list_completes()).await;
    let foreign = started_with_tls(World::new()).await;
    assert!(
        handshake(&simulator, trusting(&foreign), "localhost")
            .await
            .is_err()
    );
    assert!(simulator.requests().is_empty());
}

#[tokio::test]
async fn a_reset_works_under_tls_too() {
    let rule = FaultRule::on(Operation::Trigger, Fault::Reset);
    let world = scenario::order_list_completes().fault(rule);
    let text = trigger_text(&world.flows[0]);
    let simulator = started_with_tls(world).await;
    let mut stream = handshake(&simulator, trusting(&simulator), "localhost")
        .await
        .unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}
