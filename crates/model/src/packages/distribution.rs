//! Which distribution this is, as os-release(5) says and as conditions ask.
//! Refuses to: read the file.

/// The distribution that this machine runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    /// `ID`: `debian`, `raspbian`, `ubuntu`. `linux` where it does not say.
    pub id: String,
    /// `ID_LIKE`, most alike first.
    pub like: Vec<String>,
    /// `VERSION_ID`: `12`, `22.04`; empty where it does not say.
    pub version: String,
    /// `VERSION_CODENAME`: `bookworm`.
    pub codename: Option<String>,
    /// `PRETTY_NAME`: `Debian GNU/Linux 12 (bookworm)`.
    pub pretty_name: Option<String>,
    /// Who made the image: `raspberry-pi`, or what the owner set; empty where nobody is known.
    pub vendor: String,
}

impl Distribution {
    /// From the bytes of `/etc/os-release`.
    #[must_use]
    pub fn parse(os_release: &[u8], vendor: &str) -> Self {
        let text = String::from_utf8_lossy(os_release);
        let mut seen = Self { vendor: vendor.to_owned(), ..Self::default() };
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.split_once('=') else { continue };
            let value = unquoted(value);
            match name {
                "ID" => seen.id = value.to_lowercase(),
                "ID_LIKE" => seen.like = value.split_whitespace().map(str::to_lowercase).collect(),
                "VERSION_ID" => seen.version = value,
                "VERSION_CODENAME" => seen.codename = Some(value).filter(|value| !value.is_empty()),
                "PRETTY_NAME" => seen.pretty_name = Some(value),
                _ => {}
            }
        }
        if seen.id.is_empty() {
            "linux".clone_into(&mut seen.id);
        }
        seen
    }

    /// As people call it.
    #[must_use]
    pub fn title(&self) -> String {
        self.pretty_name.clone().unwrap_or_else(|| format!("{} {}", self.id, self.version))
    }

    /// The names under which a list may speak of it, the nearest first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.like).map(String::as_str)
    }
}

/// A value as a shell would take it: in single or double quotes or none, with backslashes.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    if let Some(inner) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inner.to_owned();
    }
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_is_read_as_a_shell_would() {
        let pi = b"PRETTY_NAME=\"Raspbian GNU/Linux 11 (bullseye)\"\nNAME=\"Raspbian\"\nVERSION_ID=\"11\"\nID=raspbian\nID_LIKE=debian\n";
        let seen = Distribution::parse(pi, "raspberry-pi");
        assert_eq!((seen.id.as_str(), seen.version.as_str()), ("raspbian", "11"));
        assert_eq!(seen.names().collect::<Vec<_>>(), ["raspbian", "debian"]);
        assert_eq!(seen.vendor, "raspberry-pi");
        let ubuntu =
            Distribution::parse(b"ID='Ubuntu'\nID_LIKE=\"debian  linux\"\nVERSION_ID=\"22.\\04\"\n#ID=x\n ID_X=y", "");
        assert_eq!((ubuntu.id.as_str(), ubuntu.version.as_str()), ("ubuntu", "22.04"));
        assert_eq!(ubuntu.names().collect::<Vec<_>>(), ["ubuntu", "debian", "linux"]);
        assert_eq!(Distribution::parse(b"\xff\xfe", "").id, "linux");
    }
}
