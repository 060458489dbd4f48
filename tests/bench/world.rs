//! The scratch directory, the local platform in it, and what the system says of a process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::Failure;

/// The binary that is measured.
pub(crate) const DRYDOCK: &str = env!("CARGO_BIN_EXE_drydock");
/// How long anything may take before a benchmark gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// A data directory with its platform, and a bare connection to that platform.
pub(crate) struct World {
    /// The data directory.
    pub(crate) dir: PathBuf,
    /// Whether there is time for what takes long.
    pub(crate) full: bool,
    /// A plain HTTP client whose connections are kept alive.
    pub(crate) http: reqwest::Client,
    platform: Child,
    base: String,
    token: String,
}

/// The binary, with none of the shell's own settings.
pub(crate) fn program() -> Command {
    let mut command = Command::new(DRYDOCK);
    for (name, _) in std::env::vars_os() {
        let ours = name.to_string_lossy();
        // Where PostgreSQL and Deno are stays a matter of the machine.
        let places = ["DRYDOCK_POSTGRES_BIN", "DRYDOCK_DENO", "DRYDOCK_TOOLS"];
        if (ours.starts_with("DRYDOCK_") && !places.contains(&&*ours))
            || ours == "SUPABASE_ACCESS_TOKEN"
        {
            command.env_remove(&name);
        }
    }
    command
}

