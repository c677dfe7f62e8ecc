//! The configuration's files: reading, include patterns, and the questions that settings ask about paths.
//!
//! Refuses what is not a regular file, is over 1 MiB or not UTF-8, so that a pipe or a disk image in the configuration
//! folder cannot hold up the start. Knows nothing of the dialect. Home and working folder are handed down.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use refit_model::settings::ConfigSource;

const MAX_BYTES: u64 = 1024 * 1024;
/// More than the settings take, so that they and not this file say that it is too many.
const MAX_MATCHES: usize = 1024;

/// The machine's own files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFiles {
    home: PathBuf,
    working: PathBuf,
}

impl ConfigFiles {
    /// `home` stands for `~`; relative paths begin at `working`. Both must be absolute.
    #[must_use]
    pub fn new(home: PathBuf, working: PathBuf) -> Self {
        Self { home, working }
    }

    /// `~` and relative paths made absolute, nothing resolved.
    fn absolute(&self, path: &Path) -> PathBuf {
        match path.strip_prefix("~") {
            Ok(inside) => self.home.join(inside),
            Err(_) => self.working.join(path),
        }
    }
}

impl ConfigSource for ConfigFiles {
    fn read(&self, path: &Path) -> Result<String, String> {
        let path = self.absolute(path);
        let kind = fs::metadata(&path).map_err(|e| e.to_string())?;
        if !kind.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(|e| e.to_string())?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(format!("it is larger than {MAX_BYTES} bytes, which no configuration is"));
        }
        String::from_utf8(bytes).map_err(|e| {
            let before = e.as_bytes().get(..e.utf8_error().valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            format!("line {line} is not UTF-8; save the file as UTF-8")
        })
    }

