//! The names of services, as they come from configurations: a name that a service manager could take for anything else is
//! none.
//! Refuses to: know which services may be restarted (`model::settings::services`).

use thiserror::Error;

/// As long as a name may be; systemd's limit is 255 with the suffix.
const LONGEST: usize = 200;

/// A text that is not the name of a service.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{}' is not the name of a service", .0.escape_debug())]
pub(crate) struct BadName(String);

/// `NAME.service`.
///
/// # Errors
/// [`BadName`]: an option (`-H`), a path, or whatever holds more than letters, digits and `:-_.\@`.
pub(crate) fn file_of(unit: &str) -> Result<String, BadName> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\' | '@');
    if unit.is_empty() || unit.len() > LONGEST || unit.starts_with(['-', '.']) || !unit.chars().all(fine) {
        return Err(BadName(unit.to_owned()));
    }
    Ok(format!("{unit}.service"))
}

/// The name without `.service`; none for a unit of another kind.
pub(super) fn of_file(file: &str) -> Option<&str> {
    file.strip_suffix(".service").filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_services_and_of_nothing_else() {
        for good in ["klipper", "klipper-1", "moonraker_2", "klipper@1", "KlipperScreen", r"a\x2db", "a.b:c"] {
            assert_eq!(file_of(good).unwrap(), format!("{good}.service"));
            assert_eq!(of_file(&format!("{good}.service")), Some(good));
        }
        for bad in
            ["", "-H", "--root=/x", "a b", "../x", ".hidden", "a;b", "a/b", "a\nb", "ü", "$(x)", "*", "kl[i]pper"]
        {
            assert!(file_of(bad).is_err(), "{bad:?}");
        }
        assert!(file_of(&"a".repeat(200)).is_ok() && file_of(&"a".repeat(201)).is_err());
        assert_eq!((of_file("klipper.timer"), of_file(".service"), of_file("klipper")), (None, None, None));
        assert_eq!(file_of("a\u{1b}b").unwrap_err().to_string(), r"'a\u{1b}b' is not the name of a service");
    }

    proptest::proptest! {
        /// Whatever passes is one word that no program takes for an option, a path or a pattern.
        #[test]
        fn what_passes_is_harmless(text in "\\PC{0,12}|[-a-z.@/*?\\[;$ ]{0,8}") {
            if let Ok(file) = file_of(&text) {
                proptest::prop_assert!(!file.starts_with('-') && !file.starts_with('.'));
                let harmful = |c: char| c.is_whitespace() || c.is_control() || "/*?[]$;&|'\"`<>(){}!~#%=,".contains(c);
                proptest::prop_assert!(!file.contains(harmful), "{file:?}");
            }
        }
    }
}
