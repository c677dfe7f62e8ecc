//! Reads the text of a marker, by descent.
//! Refuses to: go deeper than forty parentheses.

use super::{Comparison, DEPTH, Operator, SIGNS, Tree, Variable};
use crate::python::name::normalised;

/// What is left to read.
struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

enum Side {
    Variable(Variable),
    Literal(String),
}

/// The whole text as a marker.
pub(super) fn whole(text: &str) -> Option<Tree> {
    let mut parser = Parser { rest: text, depth: 0 };
    let tree = parser.any()?;
    parser.rest.trim_start().is_empty().then_some(tree)
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Option<Tree> {
        let mut parts = vec![self.all()?];
        while self.takes_word("or") {
            parts.push(self.all()?);
        }
        single_or(parts, Tree::Any)
    }

    fn all(&mut self) -> Option<Tree> {
        let mut parts = vec![self.atom()?];
        while self.takes_word("and") {
            parts.push(self.atom()?);
        }
        single_or(parts, Tree::All)
    }

    fn atom(&mut self) -> Option<Tree> {
        if !self.takes("(") {
            return self.comparison().map(Tree::Compare);
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let inner = self.any()?;
        self.depth -= 1;
        self.takes(")").then_some(inner)
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let left = self.side()?;
        let operator = self.operator()?;
        let (variable, literal, is_reversed) = match (left, self.side()?) {
            (Side::Variable(variable), Side::Literal(text)) => (variable, text, false),
            // packaging takes the second name for a text.
            (Side::Variable(variable), Side::Variable(other)) => (variable, other.name().to_owned(), false),
            (Side::Literal(text), Side::Variable(variable)) => (variable, text, true),
            (Side::Literal(_), Side::Literal(_)) => return None,
        };
        let literal = if variable == Variable::Extra { normalised(&literal) } else { literal };
        let comparison = Comparison { variable, operator, literal, is_reversed };
        comparison.is_defined().then_some(comparison)
    }

    fn side(&mut self) -> Option<Side> {
        self.rest = self.rest.trim_start();
        if let Some(quote) = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let (text, rest) = self.rest.strip_prefix(quote)?.split_once(quote)?;
            self.rest = rest;
            return Some(Side::Literal(text.to_owned()));
        }
        let word = self.word();
        let variable = Variable::named(word)?;
        self.rest = self.rest.strip_prefix(word)?;
        Some(Side::Variable(variable))
    }

    fn operator(&mut self) -> Option<Operator> {
        if self.takes_word("in") {
            return Some(Operator::In);
        }
        if self.takes_word("not") {
            let is_apart = self.rest.starts_with(char::is_whitespace);
            return (is_apart && self.takes_word("in")).then_some(Operator::NotIn);
        }
        SIGNS.into_iter().find(|(sign, _)| self.takes(sign)).map(|(_, operator)| operator)
    }

    /// The letters, digits, `_` and `.` that come next.
    fn word(&self) -> &'a str {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.'));
        self.rest.get(..end.unwrap_or(self.rest.len())).unwrap_or_default()
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.rest = self.rest.trim_start();
        self.word() == word && self.takes(word)
    }

    fn takes(&mut self, text: &str) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

fn single_or(mut parts: Vec<Tree>, many: impl FnOnce(Vec<Tree>) -> Tree) -> Option<Tree> {
    if parts.len() > 1 { Some(many(parts)) } else { parts.pop() }
}
