//! The dialect, question by question as they were put to a running Moonraker 0.11.0, and properties.

use proptest::prelude::*;

use super::*;

/// The options of all sections as `section.option=value`, newlines as `|`; or the error as `line: message`.
fn ask(text: &str) -> Result<Vec<String>, String> {
    let pieces = parse(text, "f").map_err(|e| format!("{}: {}", e.line, e.message))?;
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Include { pattern, line } => out.push(format!("include {pattern} at {line}")),
            Piece::Section(section) if section.options.is_empty() => out.push(format!("[{}]", section.name)),
            Piece::Section(section) => {
                let show = |o: &RawOption| format!("{}.{}={}", section.name, o.name, o.value.replace('\n', "|"));
                out.extend(section.options.iter().map(show));
            }
        }
    }
    Ok(out)
}

fn answers(text: &str, expected: &[&str]) {
    let expected: Vec<String> = expected.iter().map(|s| (*s).to_owned()).collect();
    assert_eq!(ask(text), Ok(expected), "of {text:?}");
}

#[test]
fn the_first_colon_or_equals_sign_separates() {
    let text = "[a]\nx: 1\ny = 2\nz:3\nw=4\nv : a = b\nu = a : b\n";
    answers(text, &["a.x=1", "a.y=2", "a.z=3", "a.w=4", "a.v=a = b", "a.u=a : b"]);
    answers("[a]\nx:\n", &["a.x="]);
}

#[test]
fn names_are_lower_case_and_sections_are_not() {
    answers("[A]\nFoO: BaR\n[a]\nfoo: 1\n", &["A.foo=BaR", "a.foo=1"]);
}

#[test]
fn deeper_lines_continue_also_after_blanks_and_comments() {
    answers("[a]\nx: 1\n  2\n\n  3\n# c\n  # d\n  4\ny:\n  1\n  2\n", &["a.x=1|2|3|4", "a.y=|1|2"]);
    answers("[a]\n  x: 1\n  y: 2\n    3\n   4\n  z: 5\n", &["a.x=1", "a.y=2|3|4", "a.z=5"]);
    answers("[a]\nx: 1\n  y: 2\n", &["a.x=1|y: 2"]);
    answers("[a]\nx: 1\n  [b]\ny: 1\n", &["a.x=1|[b]", "a.y=1"]);
}

#[test]
fn a_tab_reaches_the_next_column_of_four() {
    answers("[a]\nx:\ty\t# c\n\tq\tr\n", &["a.x=y|q   r"]);
    answers("[a]\n   x: 1\n\ty: 1\n", &["a.x=1|y: 1"]);
}

#[test]
fn a_space_begins_a_comment() {
    let text = "[a]\nx: 1 # c\ny: 2 ; d\nz: 3#e\nw: 4;f\nv: 5  #g\nu: # h\nt: #h2\ns:#h3\n";
    answers(text, &["a.x=1", "a.y=2", "a.z=3#e", "a.w=4;f", "a.v=5", "a.u=", "a.t=", "a.s=#h3"]);
    answers("[a]\nx: \"1 # 2\"\n", &["a.x=\"1"]);
}

#[test]
fn a_backslash_after_a_space_escapes() {
    let text = "[a]\nx: 1 \\# c\ny: 2 \\; d\nz: 3\\#e\nw: \\#x\nv: a \\# b # c\nu: a\\ # b\nt: a \\# b \\# c\n";
    let expected = ["a.x=1 # c", "a.y=2 ; d", "a.z=3\\#e", "a.w=#x", "a.v=a # b", "a.u=a\\", "a.t=a # b # c"];
    answers(text, &expected);
    answers("[a]\n\\#x: 1\n", &["a.\\#x=1"]);
    // An escaped comment at the start of a line is one after all.
    answers("[a]\nx: 1\n  \\# foo\n  a \\; b\n  \\; q ; c\n", &["a.x=1|a ; b"]);
}

#[test]
fn headers() {
    answers("[a] ; comment\nx: 1\n[b] stuff\ny: 2\n[c]x: 3\nz: 4\n", &["a.x=1", "b.y=2", "c.z=4"]);
    answers("  [a]\n  x: 1\n", &["a.x=1"]);
    answers("[ a  b ]\nx: 1\n[a  b]\nx:2\n", &[" a  b .x=1", "a  b.x=2"]);
    answers("[a]b]\nx: 1\n", &["a]b.x=1"]);
    answers("[a]\n[b]\n", &["[a]", "[b]"]);
    answers("", &[]);
}

