//! Includes and the merge, as a running Moonraker 0.11.0 did it.

use super::*;
use crate::settings::memory::Memory;

const MAIN: &str = "/c/main.conf";

fn read(files: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let memory = files.iter().fold(Memory::default(), |memory, (path, text)| memory.with(&format!("/c/{path}"), text));
    let config = Config::read(Path::new(MAIN), &memory).map_err(|e| e.to_string())?;
    let show = |section: &Section| {
        let options: Vec<String> = section.options.iter().map(|o| format!("{}={}", o.name, o.value)).collect();
        format!("{}({})", section.name, options.join(" "))
    };
    Ok(config.sections.iter().map(show).collect())
}

fn answers(files: &[(&str, &str)], expected: &[&str]) {
    let expected: Vec<String> = expected.iter().map(|s| (*s).to_owned()).collect();
    assert_eq!(read(files), Ok(expected));
}

#[test]
fn an_include_is_read_where_it_stands_and_the_last_value_wins() {
    let main = "[a]\nx: 1\n[include b.cfg]\n[a2]\ny: 1\n";
    let b = "[b]\nq: 1\n[a]\nx: 2\n[a2]\ny: 2\nz: 3\n";
    answers(&[("main.conf", main), ("b.cfg", b)], &["a(x=2)", "b(q=1)", "a2(y=1 z=3)"]);
}

#[test]
fn matches_are_sorted_and_hidden_files_count() {
    let files = [
        ("main.conf", "[include inc/*.cfg]\n"),
        ("inc/b.cfg", "[b]\nx: 1\n"),
        ("inc/a.cfg", "[a]\nx: 1\n[b]\nx: 2\n"),
        ("inc/.h.cfg", "[h]\nx: 1\n"),
        ("inc/c.txt", "[c]\nx: 1\n"),
    ];
    answers(&files, &["h(x=1)", "a(x=1)", "b(x=1)"]);
}

#[test]
fn an_include_is_relative_to_its_own_file() {
    let files = [
        ("main.conf", "[include inc/b.cfg]\n[include /c/d.cfg]\n"),
        ("inc/b.cfg", "[include c.cfg]\n[b]\nx: 1\n"),
        ("inc/c.cfg", "[c]\nx: 1\n"),
        ("d.cfg", ""),
    ];
    answers(&files, &["c(x=1)", "b(x=1)"]);
}

#[test]
fn nothing_matches() {
    for pattern in ["nope.cfg", "nope*.cfg", "\"main.conf\"", "~/a.cfg"] {
        let main = format!("[a]\n[include {pattern}]\n");
        let expected = format!("{MAIN}:2: No files matching include directive [include {pattern}]");
        assert_eq!(read(&[("main.conf", &main)]), Err(expected));
    }
}

#[test]
fn a_file_is_read_once() {
    let again = |file: &str, line: u32, by: &str| {
        Err(format!("/c/{by}:{line}: Recursive include directive detected, /c/{file}"))
    };
    assert_eq!(read(&[("main.conf", "[include main.conf]\n")]), again("main.conf", 1, "main.conf"));
    assert_eq!(read(&[("main.conf", "[include *.conf]\n")]), again("main.conf", 1, "main.conf"));
    let cycle = [("main.conf", "[include a.cfg]\n"), ("a.cfg", "\n[include main.conf]\n")];
    assert_eq!(read(&cycle), again("main.conf", 2, "a.cfg"));
    let twice = [("main.conf", "[include a.cfg]\n[include ./a.cfg]\n"), ("a.cfg", "[a]\n")];
    assert_eq!(read(&twice), again("a.cfg", 2, "main.conf"));
    let diamond = [
        ("main.conf", "[include a.cfg]\n[include b.cfg]\n"),
        ("a.cfg", "[include c.cfg]\n"),
        ("b.cfg", "[include c.cfg]\n"),
        ("c.cfg", ""),
    ];
    assert_eq!(read(&diamond), again("c.cfg", 1, "b.cfg"));
}

#[test]
fn errors_name_the_file_and_the_line() {
    let broken = [("main.conf", "[include a.cfg]\n"), ("a.cfg", "[b]\n\nx\n")];
    let expected = "/c/a.cfg:3: 'x' is neither a section, an option with a value, nor a continuation";
    assert_eq!(read(&broken), Err(expected.to_owned()));
    let twice = [("main.conf", "[include a.cfg]\n[b]\nx: 1\nx: 2\n"), ("a.cfg", "")];
    let expected = "/c/main.conf:4: Duplicate option 'x' in section [b], file /c/main.conf ";
    assert_eq!(read(&twice), Err(expected.to_owned()));
    let folder = [("main.conf", "[include inc]\n"), ("inc/a.cfg", "")];
    let expected = "cannot read the configuration file /c/inc: it is not a regular file";
    assert_eq!(read(&folder), Err(expected.to_owned()));
    let expected = "cannot read the configuration file /c/main.conf: No such file or directory (os error 2)";
    assert_eq!(read(&[]), Err(expected.to_owned()));
}

#[test]
fn values_remember_where_they_came_from() {
    let memory = Memory::default().with(MAIN, "[include a.cfg]\n[a]\nx: 1\n").with("/c/a.cfg", "\n[a]\nx: 2\ny: 2\n");
    let config = Config::read(Path::new(MAIN), &memory).expect("it reads");
    let a = config.section("a").expect("it is there");
    let place = |name| a.option(name).map(|option| option.place().to_string());
    assert_eq!(a.place.to_string(), "/c/a.cfg:2");
    assert_eq!(place("x"), Some("/c/main.conf:3".to_owned()));
    assert_eq!(place("y"), Some("/c/a.cfg:4".to_owned()));
}

#[test]
fn default_options_are_everybodys() {
    answers(&[("main.conf", "[DEFAULT]\nx: 1\n[a]\ny: 2\n[b]\nx: 3\n")], &["a(y=2 x=1)", "b(x=3)"]);
    let many: String = (0..65).map(|n| format!("o{n}: 1\n")).collect();
    let refused = read(&[("main.conf", &format!("[DEFAULT]\n{many}"))]);
    assert_eq!(refused, Err("/c/main.conf:1: [DEFAULT] holds more than 64 options".to_owned()));
}

#[test]
fn depth_and_number_of_files_are_bound() {
    let deep = (0..100).fold(Memory::default().with(MAIN, "[include 0.cfg]\n"), |memory, n| {
        memory.with(&format!("/c/{n}.cfg"), &format!("[include {}.cfg]\n", n + 1))
    });
    assert!(Config::read(Path::new(MAIN), &deep).is_err_and(|e| e.to_string().contains("32 deep")));
    let wide = (0..300)
        .fold(Memory::default().with(MAIN, "[include *.cfg]\n"), |memory, n| memory.with(&format!("/c/{n}.cfg"), ""));
    assert!(Config::read(Path::new(MAIN), &wide).is_err_and(|e| e.to_string().contains("256 files")));
}

#[test]
fn a_folder_with_a_pattern_in_its_name_is_meant_literally() {
    assert_eq!(absolute(Path::new("/a[b]/x.conf"), "*.cfg"), "/a[[]b[]]/*.cfg");
    assert_eq!(absolute(Path::new("/x.conf"), "a.cfg"), "/a.cfg");
    assert_eq!(absolute(Path::new("/c/x.conf"), "/d/*"), "/d/*");
}
