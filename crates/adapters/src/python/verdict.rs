//! Why pip failed, in the one line that matters, and what to do next.
//! Refuses to: hide anything; the whole of what pip said is in the history.

use crate::command::Ended;

/// Why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Which kind.
    pub kind: Kind,
    /// One sentence without a full stop, and the next step behind a semicolon where there is one to take.
    pub why: String,
}

/// Which kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An index or a repository could not be reached: the same may work later.
    Network,
    /// What is asked for does not exist, or does not fit together.
    Unsatisfiable,
    /// Anything else.
    Other,
}

/// What pip says when something on the way to the index does not work; the first that is found is told.
const UNREACHABLE: [(&str, &str); 17] = [
    ("Temporary failure in name resolution", "its name could not be looked up"),
    ("Name or service not known", "its name could not be looked up"),
    ("No address associated with hostname", "its name could not be looked up"),
    ("Failed to resolve", "its name could not be looked up"),
    ("Connection refused", "it refused the connection"),
    ("No route to host", "there is no way to it"),
    ("Network is unreachable", "there is no network"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted; is the clock of this machine right?"),
    ("ProxyError", "the proxy did not let it through"),
    ("too many 50", "it answers with errors"),
    ("Server Error", "it answers with errors"),
    ("timed out", "it did not answer in time"),
    ("connection broken by", "the connection broke"),
    ("Connection aborted", "the connection broke"),
    ("incomplete-download", "the connection broke"),
    ("Connection interrupted", "the connection broke"),
    ("connection-failed", "the connection broke"),
];

/// What a build says when it misses something, and what helps.
const BUILD_NEEDS: [(&str, &str); 15] = [
    ("Python.h: No such file", "install the system package python3-dev"),
    (".h: No such file or directory", "a system package with this header has to be installed"),
    ("cc' failed: No such file", COMPILER),
    ("++' failed: No such file", COMPILER),
    ("No such file or directory: 'gcc'", COMPILER),
    ("No such file or directory: 'cc'", COMPILER),
    ("directory: 'aarch64-linux-gnu-gcc'", COMPILER),
    ("directory: 'arm-linux-gnueabihf-gcc'", COMPILER),
    ("directory: 'x86_64-linux-gnu-gcc'", COMPILER),
    ("Unknown compiler(s)", COMPILER),
    ("cannot find -l", "a system package with this library has to be installed"),
    ("can't find Rust compiler", RUST),
    ("Cargo, the Rust package manager, is not installed", RUST),
    ("command not found", "a program that is needed for building has to be installed"),
    ("Killed", MEMORY),
];
const COMPILER: &str = "install the system package build-essential";
const RUST: &str = "install the system packages rustc and cargo";
const MEMORY: &str = "this machine may have too little memory to build it";

/// Judges the lines of a pip that did not end well.
#[must_use]
pub fn judge(lines: &[String], ended: Ended) -> Verdict {
    let other = |why: String| Verdict { kind: Kind::Other, why };
    let unsatisfiable = |why: String| Verdict { kind: Kind::Unsatisfiable, why };
    if find(lines, "No space left on device").is_some() {
        return other("the disk is full; delete something and try again".to_owned());
    }
    if let Some(line) = find(lines, "No module named pip") {
        return other(format!("pip does not start ({}); a recovery builds the environment again", line.trim()));
    }
    if let Some(verdict) = hashes(lines) {
        return verdict;
    }
    if let Some(why) = conflict(lines) {
        return unsatisfiable(why);
    }
    if let Some(verdict) = repository(lines) {
        return verdict;
    }
    // What a build needs itself comes from the index, too.
    let without_tools = lines.iter().any(|line| line.contains("build dependencies") && line.contains(NOT_WELL));
    if let Some(why) = network(lines).filter(|_| without_tools) {
        return Verdict { kind: Kind::Network, why };
    }
    if let Some(why) = build(lines) {
        return other(why);
    }
    if let Some(verdict) = file(lines) {
        return verdict;
    }
    if let Some(why) = network(lines) {
        return Verdict { kind: Kind::Network, why };
    }
    if let Some(why) = missing(lines) {
        return unsatisfiable(why);
    }
    if find(lines, "Cannot find command 'git'").is_some() {
        return other("a package comes from a git repository, and git is not installed; install git".to_owned());
    }
    match ended {
        Ended::Exited(_) => other(last_error(lines)),
        Ended::Killed(9) => other("pip was killed; this machine may have too little memory".to_owned()),
        Ended::Killed(_) | Ended::TimedOut(_) | Ended::Stalled(_) => other(format!("pip did not end: {ended}")),
    }
}

fn find<'a>(lines: &'a [String], text: &str) -> Option<&'a str> {
    lines.iter().find(|line| line.contains(text)).map(String::as_str)
}

