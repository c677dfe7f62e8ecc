//! Moonraker's templates (Jinja2 with `{ }` for expressions), as far as a path needs them: `{data_path}`.
//!
//! Refuses every other expression instead of guessing.

use std::path::Path;

/// Replaces `{data_path}`.
///
/// # Errors
/// Names the expression that is not evaluated.
pub(super) fn expand(text: &str, data_path: &Path) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('{') {
        out.push_str(before);
        let Some((expression, after)) = tail.split_once('}') else {
            return Err("the expression that '{' begins has no end".to_owned());
        };
        if expression.trim() != "data_path" {
            return Err(format!("the expression '{{{expression}}}' is not one that Refit evaluates"));
        }
        out.push_str(&data_path.display().to_string());
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_path_and_nothing_else() {
        let data = Path::new("/d");
        assert_eq!(expand("{data_path}/comms/{ data_path }", data), Ok("/d/comms//d".to_owned()));
        assert_eq!(expand("/tmp/klippy_uds", data), Ok("/tmp/klippy_uds".to_owned()));
        for refused in ["{foo}", "{data_path", "{% if 1 %}/x{% endif %}", "{{data_path}}", "{data_path + '/z'}"] {
            assert!(expand(refused, data).is_err(), "{refused} was evaluated");
        }
    }
}
