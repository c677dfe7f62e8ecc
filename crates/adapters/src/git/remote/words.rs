//! Network errors in words for people: what happened, with which host, and what to look at.
//! Refuses to: call any of them damage.

use crate::command::{Ended, Outcome};

/// What git's own error means. Git's last words are kept where they are not understood.
#[must_use]
pub fn of_git(outcome: &Outcome) -> String {
    if let Ended::Stalled(_) | Ended::TimedOut(_) = outcome.ended {
        return format!("the remote stopped answering ({})", outcome.ended);
    }
    let said = outcome.stderr_text();
    let last = last_words(&said);
    match meaning(&said) {
        Some(meaning) => format!("{meaning} ({last})"),
        None if last.is_empty() => outcome.ended.to_string(),
        None => last.to_owned(),
    }
}

/// The line that says most: the last `fatal:` or `error:`, else the last line.
fn last_words(said: &str) -> &str {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let fatal = lines().rfind(|line| line.starts_with("fatal:") || line.starts_with("error:"));
    fatal.or_else(|| lines().next_back()).unwrap_or_default()
}

/// By the texts of git, curl and ssh in the C locale; the first that fits.
fn meaning(said: &str) -> Option<&'static str> {
    const MEANINGS: [(&str, &str); 25] = [
        ("' not allowed", "the owner does not let remotes be reached like this: see allow_protocols in [refit]"),
        ("Remote branch", "the remote has no branch of this name"),
        ("couldn't find remote ref", "the remote has no branch of this name"),
        ("Could not resolve host", "the name of the host could not be found: is the network up, and the URL right?"),
        (
            "Could not resolve hostname",
            "the name of the host could not be found: is the network up, and the URL right?",
        ),
        ("Connection refused", "the host refused the connection"),
        ("Couldn't connect to server", "the host could not be reached"),
        ("Failed to connect", "the host could not be reached"),
        ("No route to host", "the host could not be reached: is the network up?"),
        ("Network is unreachable", "there is no network"),
        ("timed out", "the host did not answer in time"),
        ("Operation too slow", "the remote stopped sending"),
        ("certificate", "the host's certificate was not accepted: is the clock of this machine right?"),
        ("SSL", "no secure connection could be made"),
        ("could not read Username", "the remote asks for a user and a password"),
        ("could not read Password", "the remote asks for a password"),
        ("Authentication failed", "the remote did not accept the credentials"),
        ("error: 401", "the remote asks for a user and a password"),
        ("error: 403", "the remote forbids it"),
        ("error: 404", "there is no repository at this URL"),
        ("not found", "there is no repository at this URL"),
        ("error: 429", "the remote asks for a pause: too many requests"),
        ("error: 5", "the remote has a fault of its own"),
        ("hung up unexpectedly", "the connection was cut"),
        ("early EOF", "the connection was cut"),
    ];
    MEANINGS.iter().find(|(text, _)| said.contains(text)).map(|(_, meaning)| *meaning)
}

/// What an error of the shared HTTP client means.
#[must_use]
pub fn of_http(error: &reqwest::Error, host: &str) -> String {
    let chain = chain(error);
    let what = if chain.contains("dns") || chain.contains("lookup") || chain.contains("resolve") {
        "the name of the host could not be found: is the network up, and the URL right?"
    } else if error.is_connect() && error.is_timeout() {
        "the host did not answer in time"
    } else if chain.contains("certificate") || chain.contains("Certificate") {
        "the host's certificate was not accepted: is the clock of this machine right?"
    } else if chain.contains("refused") {
        "the host refused the connection"
    } else if error.is_timeout() || chain.contains("timed out") {
        "the remote stopped answering"
    } else if error.is_connect() {
        "the host could not be reached"
    } else {
        "the connection was cut"
    };
    format!("{host}: {what} ({})", last_cause(error))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

fn last_cause(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(stderr: &str) -> String {
        let stderr = stderr.as_bytes().to_vec();
        of_git(&Outcome { ended: Ended::Exited(128), stdout: Vec::new(), stdout_cut: false, stderr })
    }

    #[test]
    fn the_meaning_comes_first_and_git_s_words_stay() {
        let told = failed("hint: x\nfatal: unable to access 'https://x/': Could not resolve host: x\n");
        assert!(told.starts_with("the name of the host could not be found"), "{told}");
        assert!(told.ends_with("(fatal: unable to access 'https://x/': Could not resolve host: x)"), "{told}");
        assert!(
            failed("fatal: unable to access 'u': The requested URL returned error: 403")
                .starts_with("the remote forbids")
        );
        let no_branch = failed("fatal: Remote branch main not found in upstream origin");
        assert!(no_branch.starts_with("the remote has no branch"), "{no_branch}");
        assert!(
            failed("fatal: transport 'file' not allowed").contains("see allow_protocols in [refit] (fatal: transport")
        );
        assert_eq!(failed("fatal: something new"), "fatal: something new");
        assert_eq!(failed(""), "exit code 128");
    }
}