/// What pip says of a program that it started.
const NOT_WELL: &str = "did not run successfully";
/// Characters of the longest line that is told.
const LONGEST: usize = 300;

fn short(line: &str) -> String {
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// The line without what pip puts before it.
fn bare(line: &str) -> &str {
    let line = line.trim_start_matches(['×', '╰', '─', '>', '│', ' ']).trim();
    line.strip_prefix("ERROR: ").unwrap_or(line).trim_end_matches(['.', ':'])
}

fn last_error(lines: &[String]) -> String {
    let wanted = |line: &&String| line.trim_start().to_ascii_lowercase().starts_with("error:");
    let error = lines.iter().rev().find(wanted).or_else(|| lines.iter().rev().find(|line| !line.trim().is_empty()));
    let Some(said) = error.map(|line| bare(line)) else { return "pip failed and said nothing".to_owned() };
    // A newer one heads what it explains with a code: `error: backend-unavailable`.
    let is_code = said.strip_prefix("error: ").is_some_and(|code| !code.contains(' '));
    short(&explained(lines).filter(|_| is_code).unwrap_or_else(|| said.to_owned()))
}

/// The first explanation that pip gives, with its reason.
fn explained(lines: &[String]) -> Option<String> {
    let at = lines.iter().position(|line| line.trim_start().starts_with('×'))?;
    let what = bare(lines.get(at)?);
    let why = lines.get(at + 1).filter(|line| line.contains("╰─>")).map(|line| bare(line));
    let why = why.filter(|why| !why.starts_with("See above"));
    Some(why.map_or_else(|| what.to_owned(), |why| format!("{what} ({why})")))
}

/// What stands between two marks in the first line that has both.
fn between<'a>(lines: &'a [String], before: &str, after: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| Some(line.split_once(before)?.1.split_once(after)?.0.trim()))
}

fn hashes(lines: &[String]) -> Option<Verdict> {
    let at = lines.iter().position(|line| line.contains("DO NOT MATCH THE HASHES"));
    if let Some(at) = at {
        let after = lines.get(at + 1..).unwrap_or_default();
        let named = after.iter().find(|line| line.contains(" from ")).map_or("a package", |line| line.trim());
        let which = named.split_once(" from ").map_or(named, |(which, _)| which);
        let wanted = after.iter().find_map(|line| line.trim().strip_prefix("Expected ")?.split_once(' '));
        // The index names it in the address: what was cut on its way looks like this.
        let by_index = wanted.is_some_and(|(kind, hash)| named.contains(&format!("#{kind}={}", hash.trim())));
        if by_index {
            let why = format!(
                "{which} did not arrive as the package index has it (its hash is another); try again, and tell the \
                 project when it stays so"
            );
            return Some(Verdict { kind: Kind::Network, why });
        }
        let why = format!(
            "{which} is not the file that the requirements name (its hash is another); tell the project, and install \
             nothing from there until it is explained"
        );
        return Some(Verdict { kind: Kind::Unsatisfiable, why });
    }
    let missing = find(lines, "--require-hashes mode")?;
    Some(Verdict { kind: Kind::Unsatisfiable, why: format!("{}; tell the project", bare(missing)) })
}

