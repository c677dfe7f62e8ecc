//! Asks klippy how it is: a connection of its own for each question, so that the answer is never an old one.
//! Refuses to: ask for anything but `info`.

use std::io;
use std::path::Path;
use std::time::Duration;

use refit_model::health::{PrinterSeen, one_line};
use refit_model::printer::KlippyState;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::klippy::frame::{Frame, Frames, request};
use crate::klippy::objects::klippy_state;

const PATIENCE: Duration = Duration::from_secs(5);

/// What it says of itself; disconnected when it says nothing.
pub(super) async fn look(socket: &Path) -> PrinterSeen {
    let Ok(Ok(info)) = timeout(PATIENCE, ask(socket)).await else { return PrinterSeen::default() };
    let text = |field: &str| info.get(field).and_then(Value::as_str).unwrap_or_default();
    let state = klippy_state(text("state")).unwrap_or(KlippyState::Startup);
    PrinterSeen { state, message: one_line(text("state_message")) }
}

async fn ask(socket: &Path) -> io::Result<Map<String, Value>> {
    let mut stream = UnixStream::connect(socket).await?;
    let client = json!({ "program": "Refit", "version": env!("CARGO_PKG_VERSION") });
    stream.write_all(&request(1, "info", json!({ "client_info": client }))).await?;
    let (mut frames, mut buffer) = (Frames::default(), vec![0; 16 * 1024]);
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for frame in frames.take(buffer.get(..read).unwrap_or_default()) {
            if let Frame::Object(mut object) = frame
                && object.get("id").and_then(Value::as_u64) == Some(1)
            {
                return match object.remove("result") {
                    Some(Value::Object(info)) => Ok(info),
                    _refused => Err(io::ErrorKind::InvalidData.into()),
                };
            }
        }
    }
}
