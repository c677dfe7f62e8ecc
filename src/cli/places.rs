//! Where things are: the data folder, the configuration, the socket, Refit's own state (CONTRACT §4.1).
//!
//! Refuses to make or open any of them.

use std::path::{Path, PathBuf};

use super::args::PlaceOptions;
use super::exit::{Exit, Stop};

/// The paths that everything else is found from, all absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The owner's home folder.
    pub home: PathBuf,
    /// The working directory, where relative paths of the configuration begin.
    pub here: PathBuf,
    /// The printer's data folder.
    pub data: PathBuf,
    /// The configuration file.
    pub config: PathBuf,
    /// The socket of the daemon.
    pub socket: PathBuf,
    /// Refit's own state.
    pub state: PathBuf,
}

impl Places {
    /// Fills in the defaults. `here` is the working directory, for relative paths.
    ///
    /// # Errors
    /// When the home folder is needed and not known.
    pub fn find(options: &PlaceOptions, home: Option<PathBuf>, here: &Path) -> Result<Self, Stop> {
        let home = home.filter(|home| home.is_absolute());
        let data = match (&options.data_path, &home) {
            (Some(data), _) => absolute(data, home.as_deref(), here),
            (None, Some(home)) => home.join("printer_data"),
            (None, None) => {
                return Err(Stop::new(
                    Exit::Usage,
                    "The home folder is not known (HOME is not set), so neither is the data folder; say where it is with --data-path",
                ));
            }
        };
        let given = |path: &PathBuf| absolute(path, home.as_deref(), here);
        let config = options.config.as_ref().map(given).unwrap_or_else(|| default_config(&data));
        let socket = options.unix_socket.as_ref().map_or_else(|| data.join("comms/refit.sock"), given);
        let state = data.join("refit");
        let home = home.unwrap_or_else(|| PathBuf::from("/"));
        Ok(Self { home, here: here.to_owned(), data, config, socket, state })
    }
}

fn default_config(data: &Path) -> PathBuf {
    let own = data.join("config/refit.conf");
    if own.exists() { own } else { data.join("config/moonraker.conf") }
}

fn absolute(path: &Path, home: Option<&Path>, here: &Path) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(below), Some(home)) => home.join(below),
        (Ok(_) | Err(_), _) => here.join(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(data: Option<&str>, config: Option<&str>, socket: Option<&str>) -> PlaceOptions {
        let path = |text: Option<&str>| text.map(PathBuf::from);
        PlaceOptions { data_path: path(data), config: path(config), unix_socket: path(socket) }
    }

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let places = Places::find(&options(None, None, None), Some("/home/pi".into()), Path::new("/"));
        let places = places.expect("a home is known");
        assert_eq!(places.data, Path::new("/home/pi/printer_data"));
        assert_eq!(places.config, Path::new("/home/pi/printer_data/config/moonraker.conf"));
        assert_eq!(places.socket, Path::new("/home/pi/printer_data/comms/refit.sock"));
        assert_eq!(places.state, Path::new("/home/pi/printer_data/refit"));
    }

    #[test]
    fn refits_own_configuration_wins_when_it_is_there() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let config = data.path().join("config");
        std::fs::create_dir(&config).expect("a folder");
        std::fs::write(config.join("refit.conf"), "").expect("a file");
        let options = options(data.path().to_str(), None, None);
        let places = Places::find(&options, None, Path::new("/")).expect("the data folder is told");
        assert_eq!(places.config, config.join("refit.conf"));
    }

    #[test]
    fn what_is_given_is_taken_from_here() {
        let given = options(Some("data"), Some("~/my.conf"), Some("/run/refit.sock"));
        let places = Places::find(&given, Some("/home/pi".into()), Path::new("/srv")).expect("all is told");
        assert_eq!(places.data, Path::new("/srv/data"));
        assert_eq!(places.config, Path::new("/home/pi/my.conf"));
        assert_eq!(places.socket, Path::new("/run/refit.sock"));
    }

    #[test]
    fn without_a_home_the_data_folder_must_be_told() {
        let stop = Places::find(&options(None, None, None), None, Path::new("/")).expect_err("nothing is known");
        assert_eq!(stop.exit, Exit::Usage);
        assert!(stop.message.contains("--data-path"));
    }
}
