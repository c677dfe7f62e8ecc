//! How far a download is, told seldom.
//! Refuses to: tell every chunk.

use std::time::Duration;

use tokio::time::Instant;

/// Between two tellings.
const PAUSE: Duration = Duration::from_millis(250);

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes.
    pub done: u64,
    /// Bytes of the whole, when they are known.
    pub total: Option<u64>,
}

impl Progress {
    /// Whole percent, rounded down; none where the whole is not known.
    #[must_use]
    pub fn percent(&self) -> Option<u64> {
        let total = self.total?;
        Some(self.done.saturating_mul(100).checked_div(total).unwrap_or(100).min(100))
    }
}

/// Tells at most four times a second, and each percent once; the last byte always.
pub(super) struct Meter<'a> {
    tell: &'a (dyn Fn(Progress) + Send + Sync),
    last: Option<(Instant, Progress)>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(tell: &'a (dyn Fn(Progress) + Send + Sync)) -> Self {
        Self { tell, last: None }
    }

    pub(super) fn moved(&mut self, now: Progress) {
        let due = match &self.last {
            None => true,
            Some((_, last)) if now.percent().is_some() && now.percent() == last.percent() => false,
            Some((at, last)) => *last != now && (at.elapsed() >= PAUSE || now.total == Some(now.done)),
        };
        if due {
            (self.tell)(now);
            self.last = Some((Instant::now(), now));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_percent_is_told_once_and_a_second_has_four() {
        let told = Mutex::new(Vec::new());
        let tell = |progress: Progress| told.lock().unwrap().push((Instant::now(), progress));
        let mut meter = Meter::new(&tell);
        // 1000 steps of 20 ms and of a tenth of a percent.
        for done in 1..=1000 {
            tokio::time::advance(Duration::from_millis(20)).await;
            meter.moved(Progress { done, total: Some(1000) });
            meter.moved(Progress { done, total: Some(1000) });
        }
        let told = told.into_inner().unwrap();
        let mut percents: Vec<_> = told.iter().map(|(_, progress)| progress.percent()).collect();
        assert!(percents.len() > 50, "{percents:?}");
        percents.dedup();
        assert_eq!(percents.len(), told.len());
        assert_eq!(percents.last(), Some(&Some(100)));
        let but_the_last = &told[..told.len() - 1];
        assert!(but_the_last.windows(2).all(|pair| pair[1].0 - pair[0].0 >= PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_whole_is_told_by_time_alone() {
        let told = Mutex::new(0);
        let tell = |_: Progress| *told.lock().unwrap() += 1;
        let mut meter = Meter::new(&tell);
        for done in 0..100 {
            meter.moved(Progress { done, total: None });
            tokio::time::advance(Duration::from_millis(50)).await;
        }
        assert_eq!(*told.lock().unwrap(), 20);
        assert_eq!(Progress { done: 0, total: Some(0) }.percent(), Some(100));
    }
}