/// A command of the binary on a data directory.
pub(crate) fn drydock(arguments: &[&str], data_dir: &Path) -> Command {
    let mut command = program();
    command
        .args(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

impl World {
    pub(crate) async fn open(full: bool) -> Result<Self, Failure> {
        // Fails only when another provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let name = format!("drydock-bench-{:08x}", rand::random::<u32>());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir)?;
        // PostgreSQL's own user passes through.
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o711))?;
        let (platform, base, token) = start(&dir).await?;
        Ok(Self {
            dir,
            full,
            http: reqwest::Client::builder().tcp_nodelay(true).build()?,
            platform,
            base,
            token,
        })
    }

    /// Starts the platform again; answers how long that took.
    pub(crate) async fn start(&mut self) -> Result<Duration, Failure> {
        let begun = Instant::now();
        (self.platform, self.base, self.token) = start(&self.dir).await?;
        Ok(begun.elapsed())
    }

    /// Ends the platform with every database server, cleanly.
    pub(crate) async fn stop(&mut self) -> Result<(), Failure> {
        drydock(&["platform", "--stop"], &self.dir).status().await?;
        self.platform.wait().await?;
        Ok(())
    }

    /// Kills the platform and every database server.
    pub(crate) async fn kill_everything(&mut self) -> Result<(), Failure> {
        self.platform.kill().await?;
        for (_, pid) in self.servers()? {
            let pid = rustix::process::Pid::from_raw(pid.cast_signed()).ok_or("no process")?;
            // Some end with their postmaster.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        Ok(())
    }

    /// Ends the platform and removes every file.
    pub(crate) async fn close(mut self) -> Result<(), Failure> {
        self.stop().await?;
        Ok(fs::remove_dir_all(&self.dir)?)
    }

    /// How often something is done: `short` times, or ten times that with `--full`.
    pub(crate) fn runs(&self, short: usize) -> usize {
        if self.full { short * 10 } else { short }
    }

    /// A bare call of the platform.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Failure> {
        let method = reqwest::Method::from_bytes(method.as_bytes())?;
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, bytes) = (response.status(), response.bytes().await?);
        if !status.is_success() {
            let words = String::from_utf8_lossy(&bytes);
            return Err(format!("{path}: {status}: {words}").into());
        }
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// A bare query, as the branch's or the project's own role.
    pub(crate) async fn query(&self, reference: &str, sql: &str) -> Result<Value, Failure> {
        let path = format!("/v1/projects/{reference}/database/query");
        self.call("POST", &path, Some(json!({ "query": sql })))
            .await
    }

    /// A project, made by the platform alone, and how long it took to be healthy.
    pub(crate) async fn project(&self, name: &str) -> Result<(String, Duration), Failure> {
        let begun = Instant::now();
        let body =
            json!({ "name": name, "organization_slug": "local", "db_pass": "not used here" });
        let created = self.call("POST", "/v1/projects", Some(body)).await?;
        let reference = created["id"].as_str().unwrap_or_default().to_owned();
        while begun.elapsed() < PATIENCE {
            let path = format!("/v1/projects/{reference}");
            let project = self.call("GET", &path, None).await?;
            if project["status"] == "ACTIVE_HEALTHY" {
                return Ok((reference, begun.elapsed()));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err("the project did not become healthy".into())
    }

    pub(crate) async fn delete_project(&self, reference: &str) -> Result<(), Failure> {
        let path = format!("/v1/projects/{reference}");
        self.call("DELETE", &path, None).await.map(drop)
    }

    /// The ref of a project's DEV branch.
    pub(crate) async fn dev(&self, project: &str) -> Result<String, Failure> {
        let path = format!("/v1/projects/{project}/branches/DEV");
        let branch = self.call("GET", &path, None).await?;
        let reference = branch["project_ref"].as_str();
        Ok(reference.ok_or("the branch has no ref")?.to_owned())
    }

    /// Waits until the copy of a base for the next revert is on disk, and bases have been the same for so long.
    pub(crate) async fn until_bases_stay(&self, so_long: Duration) -> Result<(), Failure> {
        let (mut before, mut since) = (Vec::new(), Instant::now());
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let bases = self.bases()?;
            if bases != before {
                (before, since) = (bases, Instant::now());
            }
            let is_ready = before.iter().any(|name| name.ends_with(".spare"))
                && !before.iter().any(|name| name.ends_with(".draft"));
            if is_ready && since.elapsed() >= so_long {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err("no base was made".into())
    }

    /// The names of every cluster's bases on disk.
    fn bases(&self) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        for cluster in fs::read_dir(self.dir.join("platform/postgres/c"))?.flatten() {
            let bases = fs::read_dir(cluster.path().join("base")).into_iter();
            let found = bases.flatten().flatten();
            names.extend(found.map(|base| base.file_name().to_string_lossy().into_owned()));
        }
        names.sort();
        Ok(names)
    }

    /// The PostgreSQL processes of this world's clusters, by the directory they work in.
    pub(crate) fn servers(&self) -> Result<Vec<(PathBuf, u32)>, Failure> {
        let mut servers = Vec::new();
        for process in fs::read_dir("/proc")?.flatten() {
            let pid = process.file_name().to_string_lossy().parse::<u32>();
            let cwd = fs::read_link(process.path().join("cwd"));
            if let (Ok(pid), Ok(cwd)) = (pid, cwd)
                && cwd.starts_with(&self.dir)
            {
                servers.push((cwd, pid));
            }
        }
        Ok(servers)
    }

    /// The platform's own process.
    pub(crate) fn platform_pid(&self) -> Result<u32, Failure> {
        Ok(self.platform.id().ok_or("the platform has ended")?)
    }
}

/// Starts a platform; answers it with its address and its token.
async fn start(dir: &Path) -> Result<(Child, String, String), Failure> {
    let mut platform = drydock(&["platform"], dir).spawn()?;
    let line = first_line(&mut platform).await?;
    let ready: Value = serde_json::from_str(&line)
        .map_err(|error| format!("the platform did not start: {error}: {line}"))?;
    let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
    Ok((platform, text("api_url"), text("access_token")))
}

/// Lets the platform finish what it does in the background: people and agents do not launch one
/// project upon the other.
pub(crate) async fn rest() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}

/// The machine's load over the last minute: runnable processes, of everybody.
pub(crate) fn load() -> Result<f64, Failure> {
    first_number(&fs::read_to_string("/proc/loadavg")?)
}

/// The first line that a child prints.
pub(crate) async fn first_line(child: &mut Child) -> Result<String, Failure> {
    let stdout = child.stdout.take().ok_or("the child has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await??;
    Ok(line.ok_or("the child said nothing")?)
}

/// A process's share of memory in MB: `Pss` of its rollup.
pub(crate) fn proportional_memory(pid: u32) -> Result<f64, Failure> {
    kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

/// A process's resident memory in MB.
pub(crate) fn resident_memory(pid: u32) -> Result<f64, Failure> {
    kilobytes(&format!("/proc/{pid}/status"), "VmRSS:")
}

fn kilobytes(file: &str, key: &str) -> Result<f64, Failure> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no such line")?.parse::<f64>()? * 1024.0 / 1e6)
}

/// Processor time that a process has used, in seconds.
pub(crate) fn processor_time(pid: u32) -> Result<f64, Failure> {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))?;
    let mut nanoseconds = 0.0;
    for task in tasks.flatten() {
        let text = fs::read_to_string(task.path().join("schedstat"))?;
        nanoseconds += first_number(&text)?;
    }
    Ok(nanoseconds.max(first_number(&text)?) / 1e9)
}

fn first_number(text: &str) -> Result<f64, Failure> {
    let number = text.split_whitespace().next().ok_or("no number")?;
    Ok(number.parse()?)
}
