//! A key that nobody else knows, and what is signed with it: gpg in a home of its own, which ends with the value.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::scratch::scratch;
use crate::unavailable::Unavailable;

const WHO: &str = "Lab <lab@example.org>";

/// See the module.
#[derive(Debug)]
pub(super) struct Signer {
    home: TempDir,
    key: String,
}

impl Signer {
    /// Makes a key.
    pub(super) fn new() -> Result<Self, Unavailable> {
        let asked = Command::new("gpg").arg("--version").env_clear().env("PATH", "/usr/bin:/bin").output();
        asked.map_err(|e| Unavailable(format!("there is no gpg ({e}); install gpg and gpg-agent")))?;
        let home = scratch();
        let closed = fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700));
        closed.expect("a folder of ours can be closed");
        let mut signer = Self { home, key: String::new() };
        let generate = ["--passphrase", "", "--quick-generate-key", WHO, "ed25519", "sign", "never"];
        signer.gpg(&generate, "");
        signer.key = signer.gpg(&["--armor", "--export", WHO], "");
        Ok(signer)
    }

    /// The public half.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// A text with its signature around it, as `InRelease` has it.
    pub(super) fn sign(&self, text: &str) -> String {
        self.gpg(&["--clearsign"], text)
    }

    fn gpg(&self, arguments: &[&str], input: &str) -> String {
        let mut command = self.command("gpg");
        command.args(["--batch", "--yes", "--quiet", "--pinentry-mode", "loopback"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("gpg can be started");
        let written = child.stdin.take().expect("a piped stdin").write_all(input.as_bytes());
        written.expect("gpg reads what is to be signed");
        let output = child.wait_with_output().expect("a child of ours can be waited for");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8").env("GNUPGHOME", self.home.path());
        command
    }
}

impl Drop for Signer {
    /// gpg keeps a helper at work for each home.
    fn drop(&mut self) {
        let _ended = self.command("gpgconf").args(["--kill", "gpg-agent"]).output();
    }
}
