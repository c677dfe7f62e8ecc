//! Work as it goes on: a spinner with the newest line on a terminal, one line after the other elsewhere, nothing for
//! programs.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::face::{Face, printable};

/// The showing of one piece of work.
#[derive(Debug)]
pub struct Progress {
    spinner: Option<ProgressBar>,
    face: Face,
}

impl Progress {
    /// Begins; `deed` is shown until there is news.
    #[must_use]
    pub fn new(face: &Face, deed: &str) -> Self {
        let spinner = (face.terminal && face.error_terminal).then(|| {
            let style =
                if face.color { "{spinner:.green} {wide_msg} {elapsed}" } else { "{spinner} {wide_msg} {elapsed}" };
            let spinner = ProgressBar::new_spinner();
            // A template that does not parse leaves the default one, which shows the same less nicely.
            if let Ok(style) = ProgressStyle::with_template(style) {
                spinner.set_style(style);
            }
            spinner.set_message(printable(deed));
            spinner.enable_steady_tick(Duration::from_millis(120));
            spinner
        });
        Self { spinner, face: *face }
    }

    /// One line of news.
    pub fn line(&mut self, line: &str) {
        let passing = is_passing(line);
        match &self.spinner {
            Some(spinner) => {
                if !passing {
                    spinner.println(printable(line));
                }
                spinner.set_message(printable(line));
            }
            None if self.face.json || passing => {}
            None => self.face.line(line),
        }
    }

    /// Takes the spinner away.
    pub fn end(self) {
        if let Some(spinner) = self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// Git's progress, such as `Receiving objects:  42% (8/19)`: only the newest is worth a look, and only on a terminal. The
/// last of its kind ends in `done.`.
fn is_passing(line: &str) -> bool {
    let percent =
        |word: &str| word.strip_suffix('%').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    line.split_whitespace().any(percent) && line.contains('(') && !line.ends_with("done.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_progress_passes() {
        assert!(is_passing("remote: Counting objects:   5% (1/19)"));
        assert!(is_passing("Receiving objects:  42% (8/19), 1.00 MiB | 1.37 MiB/s"));
        assert!(!is_passing("Receiving objects: 100% (19/19), 1.37 KiB | 1.37 MiB/s, done."));
        assert!(!is_passing("Git Repo app: Update Finished..."));
    }
}
