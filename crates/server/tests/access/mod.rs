//! Who may ask at the doors: trusted addresses, keys, tokens, and pages of others.

use refit_testkit::rpc::{JsonRpc, Ws};
use serde_json::json;

use super::http;
use super::scripted::{authorization, start, start_with};

#[test]
fn a_header_is_believed_from_configured_proxies_only() {
    let server = start_with(|settings| settings.trusted_proxies.clear());
    let ask = |header: (&str, &str)| http(&server).request("GET", "/server/info", &[header], b"").status;
    // 127.0.0.1 is trusted whatever it writes about itself.
    assert_eq!(ask(("X-Real-IP", "8.8.8.8")), 200);
    let server = start_with(|settings| {
        settings.trusted_proxies.clear();
        settings.authorization.trusted_clients = authorization()
            .trusted_clients
            .into_iter()
            .map(|_| refit_model::settings::TrustedClient::Ip("192.168.7.7".parse().unwrap()))
            .collect();
    });
    for header in ["X-Real-IP", "X-Forwarded-For"] {
        let reply = http(&server).request("GET", "/server/info", &[(header, "192.168.7.7")], b"");
        assert_eq!(reply.status, 401, "{header}");
    }
}

#[test]
fn credentials_open_what_they_should() {
    let server = start();
    let foreign = ("X-Real-IP", "8.8.8.8");
    let ask = |target: &str, header: (&str, &str)| http(&server).request("GET", target, &[foreign, header], b"");
    let key = std::fs::read_to_string(&server.api_key_file).unwrap();
    let token = || ask("/access/oneshot_token", ("X-Api-Key", &key)).json()["result"].as_str().unwrap().to_owned();
    let none = ("X-None", "");
    let once = token();
    assert_eq!(ask(&format!("/access/user?token={once}"), none).json()["result"]["username"], "_API_KEY_USER_");
    assert_eq!(ask(&format!("/access/user?token={once}"), none).status, 401);
    // In a form, too.
    let form = [foreign, ("Content-Type", "application/x-www-form-urlencoded")];
    let post = |body: String| http(&server).request("POST", "/machine/update/refresh", &form, body.as_bytes());
    assert_eq!(post(format!("token={}&name=zz", token())).reason, "No updater registered for 'zz'");
    assert_eq!(post("token=zz&name=zz".to_owned()).status, 401);
    // In a handshake, and for the same address only.
    let target = format!("/websocket?token={}", token());
    let mut socket = Ws::connect_with(server.doors.port, &target, &[foreign]).unwrap();
    assert_eq!(socket.result("access.get_user", json!({}))["username"], "_API_KEY_USER_");
    let target = format!("/websocket?token={}", token());
    let mut socket = Ws::connect_with(server.doors.port, &target, &[("X-Real-IP", "9.9.9.9")]).unwrap();
    assert_eq!(socket.call("access.get_user", json!({}))["error"]["message"], "Unauthorized");
    // A new key ends the old one.
    let new = ask("/access/api_key", ("X-Api-Key", &key)).json();
    assert_eq!(new["result"], json!(key));
    let made = http(&server).request("POST", "/access/api_key", &[foreign, ("X-Api-Key", &key)], b"").json();
    assert_ne!(made["result"], json!(key));
    assert_eq!(ask("/server/info", ("X-Api-Key", &key)).status, 401);
    assert_eq!(ask("/server/info", ("X-Api-Key", made["result"].as_str().unwrap())).status, 200);
}

#[test]
fn a_foreign_page_needs_a_key_to_change_anything() {
    let server = start();
    let key = std::fs::read_to_string(&server.api_key_file).unwrap();
    let post = |headers: &[(&str, &str)]| http(&server).request("POST", "/machine/update/klipper", headers, b"").status;
    let host = format!("http://127.0.0.1:{}", server.doors.port);
    assert_eq!(post(&[("Origin", "http://evil.example")]), 403);
    assert_eq!(post(&[("Origin", "null")]), 403);
    assert!(server.requests().is_empty());
    for fine in [
        &[("Origin", host.as_str())][..],
        &[("Origin", "http://allowed.example")],
        &[("Origin", "http://evil.example"), ("X-Api-Key", &key)],
        &[],
    ] {
        assert_eq!(post(fine), 200, "{fine:?}");
    }
}
