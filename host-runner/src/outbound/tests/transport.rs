//! Every way in which a call can end, and what each says about whether the request left.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::server::{Server, answer, closed_port, read_request};
use super::token::HandClock;
use super::*;

/// Holds a connection open without a word.
fn keep_silent(stream: TcpStream) {
    let _held = stream;
    std::thread::sleep(LONG);
}

/// Reads the request, then sends this.
fn reply(mut stream: &TcpStream, text: &str) {
    read_request(&mut stream);
    let _ = stream.write_all(text.as_bytes());
}

async fn fails(request: OutboundRequest) -> (String, Sent) {
    let error = fails_on(&transport(), request).await;
    (cause(&error), error.sent())
}

#[tokio::test]
async fn an_answer_comes_whole() {
    let server = Server::answering(|_| answer(202, &[("x-a", "b")], "{\"c\":1}"));
    let mut request = post(&server.url("/in/voke?q=%2Fx&y"));
    request.headers.insert("x-mine", "1".parse().unwrap());
    let got = transport().send(request).await.unwrap();
    assert_eq!(
        (got.status.as_u16(), &got.body[..]),
        (202, &b"{\"c\":1}"[..])
    );
    assert_eq!(got.headers["x-a"], "b");
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.line(), seen.body.as_str()),
        ("POST /in/voke?q=%2Fx&y", "{}")
    );
    assert_eq!(
        seen.header("host"),
        Some(format!("127.0.0.1:{}", server.port).as_str())
    );
    assert_eq!(seen.header("x-mine"), Some("1"));
}

#[tokio::test]
async fn an_empty_post_says_that_it_is_empty() {
    let server = Server::answering(|_| answer(200, &[], ""));
    let request = OutboundRequest {
        body: Bytes::new(),
        ..post(&server.url("/"))
    };
    transport().send(request).await.unwrap();
    assert_eq!(server.seen()[0].header("content-length"), Some("0"));
}

