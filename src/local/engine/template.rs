//! The template: a cleanly stopped data directory with the bootstrap inside, made once and copied ever after.
//!
//! ```text
//!   lock <name>.lock ─► <name>/template.json there? ──yes──► use it
//!                              │ no
//!                              ▼
//!       <name>.draft/: initdb ─► start ─► scripts ─► clean stop ─► trim ─► template.json, sync ─► rename to <name>/
//! ```
//!
//! The name is `<major>-<hash>`; the hash covers the scripts and the recipe, so a change of either makes another
//! template and clusters of the old one keep theirs. A template is the first base of its clusters (see
//! the module `bases`), and is removed when no cluster counts on it any more.
//!
//! To be small, the template has no databases `template0` and `template1`: `create database` does not work, as the
//! platform gives one database per project.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::conf::{Conf, Durability};
use super::control::Control;
use super::discover::Installation;
use super::error::{EngineError, IoContext};
use super::files::{self, Listing};
use super::layout::Layout;
use super::postmaster::{Postmaster, Program, Stop, scrub};
use super::secrets::Secret;
use super::settings::Script;
use super::timeline::{self, segment_name};
use super::wire::{DEFAULT_RESULT_BYTES, Wire};
use super::{ClusterId, SUPERUSER};

/// Part of the template's name: raise it when what this module does to a template changes.
const RECIPE: u32 = 2;
/// The number that a template's server uses while it is built; no cluster gets it.
pub(super) const BUILD_NUMBER: ClusterId = ClusterId(u16::MAX);
/// `template0` and `template1` weigh as much as the database that is used.
const TRIM: &str = include_str!("trim.sql");

/// A finished template.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) name: String,
    pub(super) data: PathBuf,
    pub(super) listing: Listing,
    pub(super) control: Control,
    /// The superuser's password until a new cluster has one of its own.
    pub(super) secret: Secret,
}

/// `template.json`.
#[derive(Serialize, Deserialize)]
struct Note {
    secret: Secret,
}

/// What the build of a template needs.
pub(super) struct Builder<'a> {
    pub(super) layout: &'a Layout,
    pub(super) installation: &'a Installation,
    pub(super) program: &'a Program,
    pub(super) scripts: &'static [Script],
    pub(super) max_connections: u16,
}

impl Template {
    /// Opens a template by name; `None` if it was never finished.
    pub(super) fn open(templates: &Path, name: &str) -> Result<Option<Self>, EngineError> {
        let dir = templates.join(name);
        let note = dir.join("template.json");
        if !note.exists() {
            return Ok(None);
        }
        let bytes = fs::read(&note).doing("read", &note)?;
        let Note { secret } = serde_json::from_slice(&bytes)
            .map_err(|source| EngineError::Record { path: note, source })?;
        let data = dir.join("data");
        Ok(Some(Self {
            name: name.to_owned(),
            listing: Listing::read(&data)?,
            control: Control::read(&data)?,
            data,
            secret,
        }))
    }
}

