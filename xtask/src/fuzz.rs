//! Builds and runs the fuzz targets of `fuzz/`, laid out as cargo-fuzz expects them. Coverage instrumentation needs no
//! nightly compiler: the passes of libFuzzer are ordinary LLVM passes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::{cargo, must, project};

/// What `cargo xtask fuzz` takes.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Build the targets and stop.
    #[arg(long)]
    build_only: bool,
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only this target.
    target: Option<String>,
}

impl Arguments {
    /// Every target for a minute.
    pub(crate) fn a_minute_each() -> Self {
        Self { build_only: false, seconds: 60, target: None }
    }
}

/// libFuzzer's own instrumentation, as cargo-fuzz sets it.
const INSTRUMENTATION: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions --cfg fuzzing";

/// Builds all targets, then runs them one after the other.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = project().join("fuzz");
    let build = folder.join("target");
    must(
        cargo()
            .args(["build", "--release", "--manifest-path"])
            .arg(folder.join("Cargo.toml"))
            // An explicit target keeps the instrumentation away from build scripts and macros.
            .args(["--target", &host()?])
            .env("CARGO_TARGET_DIR", &build)
            .env("RUSTFLAGS", INSTRUMENTATION),
    )?;
    if arguments.build_only {
        return Ok(());
    }
    let programs = build.join(host()?).join("release");
    for target in targets(&folder)? {
        if arguments.target.as_ref().is_none_or(|wanted| *wanted == target) {
            run_one(&folder, &programs, &target, arguments.seconds)?;
        }
    }
    Ok(())
}

fn run_one(folder: &Path, programs: &Path, target: &str, seconds: u32) -> Result<()> {
    let corpus = folder.join("corpus").join(target);
    let seeds = folder.join("seeds").join(target);
    for needed in [&corpus, &seeds] {
        std::fs::create_dir_all(needed).with_context(|| format!("could not make {}", needed.display()))?;
    }
    must(
        Command::new(programs.join(target))
            .current_dir(folder)
            .arg(&corpus)
            .arg(&seeds)
            .arg(format!("-max_total_time={seconds}")),
    )
}

fn targets(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.join("fuzz_targets")).context("could not list fuzz/fuzz_targets")? {
        let path = entry?.path();
        if let Some(stem) = path.file_stem() {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The triple that this machine's compiler builds for.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("could not start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc -vV did not name its host")?.to_owned())
}
