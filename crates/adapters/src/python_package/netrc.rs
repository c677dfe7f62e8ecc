//! `.netrc`: who one is at a host, as curl, git and pip look it up.
//! Refuses to: show a password; and to believe in a file that it does not understand.

use refit_model::settings::forge::Secret;

/// A user and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// The login for a host; that of `default` where the file names no such host.
#[must_use]
pub fn login(text: &str, host: &str) -> Option<Login> {
    let mut entries = entries(text)?;
    entries.retain(|entry| entry.machine.as_deref().is_none_or(|machine| machine == host));
    // The last of a host counts, and none of them before `default`.
    let own = entries.iter().rfind(|entry| entry.machine.is_some());
    let found = own.or_else(|| entries.iter().rfind(|entry| entry.machine.is_none()))?;
    Some(Login { user: found.user.clone(), password: Secret::new(&found.password) })
}

struct Entry {
    machine: Option<String>,
    user: String,
    password: String,
}

/// None when it is not understood; then nobody is logged in by it.
fn entries(text: &str) -> Option<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut words = Words { rest: text };
    while let Some(word) = words.next_word() {
        match word.as_str() {
            "machine" => entries.push(Entry::of(Some(words.next_word()?))),
            "default" => entries.push(Entry::of(None)),
            "login" | "user" => entries.last_mut()?.user = words.next_word()?,
            "password" => entries.last_mut()?.password = words.next_word()?,
            "account" => drop(words.next_word()?),
            // A macro ends with an empty line.
            "macdef" => words.rest = words.rest.split_once("\n\n").map_or("", |(_, rest)| rest),
            comment if comment.starts_with('#') => {
                words.rest = words.rest.split_once('\n').map_or("", |(_, rest)| rest)
            }
            _ => return None,
        }
    }
    Some(entries)
}

impl Entry {
    fn of(machine: Option<String>) -> Self {
        Self { machine, user: String::new(), password: String::new() }
    }
}

struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    /// The next word; one in quotes may hold blanks, and a backslash takes what follows as it is.
    fn next_word(&mut self) -> Option<String> {
        self.rest = self.rest.trim_start();
        let (rest, is_quoted) = match self.rest.strip_prefix('"') {
            Some(rest) => (rest, true),
            None => (self.rest, false),
        };
        let mut word = String::new();
        let mut chars = rest.char_indices();
        while let Some((at, c)) = chars.next() {
            let is_end = if is_quoted { c == '"' } else { c.is_whitespace() };
            if is_end {
                // The end of a line stays: it ends a comment.
                let end = if is_quoted { at + 1 } else { at };
                self.rest = rest.get(end..).unwrap_or_default();
                return Some(word);
            }
            match c {
                '\\' => word.extend(chars.next().map(|(_, next)| next)),
                c => word.push(c),
            }
        }
        self.rest = "";
        (!word.is_empty()).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, host: &str) -> Option<(String, String)> {
        login(text, host).map(|login| (login.user, login.password.reveal().to_owned()))
    }

    #[test]
    fn the_login_of_a_host_is_found() {
        let text = "# mine\nmachine a.example login lab password s3cret # again\nmacdef init\ncd /x\nmachine a.example\n\n\
                    machine b.example\n\tlogin \"two words\"\n\taccount x\n\tpassword a\\ b\ndefault login any password one";
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(found(text, "a.example"), pair("lab", "s3cret"));
        assert_eq!(found(text, "b.example"), pair("two words", "a b"));
        assert_eq!(found(text, "c.example"), pair("any", "one"));
        assert_eq!(found("machine a login x password y", "b"), None);
        assert_eq!(found("", "b"), None);
    }

    #[test]
    fn a_file_that_is_not_understood_logs_nobody_in() {
        for text in ["machine", "login x password y", "machine a login", "machine a what ever login x password y"] {
            assert_eq!(found(text, "a"), None, "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let login = login("machine a login lab password s3cret", "a");
        assert!(login.is_some() && !format!("{login:?}").contains("s3cret"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "((machine|login|password|default|macdef|#|\"|\\\\|\n| |a)){0,30}|\\PC*") {
            let _ = login(&text, "a");
        }
    }
}
