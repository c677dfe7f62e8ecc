//! Pages of a list, and the links to the others.

use crate::loopback::{Answer, Question};

/// One page of a list.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    number: usize,
    size: usize,
    total: usize,
}

impl<T> Page<T> {
    /// The page that `page` and the parameter named `size` ask for; nonsense counts as not asked.
    pub(super) fn of(all: Vec<T>, question: &Question, size: &str, usual: usize, most: usize) -> Self {
        let asked = |name: &str| question.query(name).and_then(|n| n.parse().ok()).filter(|n| *n > 0);
        let number = asked("page").unwrap_or(1);
        let size = asked(size).unwrap_or(usual).min(most);
        let total = all.len();
        let items = all.into_iter().skip((number - 1).saturating_mul(size)).take(size).collect();
        Self { items, number, size, total }
    }

    fn last(&self) -> usize {
        self.total.div_ceil(self.size).max(1)
    }

    /// With the `Link` header, when there is another page. `parameter` is the name of the page's size.
    pub(super) fn linked(&self, answer: Answer, url: &str, parameter: &str) -> Answer {
        let (here, last) = (self.number, self.last());
        let mut links = Vec::new();
        if here > 1 {
            links.push(("prev", here - 1));
        }
        if here < last {
            links.extend([("next", here + 1), ("last", last)]);
        }
        if here > 1 {
            links.push(("first", 1));
        }
        if links.is_empty() {
            return answer;
        }
        let link = |(rel, page): &(&str, usize)| {
            format!("<{url}?{parameter}={size}&page={page}>; rel=\"{rel}\"", size = self.size)
        };
        answer.with("Link", links.iter().map(link).collect::<Vec<_>>().join(", "))
    }

    /// With GitLab's counts.
    pub(super) fn counted(&self, answer: Answer) -> Answer {
        let page = |number: usize, there: bool| if there { number.to_string() } else { String::new() };
        answer
            .with("X-Page", self.number.to_string())
            .with("X-Per-Page", self.size.to_string())
            .with("X-Total", self.total.to_string())
            .with("X-Total-Pages", self.last().to_string())
            .with("X-Next-Page", page(self.number + 1, self.number < self.last()))
            .with("X-Prev-Page", page(self.number.saturating_sub(1), self.number > 1))
    }

    /// How long the whole list is.
    pub(super) fn total(&self) -> usize {
        self.total
    }
}
