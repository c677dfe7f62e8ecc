//! `refit history`: what was done, who asked, how it went.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::advice;
use super::door::Door;
use super::exit::{Exit, Stop};
use super::face::Face;
use super::plan::action;

/// Shows the newest runs; with `steps` also what each step found or made.
///
/// # Errors
/// When the daemon cannot be asked.
pub fn run(door: &mut Door, face: &Face, name: Option<&str>, limit: usize, steps: bool) -> Result<Exit, Stop> {
    let mut params = json!({ "limit": limit });
    if let Some(name) = name {
        params["name"] = json!(name);
    }
    let answer = door.ask("refit.history", params)?.map_err(|denial| Stop::new(Exit::Refused, denial.message))?;
    if face.json {
        face.value(&answer);
        return Ok(Exit::Fine);
    }
    let runs = answer["runs"].as_array().cloned().unwrap_or_default();
    if runs.is_empty() {
        // Of what is not looked after any more there may be a history: only where there is none, the name is doubted.
        if let Some(known) = name.and_then(|name| advice::unknown(door, name)) {
            return Err(Stop::new(Exit::Refused, format!("Nothing is known of '{}'.\n{known}", name.unwrap_or("?"))));
        }
        face.line("Nothing was done yet.");
    } else {
        let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
        face.rows(&["Run", "When", "What", "From", "To", "Who", "Outcome"], &rows);
    }
    for run in &runs {
        if let Some(error) = run["error"].as_str() {
            face.line(&format!("  run {}: {error}", run["run"]));
        }
        let noted = run["steps"].as_array().into_iter().flatten().filter(|_| steps);
        for step in noted {
            if let Some(note) = step["note"].as_str() {
                face.line(&format!("  run {}: {note}", run["run"]));
            }
            for line in step["output"].as_str().into_iter().flat_map(str::lines) {
                face.line(&format!("    {line}"));
            }
        }
    }
    Ok(Exit::Fine)
}

fn row(run: &Value) -> Vec<String> {
    let text = |field: &str| run[field].as_str().unwrap_or("?").to_owned();
    vec![
        run["run"].to_string(),
        when(run["began"].as_f64().unwrap_or_default(), TimeZone::system()),
        format!("{} {}", text("name"), action(&text("action"))),
        text("from"),
        text("to"),
        run["caller"]["who"].as_str().unwrap_or("?").to_owned(),
        outcome(&text("outcome")).to_owned(),
    ]
}

fn outcome(word: &str) -> &str {
    match word {
        "undone" => "failed, taken back",
        "needs_attention" => "needs you",
        other => other,
    }
}

/// A moment where the reader is: `2026-08-01 12:30:05`. `--json` has the seconds since 1970.
#[must_use]
pub fn when(seconds: f64, zone: TimeZone) -> String {
    // Milliseconds of any year that a clock can show fit; beyond, the conversion saturates and the moment is refused.
    match Timestamp::from_millisecond((seconds * 1000.0) as i64) {
        Ok(moment) => moment.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(when(0.0, TimeZone::UTC), "1970-01-01 00:00:00");
        assert_eq!(when(1_700_000_000.9, TimeZone::UTC), "2023-11-14 22:13:20");
        assert_eq!(when(f64::MAX, TimeZone::UTC), "?");
    }
}
