use super::*;

struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let file = self.0.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }

    fn read(&self, variables: &[(&str, &str)]) -> PipSettings {
        let [home, machine, environment] = ["home", "etc", "venv"].map(|name| self.0.path().join(name));
        let places = Places { home: &home, machine: &machine, environment: &environment };
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        pip_settings(places, &variables, &ProjectName::new("my-tool").unwrap())
    }

    fn urls(&self, variables: &[(&str, &str)]) -> Vec<String> {
        self.read(variables).indexes.iter().map(|index| index.url.to_string()).collect()
    }
}

#[test]
fn the_later_file_overrides() {
    let world = World::new();
    let text = |name: &str| format!("[global]\nindex-url = https://{name}/simple/\n");
    let own = world.write("own.conf", &text("own"));
    let own = own.to_str().unwrap();
    assert!(world.urls(&[]).is_empty());
    for (path, name) in [
        ("etc/xdg/pip/pip.conf", "xdg"),
        ("etc/pip.conf", "etc"),
        ("home/.pip/pip.conf", "old"),
        ("home/.config/pip/pip.conf", "home"),
        ("venv/pip.conf", "venv"),
    ] {
        world.write(path, &text(name));
        assert_eq!(world.urls(&[]), [format!("https://{name}/simple")]);
    }
    assert_eq!(world.urls(&[("PIP_CONFIG_FILE", own)]), ["https://own/simple"]);
    assert_eq!(world.urls(&[("PIP_CONFIG_FILE", own), ("PIP_INDEX_URL", "https://var")]), ["https://var/"]);
    assert!(world.urls(&[("PIP_CONFIG_FILE", "/dev/null")]).is_empty());
    let xdg = world.write("other/pip/pip.conf", "[install]\nindex-url = https://install\n");
    let xdg = xdg.parent().unwrap().parent().unwrap().to_str().unwrap();
    // Whatever the level: the section of the command comes after that for all.
    assert_eq!(world.urls(&[("XDG_CONFIG_DIRS", xdg)]), ["https://install/"]);
    assert_eq!(world.urls(&[("XDG_CONFIG_HOME", xdg)]), ["https://install/"]);
}

#[test]
fn one_s_own_file_takes_the_place_of_the_user_s() {
    let world = World::new();
    world.write("home/.config/pip/pip.conf", "[global]\npre = true\n");
    let own = world.write("own.conf", "[global]\nindex-url = https://own/\n");
    assert!(world.read(&[]).pre);
    assert!(world.read(&[("PIP_CONFIG_FILE", "/nowhere/x")]).pre);
    assert!(!world.read(&[("PIP_CONFIG_FILE", own.to_str().unwrap())]).pre);
}

#[test]
fn every_option_is_understood() {
    let world = World::new();
    world.write(
        "etc/pip.conf",
        "[global]\nextra-index-url = https://a/simple\n    https://b/simple/ https://a/simple\ntrusted-host = c\n    d:8080\n\
         timeout = 3\nproxy = http://user:pw@proxy:3128\ncert = /etc/ca.pem\nno-index = no\nprefer_binary = 1\n",
    );
    let seen = world.read(&[("PIP_NO_BINARY", "x, My.Tool"), ("PIP_PRE", "on"), ("PIP_RETRIES", "0")]);
    assert_eq!((seen.left_to_pip.as_deref(), seen.replaces_default), (None, false));
    assert_eq!((seen.pre, seen.prefer_binary, seen.binaries, seen.sources), (true, true, false, true));
    assert_eq!(seen.certificates.as_deref(), Some(Path::new("/etc/ca.pem")));
    assert_eq!(seen.proxy.as_ref().map(Secret::reveal), Some("http://user:pw@proxy:3128"));
    assert!(!format!("{seen:?}").contains("pw"), "{seen:?}");
    assert_eq!(world.urls(&[]), ["https://a/simple", "https://b/simple"]);
    let asked = |url: &str| world.read(&[("PIP_INDEX_URL", url)]).indexes[0].may_be_asked();
    let urls =
        ["https://x", "http://x", "http://c/x", "http://d", "http://d:8080", "http://127.3.0.1:1", "http://localhost"];
    assert_eq!(urls.map(asked), [true, false, true, false, true, true, true]);
    let only = |list: &str| world.read(&[("PIP_ONLY_BINARY", list)]).sources;
    assert_eq!([":all:", "my_tool", "x", ":all:,:none:", "my-tool,:none:"].map(only), [false, false, true, true, true]);
}

