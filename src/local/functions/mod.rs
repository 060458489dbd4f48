//! Edge Functions: kept on disk, compiled by Deno, run by it with the least permissions.
//!
//! ```text
//! bundle   files, checked and kept      compile  or refused       deno   finding Deno
//! front    where functions answer       pool     what runs        worker one process
//! confine  what it is before it is Deno jwt      tokens           voice  what goes to the logs
//! ```
//!
//! ```text
//! deploy ─► checked (shape) ─► written beside ─► compiled ─► renamed into place ─► registry: served
//!                                                   └ refused in the compiler's words; the old one serves
//! request ─► front: JWT ─► pool: the process of (branch, function, version) ─► its socket
//! ```
//!
//! ```text
//! <data directory>/platform/functions/
//!   bundles/      what was deployed, by digest (see `bundle`)
//!   deno/         modules from elsewhere, and what Deno made of them; Deno's own directory
//!   npm/          Deno itself, if npm has fetched it and no shared directory is set
//!   bootstrap.js  the first module of every process
//!   s/            sockets of running functions; below the temporary directory if this path is too long
//! ```
//!
//! A function's process has its own files to read, the network, the variables that it is given, and
//! nothing else: no writing, no programs, no libraries, no other variables. Its memory is bounded by
//! the system, its time by processor and by the clock. It ends with the platform, however that ends,
//! and when it has been idle. As root, Deno runs as the user that PostgreSQL runs as.

mod bundle;
mod compile;
mod confine;
mod deno;
mod error;
mod front;
mod jwt;
mod pool;
mod voice;
mod worker;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::engine::private_directory;
use super::engine::user::RunAs;
use super::logs::Logs;
use crate::api::Ref;
use crate::api::functions::SourceFile;
use crate::chance;
use crate::hex;
use error::Doing;

pub(super) use bundle::{Checked, MOST_BYTES, Manifest};
pub use confine::confine;
pub use deno::Search as DenoSearch;
pub(super) use error::FunctionError;
pub(super) use front::routes;
pub(super) use jwt::key;

/// Bytes of a socket's path that every kernel accepts, and of the longest name in its directory.
const SOCKET_PATH: usize = 103;
const SOCKET_NAME: usize = 17;

/// How often idle processes are looked for.
const SWEEP: Duration = Duration::from_secs(10);

/// How functions are run.
#[derive(Debug, Clone)]
pub(super) struct FunctionSettings {
    /// Deno's program; looked for without.
    pub(super) deno: Option<PathBuf>,
    /// Where npm may install Deno; in the functions' own directory without.
    pub(super) tools: Option<PathBuf>,
    /// How long a function may take to answer.
    pub(super) patience: Duration,
}

/// The functions of one data directory.
pub(super) struct Functions {
    home: PathBuf,
    sockets: PathBuf,
    run_as: RunAs,
    logs: Logs,
    search: deno::Search,
    deno: OnceCell<PathBuf>,
    patience: Duration,
    /// Where the platform answers; known when it does.
    base: OnceLock<String>,
    pool: pool::Pool,
}

