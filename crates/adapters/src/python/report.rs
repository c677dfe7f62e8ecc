//! What pip says that it would install (`--report`, the installation report that pip documents), as changes.
//! Refuses to: fail on a field that it does not need.

use refit_model::environment::Change;
use refit_model::python::installed::Installed;
use refit_model::python::name::ProjectName;
use serde::Deserialize;

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    install: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    download_info: Download,
    #[serde(default)]
    requested: bool,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Download {
    url: String,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
}

/// One change for each distribution of the report. What pip did not say in it, the size of a download, is not known here.
#[must_use]
pub fn changes(report: &[u8], there: &Installed) -> Vec<Change> {
    let Ok(report) = serde_json::from_slice::<Report>(report) else { return Vec::new() };
    let change = |item: Item| {
        let name = ProjectName::new(&item.metadata.name).ok()?;
        let from = there.get(&name).map(|found| found.version.clone());
        let path = item.download_info.url.split(['#', '?']).next().unwrap_or_default();
        let why = if item.requested { "the requirements ask for it" } else { "another package asks for it" };
        Some(Change {
            name: name.as_str().to_owned(),
            from,
            to: Some(item.metadata.version),
            bytes: None,
            builds: !path.ends_with(".whl"),
            why: why.to_owned(),
        })
    };
    report.install.into_iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_wheel_is_built() {
        let item = |name: &str, url: &str| serde_json::json!({"download_info": {"url": url}, "requested": name == "A_b", "metadata": {"name": name, "version": "2"}});
        let items = [item("A_b", "https://host/a_b-2-py3-none-any.whl#sha256=0"), item("c", "https://host/c-2.tar.gz")];
        let report = serde_json::json!({"version": "1", "install": items}).to_string();
        let changes = changes(report.as_bytes(), &Installed::new());
        let shown: Vec<_> =
            changes.iter().map(|change| (change.name.as_str(), change.builds, change.why.as_str())).collect();
        assert_eq!(shown, [("a-b", false, "the requirements ask for it"), ("c", true, "another package asks for it")]);
        assert!(super::changes(b"nonsense", &Installed::new()).is_empty());
    }
}
