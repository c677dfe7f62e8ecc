use super::*;

#[test]
fn the_same_wheel_is_the_same_bytes_and_its_record_is_right() {
    let wheel = Wheel::new("My.Tool", "1.2.0")
        .requires("other>=2; python_version>='3.8'")
        .extra("speedups", &["fast"])
        .requires_python(">=3.8")
        .console_script("tool", "my_tool:main")
        .dist_info("release_info.json", "{}")
        .data("share/my-tool/page.html", "<p>");
    let built = wheel.build();
    assert_eq!(built, wheel.build());
    assert_eq!(built.file_name, "my_tool-1.2.0-py3-none-any.whl");
    let metadata = built.metadata.clone().unwrap();
    assert!(metadata.contains("Name: My.Tool\n") && metadata.contains("\nRequires-Dist: fast ; extra == 'speedups'\n"));
    let dir = crate::scratch::scratch();
    let path = built.write_to(dir.path());
    let script = "import base64,csv,hashlib,io,sys,zipfile\nz=zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
        r=list(csv.reader(io.StringIO(z.read('my_tool-1.2.0.dist-info/RECORD').decode())))\n\
        assert {l[0] for l in r}==set(z.namelist()), r\n\
        for n,h,s in r[:-1]:\n  d=z.read(n)\n  assert int(s)==len(d)\n  \
        assert h=='sha256='+base64.urlsafe_b64encode(hashlib.sha256(d).digest()).rstrip(b'=').decode()\n\
        print(*z.namelist())";
    let out = std::process::Command::new("python3").args(["-c", script]).arg(path).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let listed = String::from_utf8(out.stdout).unwrap();
    for path in
        ["my_tool/__init__.py", ".dist-info/release_info.json", "my_tool-1.2.0.data/data/share/my-tool/page.html"]
    {
        assert!(listed.contains(path), "{listed}");
    }
}

#[test]
fn tags_and_names_are_as_the_formats_have_them() {
    let wheel = Wheel::new("x", "1").tag("py2.py3-none-any").build_tag("2");
    assert_eq!(wheel.build().file_name, "x-1-2-py2.py3-none-any.whl");
    assert!(wheel.wheel_file().ends_with("Root-Is-Purelib: true\nBuild: 2\nTag: py2-none-any\nTag: py3-none-any\n"));
    assert!(Wheel::new("x", "1").tag("cp311-cp311-linux_x86_64").wheel_file().contains("Purelib: false"));
    assert_eq!(normalized("My__Own.-Tool"), "my-own-tool");
    let sdist = Sdist::new("My.Tool", "1.0").build();
    assert_eq!((sdist.file_name.as_str(), sdist.metadata), ("my_tool-1.0.tar.gz", None));
}
