//! Archives from outside: what honest tools make unpacks to what they say, and what hostile ones make is refused.

mod faithful;
mod hostile;

use std::path::PathBuf;

use refit_adapters::archive::{ArchiveError, Bounds, Contents, unpack};
use refit_testkit::scratch::scratch;
use refit_testkit::tree::Tree;
use tempfile::TempDir;

/// An archive, an empty stage, and something beside them that nobody may touch.
struct World {
    dir: TempDir,
}

impl World {
    fn with(archive: &[u8]) -> Self {
        let dir = scratch();
        std::fs::write(dir.path().join("archive.zip"), archive).unwrap();
        std::fs::create_dir(dir.path().join("stage")).unwrap();
        std::fs::create_dir(dir.path().join("outside")).unwrap();
        std::fs::write(dir.path().join("outside/precious"), "precious").unwrap();
        Self { dir }
    }

    fn archive(&self) -> PathBuf {
        self.dir.path().join("archive.zip")
    }

    fn stage(&self) -> PathBuf {
        self.dir.path().join("stage")
    }

    fn outside(&self) -> Tree {
        Tree::whole(self.dir.path()).without(&["stage"])
    }

    fn unpack(&self, bounds: &Bounds) -> Result<Contents, ArchiveError> {
        let before = self.outside();
        let result = unpack(&self.archive(), &self.stage(), bounds, &mut |_, _| ());
        assert_eq!(before.diff(&self.outside()), Vec::<String>::new(), "something outside the stage changed");
        result
    }
}
