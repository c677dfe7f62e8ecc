//! Updates that fail: one line that says why, and nothing changed.

use refit_testkit::wheels::{Sdist, Wheel};

use crate::lab::{Lab, Way};

async fn refusal(lab: &Lab, requirements: &str) -> String {
    let said = lab.refused(Way::Staged, &lab.wants(requirements)).await;
    let begin = "Git Repo app: Installing the Python packages of scripts/requirements.txt failed: ";
    let said = said.strip_prefix(begin).unwrap_or_else(|| panic!("{said}\n{}", lab.told()));
    said.strip_suffix(". Of what is in use nothing was changed.").unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[tokio::test]
async fn an_sdist_that_does_not_build() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    lab.publish("one", "2.0");
    lab.index.publish(Sdist::new("broken", "1.0").without_compiler().build());
    assert_eq!(
        refusal(&lab, "one==2.0\nbroken\n").await,
        "broken could not be built from source: error: command 'gcc' failed: No such file or directory; install the \
         system package build-essential, then try again"
    );
    assert!(lab.told().contains("building 'speedups' extension"), "what the build said is not told: {}", lab.told());
    lab.index.publish(
        Sdist::new("other", "1.0")
            .fails("x.c:1:10: fatal error: jpeglib.h: No such file or directory\n1 error generated")
            .build(),
    );
    assert_eq!(
        refusal(&lab, "other\n").await,
        "other could not be built from source: x.c:1:10: fatal error: jpeglib.h: No such file or directory; a system \
         package with this header has to be installed, then try again"
    );
    lab.index.publish(Sdist::new("third", "1.0").metadata_fails("RuntimeError: needs a newer setuptools").build());
    assert_eq!(
        refusal(&lab, "third\n").await,
        "third could not be built from source: RuntimeError: needs a newer setuptools; `refit history -v` has all that \
         was printed"
    );
}

#[tokio::test]
async fn an_index_that_is_down() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    lab.index.down();
    assert_eq!(
        refusal(&lab, "one==2.0\n").await,
        "the package index could not be reached (it refused the connection); try again when it can be"
    );
}

#[tokio::test]
async fn an_index_that_answers_with_errors_or_lets_nobody_in() {
    use refit_testkit::index::Fault;
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    lab.publish("one", "2.0");
    lab.index.fault(Fault::Status(503, Vec::new(), String::new()));
    assert_eq!(
        refusal(&lab, "one==2.0\n").await,
        "the package index could not be reached (it answers with errors); try again when it can be"
    );
    lab.index.heal();
    lab.index.require_login("pi", "secret");
    let said = refusal(&lab, "one==2.0\n").await;
    assert!(said.contains("does not let Refit in"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

#[tokio::test]
async fn a_version_that_is_not_there() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    assert_eq!(refusal(&lab, "one==9\n").await, "one==9 is not in the package index; the newest there is 1.0");
    assert_eq!(
        refusal(&lab, "nobody\n").await,
        "nobody is not in the package index, or not for this machine and its Python; `refit history -v` has all that was printed"
    );
    lab.index.publish(Wheel::new("modern", "1.0").requires_python(">=3.99").build());
    assert_eq!(
        refusal(&lab, "modern\n").await,
        "modern does not run on this machine's version of Python (1.0 Requires-Python >=3.99); the software needs \
         another Python than this system has"
    );
}

#[tokio::test]
async fn packages_that_contradict_each_other() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    lab.publish("one", "2.0");
    lab.index.publish(Wheel::new("two", "1.0").requires("one<2").build());
    assert_eq!(
        refusal(&lab, "one==2.0\ntwo\n").await,
        "Cannot install -r scripts/requirements.txt (line 2) and one==2.0 because these package versions have conflicting dependencies (The user \
         requested one==2.0; two 1.0 depends on one<2); tell the project"
    );
}

#[tokio::test]
async fn a_file_with_another_hash() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    let other = Wheel::new("one", "2.0").build();
    lab.index.publish(other.clone());
    lab.publish("two", "1");
    let wrong = other.hashed_requirement().replace(&other.sha256(), &"0".repeat(64));
    let said = refusal(&lab, &wrong).await;
    assert!(said.starts_with("one==2.0 is not the file that the requirements name (its hash is another)"), "{said}");
    let said = refusal(&lab, &format!("{}\ntwo==1\n", other.hashed_requirement())).await;
    assert!(said.contains("require-hashes mode"), "{said}");
}

#[tokio::test]
async fn requirements_that_cannot_be_read() {
    let lab = Lab::new().await;
    let said = lab.refused(Way::Staged, &lab.wants("-r missing.txt\n")).await;
    assert!(said.contains("scripts/missing.txt that scripts/requirements.txt line 1 includes"), "{said}");
    let said = refusal(&lab, "this is no requirement\n").await;
    assert!(said.contains("this is no requirement"), "{said}");
}

#[tokio::test]
async fn a_login_in_an_address_is_shown_to_nobody() {
    let lab = Lab::new().await;
    lab.installed(&[("one", "1.0")]);
    let address = lab.index.url().replace("http://", "http://pi:s3cret@");
    let requirement = format!("two @ {address}/no/two-1.0-py3-none-any.whl\n");
    let survey = lab.survey(&requirement, true).await;
    assert!(!format!("{survey:?}").contains("s3cret"), "{survey:?}");
    assert!(survey.notes.iter().any(|note| note.starts_with("pip does not tell what it would change: ")), "{survey:?}");
    let said = refusal(&lab, &requirement).await;
    assert!(said.starts_with("two-1.0-py3-none-any.whl cannot be downloaded"), "{said}");
    assert!(!lab.told().contains("s3cret"), "{}", lab.told());
}
