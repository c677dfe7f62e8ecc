//! The requirements of a version that is not in use yet: its file with those that it includes, read where the version is, and
//! written where pip can read them.
//! Refuses to: judge what they ask for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use refit_engine::ports::StepError;
use refit_model::python::requirements_file::{Entry, RelativePath, RequirementsFile};
use refit_model::step::Content;

use crate::content::{Contents, inside};
use crate::tree::{self, TreeError};

/// See the module.
#[derive(Debug)]
pub struct Asked {
    /// What it says.
    pub says: RequirementsFile,
    /// The file itself, below the folder of the version.
    pub file: PathBuf,
    /// All files that were read.
    bytes: BTreeMap<RelativePath, Vec<u8>>,
}

impl Asked {
    /// Reads them. None when this version has no such file.
    ///
    /// # Errors
    /// When one of the files cannot be read.
    pub async fn read(contents: &Contents<'_>, content: &Content, file: &Path) -> Result<Option<Self>, StepError> {
        let failed = |message: String| StepError { message, command_failed: false, printer_busy: false };
        let file = inside(file)?;
        let name = RelativePath::new(&file.to_string_lossy()).map_err(|error| failed(error.to_string()))?;
        let mut bytes = BTreeMap::new();
        // What is included is known only when what includes it is read: one round for each file.
        loop {
            let mut wanted = None;
            let says = RequirementsFile::load(&name, &mut |file| {
                bytes.get(file).cloned().ok_or_else(|| {
                    wanted.get_or_insert_with(|| file.clone());
                    "there is no such file".to_owned()
                })
            });
            match (says, wanted) {
                (Ok(says), _) => return Ok(Some(Self { says, file, bytes })),
                (Err(error), Some(wanted)) => match contents.read(content, Path::new(wanted.as_str())).await? {
                    Some(read) => {
                        bytes.insert(wanted, read);
                    }
                    None if wanted == name => return Ok(None),
                    None => return Err(failed(error.to_string())),
                },
                (Err(error), None) => return Err(failed(error.to_string())),
            }
        }
    }

    /// Something of it lies in the version's own folder, which pip has to see as well.
    #[must_use]
    pub fn needs_tree(&self) -> bool {
        self.says.lines.iter().any(|line| match &line.entry {
            Entry::Local { .. } | Entry::NotUnderstood { .. } => true,
            Entry::Editable { source, .. } => source.is_none(),
            Entry::Direct { source, .. } => source.url.starts_with("file:"),
            Entry::Named { .. } => false,
        }) || self.says.options.find_links.iter().any(|link| !link.contains("://"))
    }

    /// Writes the files below a folder, as they lie below the version's.
    ///
    /// # Errors
    /// [`TreeError::Io`].
    pub fn write_to(&self, folder: &Path) -> Result<(), TreeError> {
        for (name, bytes) in &self.bytes {
            let file = folder.join(name.as_str());
            tree::make_parent(&file)?;
            fs::write(&file, bytes).map_err(TreeError::io("written", &file))?;
        }
        Ok(())
    }
}