impl Functions {
    /// Opens the functions' directory below the platform's `home`.
    pub(super) fn open(
        home: &Path,
        settings: FunctionSettings,
        run_as: RunAs,
        logs: Logs,
    ) -> Result<Self, FunctionError> {
        // Fails only when another provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let home = home.join("functions");
        fs::create_dir_all(&home).doing("make the directory", &home)?;
        fs::set_permissions(&home, fs::Permissions::from_mode(0o711)).doing("open", &home)?;
        let home = fs::canonicalize(&home).doing("find", &home)?;
        let sockets = socket_directory(&home);
        for dir in [home.join("bundles"), home.join("deno"), sockets.clone()] {
            private_directory(&dir, run_as)?;
        }
        let bootstrap = home.join("bootstrap.js");
        fs::write(&bootstrap, include_str!("bootstrap.js")).doing("write", &bootstrap)?;
        fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o644))
            .doing("open", &bootstrap)?;
        Ok(Self {
            search: deno::Search::below(&home, settings.deno, settings.tools),
            home,
            sockets,
            run_as,
            logs,
            deno: OnceCell::new(),
            patience: settings.patience,
            base: OnceLock::new(),
            pool: pool::Pool::default(),
        })
    }

    /// Says where the platform answers: functions are told.
    pub(super) fn answer_at(&self, base: &str) {
        // Said once.
        let _ = self.base.set(base.to_owned());
    }

    /// Removes what a process that was killed has left: sockets, half-written bundles, and bundles
    /// that nobody serves.
    pub(super) fn tidy(&self, served: &[String]) -> Result<(), FunctionError> {
        let bundles = self.bundles();
        for entry in fs::read_dir(&bundles).doing("list", &bundles)? {
            let entry = entry.doing("list", &bundles)?;
            let is_served = served
                .iter()
                .any(|digest| entry.file_name() == digest.as_str());
            if !is_served {
                fs::remove_dir_all(entry.path()).doing("remove", &entry.path())?;
            }
        }
        for entry in fs::read_dir(&self.sockets).doing("list", &self.sockets)? {
            let path = entry.doing("list", &self.sockets)?.path();
            fs::remove_file(&path).doing("remove", &path)?;
        }
        Ok(())
    }

    /// Compiles a deployment and keeps it. When this answers, its digest can be served.
    pub(super) async fn keep(&self, checked: Checked) -> Result<Manifest, FunctionError> {
        let place = bundle::place(&self.bundles(), &checked.digest);
        if place.exists() {
            return Ok(checked.manifest);
        }
        let fresh = self
            .bundles()
            .join(format!(".new-{}", chance::unseen_hex::<8>()));
        let made = self.make(checked, &fresh, &place).await;
        if made.is_err() {
            // A leftover costs disk until the next start, and nothing else.
            let _ = fs::remove_dir_all(&fresh);
        }
        made
    }

    async fn make(
        &self,
        checked: Checked,
        fresh: &Path,
        place: &Path,
    ) -> Result<Manifest, FunctionError> {
        let dir = fresh.to_owned();
        let written = spawn_blocking(move || checked.write(&dir).map(|()| checked));
        let checked = written
            .await
            .map_err(std::io::Error::other)
            .doing("write", fresh)??;
        self.compile(&checked, fresh).await?;
        match fs::rename(fresh, place) {
            // Another deployment of the very same was faster.
            Err(_) if place.exists() => {
                fs::remove_dir_all(fresh).doing("remove", fresh)?;
            }
            renamed => renamed.doing("keep", place)?,
        }
        Ok(checked.manifest)
    }

    /// What a kept bundle is made of; `None` if there is none of that digest.
    pub(super) fn manifest(&self, digest: &str) -> Option<Manifest> {
        let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_digest {
            return None;
        }
        bundle::read_manifest(&bundle::place(&self.bundles(), digest)).ok()
    }

    /// The sources of a kept bundle.
    pub(super) async fn sources(&self, digest: &str) -> Result<Vec<SourceFile>, FunctionError> {
        let dir = bundle::place(&self.bundles(), digest);
        let read = {
            let dir = dir.clone();
            spawn_blocking(move || bundle::read_files(&dir))
        };
        read.await
            .map_err(std::io::Error::other)
            .doing("read", &dir)?
    }

    /// Ends processes that have been idle, now and then, for ever.
    pub(super) async fn sweep(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.pool.make_room();
        }
    }

    /// Ends the processes of a project or branch, or of one of its functions.
    pub(super) fn end(&self, reference: &Ref, slug: Option<&str>) {
        self.pool.end(reference, slug);
    }

    /// Ends every process, and waits until they have.
    pub(super) async fn end_all(&self) {
        self.pool.end_all().await;
    }

    fn bundles(&self) -> PathBuf {
        self.home.join("bundles")
    }

    /// Deno's program, found once.
    async fn deno(&self) -> Result<PathBuf, FunctionError> {
        // Deno takes lists of paths, with commas between them.
        if self.home.to_str().is_none_or(|path| path.contains(',')) {
            return Err(FunctionError::NoDeno(format!(
                "Deno takes no path like {}: use another data directory",
                self.home.display()
            )));
        }
        self.deno
            .get_or_try_init(|| self.search.run())
            .await
            .cloned()
    }

    /// Leaves a child nothing of our environment.
    fn scrub(&self, command: &mut Command) {
        command
            .env_clear()
            .current_dir("/")
            .env("DENO_DIR", self.home.join("deno"))
            .env("DENO_NO_UPDATE_CHECK", "1")
            .env("NO_COLOR", "1");
    }
}

/// A path as Deno names it.
fn url_of(path: &Path) -> String {
    reqwest::Url::from_file_path(path).map_or_else(|()| String::new(), String::from)
}

/// Where a bundle's configuration lies: beside its import map, whose paths it repeats.
fn config_path(source: &Path, import_map: Option<&str>) -> PathBuf {
    match import_map {
        Some(path) => source.join(path).with_file_name(bundle::CONFIG),
        None => source.join(bundle::CONFIG),
    }
}

/// `s` in the functions' directory, or one of a name that follows from it where that is too long.
fn socket_directory(home: &Path) -> PathBuf {
    let dir = home.join("s");
    if dir.as_os_str().len() + SOCKET_NAME <= SOCKET_PATH {
        return dir;
    }
    let digest = hex::encode(&Sha256::digest(home.as_os_str().as_encoded_bytes()));
    let short: String = digest.chars().take(12).collect();
    std::env::temp_dir().join(format!("drydock-f-{short}"))
}
