//! polkit: whether it lets somebody do something, asked over the bus.
//! Refuses to: have anybody asked for a password.

use std::collections::HashMap;

use zbus::{Connection, Proxy, Variant};

/// Somebody, as polkit knows them: a kind, and what tells them apart.
pub(crate) type Subject = (&'static str, HashMap<&'static str, Variant<'static>>);

/// This process, by its end of the connection.
pub(crate) fn this_process(connection: &Connection) -> Option<Subject> {
    let name = connection.unique_name()?.to_string();
    Some(("system-bus-name", HashMap::from([("name", Variant::from(name))])))
}

/// It lets them, without asking anybody.
///
/// # Errors
/// When it is not there, or does not know the action.
pub(crate) async fn allows(connection: &Connection, subject: Subject, action: &str) -> Result<bool, zbus::Error> {
    let details: HashMap<&str, &str> = HashMap::new();
    let proxy = Proxy::new(
        connection,
        "org.freedesktop.PolicyKit1",
        "/org/freedesktop/PolicyKit1/Authority",
        "org.freedesktop.PolicyKit1.Authority",
    );
    let answer: (bool, bool, HashMap<String, String>) =
        proxy.await?.call("CheckAuthorization", &(subject, action, details, 0_u32, "")).await?;
    Ok(answer.0)
}
