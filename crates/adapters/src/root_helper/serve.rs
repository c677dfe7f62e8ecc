//! The side that does it: one connection, one request, as root.
//! Refuses to: do anything for a stranger, to touch a unit that is not allowed, to remove a package, to install what nobody
//! signed, and to pass on an option.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use refit_engine::ports::Tell;
use refit_model::settings::AllowedServices;
use tokio::signal::unix::{SignalKind, signal};

use super::peer;
use super::request::{LONGEST, Request, UnitName, Verb};
use super::{Answer, HelperError};
use crate::command::{Command, Limits, Surroundings};
use crate::packages::{PackageRules, Packages};

/// A request is one write of a program; it is not waited for longer.
const READING: Duration = Duration::from_secs(10);
/// A client that does not read is not waited for either.
const WRITING: Duration = Duration::from_secs(10);
/// A stop and a start, which systemd gives 90 s each unless the unit says otherwise.
const RESTARTING: Limits = Limits { total: Some(Duration::from_secs(300)), ..Limits::QUICK };
/// Never of the one who asks.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the machine decides.
#[derive(Debug, Clone)]
pub struct HelperRules {
    /// What its programs inherit: nothing of the one who asks.
    pub surroundings: Surroundings,
    /// Root's list of the units that may be restarted, beside klipper, moonraker and refit.
    pub allowed_services: PathBuf,
}

impl Default for HelperRules {
    fn default() -> Self {
        let surroundings = Surroundings { home: "/root".into(), path: PATH.into(), passed_on: Vec::new() };
        Self { surroundings, allowed_services: "/etc/refit/allowed-services".into() }
    }
}

/// Serves the connection to its end. Whether what was asked was done.
///
/// # Errors
/// When it is no connection.
pub async fn serve(connection: UnixStream, rules: &HelperRules) -> io::Result<bool> {
    connection.set_read_timeout(Some(READING))?;
    connection.set_write_timeout(Some(WRITING))?;
    // An installation that has begun goes to its end, whatever systemd wants meanwhile; it waits as long as the unit says.
    let _kept = signal(SignalKind::terminate())?;
    let ending = match peer::objection(&connection) {
        Some(why) => Err(HelperError::Refused(why)),
        None => match read(&connection) {
            Ok(request) => act(request, rules, voice(&connection)?).await,
            Err(why) => Err(HelperError::Refused(why)),
        },
    };
    let last = match &ending {
        Ok(()) => Answer::Done { done: true },
        Err(HelperError::Refused(why) | HelperError::Silent(why)) => Answer::Refused { refused: why.clone() },
        Err(HelperError::Failed { why, locked }) => Answer::Failed { failed: why.clone(), locked: *locked },
    };
    if let Err(error) = &ending {
        tracing::warn!("{error}");
    }
    // The one who asked may be gone: Refit itself may have been restarted.
    let _gone = say(&connection, &last);
    Ok(ending.is_ok())
}

/// Until the end of the line, and not further than the longest request.
fn read(mut connection: &UnixStream) -> Result<Request, String> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while !bytes.contains(&b'\n') && bytes.len() <= LONGEST {
        match connection.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(piece.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("the request could not be read ({error})")),
        }
    }
    let request = Request::parse(&bytes).map_err(|bad| bad.to_string())?;
    tracing::info!("asked: {}", request.to_line().trim_end());
    Ok(request)
}

async fn act(request: Request, rules: &HelperRules, tell: Tell) -> Result<(), HelperError> {
    let packages = || {
        // Already in a unit of its own.
        let usual = PackageRules::usual(rules.surroundings.clone());
        Packages::new(PackageRules { runtime: PathBuf::new(), ..usual })
    };
    match request {
        Request::Start { unit } => manage(Verb::Start, &unit, rules).await,
        Request::Stop { unit } => manage(Verb::Stop, &unit, rules).await,
        Request::Restart { unit } => manage(Verb::Restart, &unit, rules).await,
        Request::Lists {} => packages().lists(tell).await,
        Request::Download { packages: wanted } => packages().download_wanted(&wanted, tell).await,
        Request::Install { packages: wanted } => packages().install_wanted(&wanted, tell).await,
        Request::Mend {} => packages().mend(tell).await,
    }
}

async fn manage(verb: Verb, unit: &UnitName, rules: &HelperRules) -> Result<(), HelperError> {
    if !is_allowed(unit.as_str(), &rules.allowed_services) {
        return Err(HelperError::Refused(format!(
            "the service {} is none that Refit may {}; root allows it with a line in {}",
            unit.as_str(),
            verb.word(),
            rules.allowed_services.display()
        )));
    }
    let words = ["--no-ask-password", verb.word(), "--", &unit.file()];
    let run = Command::new("systemctl", &rules.surroundings).args(words).dir("/").limits(RESTARTING).run().await;
    let why = match run {
        Ok(outcome) if outcome.success() => return Ok(()),
        Ok(outcome) => outcome.reason(),
        Err(error) => error.to_string(),
    };
    Err(HelperError::Failed { why, locked: false })
}

/// The same as the polkit rule allows.
fn is_allowed(unit: &str, list: &Path) -> bool {
    let text = std::fs::read_to_string(list).unwrap_or_default();
    unit == "refit" || AllowedServices::new(Some(&text)).allow(unit)
}

/// Passes lines on to the one who asked, as long as they listen.
fn voice(connection: &UnixStream) -> io::Result<Tell> {
    let ear = Mutex::new(Some(connection.try_clone()?));
    Ok(Arc::new(move |line: &str| {
        let mut ear = ear.lock().unwrap_or_else(PoisonError::into_inner);
        let deaf = ear.as_ref().is_some_and(|ear| say(ear, &Answer::Line { line: line.to_owned() }).is_err());
        if deaf {
            *ear = None;
        }
    }))
}

fn say(mut connection: &UnixStream, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_string(answer)?;
    line.push('\n');
    connection.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_units_are_allowed_as_by_polkit() {
        let folder = tempfile::tempdir().expect("a folder");
        let list = folder.path().join("allowed");
        std::fs::write(&list, "# foreign\ncrowsnest\n  webcamd.service \n").expect("a list");
        for unit in ["refit", "klipper", "klipper-1", "klipper_2", "moonraker-voron", "crowsnest", "webcamd"] {
            assert!(is_allowed(unit, &list), "{unit}");
        }
        for unit in ["foreign", "klipperfoo", "klipper-", "klipper_x", "refit-root", "crows", "sonar", "ssh"] {
            assert!(!is_allowed(unit, &list), "{unit}");
        }
        assert!(
            is_allowed("klipper", &folder.path().join("none")) && !is_allowed("sonar", &folder.path().join("none"))
        );
    }
}
