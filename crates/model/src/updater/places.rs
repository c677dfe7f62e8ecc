//! The names of the folders that runs make beside what they work on: stages, kept places. All are siblings of the folder
//! in use: the same file system, so that folders can be exchanged.
//! Refuses to: make any of them.

use std::path::{Path, PathBuf};

use crate::name::UpdaterName;
use crate::plan::Occasion;
use crate::step::KeptPlace;

impl KeptPlace {
    /// The place of one run beside a folder.
    #[must_use]
    pub fn beside(name: &UpdaterName, path: &Path, occasion: &Occasion) -> Self {
        let key = format!("{}-{}-{}", utc(occasion.now), plain_word(name.as_str()), plain_word(&occasion.mark));
        let folder = beside(path, "", ".refit-kept").join(&key);
        Self { key, folder }
    }
}

/// The stage of one run beside a folder.
pub(crate) fn stage_beside(path: &Path, occasion: &Occasion) -> PathBuf {
    beside(path, ".", &format!(".refit-new-{}", plain_word(&occasion.mark)))
}

/// A sibling with the folder's name in its own.
pub(crate) fn beside(path: &Path, before: &str, after: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{before}{name}{after}"))
}

/// Letters that are fit for a ref and for a file name.
pub(crate) fn plain_word(text: &str) -> String {
    let word: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(64).collect();
    if word.is_empty() { "_".to_owned() } else { word }
}

/// `20260402T101530Z`.
pub(crate) fn utc(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 0000-03-01 in 400-year eras: the civil calendar of ISO 8601 in integers.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day % 3_600 / 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_what_the_calendar_says() {
        for (seconds, text) in
            [(0, "19700101T000000Z"), (951_782_400, "20000229T000000Z"), (1_775_124_930, "20260402T101530Z")]
        {
            assert_eq!(utc(seconds), text);
        }
    }
}
