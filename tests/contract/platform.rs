//! The real local platform, for the length of a test.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::Failure;

/// The binary that is tested.
pub(crate) const DRYDOCK: &str = env!("CARGO_BIN_EXE_drydock");

/// A directory of a test's own, gone afterwards.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn make() -> Result<Self, Failure> {
        let name = format!("drydock-contract-{:08x}", rand::random::<u32>());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        // PostgreSQL's own user passes through.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o711))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An ephemeral platform.
pub(crate) struct Platform {
    child: Child,
    pub(crate) folder: Folder,
    pub(crate) base: String,
    pub(crate) token: String,
}

impl Platform {
    pub(crate) fn start() -> Result<Self, Failure> {
        let folder = Folder::make()?;
        let mut child = Command::new(DRYDOCK)
            .args(["platform", "--ephemeral", "--data-dir"])
            .arg(&folder.0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("the platform has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        // Made before anything can fail, so that whatever happens ends the child.
        let mut platform = Self {
            child,
            folder,
            base: String::new(),
            token: String::new(),
        };
        let ready: Value = serde_json::from_str(&line)
            .map_err(|error| format!("the platform did not start: {error}"))?;
        platform.base = ready["api_url"].as_str().unwrap_or_default().to_owned();
        platform.token = ready["access_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        Ok(platform)
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        // It ends its database servers and removes its files; then it is gone.
        let _ = Command::new(DRYDOCK)
            .args(["platform", "--stop", "--data-dir"])
            .arg(&self.folder.0)
            .stdout(Stdio::null())
            .status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
