//! The Unix socket: its file and its connections (CONTRACT §1.9). Whoever may open the file may ask everything.
//! Refuses to: take the file from a server that still answers on it.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::body::Bytes;
use refit_model::request::Door;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::Shared;
use crate::auth::Standing;
use crate::connection::{Carrier, Gone, Incoming, attend};
use crate::frames::{END, Frame, Frames};
use crate::session::Session;

/// Why the socket was not opened.
#[derive(Debug, Error)]
pub enum UnixError {
    /// Another server answers there.
    #[error("another server answers on {0}: stop it, or choose another path with -u")]
    Taken(PathBuf),
    /// Something else has this name.
    #[error("{0} is there and is no socket: move it away, or choose another path with -u")]
    NoSocket(PathBuf),
    /// The system refused.
    #[error("the socket {file} could not be {deed}")]
    System {
        /// The socket's file.
        file: PathBuf,
        /// `opened`, `cleared away` …
        deed: &'static str,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// Opens the socket, for its owner and group. A file that a dead server left behind is replaced.
///
/// # Errors
/// [`UnixError`]
pub fn bind(file: &Path) -> Result<UnixListener, UnixError> {
    let failed = |deed| move |cause| UnixError::System { file: file.to_owned(), deed, cause };
    match std::fs::symlink_metadata(file) {
        Ok(found) if !found.file_type().is_socket() => return Err(UnixError::NoSocket(file.to_owned())),
        Ok(_) if std::os::unix::net::UnixStream::connect(file).is_ok() => {
            return Err(UnixError::Taken(file.to_owned()));
        }
        Ok(_) => std::fs::remove_file(file).map_err(failed("cleared away"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(cause) => return Err(failed("looked at")(cause)),
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(failed("given a folder"))?;
    }
    let listener = UnixListener::bind(file).map_err(failed("opened"))?;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o660)).map_err(failed("given permissions"))?;
    Ok(listener)
}

/// Serves one connection to its end.
pub(crate) async fn serve(shared: Arc<Shared>, stream: UnixStream) {
    let Some((place, post)) = shared.hub.join(false, usize::MAX) else { return };
    let session = Session::new(Door::UnixSocket, Some(place.id), None, Standing::Local, place.listening.clone());
    attend(shared, Pipe { stream, frames: Frames::default() }, session, post).await;
    drop(place);
}

struct Pipe {
    stream: UnixStream,
    frames: Frames,
}

impl Carrier for Pipe {
    async fn next(&mut self) -> Incoming {
        loop {
            match self.frames.take() {
                Some(Frame::Text(text)) => return Incoming::Text(text),
                Some(Frame::Garbage) => return Incoming::Nothing,
                Some(Frame::Hopeless) => return Incoming::Closed,
                None => {}
            }
            match self.stream.read_buf(self.frames.buffer()).await {
                Ok(0) => return Incoming::HalfClosed,
                Ok(_) => {}
                Err(_) => return Incoming::Closed,
            }
        }
    }

    async fn send(&mut self, text: Bytes) -> Result<(), Gone> {
        self.stream.write_all(&text).await.map_err(|_| Gone)?;
        self.stream.write_all(&[END]).await.map_err(|_| Gone)
    }

    async fn heartbeat(&mut self) -> Result<(), Gone> {
        Ok(())
    }

    async fn finish(&mut self, _stopping: bool) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_file_is_replaced_and_a_live_server_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("comms/refit.sock");
        let first = bind(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o660);
        assert!(matches!(bind(&file), Err(UnixError::Taken(_))));
        drop(first);
        assert!(bind(&file).is_ok());
        let other = folder.path().join("file");
        std::fs::write(&other, "x").unwrap();
        assert!(matches!(bind(&other), Err(UnixError::NoSocket(_))));
        assert_eq!(std::fs::read(&other).unwrap(), b"x");
    }
}
