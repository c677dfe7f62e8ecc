//! What a transaction tells while it is at work, in the order in which it tells it: its own signals and the changes of its
//! properties come through one stream.
//! Refuses to: stop listening because one signal has a form that it does not know; and to believe anybody else: the bus passes
//! on what any user of this machine sends straight to this process.

use std::collections::HashMap;
use std::future::ready;
use std::num::NonZeroUsize;

use futures_util::{Stream, StreamExt as _, stream};
use zbus::fdo::DBusProxy;
use zbus::message::{Message, Type};
use zbus::names::BusName;
use zbus::{Connection, MatchRule, MessageStream, OwnedVariant};

use super::NAME;
use super::fault::Fault;
use super::package::{Info, PackageId};

/// More than come while one line is passed on.
const QUEUE: Option<NonZeroUsize> = NonZeroUsize::new(4096);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// Something is the matter with a package, or happens to it.
    Package(Info, PackageId),
    /// Why it will fail.
    Error {
        /// PackageKit's number for it.
        code: u32,
        /// The text.
        details: String,
    },
    /// Something has to be restarted (`PkRestartEnum`).
    Restart(u32),
    /// It is over, one way or the other (`PkExitEnum`).
    Finished(u32),
    /// Its object goes away.
    Destroyed,
    /// It is somewhere else by now (`PkStatusEnum`).
    Status(u32),
    /// So many of a hundred; more for not known.
    Percentage(u32),
    /// It moved, in a way that is of no interest.
    Moved,
    /// The daemon is another one now, or none.
    DaemonLeft,
}

/// The bus itself, as the sender of a signal.
const THE_BUS: &str = "org.freedesktop.DBus";

/// All that the daemon says of a transaction from now on, and of its own end.
///
/// # Errors
/// [`Fault::NotThere`] when it sleeps.
pub(super) async fn listen(
    connection: &Connection,
    path: &str,
) -> Result<impl Stream<Item = Event> + Send + Unpin + use<>, Fault> {
    // By its unique name: a rule with the other name is kept by the bus alone, and only for what is sent to everybody.
    let daemon = BusName::try_from(NAME).map_err(Fault::Bus)?;
    let asked = DBusProxy::new(connection).await.map_err(Fault::Bus)?.get_name_owner(daemon).await;
    let sender = asked.map_err(|error| Fault::from_bus(error.into()))?.to_string();
    let own = MatchRule::builder().msg_type(Type::Signal).sender(sender).path(path.to_owned()).build();
    let daemon = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(THE_BUS)
        .interface("org.freedesktop.DBus")
        .member("NameOwnerChanged")
        .arg(0, NAME)
        .build();
    let (own, daemon) = (own.map_err(Fault::Bus)?, daemon.map_err(Fault::Bus)?);
    let own = MessageStream::for_match_rule(own, connection, QUEUE).await.map_err(Fault::Bus)?;
    let daemon = MessageStream::for_match_rule(daemon, connection, QUEUE).await.map_err(Fault::Bus)?;
    let told = own.flat_map(|message| stream::iter(message.map(|message| read(&message)).unwrap_or_default()));
    let left = daemon.filter_map(|message| ready(message.ok().filter(is_of_the_bus).map(|_| Event::DaemonLeft)));
    Ok(stream::select(told, left))
}

fn is_of_the_bus(signal: &Message) -> bool {
    signal.header().sender().is_some_and(|sender| sender.as_str() == THE_BUS)
}

/// What one signal says.
fn read(signal: &Message) -> Vec<Event> {
    let header = signal.header();
    let body = signal.body();
    let member = header.member().map(|member| member.as_str().to_owned()).unwrap_or_default();
    let read = match member.as_str() {
        "Package" => body.deserialize::<(u32, String, String)>().map(|(info, id, _)| package(info, &id)),
        "Packages" => body
            .deserialize::<Vec<(u32, String, String)>>()
            .map(|all| all.iter().flat_map(|(info, id, _)| package(*info, id)).collect()),
        "ErrorCode" => body.deserialize().map(|(code, details)| vec![Event::Error { code, details }]),
        "RequireRestart" => body.deserialize::<(u32, String)>().map(|(kind, _)| vec![Event::Restart(kind)]),
        "Finished" => body.deserialize::<(u32, u32)>().map(|(exit, _)| vec![Event::Finished(exit)]),
        "Destroy" => Ok(vec![Event::Destroyed]),
        "PropertiesChanged" => body
            .deserialize::<(String, HashMap<String, OwnedVariant>, Vec<String>)>()
            .map(|(_, changed, _)| properties(changed)),
        _ => Ok(vec![Event::Moved]),
    };
    read.unwrap_or_else(|_| vec![Event::Moved])
}

fn package(info: u32, id: &str) -> Vec<Event> {
    PackageId::new(id).map_or_else(|_| vec![Event::Moved], |id| vec![Event::Package(Info(info), id)])
}

fn properties(changed: HashMap<String, OwnedVariant>) -> Vec<Event> {
    let mut events = vec![Event::Moved];
    for (name, value) in changed {
        let Ok(number) = u32::try_from(value) else { continue };
        match name.as_str() {
            "Status" => events.push(Event::Status(number)),
            "Percentage" => events.push(Event::Percentage(number)),
            _ => {}
        }
    }
    events
}
