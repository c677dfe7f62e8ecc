//! What pip said, as it was recorded: 20.3 to 26. What a real pip says today is asked in the tests with an index.

use super::*;

fn judged(text: &str) -> Verdict {
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    judge(&lines, Ended::Exited(1))
}

fn why(text: &str) -> String {
    judged(text).why
}

#[test]
fn a_build_is_told_by_what_it_misses() {
    let old = "Using legacy 'setup.py install' for bad, since package 'wheel' is not installed.
    Running setup.py install for bad: started
    Running setup.py install for bad: finished with status 'error'
    ERROR: Command errored out with exit status 1:
     command: /x/bin/python -u -c 'import sys, setuptools'
         cwd: /tmp/pip-req-build-8jivs_if/
    Complete output (3 lines):
    jpeg.c:3:10: fatal error: jpeglib.h: No such file or directory
    compilation terminated.
    error: command 'gcc' failed with exit status 1
    ----------------------------------------
ERROR: Command errored out with exit status 1: /x/bin/python -u -c 'import sys' Check the logs for full command output.";
    assert_eq!(
        why(old),
        "bad could not be built from source: jpeg.c:3:10: fatal error: jpeglib.h: No such file or directory; a system \
         package with this header has to be installed, then try again"
    );
    let new = "Collecting bad==1
  Preparing metadata (pyproject.toml): finished with status 'error'
  error: subprocess-exited-with-error
  
  × Preparing metadata (pyproject.toml) did not run successfully.
  │ exit code: 1
  ╰─> [2 lines of output]
      running dist_info
      error: invalid command 'bdist_wheel'
      [end of output]
  
  note: This error originates from a subprocess, and is likely not a problem with pip.
error: metadata-generation-failed";
    assert_eq!(why(new), "bad could not be built from source: error: invalid command 'bdist_wheel'");
}

#[test]
fn a_repository_is_told_by_what_git_says() {
    let away = "Collecting x @ git+http://127.0.0.1:1/repo.git
  Cloning http://127.0.0.1:1/repo.git to /tmp/x
  Running command git clone --filter=blob:none --quiet http://127.0.0.1:1/repo.git /tmp/x
  fatal: unable to access 'http://127.0.0.1:1/repo.git/': Failed to connect to 127.0.0.1 port 1
  error: subprocess-exited-with-error
  × git clone --filter=blob:none --quiet http://127.0.0.1:1/repo.git /tmp/x did not run successfully.
  ╰─> No available output.
ERROR: Failed to build 'x' when git clone --filter=blob:none --quiet http://127.0.0.1:1/repo.git /tmp/x";
    let verdict = judged(away);
    assert_eq!(verdict.kind, Kind::Network);
    assert_eq!(
        verdict.why,
        "a package's git repository could not be fetched (fatal: unable to access 'http://127.0.0.1:1/repo.git/': \
         Failed to connect to 127.0.0.1 port 1); try again when it can be reached"
    );
    let gone = away.replace("unable to access", "repository not found");
    assert_eq!(judged(&gone).kind, Kind::Other);
}

#[test]
fn an_index_is_told_by_what_stands_in_the_way() {
    for (text, want) in [
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NameResolutionError(\"Failed to resolve 'host'\")': /simple/x/
ERROR: No matching distribution found for x",
            "its name could not be looked up",
        ),
        (
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'ReadTimeoutError(\"Read timed out.\")': /simple/x/",
            "it did not answer in time",
        ),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'SSLError(CertificateError(\"CERTIFICATE_VERIFY_FAILED\"))': /simple/",
            "its certificate is not trusted; is the clock of this machine right?",
        ),
    ] {
        let verdict = judged(text);
        assert_eq!(verdict.kind, Kind::Network, "{text}");
        assert_eq!(verdict.why, format!("the package index could not be reached ({want}); try again when it can be"));
    }
}

#[test]
fn the_rest_is_told_by_its_last_error() {
    assert_eq!(
        why("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"),
        "the disk is full; delete something and try again"
    );
    assert_eq!(
        why("/x/bin/python: No module named pip"),
        "pip does not start (/x/bin/python: No module named pip); a recovery builds the environment again"
    );
    assert_eq!(why("WARNING: something\nERROR: it is so.\nnote: see above"), "it is so");
    assert_eq!(why(""), "pip failed and said nothing");
    assert_eq!(judge(&[], Ended::Killed(9)).why, "pip was killed; this machine may have too little memory");
    let silent = Ended::Stalled(std::time::Duration::from_secs(600));
    assert_eq!(judge(&[], silent).why, "pip did not end: stopped: nothing moved for 600 s");
}

