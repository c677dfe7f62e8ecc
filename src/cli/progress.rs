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
        match &self.spinner {
            Some(spinner) => {
                spinner.println(printable(line));
                spinner.set_message(printable(line));
            }
            None if self.face.json => {}
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