#[tokio::test]
async fn a_name_that_leads_to_a_special_address_is_not_connected_to() {
    for address in [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "10.0.0.1",
        "0.0.0.0",
        "fd00::1",
    ] {
        let names = transport_with(FixedNames::new(&[address]));
        let error = fails_on(&names, post("https://flow.example/")).await;
        assert_eq!(cause(&error), "AddressRefused", "{address}");
        assert_eq!(error.sent(), Sent::No);
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_only_judged_addresses_are_tried() {
    let server = Server::answering(|_| answer(200, &[], ""));
    let names = FixedNames::new(&["169.254.169.254", "127.0.0.1"]);
    let transport = transport_with(names.clone());
    transport
        .send(post(&format!("http://flow.example:{}/", server.port)))
        .await
        .unwrap();
    assert_eq!((names.lookups(), server.connections()), (1, 1));
}

#[tokio::test]
async fn the_next_address_is_tried_where_one_refuses() {
    let server = Server::answering(|_| answer(200, &[], ""));
    let transport = transport_with(FixedNames::new(&["127.0.0.9", "127.0.0.1"]));
    let target = format!("http://flow.example:{}/", server.port);
    assert!(transport.send(post(&target)).await.is_ok());
}

#[tokio::test]
async fn a_server_that_stalls_or_resets_has_perhaps_taken_the_request() {
    type Behaviour = fn(TcpStream);
    let limited = |change: fn(&mut Timeouts)| {
        let mut timeouts = patient();
        change(&mut timeouts);
        timeouts
    };
    let cases: [(&str, Behaviour, Timeouts); 4] = [
        (
            "TotalTimeout",
            keep_silent,
            limited(|timeouts| timeouts.total = SHORT),
        ),
        (
            "BetweenBytesTimeout",
            |stream| {
                reply(&stream, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab");
                keep_silent(stream);
            },
            limited(|timeouts| timeouts.between_bytes = SHORT),
        ),
        (
            // Refused by its length, before it is read.
            "TooLarge",
            |stream| {
                reply(
                    &stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n",
                );
                keep_silent(stream);
            },
            patient(),
        ),
        (
            "Closed",
            // Closing with unread bytes makes the kernel send a reset.
            |stream| drop(stream.peek(&mut [0])),
            patient(),
        ),
    ];
    for (expected, behaviour, timeouts) in cases {
        let server = Server::raw(move |_, stream| behaviour(stream));
        let request = OutboundRequest {
            timeouts,
            ..post(&server.url("/"))
        };
        assert_eq!(fails(request).await, (expected.to_owned(), Sent::Maybe));
    }
}

#[tokio::test]
async fn the_time_of_a_call_ends_while_bytes_keep_arriving() {
    const CHUNKS: &str = "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n";
    for (head, more) in [
        ("HTTP/1.1 200 X\r\nx-slow: ", "a"),
        ("", "HTTP/1.1 102 Processing\r\n\r\n"),
        ("HTTP/1.1 200 X\r\ncontent-length: 1000000\r\n\r\n", "a"),
        (CHUNKS, "1\r\na\r\n"),
    ] {
        // Slowly, so that every wait is a short one, and so fast that there is nothing to wait for.
        for pause in [Duration::from_millis(10), Duration::ZERO] {
            let server = Server::raw(move |_, mut stream| {
                reply(&stream, head);
                while stream.write_all(more.as_bytes()).is_ok() {
                    std::thread::sleep(pause);
                }
            });
            let mut request = post(&server.url("/"));
            request.timeouts.total = SHORT;
            let error = fails(request).await;
            let limited = ["TotalTimeout", "NotHttp"].contains(&error.0.as_str());
            assert!(limited && error.1 == Sent::Maybe, "{head}: {error:?}");
        }
    }
}

#[tokio::test]
async fn the_time_of_a_call_is_that_of_the_runners_clock() {
    let clock = Arc::new(HandClock::default());
    let moved = clock.clone();
    let server = Server::raw(move |_, mut stream| {
        reply(&stream, "HTTP/1.1 200 X\r\ncontent-length: 1000000\r\n\r\n");
        moved.advance(2 * LONG.as_secs());
        while stream.write_all(b"a").is_ok() {}
    });
    let transport = Transport::new(TransportConfig::new(clock));
    let error = fails_on(&transport, post(&server.url("/"))).await;
    assert_eq!(cause(&error), "TotalTimeout");
}

/// `text` in gzip.
fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_compressed_answer_is_decoded_whole_or_it_is_an_error() {
    let whole = gzip(b"{\"value\":[]}");
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let bomb = gzip(&vec![b' '; 1 << 20]);
    for (coding, body, expected) in [
        ("gzip", whole.clone(), "{\"value\":[]}"),
        ("X-GZip", whole.clone(), "{\"value\":[]}"),
        (
            "gzip",
            [gzip(b"{\"a\""), gzip(b":1}")].concat(),
            "{\"a\":1}",
        ),
        ("gzip", Vec::new(), ""),
        ("gzip", whole[..whole.len() - 1].to_vec(), "Truncated"),
        ("gzip", damaged, "Truncated"),
        ("gzip", [&whole[..], b"more"].concat(), "Truncated"),
        ("gzip", b"{\"value\":[]}".to_vec(), "Truncated"),
        ("gzip", bomb, "TooLarge"),
        ("br", b"not read".to_vec(), "not read"),
        ("gzip, br", b"not read".to_vec(), "not read"),
    ] {
        let server = Server::raw(move |_, mut stream| {
            let length = body.len();
            let head = format!("content-length: {length}\r\ncontent-encoding: {coding}");
            reply(&stream, &format!("HTTP/1.1 200 X\r\n{head}\r\n\r\n"));
            let _ = stream.write_all(&body);
        });
        let transport = Transport::new(TransportConfig {
            longest_answer: 1 << 16,
            ..TransportConfig::new(SystemClock::shared())
        });
        match transport.send(get(&server.url("/"))).await {
            Ok(got) => {
                assert_eq!(&got.body[..], expected.as_bytes());
                let is_kept = got.headers.get("content-encoding").is_some();
                assert_eq!(is_kept, coding.contains("br"), "{coding}");
            }
            Err(error) => assert_eq!(
                (cause(&error), error.sent()),
                (expected.to_owned(), Sent::Maybe)
            ),
        }
    }
}

#[tokio::test]
async fn a_reply_that_is_cut_or_not_http_may_have_been_carried_out() {
    for (text, expected) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab",
            "Truncated",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
            "Truncated",
        ),
        ("", "Closed"),
        ("HTTP/1.1 20", "Closed"),
        ("SSH-2.0-OpenSSH_9.9\r\n", "NotHttp"),
    ] {
        let server = Server::once(text);
        let error = fails_on(&transport(), post(&server.url("/"))).await;
        assert_eq!(
            (cause(&error).as_str(), error.sent()),
            (expected, Sent::Maybe)
        );
        let names_status = error.to_string().contains("status 200");
        assert_eq!(names_status, expected == "Truncated", "{error}");
    }
}

#[tokio::test]
async fn a_huge_answer_without_a_length_is_cut_at_the_cap() {
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let server = Server::raw(move |_, mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let piece = vec![b'a'; 1 << 16];
        for _ in 0..1600 {
            if stream.write_all(&piece).is_err() {
                return;
            }
            count.fetch_add(piece.len(), Ordering::SeqCst);
        }
    });
    let transport = Transport::new(TransportConfig {
        longest_answer: 1 << 20,
        ..TransportConfig::new(SystemClock::shared())
    });
    let error = fails_on(&transport, post(&server.url("/"))).await;
    assert_eq!(
        (cause(&error).as_str(), error.sent()),
        ("TooLarge", Sent::Maybe)
    );
    assert!(written.load(Ordering::SeqCst) < 100 << 20);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let server = Server::answering(|_| answer(302, &[("location", "/elsewhere")], ""));
    let got = transport().send(get(&server.url("/"))).await.unwrap();
    assert_eq!(got.status.as_u16(), 302);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn reading_calls_share_a_connection_and_a_post_has_its_own() {
    let server = Server::answering(|_| answer(200, &[], "{}"));
    let transport = transport();
    for _ in 0..3 {
        transport.send(get(&server.url("/"))).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    transport.send(post(&server.url("/"))).await.unwrap();
    assert_eq!(server.connections(), 2);
    assert_eq!(transport.calls(), 4);
}

#[tokio::test]
async fn a_connection_that_waited_too_long_is_not_used_again() {
    let server = Server::answering(|_| answer(200, &[], "{}"));
    let clock = Arc::new(HandClock::default());
    let transport = Transport::new(TransportConfig::new(clock.clone()));
    for (seconds, connections) in [(0, 1), (89, 1), (90, 2)] {
        clock.advance(seconds);
        transport.send(get(&server.url("/"))).await.unwrap();
        assert_eq!(server.connections(), connections, "{seconds}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_died_costs_a_reading_call_nothing() {
    // Each connection answers once; the next request on it is read and then dropped.
    let server = Server::raw(|_, mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(answer(200, &[], "{}").as_bytes());
        read_request(&mut stream);
    });
    let transport = transport();
    for _ in 0..3 {
        transport.send(get(&server.url("/"))).await.unwrap();
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_post_after_a_connection_died_is_sent_once_and_answered() {
    let posts = Arc::new(AtomicUsize::new(0));
    let count = posts.clone();
    let server = Server::raw(move |_, mut stream| {
        let request = read_request(&mut stream).unwrap();
        if request.line().starts_with("POST") {
            count.fetch_add(1, Ordering::SeqCst);
        }
        let _ = stream.write_all(answer(200, &[], "{}").as_bytes());
    });
    let transport = transport();
    transport.send(get(&server.url("/"))).await.unwrap();
    transport.send(post(&server.url("/"))).await.unwrap();
    assert_eq!(posts.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_permit_for_one_place_does_not_open_another() {
    let here = Server::answering(|_| answer(200, &[], ""));
    let there = Server::answering(|_| answer(200, &[], ""));
    let request = OutboundRequest {
        url: url(&there.url("/")),
        ..post(&here.url("/"))
    };
    assert_eq!(fails(request).await, ("Denied".to_owned(), Sent::No));
    assert_eq!(there.connections(), 0);
}

#[tokio::test]
async fn no_error_shows_a_query_or_a_header() {
    let mut request = post(&format!(
        "http://127.0.0.1:{}/?sig=INVENTED-sig",
        closed_port()
    ));
    request
        .headers
        .insert("authorization", "Bearer INVENTED-token".parse().unwrap());
    let error = transport().send(request).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("INVENTED"), "{shown}");
}
