//! What is told of a download, without what chance decides: how many bytes came at once.

use serde_json::{Value, json};

use crate::asking::Heard;

/// The same, with one message in the place of all progress of one download.
pub fn normalised(heard: &Heard) -> Heard {
    let mut kept = Heard { reply: heard.reply.clone(), messages: Vec::new(), before: heard.before };
    let mut run: Vec<Progress> = Vec::new();
    for (at, message) in heard.messages.iter().enumerate() {
        if let Some(progress) = Progress::of(message) {
            if run.is_empty() {
                kept.messages.push(message.clone());
            } else if at < heard.before {
                kept.before -= 1;
            }
            run.push(progress);
            if let Some(last) = kept.messages.last_mut() {
                last["message"] = json!(summary(&run));
            }
        } else {
            run.clear();
            kept.messages.push(message.clone());
        }
    }
    kept
}

/// `Downloading LABEL: DONE KiB / TOTAL KiB [PERCENT%]`.
struct Progress {
    label: String,
    done: u64,
    total: u64,
    percent: u64,
}

impl Progress {
    fn of(message: &Value) -> Option<Self> {
        let text = message["message"].as_str()?.strip_prefix("Downloading ")?;
        let (label, rest) = text.split_once(": ")?;
        let (done, rest) = rest.split_once(" KiB / ")?;
        let (total, rest) = rest.split_once(" KiB [")?;
        let percent = rest.strip_suffix("%]")?;
        let [done, total, percent] = [done, total, percent].map(|number| number.parse().ok());
        Some(Self { label: label.to_owned(), done: done?, total: total?, percent: percent? })
    }
}

/// One line for a run of progress: whether it went up, by whole percents, to the end.
fn summary(run: &[Progress]) -> String {
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return String::new();
    };
    let rises = |pair: &[Progress]| pair[0].percent < pair[1].percent && pair[0].done <= pair[1].done;
    let one = run.iter().all(|line| line.label == first.label && line.total == first.total);
    let sound =
        one && run.windows(2).all(rises) && run.iter().all(|line| line.done <= line.total && line.percent <= 100);
    let end = match (sound, last.percent) {
        (false, _) => format!("not one that rises: {} lines", run.len()),
        (true, 100) if last.done == last.total => "100%".to_owned(),
        (true, _) => "unfinished".to_owned(),
    };
    format!("Downloading {}: {} KiB [{end}]", last.label, last.total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(texts: &[&str], before: usize) -> Heard {
        let messages = texts.iter().map(|text| json!({"message": text})).collect();
        Heard { reply: None, messages, before }
    }

    #[test]
    fn progress_is_one_line() {
        let lines =
            ["Updating...", "Downloading a: 1 KiB / 9 KiB [11%]", "Downloading a: 9 KiB / 9 KiB [100%]", "Done"];
        let short = normalised(&heard(&lines, 3));
        let texts: Vec<&Value> = short.messages.iter().map(|message| &message["message"]).collect();
        assert_eq!(texts, ["Updating...", "Downloading a: 9 KiB [100%]", "Done"]);
        assert_eq!(short.before, 2);
        let falling = normalised(&heard(&[lines[2], lines[1]], 2));
        assert_eq!(falling.messages[0]["message"], "Downloading a: 9 KiB [not one that rises: 2 lines]");
    }
}