#[test]
fn includes() {
    answers("[include   a.cfg  ] x\n", &["include a.cfg at 1"]);
    answers("[include\ta.cfg] # foo\n", &["include a.cfg at 1"]);
    answers("[include a b.cfg]\n", &["include a b.cfg at 1"]);
    answers("[include [ab].cfg]\n", &["include [ab at 1"]);
    answers("[Include a.cfg]\n[include]\nx: 1\n", &["[Include a.cfg]", "include.x=1"]);
    answers("[a]\nx: 1\n  [include a.cfg]\n", &["a.x=1|[include a.cfg]"]);
    answers("[a]\n  [include a.cfg]\n", &["[a]", "include a.cfg at 2"]);
    answers("[a]\nx: 1\n[include a.cfg]\n# foo\n\n[c]\nx: 1\n", &["a.x=1", "include a.cfg at 3", "c.x=1"]);
    answers("#[include nope.cfg]\n[b]\nx: 1\n", &["b.x=1"]);
}

#[test]
fn an_option_after_an_include_has_no_section() {
    let refused = Err("4: Option 'y' stands outside of any section".to_owned());
    assert_eq!(ask("[a]\nx: 1\n[include a.cfg]\ny: 1\n"), refused);
    assert_eq!(ask("[a]\nx: 1\n[include a.cfg]\n  y: 1\n"), refused);
    assert_eq!(ask("x: 1\n"), Err("1: Option 'x' stands outside of any section".to_owned()));
}

#[test]
fn duplicates_within_a_file() {
    assert_eq!(ask("[a]\nx: 1\nX: 2\n"), Err("3: Duplicate option 'x' in section [a], file f ".to_owned()));
    assert_eq!(ask("[a]\nx: 1\n[b]\n[a]\ny: 2\n"), Err("4: Duplicate section [a] in file f".to_owned()));
    assert_eq!(ask("[a]\n[include b]\n[a]\n"), Err("3: Duplicate section [a] in file f".to_owned()));
}

#[test]
fn what_is_no_line_of_the_dialect() {
    let neither =
        |line, text| Err(format!("{line}: '{text}' is neither a section, an option with a value, nor a continuation"));
    assert_eq!(ask("[a]\nx\n"), neither(2, "x"));
    assert_eq!(ask("[a]\n\n\nfoo bar\n"), neither(4, "foo bar"));
    assert_eq!(ask("[]\nx: 1\n"), neither(1, "[]"));
    assert_eq!(ask("[a\nx: 1\n"), neither(1, "[a"));
    assert_eq!(ask("[a # b]\nx: 1\n"), neither(1, "[a"));
    assert_eq!(ask("[a]\n: 3\n"), Err("2: ': 3' has no option name".to_owned()));
    assert_eq!(ask("[a]\n = 3\n"), Err("2: '= 3' has no option name".to_owned()));
    assert_eq!(ask("\u{feff}[a]\nx: 1\n"), neither(1, "\u{feff}[a]"));
}

#[test]
fn lines_break_where_python_breaks_them() {
    for c in ['\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}', '\r'] {
        answers(&format!("[a]\nx: a{c}y: b\nz: 1{c}\n"), &["a.x=a", "a.y=b", "a.z=1"]);
        assert!(ask(&format!("[a]\nx: a\n{c}z{c}: 1{c}#foo\n")).is_err());
    }
    for c in ['\u{1f}', '\u{a0}'] {
        answers(&format!("[a]\nx: a{c}y: b\nz: 1{c}\n"), &[&format!("a.x=a{c}y: b"), "a.z=1"]);
        answers(&format!("[a]\nx: a\n{c}z{c}: 1{c}#foo\n"), &[&format!("a.x=a|z{c}: 1{c}#foo")]);
    }
    answers("[a]\r\nx: 1\r\ny:\r\n  1\r\n  2\r\n", &["a.x=1", "a.y=|1|2"]);
    answers("[a]\rx: 1\ry: 2\r", &["a.x=1", "a.y=2"]);
    answers("[a]\nx: a\0b\n", &["a.x=a\0b"]);
    answers("[a]\nx: %d %(foo)s ${b}\n", &["a.x=%d %(foo)s ${b}"]);
}

#[test]
fn lines_are_counted_as_an_editor_counts() {
    let pieces = parse("\r\n[a]\r\n\u{c}x: 1\n\ny: 2\n  3\rz: 4", "f").expect("it parses");
    let Some(Piece::Section(a)) = pieces.first() else { panic!("no section in {pieces:?}") };
    assert_eq!((a.line, a.options.iter().map(|o| o.line).collect::<Vec<_>>()), (2, vec![3, 5, 7]));
}

#[test]
fn hostile_sizes_cost_their_length() {
    let started = std::time::Instant::now();
    for unit in ["[", "]", "x:", " #", " \\#", "\t", "a:\n", "[a]", "  x\n", "\u{1c}", "[include "] {
        let mut text = "[a]\ny: 1\n".to_owned();
        text.push_str(&unit.repeat(300_000 / unit.len()));
        drop(parse(&text, "f"));
    }
    let mut many = "[a]\n".to_owned();
    for n in 0..20_000 {
        many.push_str(&format!("o{n}: {n}\n"));
    }
    assert_eq!(parse(&many, "f").map(|pieces| pieces.len()), Ok(1));
    assert!(started.elapsed().as_secs() < 30, "it took {:?}", started.elapsed());
}

