//! systemd, asked over the system's bus: the interfaces of org.freedesktop.systemd1(5).
//! Refuses to: find another way where the bus is closed to us; the face does.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use tokio::time::timeout;
use zbus::proxy::CacheProperties;
use zbus::wire::{ObjectPath, OwnedObjectPath};
use zbus::{Connection, proxy};

use super::Standing;
use super::deed::{Deed, Found, LONGEST_DEED, Trouble, Wait};
use super::name::{file_of, of_file};
use crate::bus::Bus;

/// A listed unit: name, description, load, active and sub state, followed, path, job's number, type and path.
type Listed = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

/// One command of `ExecStart`: program, arguments, whether its failure is ignored, and how it went the last time.
type Started = (String, Vec<String>, bool, u64, u64, u64, u64, u32, i32, i32);

#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn list_units_by_patterns(&self, states: &[&str], patterns: &[&str]) -> zbus::Result<Vec<Listed>>;
    fn list_unit_files_by_patterns(&self, states: &[&str], patterns: &[&str]) -> zbus::Result<Vec<(String, String)>>;
    fn subscribe(&self) -> zbus::Result<()>;
    fn unsubscribe(&self) -> zbus::Result<()>;
    #[zbus(signal)]
    fn job_removed(&self, id: u32, job: ObjectPath<'_>, unit: &str, result: &str) -> zbus::Result<()>;
}

