//! Which packages a version of some software lists for this machine.
//! Refuses to: run a script.

use std::fs;
use std::path::Path;

use refit_model::packages::{Distribution, Listed, excluded, from_json, from_release_info, from_script};
use refit_model::python::name::ProjectName;
use refit_model::step::{Content, PackageList};

use super::Packages;
use crate::content::Contents;
use crate::python_package::installed;

impl Packages {
    /// From its JSON file, else from its install script. A version without the file lists nothing.
    ///
    /// # Errors
    /// In words, when a file cannot be read or says nothing.
    pub(super) async fn listed(&self, contents: &Contents<'_>, list: &PackageList) -> Result<Listed, String> {
        let unwanted = excluded(self.rules.excluded.as_deref().unwrap_or_default());
        let read = async |file| contents.read(&list.content, file).await.map_err(|error| error.message);
        let mut complaints = Vec::new();
        if let Some(file) = &list.system_dependencies {
            match read(file).await? {
                Some(bytes) => {
                    let listed = from_json(&bytes, &self.distribution()).map_err(|bad| {
                        format!(
                            "the list of system packages {} of this version cannot be used: {bad}. Whoever makes the \
                             software must mend it",
                            file.display()
                        )
                    })?;
                    return Ok(listed.without(&unwanted));
                }
                None => complaints.push(format!("this version has no {}", file.display())),
            }
        }
        if let Some(file) = &list.install_script {
            match read(file).await? {
                Some(bytes) => return Ok(from_script(&bytes).without(&unwanted)),
                None => complaints.push(format!("this version has no {}", file.display())),
            }
        }
        if let (Some(project), Content::Stage { stage: folder, .. } | Content::Live { path: folder }) =
            (&list.release_info_of, &list.content)
        {
            let told = release_info(folder, project).unwrap_or_default();
            return Ok(from_release_info(&told, &self.distribution()).without(&unwanted));
        }
        Ok(Listed { packages: Vec::new(), complaints })
    }

    /// Read each time: a distribution is upgraded without asking.
    pub(super) fn distribution(&self) -> Distribution {
        let os_release = self.rules.os_release.iter().find_map(|file| std::fs::read(file).ok()).unwrap_or_default();
        let found = || if self.rules.rpi_issue.exists() { "raspberry-pi" } else { "" };
        Distribution::parse(&os_release, self.rules.vendor.as_deref().unwrap_or_else(found))
    }
}

/// The file of a distribution in a Python environment that tells more of its release.
fn release_info(environment: &Path, project: &str) -> Option<Vec<u8>> {
    let installed = installed::look(environment, &ProjectName::new(project).ok()?, None)?;
    fs::read(installed.release_info?.path?).ok()
}
