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
