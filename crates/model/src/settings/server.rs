//! `[server]`: where to listen and how much to take.
//!
//! Refuses to know about `[refit]`, whose `host` and `port` win: `Settings` brings the two together.

use std::path::PathBuf;

/// Where Refit listens and what it takes, after `[refit]` had its say about host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// The address to bind: `0.0.0.0` or `all` for every interface.
    pub host: String,
    /// The HTTP port.
    pub port: u16,
    /// The HTTPS port, used only with a certificate and a key.
    pub ssl_port: u16,
    /// The certificate for HTTPS.
    pub ssl_certificate_path: Option<PathBuf>,
    /// The private key for HTTPS.
    pub ssl_key_path: Option<PathBuf>,
    /// How many WebSockets may be open at once.
    pub max_websocket_connections: usize,
    /// The largest upload, in MiB.
    pub max_upload_size: u32,
    /// What every path begins with: empty, or `/` and the segments without a trailing `/`.
    pub route_prefix: String,
}