/// A file that its server does not give, though the index lists it.
fn file(lines: &[String]) -> Option<Verdict> {
    let line = find(lines, " while getting ")?;
    let (code, url) = line.split_once("HTTP error ")?.1.split_once(" while getting ")?;
    let name = url.split([' ', '#', '?']).next()?.rsplit('/').next()?;
    let (kind, next) = match code {
        "401" | "403" => (Kind::Network, "look at pip's configuration"),
        "404" | "410" => (Kind::Unsatisfiable, "try again later, and tell the project when it stays so"),
        _ => (Kind::Network, "try again later"),
    };
    Some(Verdict { kind, why: format!("{name} cannot be downloaded (its server answers with status {code}); {next}") })
}

fn conflict(lines: &[String]) -> Option<String> {
    let at = lines.iter().position(|line| line.contains("conflicting dependencies"))?;
    let which = lines.get(at).map(|line| bare(line))?;
    let causes: Vec<_> = lines
        .iter()
        .skip_while(|line| !line.contains("The conflict is caused by"))
        .skip(1)
        .take_while(|line| line.starts_with("    "))
        .map(|line| line.trim())
        .collect();
    let causes = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join("; ")) };
    Some(format!("{which}{causes}; tell the project"))
}

/// A package that comes from a git repository, which git could not fetch.
fn repository(lines: &[String]) -> Option<Verdict> {
    let at = lines.iter().position(|line| line.contains("git clone ") || line.contains("git fetch "))?;
    let failed = |line: &String| line.contains(NOT_WELL) || line.contains("Command errored out");
    lines.iter().skip(at).find(|line| failed(line) && line.contains("git "))?;
    let fatal = lines.iter().find(|line| line.trim_start().starts_with("fatal: "));
    let said = fatal.map_or("git does not say why", |line| line.trim());
    let away = ["unable to access", "Could not resolve host", "Connection", "unable to connect"];
    let is_away = away.iter().any(|mark| said.contains(mark));
    let next = if is_away { "try again when it can be reached" } else { "tell the project" };
    let kind = if is_away { Kind::Network } else { Kind::Other };
    Some(Verdict { kind, why: format!("a package's git repository could not be fetched ({said}); {next}") })
}

fn build(lines: &[String]) -> Option<String> {
    let marks =
        ["Failed building wheel for ", "Failed to build ", "Building wheel for ", "Running setup.py install for "];
    let name = marks
        .iter()
        .find_map(|mark| lines.iter().find_map(|line| line.split_once(mark)))
        .map(|(_, rest)| rest.split([' ', ',', ':']).next().unwrap_or_default().trim_matches('\''));
    let failed = [NOT_WELL, "Command errored out", "Failed building wheel", "Failed to build"];
    let at = lines.iter().position(|line| failed.iter().any(|mark| line.contains(mark)))?;
    let said = blamed(lines.get(at..)?);
    let name = name.filter(|name| !name.is_empty());
    let name = name.or_else(|| collecting(lines.get(..at)?)).unwrap_or("a package");
    if find(lines, "exit code: -9").is_some() {
        return Some(format!("{name} could not be built from source: its build was killed; {MEMORY}"));
    }
    let help = BUILD_NEEDS.iter().find(|(mark, _)| said.contains(mark));
    let help = help.map_or_else(String::new, |(_, help)| format!("; {help}, then try again"));
    Some(format!("{name} could not be built from source: {said}{help}"))
}

