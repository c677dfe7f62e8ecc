//! Trusted host names: the addresses a name has now, asked when first needed and again after an hour.
//! The other server asks the other way round, for the name of an address; that answer comes from whoever owns the
//! address, so it is no ground for trust, while the answer here comes from the owner of the name.
//! Refuses to: hold a request up for more than two seconds.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

const FRESH: Duration = Duration::from_secs(3600);
/// A name that could not be asked is asked again after this.
const FAILED: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(2);

/// See the module. As many entries as there are configured names.
#[derive(Default)]
pub struct NameCache(Mutex<HashMap<String, (Instant, Vec<IpAddr>)>>);

impl NameCache {
    /// Whether a name has this address.
    pub async fn has(&self, name: &str, address: IpAddr) -> bool {
        // Held while asking, so that a burst of requests asks once.
        let mut known = self.0.lock().await;
        let now = Instant::now();
        if let Some((until, addresses)) = known.get(name)
            && *until > now
        {
            return addresses.contains(&address);
        }
        let (lifetime, addresses) = match tokio::time::timeout(PATIENCE, tokio::net::lookup_host((name, 0))).await {
            Ok(Ok(found)) => (FRESH, found.map(|found| found.ip().to_canonical()).collect()),
            Ok(Err(error)) => {
                tracing::warn!(name, %error, "a trusted client's name has no address");
                (FAILED, Vec::new())
            }
            Err(_) => (FAILED, Vec::new()),
        };
        let trusted = addresses.contains(&address);
        known.insert(name.to_owned(), (now + lifetime, addresses));
        trusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_its_addresses() {
        let names = NameCache::default();
        assert!(names.has("localhost", "127.0.0.1".parse().unwrap()).await);
        assert!(!names.has("localhost", "8.8.8.8".parse().unwrap()).await);
        assert!(!names.has("no such name", "127.0.0.1".parse().unwrap()).await);
    }
}
