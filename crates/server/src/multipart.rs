//! `multipart/form-data`: the plain fields, no files. Browsers' forms send it.
//! Refuses to: keep files, or panic on any bytes.

/// The fields in order; `None` when there is no boundary or the parts cannot be told apart.
#[must_use]
pub fn fields(content_type: &str, body: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty())?;
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let last = [&delimiter[..], b"--"].concat();
    let end = rfind(body, &last)?;
    let mut rest = body.get(..end)?.strip_prefix(&delimiter[..])?.strip_prefix(b"\r\n")?;
    let separator = [b"\r\n", &delimiter[..], b"\r\n"].concat();
    let mut fields = Vec::new();
    loop {
        let (part, next) = match find(rest, &separator) {
            Some(at) => (rest.get(..at)?, rest.get(at + separator.len()..)),
            None => (rest.strip_suffix(b"\r\n")?, None),
        };
        fields.extend(field(part)?);
        match next {
            Some(next) => rest = next,
            None => return Some(fields),
        }
    }
}

/// One part: `Some(None)` for a file.
fn field(part: &[u8]) -> Option<Option<(String, Vec<u8>)>> {
    let head_end = find(part, b"\r\n\r\n")?;
    let head = std::str::from_utf8(part.get(..head_end)?).ok()?;
    let value = part.get(head_end + 4..)?.to_vec();
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then(|| value.trim())
    })?;
    if !disposition.starts_with("form-data") {
        return None;
    }
    if parameter(disposition, "filename").is_some() {
        return Some(None);
    }
    Some(Some((parameter(disposition, "name")?, value)))
}

/// `key=value` or `key="value"` after a semicolon.
fn parameter(header: &str, key: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|field| {
        let (name, value) = field.trim().split_once('=')?;
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
        name.eq_ignore_ascii_case(key).then(|| value.to_owned())
    })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn rfind(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).rposition(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=XX";

    #[test]
    fn fields_are_found_and_files_left_out() {
        let body = b"--XX\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nmpz\r\n--XX\r\n\
            Content-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nbytes\r\n--XX--\r\n";
        assert_eq!(fields(TYPE, body), Some(vec![("name".to_owned(), b"mpz".to_vec())]));
    }

    #[test]
    fn what_is_no_multipart_is_none() {
        assert_eq!(fields(TYPE, b"name=x"), None);
        assert_eq!(fields("multipart/form-data", b"--XX--"), None);
        assert_eq!(fields(TYPE, b"--XX\r\nno head\r\n--XX--"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in r"(--XX|\r\n|--|Content-Disposition: form-data; name=a|;|=|x){0,20}") {
            let _ = fields(TYPE, body.as_bytes());
        }
    }
}