/// Of a build's output, the line that tells the most: a missing thing, or else the last error.
fn blamed(lines: &[String]) -> String {
    let output: Vec<&str> = lines
        .iter()
        .skip_while(|line| !line.contains("lines of output") && !line.contains("Complete output ("))
        .skip(1)
        .take_while(|line| !line.contains("[end of output]") && !line.trim_start().starts_with("-----"))
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .collect();
    let says = |mark: &str| output.iter().find(|line| line.contains(mark));
    let missing = BUILD_NEEDS.iter().find_map(|(mark, _)| says(mark));
    let first = missing.or_else(|| says("fatal error:")).or_else(|| says(": error: "));
    let is_error = |line: &&&str| line.to_ascii_lowercase().contains("error");
    // What started the compiler says only that it failed.
    let tells = |line: &&&str| is_error(line) && !line.to_ascii_lowercase().starts_with("error: command '");
    let error = || output.iter().rev().find(tells).or_else(|| output.iter().rev().find(is_error));
    let said = first.or_else(error).or_else(|| output.last());
    said.map_or_else(|| "its build failed".to_owned(), |line| short(bare(line)))
}

/// What pip was looking at before it went wrong.
fn collecting(lines: &[String]) -> Option<&str> {
    let line = lines.iter().rev().find_map(|line| line.trim().strip_prefix("Collecting "))?;
    line.split([' ', '=', '<', '>', '~', '!', '[', '@']).next()
}

fn network(lines: &[String]) -> Option<String> {
    if let Some(refused) = ["401 ", "403 "].iter().find_map(|code| {
        lines
            .iter()
            .find(|line| line.contains(&format!("{code}Error")) || line.contains(&format!("{code}Client Error")))
    }) {
        let why = bare(refused);
        return Some(format!("the package index does not let Refit in ({why}); look at pip's configuration"));
    }
    let is_fetch = |line: &String| {
        [
            "Retrying (Retry",
            "Could not fetch URL",
            "Max retries exceeded",
            "HTTP error",
            "unable to access",
            "Read timed out",
            "incomplete-download",
            "Connection interrupted",
            "connection-failed",
        ]
        .iter()
        .any(|mark| line.contains(mark))
            || line.contains("ConnectionError")
            || line.contains("ProtocolError")
            || line.contains("ReadTimeoutError")
    };
    let tries: Vec<&String> = lines.iter().filter(|line| is_fetch(line)).collect();
    let last = tries.last()?;
    let cause = UNREACHABLE.iter().find(|(mark, _)| tries.iter().any(|line| line.contains(mark)));
    let cause = cause.map_or_else(|| bare(last).to_owned(), |(_, words)| (*words).to_owned());
    Some(format!("the package index could not be reached ({cause}); try again when it can be"))
}

/// The requirement for which pip found nothing.
#[must_use]
pub fn not_found(lines: &[String]) -> Option<String> {
    let found = lines.iter().find_map(|line| line.split_once("No matching distribution found for "));
    let wanted = found.map(|(_, rest)| rest.split_once(" (from ").map_or(rest, |(wanted, _)| wanted).trim());
    wanted.filter(|wanted| !wanted.starts_with('-')).map(str::to_owned)
}

const OTHER_PYTHON: &str = "the software needs another Python than this system has";

fn missing(lines: &[String]) -> Option<String> {
    if let Some((name, why)) = find(lines, "' requires a different Python: ")
        .and_then(|line| line.split_once("Package '")?.1.split_once("' requires a different Python: "))
    {
        let why = why.trim();
        return Some(format!("{name} does not run on this machine's version of Python ({why}); {OTHER_PYTHON}"));
    }
    let wanted = not_found(lines)?;
    if let Some(line) = find(lines, "require a different python version") {
        let versions =
            line.split_once(':').map_or(line, |(_, rest)| rest).rsplit_once("version: ").map_or(line, |(_, v)| v);
        return Some(format!(
            "{wanted} does not run on this machine's version of Python ({}); {OTHER_PYTHON}",
            versions.trim()
        ));
    }
    let versions = between(lines, "(from versions: ", ")").unwrap_or("none");
    if versions == "none" {
        return Some(format!("{wanted} is not in the package index, or not for this machine and its Python"));
    }
    let newest = versions.rsplit(", ").next().unwrap_or(versions);
    Some(format!("{wanted} is not in the package index; the newest there is {newest}"))
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
