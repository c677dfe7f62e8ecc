//! The conditions behind a listed package: `vendor == 'raspberry-pi' and distro_version >= '11'` (CONTRACT §4.4).
//! Refuses to: guess; what is not understood is an error in words.

use std::cmp::Ordering;

use super::Distribution;

/// Whether it holds here. Parts are joined from left to right; `and` does not bind closer than `or`.
///
/// # Errors
/// What is not understood, in words.
pub(super) fn holds(expression: &str, here: &Distribution) -> Result<bool, String> {
    let words = split(expression)?;
    let mut parts = words.as_slice();
    let mut whole = None;
    let mut all = false;
    loop {
        let [variable, operator, value, rest @ ..] = parts else {
            return Err(format!("'{}' is not 'name operator value'", super::shown(expression.trim())));
        };
        let part = compare(variable, operator, value, here)?;
        whole = Some(match whole {
            None => part,
            Some(before) if all => before && part,
            Some(before) => before || part,
        });
        parts = match rest {
            [] => return Ok(whole.unwrap_or(false)),
            [Word::Bare(joint), rest @ ..] if joint == "and" || joint == "or" => {
                all = joint == "and";
                rest
            }
            [other, ..] => {
                return Err(format!("'{}' stands where 'and' or 'or' is expected", super::shown(other.text())));
            }
        };
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Bare(String),
    Quoted(String),
    Operator(String),
}

impl Word {
    fn text(&self) -> &str {
        match self {
            Self::Bare(text) | Self::Quoted(text) | Self::Operator(text) => text,
        }
    }
}

fn split(expression: &str) -> Result<Vec<Word>, String> {
    let is_operator = |c: char| matches!(c, '=' | '!' | '<' | '>' | '~');
    let mut words = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, end) = if first == '\'' || first == '"' {
            let inner = rest.get(1..).unwrap_or_default();
            let end = inner.find(first).ok_or_else(|| format!("a quote is not closed in '{}'", super::shown(rest)))?;
            (Word::Quoted(inner.get(..end).unwrap_or_default().to_owned()), end + 2)
        } else if is_operator(first) {
            let end = rest.find(|c| !is_operator(c)).unwrap_or(rest.len());
            (Word::Operator(rest.get(..end).unwrap_or_default().to_owned()), end)
        } else {
            let ends = |c: char| c.is_whitespace() || is_operator(c) || c == '\'' || c == '"';
            let end = rest.find(ends).unwrap_or(rest.len());
            (Word::Bare(rest.get(..end).unwrap_or_default().to_owned()), end)
        };
        words.push(word);
        rest = rest.get(end..).unwrap_or_default().trim_start();
    }
    Ok(words)
}

fn compare(variable: &Word, operator: &Word, value: &Word, here: &Distribution) -> Result<bool, String> {
    let (Word::Bare(variable), Word::Operator(operator), Word::Bare(value) | Word::Quoted(value)) =
        (variable, operator, value)
    else {
        return Err(format!("'{}' is not the name of a variable", super::shown(variable.text())));
    };
    let (is, versions) = match variable.as_str() {
        "distro_id" => (&here.id, false),
        "distro_version" => (&here.version, true),
        "vendor" => (&here.vendor, false),
        other => return Err(format!("there is no variable '{}'", super::shown(other))),
    };
    let equal = || if versions { order(is, value) == Some(Ordering::Equal) || is == value } else { is == value };
    let ordered = |fits: fn(Ordering) -> bool| {
        if versions {
            // One that is no number ('testing') is neither older nor newer.
            Ok(order(is, value).is_some_and(fits))
        } else {
            Err(format!("'{variable}' can be compared with == and != only"))
        }
    };
    match operator.as_str() {
        "==" => Ok(equal()),
        "!=" => Ok(!equal()),
        "<" => ordered(Ordering::is_lt),
        "<=" => ordered(Ordering::is_le),
        ">" => ordered(Ordering::is_gt),
        ">=" => ordered(Ordering::is_ge),
        other => Err(format!("there is no operator '{}'", super::shown(other))),
    }
}

/// Numbers between dots; `12` is `12.0`.
fn order(left: &str, right: &str) -> Option<Ordering> {
    let numbers = |text: &str| {
        let mut numbers = text.trim().split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>()?;
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        Some(numbers)
    };
    Some(numbers(left)?.cmp(&numbers(right)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn here() -> Distribution {
        Distribution {
            codename: None,
            pretty_name: None,
            id: "debian".to_owned(),
            like: Vec::new(),
            version: "12".to_owned(),
            vendor: "raspberry-pi".to_owned(),
        }
    }

    #[test]
    fn documented_conditions_hold_where_they_should() {
        for (expression, expected) in [
            ("distro_id == 'debian'", true),
            ("distro_id!=\"debian\"", false),
            ("vendor == raspberry-pi", true),
            ("vendor == ''", false),
            ("distro_version >= '11'", true),
            ("distro_version >= 9", true),
            ("distro_version < '12.4'", true),
            ("distro_version == '12.0'", true),
            ("distro_version != '12'", false),
            ("distro_version >= 'testing'", false),
            ("distro_version != 'testing'", true),
            ("vendor == 'raspberry-pi' and distro_version >= '11'", true),
            ("vendor == 'x' or distro_version > '11'", true),
            ("vendor == 'x' and distro_version > '11'", false),
            // From left to right: (true or …) and false.
            ("distro_id == 'debian' or vendor == 'x' and distro_version < '3'", false),
            ("vendor == ' and '", false),
        ] {
            assert_eq!(holds(expression, &here()), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (expression, words) in [
            ("", "is not 'name operator value'"),
            ("vendor ==", "is not 'name operator value'"),
            ("vendor == 'x' and", "is not 'name operator value'"),
            ("vendor = 'x'", "no operator '='"),
            ("distro_version ~= '1'", "no operator '~='"),
            ("'x' == vendor", "'x' is not the name of a variable"),
            ("python_version >= '3'", "no variable 'python_version'"),
            ("vendor >= 'x'", "with == and != only"),
            ("vendor == 'x", "a quote is not closed"),
            ("vendor == 'x' xor vendor == 'y'", "'xor' stands where"),
        ] {
            let said = holds(expression, &here()).expect_err(expression);
            assert!(said.contains(words), "{expression}: {said}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_the_same_twice(text in "(distro_id|distro_version|vendor|and|or|==|<=|'|\"|12|[ -~é]){0,12}") {
            prop_assert_eq!(holds(&text, &here()), holds(&text, &here()));
        }

        #[test]
        fn the_order_of_versions_is_one(left in "[0-9]{1,3}(\\.[0-9]{1,2}){0,2}", right in "[0-9]{1,3}(\\.[0-9]{1,2}){0,2}") {
            let at = Distribution { version: left, ..here() };
            let ask = |operator: &str| holds(&format!("distro_version {operator} '{right}'"), &at) == Ok(true);
            prop_assert_eq!(ask("<") as u8 + ask("==") as u8 + ask(">") as u8, 1);
            prop_assert_eq!(ask("<="), ask("<") || ask("=="));
            prop_assert_eq!(ask(">="), !ask("<"));
            prop_assert_eq!(ask("!="), !ask("=="));
        }
    }
}