#[test]
fn what_only_pip_can_judge_is_left_to_it() {
    let world = World::new();
    let left = |name: &str, value: &str| world.read(&[(name, value)]).left_to_pip;
    for (name, value, option) in [
        ("PIP_NO_INDEX", "1", "no-index"),
        ("PIP_FIND_LINKS", "/srv", "find-links"),
        ("PIP_CLIENT_CERT", "/x", "client-cert"),
        ("PIP_KEYRING_PROVIDER", "subprocess", "keyring-provider"),
        ("PIP_CONSTRAINT", "/x", "constraint"),
        ("PIP_UPLOADED_PRIOR_TO", "2024-01-01", "uploaded-prior-to"),
        ("PIP_INDEX_URL", "file:///srv", "index-url"),
        ("PIP_INDEX_URL", "https://x/?y=1", "index-url"),
        ("PIP_EXTRA_INDEX_URL", "/srv", "extra-index-url"),
        ("PIP_PRE", "perhaps", "pre"),
    ] {
        assert_eq!(left(name, value).as_deref(), Some(option), "{name}={value}");
    }
    for (name, value) in [("PIP_NO_INDEX", "0"), ("PIP_FIND_LINKS", ""), ("PIP_TIMEOUT", "1"), ("PIPX_HOME", "x")] {
        assert_eq!(left(name, value), None, "{name}");
    }
    let both = world.read(&[("PIP_INDEX_URL", "https://x"), ("PIP_TRUSTED_HOST", "x")]);
    assert_eq!(both.left_to_pip.as_deref(), Some("index-url"));
    let both = world.read(&[("PIP_ONLY_BINARY", "x"), ("PIP_NO_BINARY", "x")]);
    assert_eq!(both.left_to_pip.as_deref(), Some("only-binary"));
    let file = world.write("venv/pip.conf", "no section");
    assert_eq!(world.read(&[]).left_to_pip, Some(file.display().to_string()));
    world.write("venv/pip.conf", "[DEFAULT]\npre = 1\n");
    assert_eq!(world.read(&[]).left_to_pip, Some(file.display().to_string()));
}

#[test]
fn logins_come_from_the_address_and_from_netrc() {
    let world = World::new();
    world.write("home/.netrc", "machine x login n password np\nmachine y login u password yp");
    let login = |url: &str, netrc: Option<&str>| {
        let variables: Vec<_> = netrc.map(|file| ("NETRC", file)).into_iter().chain([("PIP_INDEX_URL", url)]).collect();
        let seen = world.read(&variables);
        assert!(!format!("{seen:?}").contains("@"), "{seen:?}");
        assert!(seen.indexes[0].url.username().is_empty() && seen.indexes[0].url.password().is_none());
        let login = seen.indexes[0].login.clone()?;
        Some(format!("{}:{}", login.user, login.password.reveal()))
    };
    assert_eq!(login("https://a%40b:p%3Aw@x/simple", None).as_deref(), Some("a@b:p:w"));
    assert_eq!(login("https://x/simple", None).as_deref(), Some("n:np"));
    assert_eq!(login("https://u@y/simple", None).as_deref(), Some("u:yp"));
    assert_eq!(login("https://token@y/simple", None).as_deref(), Some("token:"));
    assert_eq!(login("https://z/simple", None), None);
    let other = world.write("other", "default login d password dp");
    assert_eq!(login("https://z/simple", other.to_str()).as_deref(), Some("d:dp"));
}

#[test]
fn the_page_of_a_project_lies_below_its_index() {
    let world = World::new();
    let page = |url: &str| {
        let seen = world.read(&[("PIP_INDEX_URL", url)]);
        seen.indexes[0].page(&ProjectName::new("My_Tool").unwrap()).to_string()
    };
    assert_eq!(page("https://x"), "https://x/my-tool/");
    assert_eq!(page("https://x/simple//"), "https://x/simple/my-tool/");
}