/// A configuration as a person would write it, and what it means.
type Model = Vec<(String, Vec<(String, Vec<String>)>)>;

fn model() -> impl Strategy<Value = Model> {
    let word = "[A-Za-z0-9_./-]{1,8}";
    let line = proptest::collection::vec("[A-Za-z0-9_./:=\\[\\]%{}\"'ü-]{1,6}", 1..4).prop_map(|words| words.join(" "));
    let option = (word, proptest::collection::vec(line, 0..4)).prop_map(|(name, lines)| (name.to_lowercase(), lines));
    let section = ("[A-Za-z0-9_ #.-]{0,10}[A-Za-z0-9]", proptest::collection::vec(option, 0..6));
    proptest::collection::vec(section, 0..6).prop_map(|mut sections| {
        sections.retain(|(name, _)| !name.contains(" #"));
        let mut seen = HashSet::new();
        sections.retain(|(name, _)| seen.insert(name.clone()));
        for (_, options) in &mut sections {
            let mut seen = HashSet::new();
            options.retain(|(name, _)| seen.insert(name.clone()));
        }
        sections
    })
}

/// Decides how things are written, one choice after the other.
struct Style {
    choices: Vec<u8>,
    at: usize,
}

impl Style {
    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        self.at += 1;
        let choice = self.choices.get(self.at % self.choices.len()).copied().unwrap_or_default();
        of.get(usize::from(choice) % of.len()).copied().unwrap_or_default()
    }
}

fn render(model: &Model, style: &mut Style) -> String {
    let mut out = String::new();
    let noise = ["", "", "\n", "# note\n", "   ; note: x\n", "\n\n  # [a]\n"];
    let ends = ["\n", "\r\n", "  \n", " # note\n", "\t; x = y\n"];
    for (name, options) in model {
        out += style.pick(&noise);
        out += &format!("[{name}]{}", style.pick(&ends));
        let indent = style.pick(&["", " ", "  "]);
        for (name, lines) in options {
            out += style.pick(&noise);
            let name = if style.pick(&["l", "u"]) == "u" { name.to_uppercase() } else { name.clone() };
            out += &format!("{indent}{name}{}", style.pick(&[": ", ":", " = ", "="]));
            for (at, line) in lines.iter().enumerate() {
                if at > 0 || lines.len() > 1 {
                    out += style.pick(&ends);
                    out += style.pick(&noise);
                    out += &format!("{indent}{}", style.pick(&[" ", "    ", "\t\t"]));
                }
                out += line;
            }
            out += style.pick(&ends);
        }
    }
    out
}

fn meaning(model: &Model) -> Model {
    let value = |lines: &Vec<String>| match lines.len() {
        0 | 1 => lines.clone(),
        _ => std::iter::once(String::new()).chain(lines.iter().cloned()).collect(),
    };
    let options = |options: &Vec<(String, Vec<String>)>| {
        options.iter().map(|(name, lines)| (name.clone(), value(lines))).collect::<Vec<_>>()
    };
    model.iter().map(|(name, all)| (name.clone(), options(all))).collect()
}

fn understood(text: &str) -> Result<Model, SyntaxError> {
    let lines = |value: &str| match value {
        "" => Vec::new(),
        value => value.split('\n').map(str::to_owned).collect(),
    };
    let section = |piece| match piece {
        Piece::Include { pattern, .. } => (format!("include {pattern}"), Vec::new()),
        Piece::Section(section) => {
            let options = section.options.iter().map(|o| (o.name.clone(), lines(&o.value))).collect();
            (section.name, options)
        }
    };
    Ok(parse(text, "f")?.into_iter().map(section).collect())
}

proptest! {
    #[test]
    fn what_is_written_is_read(model in model(), choices in proptest::collection::vec(any::<u8>(), 1..40)) {
        let text = render(&model, &mut Style { choices, at: 0 });
        prop_assert_eq!(understood(&text), Ok(meaning(&model)), "of {:?}", text);
    }

    #[test]
    fn no_text_panics(text in "\\PC*|[\\[\\]:=#; \\\\\\n\\r\\tainclude\u{1c}\u{85}]{0,200}") {
        if let Ok(pieces) = parse(&text, "f") {
            for piece in pieces {
                if let Piece::Section(section) = piece {
                    prop_assert!(section.line >= 1 && section.options.iter().all(|o| o.line >= section.line));
                }
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        drop(parse(&String::from_utf8_lossy(&bytes), "f"));
    }
}
