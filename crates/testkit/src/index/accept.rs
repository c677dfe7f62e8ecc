//! Which form of a page a client wants, by its `Accept` header (RFC 9110, section 12.5.1; PEP 691). Pure.

use super::Formats;

/// A form of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// PEP 691.
    Json,
    /// PEP 503, under the media type that was asked for.
    Html(&'static str),
}

pub(super) const JSON: &str = "application/vnd.pypi.simple.v1+json";
const HTML: &str = "application/vnd.pypi.simple.v1+html";
const TEXT: &str = "text/html";

/// The form to answer in; none when the client takes none of those that there are. Of what it likes equally, HTML comes
/// first, as for those who say nothing.
pub(super) fn form(accept: Option<&str>, formats: Formats) -> Option<Form> {
    let accept = accept.map(str::trim).filter(|accept| !accept.is_empty()).unwrap_or("*/*");
    let offered = match formats {
        Formats::HtmlOnly => return Some(Form::Html(TEXT)),
        Formats::JsonOnly => &[(JSON, Form::Json)][..],
        Formats::Both => &[(TEXT, Form::Html(TEXT)), (HTML, Form::Html(HTML)), (JSON, Form::Json)][..],
    };
    let mut best: Option<(u32, Form)> = None;
    for (kind, form) in offered {
        let quality = quality(accept, kind);
        if quality > best.map_or(0, |(quality, _)| quality) {
            best = Some((quality, *form));
        }
    }
    best.map(|(_, form)| form)
}

/// How much a kind is liked, in thousandths: what names it most exactly counts.
fn quality(accept: &str, kind: &str) -> u32 {
    let mut found = (0, 0);
    for item in accept.split(',') {
        let mut parts = item.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default().to_ascii_lowercase().replace(".latest+", ".v1+");
        let exactness = match range.strip_suffix("/*") {
            _ if range == kind => 3,
            Some("*") => 1,
            Some(family) if kind.split('/').next() == Some(family) => 2,
            _ => continue,
        };
        let q = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse::<f64>().ok()).unwrap_or(1.0);
        if exactness > found.0 {
            found = (exactness, (q.clamp(0.0, 1.0) * 1000.0) as u32);
        }
    }
    found.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_liked_form_is_taken() {
        let both = |accept| form(accept, Formats::Both);
        assert_eq!(both(None), Some(Form::Html(TEXT)));
        assert_eq!(both(Some("*/*")), Some(Form::Html(TEXT)));
        let pip = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01";
        assert_eq!(both(Some(pip)), Some(Form::Json));
        assert_eq!(both(Some("text/html;q=0.2, application/*;q=0.1")), Some(Form::Html(TEXT)));
        assert_eq!(both(Some("application/vnd.pypi.simple.latest+html")), Some(Form::Html(HTML)));
        assert_eq!(both(Some("*/*;q=0.5, text/html;q=0, application/vnd.pypi.simple.v1+html;q=0")), Some(Form::Json));
        assert_eq!(both(Some("image/png")), None);
        assert_eq!(form(Some(TEXT), Formats::JsonOnly), None);
        assert_eq!(form(Some(pip), Formats::JsonOnly), Some(Form::Json));
        assert_eq!(form(Some(JSON), Formats::HtmlOnly), Some(Form::Html(TEXT)));
    }
}
