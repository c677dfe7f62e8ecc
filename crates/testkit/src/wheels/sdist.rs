//! Source distributions with a build backend of their own inside.
//!
//! What is to become of the source is fixed when it is made: the sdist holds the files of the finished wheel, and its
//! backend packs them, after it has taken the time or thrown the error that it was told to.

use std::time::Duration;

use crate::tar::TarGz;

use super::{Distribution, Wheel};

/// The backend, which reads `plan.json` beside it. Only the standard library: nothing is installed to build.
const BACKEND: &str = r#"import json, os, pathlib, shutil, sys, time, zipfile

HERE = pathlib.Path(__file__).parent
PLAN = json.loads((HERE / "plan.json").read_text())


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    if PLAN["metadata_error"]:
        sys.exit(PLAN["metadata_error"])
    shutil.copytree(HERE / "wheel" / PLAN["dist_info"], os.path.join(metadata_directory, PLAN["dist_info"]))
    return PLAN["dist_info"]


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    print("running build_ext", flush=True)
    take_time()
    if PLAN["build_error"]:
        print(PLAN["build_error"], file=sys.stderr, flush=True)
        sys.exit(1)
    with zipfile.ZipFile(os.path.join(wheel_directory, PLAN["file_name"]), "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in PLAN["files"]:
            wheel.writestr(zipfile.ZipInfo(path), (HERE / "wheel" / path).read_bytes())
    return PLAN["file_name"]


def take_time():
    end = time.monotonic() + PLAN["seconds"]
    step = 0
    while time.monotonic() < end:
        step += 1
        if PLAN["pace"] == "computing":
            sum(range(20000))
            continue
        if PLAN["pace"] == "printing":
            print(f"gcc -O2 -c part{step}.c -o part{step}.o", flush=True)
        time.sleep(min(0.1, max(0.0, end - time.monotonic())))
"#;

/// What a slow build does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It prints the line of a compiler ten times a second.
    Printing,
    /// It burns CPU time and says nothing.
    Computing,
    /// It sleeps and says nothing, as a build that hangs.
    Silent,
}

/// A source distribution that is put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sdist {
    wheel: Wheel,
    build_error: String,
    metadata_error: String,
    slow: (Duration, Pace),
}

impl Sdist {
    /// An sdist that builds the wheel of [`Wheel::new`].
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        Self::of(Wheel::new(name, version))
    }

    /// An sdist that builds this wheel, with its tag.
    #[must_use]
    pub fn of(wheel: Wheel) -> Self {
        Self { wheel, build_error: String::new(), metadata_error: String::new(), slow: (Duration::ZERO, Pace::Silent) }
    }

    /// The build ends as where there is no compiler: `error: command 'gcc' failed: No such file or directory`.
    #[must_use]
    pub fn without_compiler(self) -> Self {
        self.fails("building 'speedups' extension\nerror: command 'gcc' failed: No such file or directory")
    }

    /// The build ends with these words on stderr.
    #[must_use]
    pub fn fails(mut self, words: &str) -> Self {
        self.build_error = words.to_owned();
        self
    }

    /// The hook that is asked for the metadata, before anything is built, ends with these words on stderr.
    #[must_use]
    pub fn metadata_fails(mut self, words: &str) -> Self {
        self.metadata_error = words.to_owned();
        self
    }

    /// The build takes so long, and works or fails after it.
    #[must_use]
    pub fn takes(mut self, time: Duration, pace: Pace) -> Self {
        self.slow = (time, pace);
        self
    }

    /// The sdist.
    #[must_use]
    pub fn build(&self) -> Distribution {
        let Wheel { name, version, .. } = &self.wheel;
        let stem = self.stem();
        let put = |tar: TarGz, (path, bytes): &(String, Vec<u8>)| tar.file(&format!("{stem}/{path}"), 0o644, bytes);
        Distribution {
            name: name.clone(),
            version: version.clone(),
            file_name: format!("{stem}.tar.gz"),
            bytes: self.tree().iter().fold(TarGz::default(), put).build(),
            requires_python: self.wheel.requires_python.clone(),
            metadata: None,
        }
    }

    /// The files of the sdist by their paths in it, as a repository would hold them.
    #[must_use]
    pub fn tree(&self) -> Vec<(String, Vec<u8>)> {
        let files = self.wheel.files();
        let pace = match self.slow.1 {
            Pace::Printing => "printing",
            Pace::Computing => "computing",
            Pace::Silent => "silent",
        };
        let plan = serde_json::json!({
            "dist_info": format!("{}.dist-info", self.stem()),
            "file_name": self.wheel.file_name(),
            "files": files.iter().map(|(path, _)| path).collect::<Vec<_>>(),
            "build_error": self.build_error,
            "metadata_error": self.metadata_error,
            "seconds": self.slow.0.as_secs_f64(),
            "pace": pace,
        });
        let project =
            "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\"build_backend\"]\n";
        let texts = [
            ("PKG-INFO", self.wheel.metadata()),
            ("pyproject.toml", project.to_owned()),
            ("build_backend/backend.py", BACKEND.to_owned()),
            ("build_backend/plan.json", plan.to_string()),
        ];
        let texts = texts.map(|(path, text)| (path.to_owned(), text.into_bytes()));
        let packed = files.into_iter().map(|(path, bytes)| (format!("build_backend/wheel/{path}"), bytes));
        texts.into_iter().chain(packed).collect()
    }

    fn stem(&self) -> String {
        format!("{}-{}", self.wheel.stem(), self.wheel.version)
    }
}