#[proxy(interface = "org.freedesktop.systemd1.Unit", default_service = "org.freedesktop.systemd1")]
trait Unit {
    #[zbus(property)]
    fn load_state(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn active_state(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn sub_state(&self) -> zbus::Result<String>;
    #[zbus(property, name = "InvocationID")]
    fn invocation_id(&self) -> zbus::Result<Vec<u8>>;
}

#[proxy(interface = "org.freedesktop.systemd1.Service", default_service = "org.freedesktop.systemd1")]
trait Service {
    #[zbus(property)]
    fn result(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn type_(&self) -> zbus::Result<String>;
    #[zbus(property, name = "NRestarts")]
    fn n_restarts(&self) -> zbus::Result<u32>;
    #[zbus(property)]
    fn exec_main_status(&self) -> zbus::Result<i32>;
    #[zbus(property, name = "MainPID")]
    fn main_pid(&self) -> zbus::Result<u32>;
    #[zbus(property)]
    fn working_directory(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn exec_start(&self) -> zbus::Result<Vec<Started>>;
}

/// See the module.
#[derive(Debug)]
pub(super) struct Systemd<'a> {
    pub(super) bus: &'a Bus,
}

impl Systemd<'_> {
    /// How these units stand, in the order asked.
    pub(super) async fn look(&self, units: &[String]) -> Result<BTreeMap<String, Standing>, Trouble> {
        let files = units.iter().map(|unit| file_of(unit)).collect::<Result<Vec<_>, _>>()?;
        let (connection, manager) = self.manager().await?;
        let mut seen = BTreeMap::new();
        for (unit, file) in units.iter().zip(&files) {
            seen.insert(unit.clone(), standing(&connection, &manager, file).await?);
        }
        Ok(seen)
    }

    /// Has something done to a unit, and waits for the end of the job.
    pub(super) async fn have(&self, deed: Deed, file: &str, wait: Wait) -> Result<(), Trouble> {
        let (_connection, manager) = self.manager().await?;
        let ask = async {
            match deed {
                Deed::Restart => manager.restart_unit(file, "replace").await,
                Deed::Stop => manager.stop_unit(file, "replace").await,
            }
        };
        match wait {
            Wait::Not => ask.await.map(drop).map_err(trouble),
            Wait::UntilDone => {
                // Before the job is there, so that its end is not missed. A second subscription is no error to us.
                let _already = manager.subscribe().await;
                let mut ends = manager.receive_job_removed().await.map_err(trouble)?;
                let job = ask.await.map_err(trouble)?;
                let ended = async {
                    while let Some(end) = ends.next().await {
                        let Ok(end) = end.args() else { continue };
                        if end.job.as_str() == job.as_str() {
                            return Some(end.result.to_owned());
                        }
                    }
                    None
                };
                let result = timeout(LONGEST_DEED, ended).await;
                // systemd then tells nobody again; a connection that broke is forgotten anyway.
                let _gone = manager.unsubscribe().await;
                match result {
                    Ok(Some(result)) => judge(&result),
                    Ok(None) => Err(Trouble::Failed("the system's message bus (D-Bus) went away meanwhile".to_owned())),
                    Err(_) => Err(Trouble::Failed(format!("it is not done after {} seconds", LONGEST_DEED.as_secs()))),
                }
            }
        }
    }

    /// The services whose names match these patterns, loaded or not.
    pub(super) async fn find(&self, patterns: &[&str]) -> Result<Vec<Found>, Trouble> {
        let (connection, manager) = self.manager().await?;
        let loaded = manager.list_units_by_patterns(&[], patterns).await.map_err(trouble)?;
        let files = manager.list_unit_files_by_patterns(&[], patterns).await.map_err(trouble)?;
        let mut names: Vec<String> = loaded.into_iter().map(|(name, ..)| name).collect();
        names.extend(files.iter().filter_map(|(path, _)| Some(path.rsplit('/').next()?.to_owned())));
        names.sort();
        names.dedup();
        let mut found = Vec::new();
        // A template is no service; its instances are listed where they are loaded.
        for file in names.iter().filter(|name| !name.contains("@.")) {
            let Some(unit) = of_file(file).filter(|unit| file_of(unit).is_ok()) else { continue };
            let path = manager.load_unit(file).await.map_err(trouble)?;
            let proxy = unit_at(&connection, &path).await?;
            if proxy.load_state().await.map_err(trouble)? != "loaded" {
                continue;
            }
            let active = proxy.active_state().await.map_err(trouble)?;
            let service = service_at(&connection, &path).await?;
            let mut paths = vec![service.working_directory().await.unwrap_or_default()];
            let commands = service.exec_start().await.map_err(trouble)?;
            paths.extend(commands.into_iter().flat_map(|(program, arguments, ..)| [vec![program], arguments].concat()));
            let pid = service.main_pid().await.ok().filter(|pid| *pid > 0);
            found.push(Found { unit: unit.to_owned(), in_use: active != "inactive", paths, pid });
        }
        Ok(found)
    }

    async fn manager(&self) -> Result<(Connection, ManagerProxy<'static>), Trouble> {
        let connection = self.bus.connection().await.map_err(|error| Trouble::Absent(error.to_string()))?;
        let manager = ManagerProxy::builder(&connection).cache_properties(CacheProperties::No).build().await;
        Ok((connection, manager.map_err(trouble)?))
    }
}

/// The invocation is asked first: what is asked after it is of this start or of a later one, never of an earlier.
async fn standing(connection: &Connection, manager: &ManagerProxy<'_>, file: &str) -> Result<Standing, Trouble> {
    let path = match manager.load_unit(file).await {
        Ok(path) => path,
        Err(error) => {
            return match trouble(error) {
                // A template without its instance, say: nothing that runs.
                Trouble::Failed(_) => Ok(Standing::not_found()),
                other @ (Trouble::Absent(_) | Trouble::Denied | Trouble::Name(_)) => Err(other),
            };
        }
    };
    let unit = unit_at(connection, &path).await?;
    let invocation = hexadecimal(&unit.invocation_id().await.map_err(trouble)?);
    let load = unit.load_state().await.map_err(trouble)?;
    if load == "not-found" {
        return Ok(Standing::not_found());
    }
    let service = service_at(connection, &path).await?;
    Ok(Standing {
        load,
        active: unit.active_state().await.map_err(trouble)?,
        sub: unit.sub_state().await.map_err(trouble)?,
        result: service.result().await.map_err(trouble)?,
        kind: service.type_().await.map_err(trouble)?,
        invocation,
        restarts: service.n_restarts().await.map_err(trouble)?.to_string(),
        status: Some(service.exec_main_status().await.map_err(trouble)?),
    })
}

async fn unit_at<'a>(connection: &'a Connection, path: &'a OwnedObjectPath) -> Result<UnitProxy<'a>, Trouble> {
    let builder = UnitProxy::builder(connection).path(path);
    builder.cache_properties(CacheProperties::No).build().await.map_err(trouble)
}

async fn service_at<'a>(connection: &'a Connection, path: &'a OwnedObjectPath) -> Result<ServiceProxy<'a>, Trouble> {
    let builder = ServiceProxy::builder(connection).path(path);
    builder.cache_properties(CacheProperties::No).build().await.map_err(trouble)
}

/// As systemctl shows it, so that what one way noted the other way recognises.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The results of jobs, as the interface documents them.
fn judge(result: &str) -> Result<(), Trouble> {
    let why = match result {
        // Skipped: a condition of the unit does not hold, which is what its author wanted.
        "done" | "skipped" => return Ok(()),
        "canceled" => "another request of systemd took its place",
        "timeout" => "it took longer than its unit allows",
        "failed" => "its start failed",
        "dependency" => "a service that it needs could not be started",
        other => other,
    };
    Err(Trouble::Failed(why.to_owned()))
}

fn trouble(error: zbus::Error) -> Trouble {
    use zbus::fdo;
    match error {
        zbus::Error::FDO(error) => match *error {
            fdo::Error::AccessDenied(_)
            | fdo::Error::AuthFailed(_)
            | fdo::Error::InteractiveAuthorizationRequired(_) => Trouble::Denied,
            // It stands on the bus, and does not know the unit or the object.
            error @ (fdo::Error::UnknownObject(_) | fdo::Error::InvalidArgs(_) | fdo::Error::FileNotFound(_)) => {
                Trouble::Failed(error.to_string())
            }
            fdo::Error::ZBus(error) => trouble(error),
            // Nobody has the name, nobody answers, or what answers is not what it says it is.
            error => Trouble::Absent(error.to_string()),
        },
        zbus::Error::MethodError(name, text, _) => {
            Trouble::Failed(text.filter(|text| !text.is_empty()).unwrap_or_else(|| name.to_string()))
        }
        error => Trouble::Absent(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_identifiers_are_read_as_systemctl_shows_them() {
        assert_eq!((judge("done"), judge("skipped")), (Ok(()), Ok(())));
        for (result, words) in [("timeout", "longer than"), ("dependency", "needs"), ("collected", "collected")] {
            assert!(matches!(judge(result), Err(Trouble::Failed(why)) if why.contains(words)), "{result}");
        }
        assert_eq!(hexadecimal(&[0, 0x1f, 0xa0]), "001fa0");
        assert_eq!(hexadecimal(&[]), "");
    }
}
