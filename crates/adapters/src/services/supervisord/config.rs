//! Where supervisord's socket is: what its own configuration says under `[unix_http_server]`.
//! Refuses to: follow `[include]`, which may not hold that section's file, and to know supervisord's environment.

use std::path::{Path, PathBuf};

/// Where its own programs look for the configuration.
pub(super) const USUAL_FILES: &[&str] =
    &["/etc/supervisord.conf", "/etc/supervisor/supervisord.conf", "/etc/supervisor.conf"];

/// Where the socket is without one.
pub(super) const USUAL_SOCKETS: &[&str] =
    &["/run/supervisord.sock", "/run/supervisor.sock", "/var/run/supervisor.sock", "/tmp/supervisor.sock"];

/// The way to it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Door {
    pub(super) socket: PathBuf,
    /// The user's name and the password.
    pub(super) login: Option<(String, String)>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// Reads a configuration.
///
/// # Errors
/// When it cannot be read or names no socket, in words for people.
pub(super) fn door(file: &Path, home: &Path) -> Result<Door, String> {
    let file = file.strip_prefix("~").map_or_else(|_| file.to_owned(), |rest| home.join(rest));
    let text = std::fs::read(&file)
        .map_err(|error| format!("supervisord's configuration {} cannot be read ({error})", file.display()))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let here = file.parent().unwrap_or(Path::new("/"));
    let socket = option(&text, "file").ok_or_else(|| {
        format!(
            "supervisord's configuration {} names no socket: it needs 'file' under [unix_http_server]",
            file.display()
        )
    })?;
    let expanded = socket.replace("%(here)s", &here.to_string_lossy()).replace("%(ENV_HOME)s", &home.to_string_lossy());
    let expanded = expanded.replace("%%", "%");
    if expanded.contains("%(") {
        return Err(format!(
            "the socket '{socket}' in supervisord's configuration {} depends on its environment: write its path there",
            file.display()
        ));
    }
    let plain = |name: &str| option(&text, name).map(|value| value.replace("%%", "%"));
    let login = plain("username").zip(plain("password"));
    // supervisord takes a relative path from the configuration's folder.
    Ok(Door { socket: here.join(expanded), login })
}

/// An option of `[unix_http_server]`, without the comment that may follow it.
fn option(text: &str, name: &str) -> Option<String> {
    let mut inside = false;
    for line in text.lines() {
        let line = line.trim_end();
        if line.starts_with('[') {
            inside = line.starts_with("[unix_http_server]");
            continue;
        }
        if !inside || line.starts_with([';', '#']) {
            continue;
        }
        let Some((key, value)) = line.split_once(['=', ':']) else { continue };
        if key.trim().eq_ignore_ascii_case(name) {
            let value = value.split(" ;").next().unwrap_or_default().trim();
            return Some(value.to_owned()).filter(|value| !value.is_empty());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Door, String> {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("supervisord.conf");
        std::fs::write(&file, text).unwrap();
        door(&file, Path::new("/home/pi")).map(|door| {
            let below = door.socket.strip_prefix(place.path()).map(|rest| Path::new("HERE").join(rest));
            Door { socket: below.unwrap_or(door.socket), ..door }
        })
    }

    #[test]
    fn the_socket_is_what_the_configuration_says() {
        for (text, socket) in [
            ("[unix_http_server]\nfile=/run/x.sock   ; the path\n", "/run/x.sock"),
            (
                "; c\n[supervisord]\nfile=/no\n\n[unix_http_server]\n# c\n;file=/no\nchmod = 0700\nFile : %(here)s/s\n",
                "HERE/s",
            ),
            ("[unix_http_server]\nfile=%(ENV_HOME)s/x\n[supervisord]\nfile=/no\n", "/home/pi/x"),
            ("[unix_http_server]\r\nfile=run/s\r\n", "HERE/run/s"),
        ] {
            assert_eq!(read(text).unwrap().socket, Path::new(socket), "{text}");
        }
        let login = read("[unix_http_server]\nfile=/x\nusername=a\npassword=b c\n").unwrap();
        assert_eq!(login.login, Some(("a".to_owned(), "b c".to_owned())));
        assert!(!format!("{login:?}").contains("b c"));
    }

    #[test]
    fn a_configuration_without_one_says_what_it_needs() {
        for text in ["", "[inet_http_server]\nport=9001\n", "[unix_http_server]\nfile=\n"] {
            assert!(read(text).unwrap_err().contains("[unix_http_server]"), "{text}");
        }
        assert!(read("[unix_http_server]\nfile=%(ENV_X)s\n").unwrap_err().contains("environment"));
        assert!(door(Path::new("/nowhere/x"), Path::new("/")).unwrap_err().contains("cannot be read"));
    }
}
