//! A client that returns the received bytes.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Simulator;

/// Keeps a broken test from hanging.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// How long a test watches a connection on which nothing should happen.
pub(super) const SILENCE: Duration = Duration::from_millis(150);

#[derive(Debug)]
pub(super) struct RawReply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl RawReply {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let split = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
        Some(Self {
            status: head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?,
            body: bytes[split + 4..].to_vec(),
            head,
        })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

pub(super) fn request_text(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> String {
    let mut text = format!(
        "{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n" + body
}

pub(super) async fn connected(simulator: &Simulator, text: &str) -> TcpStream {
    let address = simulator.base_url().split_once("://").unwrap().1;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// All bytes until the connection ends.
pub(super) async fn bytes_of(simulator: &Simulator, text: &str) -> io::Result<Vec<u8>> {
    rest_of(connected(simulator, text).await).await
}

/// All further bytes until the connection ends.
pub(super) async fn rest_of(mut stream: TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let reading = timeout(PATIENCE, stream.read_to_end(&mut bytes));
    reading.await.unwrap()?;
    Ok(bytes)
}

pub(super) async fn send(
    simulator: &Simulator,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> RawReply {
    let text = request_text(method, target, headers, body);
    RawReply::parse(&bytes_of(simulator, &text).await.unwrap()).unwrap()
}

/// Waits for something that must happen.
pub(super) async fn until(happened: impl Fn() -> bool) {
    let waiting = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}
