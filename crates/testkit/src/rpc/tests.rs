use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixListener;

use super::*;

const SOON: Duration = Duration::from_secs(5);

/// A server that answers one connection with these bytes as soon as it was asked, and then closes. What it was asked.
fn canned(answer: &'static [u8]) -> (u16, std::thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = vec![0; 4096];
        let count = stream.read(&mut asked).unwrap();
        stream.write_all(answer).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        asked.truncate(count);
        stream.read_to_end(&mut asked).unwrap();
        asked
    });
    (port, asked)
}

#[test]
fn replies_are_handed_out_as_they_came() {
    let (port, asked) =
        canned(b"HTTP/1.1 418 I'm a  Teapot\r\nX-Odd:  a\r\nx-odd: b\r\nContent-Length: 2\r\n\r\n{}trail");
    let reply = Http::new(port).post("/brew?x=1", &json!({"a": 1}));
    assert_eq!((reply.status, reply.reason.as_str(), reply.body.as_slice()), (418, "I'm a  Teapot", &b"{}"[..]));
    assert_eq!(reply.headers[0], ("X-Odd".to_owned(), "a".to_owned()));
    assert_eq!(reply.header("X-ODD"), Some("a"));
    let asked = String::from_utf8(asked.join().unwrap()).unwrap();
    assert!(asked.starts_with("POST /brew?x=1 HTTP/1.1\r\nHost: 127.0.0.1:"), "{asked}");
    assert!(asked.ends_with("Content-Length: 7\r\nContent-Type: application/json\r\n\r\n{\"a\":1}"), "{asked}");
}

#[test]
fn chunks_are_put_together_and_raw_bytes_are_raw() {
    let (port, _) = canned(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n");
    assert_eq!(Http::new(port).get("/").text(), "abcde");
    let (port, _) = canned(b"anything");
    assert_eq!(Http::new(port).raw(b"\0garbage", SOON), (b"anything".to_vec(), End::Closed));
}

#[test]
fn websocket_messages_are_read_and_sent() {
    let (port, asked) = canned(
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x01\x05{\"met\x80\x0bhod\": \"a\"} \x89\x01p\x82\x01b\x88\x04\x03\xe9ok",
    );
    let mut ws = Ws::connect(port);
    assert_eq!(ws.notification("b", Duration::from_millis(1)), None);
    assert_eq!(ws.drain(Duration::ZERO), [json!({"method": "a"})]);
    assert_eq!(ws.read(SOON), Some(Incoming::Gone));
    drop(ws);
    let asked = asked.join().unwrap();
    assert!(asked.ends_with(&Frame::new(10, "p").bytes()));

    let (port, _) = canned(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x89\x00\x88\x04\x03\xe9ok");
    let close = Incoming::Close { code: Some(1001), reason: "ok".to_owned() };
    assert_eq!(Ws::connect(port).read_close(SOON), (Some(close), true));
    let (port, _) = canned(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(Ws::connect_with(port, "/websocket", &[("Origin", "x")]).unwrap_err().status, 403);
}

#[test]
fn frames_of_every_length_are_built() {
    assert_eq!(Frame { masked: false, ..Frame::text("hi") }.bytes(), b"\x81\x02hi");
    assert_eq!(Frame::close(1000, "").bytes(), [0x88, 0x82, 0x12, 0x34, 0x56, 0x78, 0x11, 0xdc]);
    assert_eq!(Frame::new(2, vec![0; 126]).bytes()[..4], [0x82, 0xfe, 0, 126]);
    assert_eq!(Frame::new(2, vec![0; 65536]).bytes()[..10], [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0]);
}

#[test]
fn the_unix_door_finds_its_reply_among_notifications() {
    let dir = crate::scratch::scratch();
    let socket = dir.path().join("sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"{\"method\":\"first\",\"params\":[1]}\x03{\"id\":\"call-1\",\"re").unwrap();
        stream.write_all(b"sult\":5}\x03rest").unwrap();
        let mut asked = [0; 4096];
        let _ = stream.read(&mut asked);
    });
    let mut unix = Unix::connect(&socket);
    assert_eq!(unix.result("ask", json!({"x": 1})), json!(5));
    assert_eq!(unix.notification("first", SOON), Some(json!([1])));
    assert_eq!(unix.read(SOON), None);
    assert!(unix.ended());
}
