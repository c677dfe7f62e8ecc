//! `[server]`: where to listen and how much to take.
//!
//! Refuses to know about `[refit]`, whose `host` and `port` win: `Settings` brings the two together.

use std::path::{Path, PathBuf};

use super::problem::Severity;
use super::section::{Fault, Findings, Reader};
use super::template;

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

/// Moonraker's address for the printer's socket.
const KLIPPY_UDS: &str = "/tmp/klippy_uds";
const DEPRECATED: &str =
    "is deprecated, see the configuration documentation at https://moonraker.readthedocs.io/en/latest/configuration/";

/// Where Moonraker's door is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoonrakerAddress {
    /// A name or an address of this machine.
    pub host: String,
    /// The HTTP port.
    pub port: u16,
    /// What every path begins with.
    pub route_prefix: String,
}

impl MoonrakerAddress {
    /// From the host and the port that it is told to bind; else its usual ones.
    pub(super) fn new(told: Option<(&str, u16)>, route_prefix: &str) -> Self {
        let usual = ServerSettings::default();
        let Some((host, port)) = told else {
            return Self { host: "127.0.0.1".to_owned(), port: usual.port, route_prefix: usual.route_prefix };
        };
        let host = match host {
            "" | "all" | "0.0.0.0" => "127.0.0.1".to_owned(),
            "::" => "::1".to_owned(),
            other => other.to_owned(),
        };
        Self { host, port, route_prefix: route_prefix.to_owned() }
    }

    /// `http://127.0.0.1:7125`, with the prefix.
    #[must_use]
    pub fn url(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("http://{host}:{}{}", self.port, self.route_prefix)
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".to_owned(),
            port: 7125,
            ssl_port: 7130,
            ssl_certificate_path: None,
            ssl_key_path: None,
            max_websocket_connections: 50,
            max_upload_size: 1024,
            route_prefix: String::new(),
        }
    }
}

/// Reads `[server]`. A value that cannot be used is replaced by its default and told.
pub(super) fn read(reader: &mut Reader<'_>, findings: &mut Findings) -> ServerSettings {
    let default = ServerSettings::default();
    let ignored = reader.boolean("enable_debug_logging", false);
    ask(reader, findings, ignored, false);
    // Moonraker believes forwarded addresses of everybody while this is on; Refit asks `trusted_proxies` in [refit].
    let ignored = reader.boolean("use_xheaders", true);
    ask(reader, findings, ignored, true);
    for option in ["enable_debug_logging", "ssl_certificate_path", "ssl_key_path"] {
        if reader.text(option).is_some() {
            deprecated(reader, findings, option);
        }
    }
    ServerSettings {
        host: reader.text("host").map_or(default.host, str::to_owned),
        port: number(reader, findings, "port", default.port),
        ssl_port: number(reader, findings, "ssl_port", default.ssl_port),
        ssl_certificate_path: file(reader, "ssl_certificate_path"),
        ssl_key_path: file(reader, "ssl_key_path"),
        max_websocket_connections: number(
            reader,
            findings,
            "max_websocket_connections",
            default.max_websocket_connections,
        ),
        max_upload_size: number(reader, findings, "max_upload_size", default.max_upload_size),
        route_prefix: route_prefix(reader, findings),
    }
}

/// The printer's socket: a template, `~` expanded, resolved by the caller.
///
/// # Errors
/// For an expression that Refit does not evaluate: a guess would leave a print unguarded.
pub(super) fn klippy_uds_address(reader: &mut Reader<'_>, data_path: &Path) -> Result<PathBuf, Fault> {
    let Some(text) = reader.text("klippy_uds_address") else { return Ok(PathBuf::from(KLIPPY_UDS)) };
    let message = |why: String| {
        Fault::new("klippy_uds_address", format!("[server]: Option 'klippy_uds_address': {why}"))
            .with_remedy("write the path of the printer's socket without an expression")
    };
    if text.is_empty() {
        return Err(message("there is no path".to_owned()));
    }
    template::expand(text, data_path).map(PathBuf::from).map_err(message)
}

fn file(reader: &mut Reader<'_>, option: &str) -> Option<PathBuf> {
    reader.text(option).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// `/a/b` from any of `a/b`, `/a/b/` and `//a//b`; empty without one.
fn route_prefix(reader: &mut Reader<'_>, findings: &mut Findings) -> String {
    let Some(text) = reader.text("route_prefix") else { return String::new() };
    let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.is_empty() {
        let message = format!("Invalid value for option 'route_prefix': {text}");
        refuse(reader, findings, Fault::new("route_prefix", message));
        return String::new();
    }
    format!("/{}", segments.join("/"))
}

/// A number in the range of its type, else the default.
pub(super) fn number<T: TryFrom<i64> + Copy>(
    reader: &mut Reader<'_>,
    findings: &mut Findings,
    option: &str,
    default: T,
) -> T {
    let read = reader.integer(option);
    let Some(number) = ask(reader, findings, read, None) else { return default };
    T::try_from(number).unwrap_or_else(|_| {
        let label = reader.label();
        let message = format!("[{label}]: Option '{option}: {number}' is out of range");
        refuse(reader, findings, Fault::new(option, message));
        default
    })
}

/// The value, or what stands for one that cannot be read.
pub(super) fn ask<T>(reader: &Reader<'_>, findings: &mut Findings, read: Result<T, Fault>, otherwise: T) -> T {
    read.unwrap_or_else(|fault| {
        refuse(reader, findings, fault);
        otherwise
    })
}

fn refuse(reader: &Reader<'_>, findings: &mut Findings, fault: Fault) {
    let problem = reader.problem(fault.option.as_deref(), Severity::Error, &fault.message);
    findings.warn(&fault.message, problem.with_remedy(fault.remedy.or(Some("correct the value".to_owned()))));
}

pub(super) fn deprecated(reader: &Reader<'_>, findings: &mut Findings, option: &str) {
    let text = format!("[{}]: Option '{option}' {DEPRECATED}", reader.label());
    let problem = reader.problem(Some(option), Severity::Warning, format!("the option '{option}' is deprecated"));
    findings.warn(&text, problem.with_remedy(Some("remove it".to_owned())));
}