    fn glob(&self, pattern: &str) -> Result<Vec<PathBuf>, String> {
        // Hidden files match too, as they do for Moonraker.
        let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::default() };
        let found =
            glob::glob_with(pattern, options).map_err(|e| format!("the pattern '{pattern}' is malformed: {e}"))?;
        Ok(found.filter_map(Result::ok).take(MAX_MATCHES).collect())
    }

    fn resolve(&self, path: &Path) -> PathBuf {
        let mut resolved = PathBuf::from("/");
        for part in self.absolute(path).components() {
            match part {
                Component::ParentDir => {
                    resolved.pop();
                }
                Component::Normal(name) => {
                    resolved.push(name);
                    if let Ok(real) = fs::canonicalize(&resolved) {
                        resolved = real;
                    }
                }
                Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
            }
        }
        resolved
    }

    fn exists(&self, path: &Path) -> bool {
        self.absolute(path).exists()
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.absolute(path).is_dir()
    }

    fn is_dangling(&self, path: &Path) -> bool {
        let path = self.absolute(path);
        path.is_symlink() && !path.exists()
    }

    fn is_executable(&self, path: &Path) -> bool {
        let path = self.absolute(path);
        path.is_file() && rustix::fs::access(&path, rustix::fs::Access::EXEC_OK).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use refit_model::settings::{LoadContext, Settings};

    use super::*;

    struct Place {
        root: tempfile::TempDir,
        files: ConfigFiles,
    }

    fn place() -> Place {
        let root = tempfile::tempdir().expect("a temporary folder");
        let real = fs::canonicalize(root.path()).expect("it exists");
        let files = ConfigFiles::new(real.join("home"), real);
        Place { root, files }
    }

    impl Place {
        fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
            let path = fs::canonicalize(self.root.path()).expect("it exists").join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            fs::write(&path, bytes).expect("written");
            path
        }
    }

    #[test]
    fn unreadable_files_say_why() {
        let p = place();
        let main = p.write("a/latin1.conf", b"[a]\nx: \xff\n");
        assert_eq!(p.files.read(&main), Err("line 2 is not UTF-8; save the file as UTF-8".to_owned()));
        assert_eq!(p.files.read(Path::new("a")), Err("it is not a regular file".to_owned()));
        assert!(p.files.read(Path::new("nope")).is_err());
        let large = p.write("large", &vec![b'#'; 1024 * 1024 + 1]);
        assert!(p.files.read(&large).is_err_and(|e| e.contains("larger")));
        assert!(p.files.read(Path::new("/dev/zero")).is_err());
    }

    #[test]
    fn patterns_see_hidden_files_and_literal_folders() {
        let p = place();
        let main = p.write("c[x]/moonraker.conf", b"[include inc/*.cfg]\n[include d?.cfg]\n");
        p.write("c[x]/inc/.h.cfg", b"[h]\n");
        p.write("c[x]/inc/a.cfg", b"[a]\n");
        p.write("c[x]/inc/deep/b.cfg", b"[b]\n");
        p.write("c[x]/d1.cfg", b"[refit]\nkeep_history: 9\n");
        let context = LoadContext { data_path: PathBuf::from("/d"), asvc: None };
        let settings = Settings::load(&main, &p.files, &context).expect("it loads");
        let names: Vec<_> = settings.files.iter().filter_map(|f| f.file_name()).collect();
        assert_eq!(names, ["moonraker.conf", ".h.cfg", "a.cfg", "d1.cfg"]);
        assert_eq!(settings.refit.keep_history, 9);
        assert!(p.files.glob("/***").is_err());
    }

    #[test]
    fn paths_resolve_as_far_as_they_exist() {
        let p = place();
        let file = p.write("real/file", b"");
        let root = file.parent().and_then(Path::parent).expect("the root").to_owned();
        symlink(root.join("real"), root.join("link")).expect("linked");
        assert_eq!(p.files.resolve(Path::new("link/../real/./nope/../x/y")), root.join("real/x/y"));
        assert_eq!(p.files.resolve(Path::new("link/file")), file);
        assert_eq!(p.files.resolve(Path::new("~/a")), root.join("home/a"));
        assert_eq!(p.files.resolve(Path::new("~")), root.join("home"));
        assert_eq!(p.files.resolve(Path::new("~nobody/a")), root.join("~nobody/a"));
        assert_eq!(p.files.resolve(Path::new("/../..")), Path::new("/"));
        assert_eq!(p.files.resolve(Path::new("")), root);
    }

    #[test]
    fn executables_are_files_with_the_bit() {
        let p = place();
        let file = p.write("bin/python", b"");
        assert!(p.files.exists(&file) && !p.files.is_dir(&file) && !p.files.is_executable(&file));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("changed");
        assert!(p.files.is_executable(&file));
        assert!(p.files.is_dir(Path::new("bin")) && !p.files.is_executable(Path::new("bin")));
        let (gone, there) = (file.with_file_name("gone"), file.with_file_name("there"));
        symlink("/nowhere/python3.1", &gone).expect("linked");
        symlink(&file, &there).expect("linked");
        assert!(p.files.is_dangling(&gone) && !p.files.exists(&gone));
        assert!(!p.files.is_dangling(&there) && !p.files.is_dangling(&file) && !p.files.is_dangling(Path::new("none")));
    }

    #[test]
    fn a_pipe_or_a_loop_of_links_does_not_hold_up_the_start() {
        let p = place();
        let main = p.write("c/moonraker.conf", b"[include loop]\n");
        let folder = main.parent().expect("a folder");
        symlink(folder.join("loop"), folder.join("loop")).expect("linked");
        let context = LoadContext { data_path: PathBuf::from("/d"), asvc: None };
        assert!(Settings::load(&main, &p.files, &context).is_err());
        symlink(&main, folder.join("again.conf")).expect("linked");
        p.write("c/moonraker.conf", b"[include again.conf]\n");
        let error = Settings::load(&main, &p.files, &context).expect_err("it includes itself");
        assert!(error.to_string().contains("Recursive include directive detected"), "{error}");
    }
}