impl Builder<'_> {
    /// The name of the template that the installation and the scripts ask for.
    fn name(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(RECIPE.to_be_bytes());
        for script in self.scripts {
            // Lengths in front, so that moving text from one script to the next is a change.
            for part in [script.name, script.sql] {
                hash.update(part.len().to_be_bytes());
                hash.update(part);
            }
        }
        let digest: String = hash
            .finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{}-{digest}", self.installation.major)
    }

    /// Opens the template, or makes it. Concurrent builders wait for the first, in other processes too.
    pub(super) async fn open_or_build(&self) -> Result<Template, EngineError> {
        let name = self.name();
        if let Some(template) = Template::open(self.layout.templates(), &name)? {
            return Ok(template);
        }
        let lock_path = self.layout.templates().join(format!("{name}.lock"));
        let _lock = tokio::task::spawn_blocking(move || {
            let lock = File::create(&lock_path).doing("open", &lock_path)?;
            rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
                .doing("lock", &lock_path)?;
            Ok::<File, EngineError>(lock)
        })
        .await??;
        if let Some(template) = Template::open(self.layout.templates(), &name)? {
            return Ok(template);
        }
        tracing::info!(template = name, "building the template");
        self.build(&name).await?;
        let made = Template::open(self.layout.templates(), &name)?;
        made.ok_or_else(|| std::io::Error::other("it is gone again"))
            .doing("open", &self.layout.templates().join(name))
    }

    async fn build(&self, name: &str) -> Result<(), EngineError> {
        let final_dir = self.layout.templates().join(name);
        let draft = self.layout.templates().join(format!("{name}.draft"));
        let data = draft.join("data");
        let log = draft.join("log");
        if let Some(mut server) = Postmaster::adopt(&data, &log) {
            server.stop(Stop::Immediate, self.program.patience).await?;
        }
        files::remove_tree(&draft)?;
        files::remove_tree(&final_dir)?;
        files::make_dir(&data)?;
        self.program.run_as.own(&data)?;
        let secret = Secret::generate();
        self.initdb(&draft, &data, &secret).await?;

        let conf = Conf {
            overrides: &super::overrides::Overrides::new(),
            layout: self.layout,
            major: self.installation.major,
            id: BUILD_NUMBER,
            generation: 0,
            max_connections: self.max_connections,
        };
        conf.write(&data, Durability::Unsynced)?;
        let mut server = self
            .program
            .spawn(&data, &self.layout.socket(BUILD_NUMBER, 0), &log, &[])
            .await?;
        let prepared = self.prepare(&mut server, &secret).await;
        let stopped = server.stop(Stop::Fast, self.program.patience).await;
        prepared?;
        stopped?;

        trim_log(&data)?;
        files::remove_file(&log)?;
        let note = serde_json::to_vec(&Note { secret }).map_err(|source| EngineError::Record {
            path: draft.clone(),
            source,
        })?;
        files::replace(&draft.join("template.json"), &note)?;
        files::sync_tree(&draft).await?;
        fs::rename(&draft, &final_dir).doing("replace", &final_dir)?;
        files::sync_parent(&final_dir)
    }

    async fn initdb(&self, draft: &Path, data: &Path, secret: &Secret) -> Result<(), EngineError> {
        let password = draft.join("password");
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&password)
            .doing("open", &password)?;
        file.write_all(secret.expose().as_bytes())
            .doing("write", &password)?;
        self.program.run_as.own(&password)?;
        let mut command = Command::new(self.installation.bin.join("initdb"));
        scrub(&mut command);
        command
            .arg("-D")
            .arg(data)
            .arg("--pwfile")
            .arg(&password)
            .args([
                "-U",
                SUPERUSER,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                if cfg!(target_os = "macos") {
                    "--lc-ctype=UTF-8"
                } else {
                    "--lc-ctype=C.UTF-8"
                },
                "--wal-segsize=1",
                "--no-sync",
                "--no-instructions",
            ]);
        // On by default since 18. With them, reading writes log: a page whose hint bits it sets is logged whole.
        if self.installation.major >= 18 {
            command.arg("--no-data-checksums");
        }
        self.program.run_as.apply(&mut command);
        let output = command
            .output()
            .await
            .doing("run", &self.installation.bin.join("initdb"))?;
        files::remove_file(&password)?;
        if output.status.success() {
            return Ok(());
        }
        Err(EngineError::Program {
            program: "initdb".into(),
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// Runs the scripts on the draft's server.
    async fn prepare(&self, server: &mut Postmaster, secret: &Secret) -> Result<(), EngineError> {
        server.wait_ready("starting", self.program.patience).await?;
        let socket = self.layout.socket(BUILD_NUMBER, 0);
        let mut connection = Wire::open(&socket, SUPERUSER, secret.expose(), &[]).await?;
        for script in self.scripts {
            connection
                .run(script.sql, DEFAULT_RESULT_BYTES)
                .await
                .map_err(|source| EngineError::Bootstrap {
                    script: script.name.to_owned(),
                    source,
                })?;
        }
        // `drop database` cannot run in the one transaction that a batch is.
        for statement in TRIM.split_terminator(";\n") {
            connection.run(statement, DEFAULT_RESULT_BYTES).await?;
        }
        connection.close().await;
        Ok(())
    }
}

/// Removes the log before the final checkpoint, and segments that were made ahead.
fn trim_log(data: &Path) -> Result<(), EngineError> {
    let control = Control::read(data)?;
    if !control.shut_down {
        return Err(std::io::Error::other("the server did not end cleanly")).doing("use", data);
    }
    let needed = segment_name(control.timeline, control.redo.segment());
    let wal = data.join("pg_wal");
    for name in Listing::read(&wal)?.files {
        if name
            .to_str()
            .is_some_and(|name| timeline::is_kept(name) && name != needed)
        {
            files::remove_file(&wal.join(name))?;
        }
    }
    Ok(())
}