#[test]
fn a_compiler_is_told_by_its_own_error() {
    let build = |output: &str| {
        format!(
            "Collecting bad\n  error: subprocess-exited-with-error\n  × Building wheel for bad did not run successfully.\n  │ exit code: 1\n  ╰─> [9 lines of output]\n{output}\n      [end of output]\n  ERROR: Failed building wheel for bad\nFailed to build bad\nerror: failed-wheel-build-for-install"
        )
    };
    let wrapper = "      error: Command '['gcc', '-Wall', '-c', 'x.c']' returned non-zero exit status 1.";
    for (output, want) in [
        (
            format!("      x.c:1:21: error: 'thing' undeclared (first use in this function)\n{wrapper}"),
            "x.c:1:21: error: 'thing' undeclared (first use in this function)",
        ),
        (
            format!("      /usr/bin/ld: cannot find -lusb: No such file or directory\n      collect2: error: ld returned 1 exit status\n{wrapper}"),
            "/usr/bin/ld: cannot find -lusb: No such file or directory; a system package with this library has to be \
             installed, then try again",
        ),
        (
            "      error: [Errno 2] No such file or directory: 'gcc'".to_owned(),
            "error: [Errno 2] No such file or directory: 'gcc'; install the system package build-essential, then try again",
        ),
        (
            "      ../meson.build:1:0: ERROR: Unknown compiler(s): [['cc'], ['gcc']]".to_owned(),
            "../meson.build:1:0: ERROR: Unknown compiler(s): [['cc'], ['gcc']]; install the system package \
             build-essential, then try again",
        ),
        (
            "      Cargo, the Rust package manager, is not installed or is not on PATH.\n      Checking for Rust toolchain...."
                .to_owned(),
            "Cargo, the Rust package manager, is not installed or is not on PATH; install the system packages rustc and \
             cargo, then try again",
        ),
        (wrapper.to_owned(), wrapper.trim().trim_end_matches('.')),
    ] {
        assert_eq!(why(&build(&output)), format!("bad could not be built from source: {want}"));
    }
    let killed = build("").replace("exit code: 1", "exit code: -9");
    assert_eq!(
        why(&killed),
        "bad could not be built from source: its build was killed; this machine may have too little memory to build it"
    );
}

#[test]
fn what_a_build_needs_itself_comes_from_the_index() {
    let said = "  × installing build dependencies for bad did not run successfully.
  │ exit code: 1
  ╰─> [3 lines of output]
      ERROR: Could not find a version that satisfies the requirement setuptools>=40.8.0 (from versions: none)
      ERROR: No matching distribution found for setuptools>=40.8.0
      [end of output]
ERROR: Failed to build 'bad' when installing build dependencies for bad";
    assert_eq!(why(said), "bad could not be built from source: No matching distribution found for setuptools>=40.8.0");
    let away = judged(&format!("{said}\nCould not fetch URL http://host/simple/setuptools/: 503 Server Error"));
    assert_eq!(away.kind, Kind::Network);
}

#[test]
fn a_code_is_told_by_its_explanation() {
    let backend = "  error: backend-unavailable
  
  × Cannot import build backend 'maturin'.
  ╰─> ModuleNotFoundError: No module named 'maturin'
  
error: metadata-generation-failed

× Encountered error while generating package metadata.
╰─> rusty";
    assert_eq!(why(backend), "Cannot import build backend 'maturin' (ModuleNotFoundError: No module named 'maturin')");
    let cut = "  WARNING: Connection interrupted while downloading.
error: incomplete-download

× Download failed after 6 attempts because not enough bytes were received (441 bytes/882 bytes)
╰─> URL: http://host/f/one-2.0-py3-none-any.whl";
    assert_eq!(judged(cut).kind, Kind::Network);
    assert!(why(cut).contains("the connection broke"));
}

#[test]
fn a_file_is_told_by_who_named_it() {
    let said = |by: &str| {
        format!(
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated\n    one==2.0 \
             from http://host/f/one-2.0-py3-none-any.whl#sha256={by} (from -r r.txt (line 1)):\n        Expected sha256 \
             0011\n             Got        2233"
        )
    };
    // Cut on its way, to an older pip.
    assert_eq!(judged(&said("0011")).kind, Kind::Network);
    assert!(why(&said("0011")).starts_with("one==2.0 did not arrive as the package index has it"));
    assert!(why(&said("2233")).starts_with("one==2.0 is not the file that the requirements name"));
    let gone = "  ERROR: HTTP error 404 while getting http://host/f/one-2.0-py3-none-any.whl#sha256=00 (from http://host/simple/one/)
ERROR: Could not install requirement one==2.0 from http://host/f/one because of HTTP error 404 Client Error: Not Found";
    assert_eq!(
        why(gone),
        "one-2.0-py3-none-any.whl cannot be downloaded (its server answers with status 404); try again later, and tell the \
         project when it stays so"
    );
    let other = "ERROR: Package 'modern' requires a different Python: 3.11.7 not in '>=3.99'";
    assert_eq!(judged(other).kind, Kind::Unsatisfiable);
    assert!(why(other).contains("(3.11.7 not in '>=3.99')"));
}
