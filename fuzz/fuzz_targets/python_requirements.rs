//! Any text as a requirement, as a marker, as a requirements file and what it includes: no panic, and what was read can be
//! written and read again to the same.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use refit_model::python::direct::DirectReference;
use refit_model::python::installed::Installed;
use refit_model::python::marker::MarkerEnvironment;
use refit_model::python::needs::needs;
use refit_model::python::requirement::Requirement;
use refit_model::python::requirements_file::{RelativePath, RequirementsFile};

fuzz_target!(|text: &str| {
    let environment = MarkerEnvironment { python_version: "3.11".to_owned(), ..MarkerEnvironment::default() };
    let _url = DirectReference::parse(text);
    if let Ok(requirement) = text.parse::<Requirement>() {
        assert_eq!(requirement.to_string().parse().as_ref(), Ok(&requirement));
        let _applies = requirement.applies(&environment, &BTreeSet::new());
    }
    // Two files: what stands before the first form feed, and what stands after it.
    let (main, included) = text.split_once('\u{c}').unwrap_or((text, ""));
    let start = RelativePath::new("r.txt").expect("a path");
    let mut read = |path: &RelativePath| Ok(if *path == start { main } else { included }.as_bytes().to_owned());
    let file = RequirementsFile::load(&start, &mut read).expect("text is UTF-8");
    let _needs = needs(&file.lines, &file.constraints, &Installed::new(), &environment);
});
