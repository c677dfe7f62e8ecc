//! Asks Moonraker how it is, as a client that comes does: `/server/info`, and whether a WebSocket can be opened.
//! Refuses to: identify itself, or to ask for what needs a login.

use std::time::Duration;

use refit_model::health::{MoonrakerSeen, one_line};
use reqwest::header::{CONNECTION, HeaderName, HeaderValue, UPGRADE};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

use super::declared::words_of;

const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const LONGEST: usize = 1024 * 1024;

/// What it says of itself.
pub(super) async fn look(client: Result<&Client, &String>, url: &str) -> MoonrakerSeen {
    let gone = |why: String| MoonrakerSeen::Gone { why };
    let client = match client {
        Ok(client) => client,
        Err(why) => return gone(why.clone()),
    };
    let (status, body) = match timeout(PATIENCE, ask(client, url)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return gone(format!("{url}: {}", words_of(&error))),
        Err(_) => return gone(format!("{url}: no answer within {} s", PATIENCE.as_secs())),
    };
    let answer = serde_json::from_slice::<Value>(&body).ok();
    let Some(info) = answer.as_ref().and_then(|answer| answer.get("result")).filter(|info| info.is_object()) else {
        return MoonrakerSeen::Silent { status: status.as_u16() };
    };
    let texts = |field: &str| {
        let list = info.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(one_line).collect::<Vec<_>>()
    };
    let failed = texts("failed_components").into_iter().collect();
    let websocket = timeout(PATIENCE, handshake(client, url)).await.unwrap_or_default();
    MoonrakerSeen::Answers { failed, warnings: texts("warnings"), websocket }
}

async fn ask(client: &Client, url: &str) -> reqwest::Result<(StatusCode, Vec<u8>)> {
    let mut response = client.get(format!("{url}/server/info")).send().await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            break;
        }
    }
    Ok((response.status(), body))
}

/// The connection ends with the answer: nothing is said on it.
async fn handshake(client: &Client, url: &str) -> bool {
    let name = HeaderName::from_static;
    let asked = client
        .get(format!("{url}/websocket"))
        .header(CONNECTION, HeaderValue::from_static("Upgrade"))
        .header(UPGRADE, HeaderValue::from_static("websocket"))
        .header(name("sec-websocket-version"), HeaderValue::from_static("13"))
        // The example of RFC 6455: what it is made of does not matter to who only opens the door.
        .header(name("sec-websocket-key"), HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
    asked.send().await.is_ok_and(|response| response.status() == StatusCode::SWITCHING_PROTOCOLS)
}
