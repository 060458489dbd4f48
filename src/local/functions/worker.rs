//! One process of one version of one function: started, asked, ended.
//!
//! ```text
//! spawned ─► says its nonce: ready ─► asked, several requests at once ─► ended
//!    └ ended or silent: did not boot       └ over its time or memory ─────┘
//! ```

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use rustix::process::Pid;
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::sync::CancellationToken;

use super::error::{Doing, FunctionError};
use super::voice::{Utterance, Voice};
use super::{Functions, bundle, config_path, confine, url_of};
use crate::chance;
use crate::local::registry::StoredFunction;

/// How long a function may take until it is ready.
const BOOT: Duration = Duration::from_secs(20);
/// How much processor time a request may take, as on the platform.
const PROCESSOR: Duration = Duration::from_secs(2);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// V8's own limit on its heap, in MB, as on the platform.
const HEAP: u32 = 256;
/// The platform's limits on what a function says: characters of a line, and lines in a while.
const LINE: usize = 10_000;
const LINES: u32 = 100;
const WHILE: Duration = Duration::from_secs(10);
/// What no function reaches: the addresses of a machine's own metadata, and every interface at once.
const UNREACHABLE: &str =
    "169.254.169.254,169.254.170.2,metadata.google.internal,[fd00:ec2::254],0.0.0.0,[::]";

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// By itself, or by an error that nobody caught.
    Own,
    /// It used more memory than it may.
    Memory,
    /// It was told to.
    Told,
}

/// A process that is ready.
pub(super) struct Worker {
    /// What it serves: another version, or other secrets, need another process.
    pub(super) stamp: String,
    http: reqwest::Client,
    pid: Pid,
    ended: watch::Receiver<Option<Ending>>,
    /// When it was asked last, and how many requests it works on.
    usage: Mutex<(Instant, u32)>,
    stop: CancellationToken,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// One request that a process works on.
pub(super) struct Turn(Arc<Worker>);

impl Drop for Turn {
    fn drop(&mut self) {
        let mut usage = self.0.usage();
        *usage = (Instant::now(), usage.1.saturating_sub(1));
    }
}

/// Why a process is not there.
pub(super) enum NotBooted {
    /// The function's own doing; in its own words.
    Function(String),
    /// Ours.
    Platform(FunctionError),
}

impl From<FunctionError> for NotBooted {
    fn from(error: FunctionError) -> Self {
        Self::Platform(error)
    }
}

impl Worker {
    /// Whether it has not ended.
    pub(super) fn is_alive(&self) -> bool {
        self.ended.borrow().is_none()
    }

    /// How it ended, once it has.
    pub(super) async fn ending(&self) -> Ending {
        let mut ended = self.ended.clone();
        let ending = ended.wait_for(Option::is_some).await;
        ending
            .ok()
            .and_then(|ending| *ending)
            .unwrap_or(Ending::Own)
    }

    /// Ends it, whatever it works on.
    pub(super) fn end(&self) {
        self.stop.cancel();
    }

    /// Since when it has had nothing to do; `None` while it has.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let (last, running) = *self.usage();
        (running == 0).then_some(last)
    }

    fn usage(&self) -> std::sync::MutexGuard<'_, (Instant, u32)> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a request.
    pub(super) fn begin(self: &Arc<Self>) -> Turn {
        self.usage().1 += 1;
        Turn(Arc::clone(self))
    }

    /// Answers when the process has used more processor time, from now on, than its requests may.
    /// Never where the system does not say how much it has used.
    pub(super) async fn overworked(&self) {
        let Some(before) = processor_time(self.pid) else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(LOOK).await;
            let requests = self.usage().1.max(1);
            let used = processor_time(self.pid).unwrap_or_default();
            if used.saturating_sub(before) > PROCESSOR * requests {
                return;
            }
        }
    }

    /// The client that reaches it.
    pub(super) fn http(&self) -> &reqwest::Client {
        &self.http
    }
}

/// The processor time that a process has used, where `/proc` tells.
fn processor_time(pid: Pid) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The second field is a name in parentheses, and may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u32>().ok();
    let ticks = next()?.saturating_add(next()?);
    let a_second = u32::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    Some(Duration::from_secs(1) * ticks / a_second.max(1))
}

impl Functions {
    /// Starts a process of a function, and waits until it is ready.
    pub(super) async fn boot(
        &self,
        function: &StoredFunction,
        variables: &BTreeMap<String, String>,
        stamp: String,
    ) -> Result<Arc<Worker>, NotBooted> {
        let started = Instant::now();
        let voice = Voice::of(function, &self.logs);
        let socket = self.sockets.join(chance::unseen_hex::<8>());
        let nonce = chance::unseen_hex::<16>();
        let mut command = self.command(function, variables, &socket, &nonce).await?;
        let mut child = command.spawn().doing("run", &self.home)?;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let pid = pid
            .ok_or_else(|| std::io::Error::other("it ended at once"))
            .doing("run", &self.home)?;
        let told = tokio::time::timeout(BOOT, tell(child.stdin.take(), variables)).await;
        let stdin = told
            .unwrap_or_else(|late| Err(late.into()))
            .doing("tell", &self.home)?;
        let (ready, mut is_ready) = mpsc::channel(1);
        let (last_words, words) = oneshot::channel();
        let source = bundle::place(&self.bundles(), &function.digest).join("source");
        let place = format!("{}/", url_of(&source));
        if let (Some(out), Some(errors)) = (child.stdout.take(), child.stderr.take()) {
            tokio::spawn(listen(
                out,
                voice.clone(),
                Some((nonce, ready)),
                None,
                place.clone(),
            ));
            tokio::spawn(listen(errors, voice.clone(), None, Some(last_words), place));
        }
        let stop = CancellationToken::new();
        let (end, mut ended) = watch::channel(None);
        tokio::spawn(watch_over(
            (child, stdin),
            stop.clone(),
            end,
            voice.clone(),
            socket.clone(),
        ));
        let guard = stop.clone().drop_guard();
        let booted = tokio::select! {
            biased;
            Some(()) = is_ready.recv() => true,
            _ = ended.wait_for(Option::is_some) => false,
            () = tokio::time::sleep(BOOT) => {
                return Err(NotBooted::Function(format!(
                    "it was not ready within {} seconds",
                    BOOT.as_secs()
                )));
            }
        };
        if !booted {
            return Err(NotBooted::Function(words.await.unwrap_or_default()));
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .unix_socket(socket)
            .build()
            .map_err(std::io::Error::other)
            .doing("reach", &self.home)?;
        voice.say(&Utterance::Boot(started.elapsed()));
        Ok(Arc::new(Worker {
            stamp,
            http,
            pid,
            ended,
            usage: Mutex::new((Instant::now(), 0)),
            stop: guard.disarm(),
        }))
    }

    async fn command(
        &self,
        function: &StoredFunction,
        variables: &BTreeMap<String, String>,
        socket: &std::path::Path,
        nonce: &str,
    ) -> Result<Command, FunctionError> {
        let deno = self.deno().await?;
        let source = bundle::place(&self.bundles(), &function.digest).join("source");
        let config = config_path(&source, function.import_map.as_deref());
        let names: Vec<&str> = variables.keys().map(String::as_str).collect();
        let mut command = Command::new(ourselves()?);
        command
            .arg(confine::WORD)
            .arg(std::process::id().to_string())
            .arg(&deno)
            .args([
                "run",
                "--quiet",
                "--no-prompt",
                "--cached-only",
                "--no-lock",
            ])
            .arg("--node-modules-dir=none")
            .arg(format!("--config={}", config.display()))
            .arg("--allow-net")
            .arg(format!("--deny-net={UNREACHABLE}"))
            .arg(format!("--allow-env={}", names.join(",")))
            .arg("--ignore-env")
            .arg(format!(
                "--allow-read={},{}",
                source.display(),
                socket.display()
            ))
            .arg(format!("--allow-write={}", socket.display()))
            .arg(format!("--v8-flags=--max-old-space-size={HEAP}"))
            .arg(self.home.join("bootstrap.js"))
            .arg(url_of(&source.join(&function.entrypoint)))
            .arg(socket)
            .arg(nonce)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            // A terminal's interrupt reaches only us.
            .process_group(0);
        self.scrub(&mut command);
        self.run_as.apply(&mut command);
        Ok(command)
    }
}

/// This program, as a process of another user can run it: by what it is, not by where it lies.
fn ourselves() -> Result<PathBuf, FunctionError> {
    if cfg!(target_os = "linux") {
        return Ok(PathBuf::from("/proc/self/exe"));
    }
    std::env::current_exe().doing("find", std::path::Path::new("this program"))
}

/// Hands a process its variables.
async fn tell(
    stdin: Option<ChildStdin>,
    variables: &BTreeMap<String, String>,
) -> std::io::Result<Option<ChildStdin>> {
    let Some(mut stdin) = stdin else {
        return Ok(None);
    };
    let mut line = serde_json::to_vec(variables)?;
    line.push(b'\n');
    match stdin.write_all(&line).await {
        // It has ended already, and says why in its own words.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(None),
        written => written.map(|()| Some(stdin)),
    }
}

/// Waits for a process's end, and brings it about if that is asked for.
async fn watch_over(
    // The pipe is held open for as long as the process may live: its end is what it takes for ours.
    (mut child, _stdin): (Child, Option<ChildStdin>),
    stop: CancellationToken,
    end: watch::Sender<Option<Ending>>,
    voice: Voice,
    socket: PathBuf,
) {
    let ending = tokio::select! {
        status = child.wait() => status.map_or(Ending::Own, ending_of),
        () = stop.cancelled() => {
            if let Err(error) = child.kill().await {
                tracing::debug!(%error, "a function had ended before it was told to");
            }
            Ending::Told
        }
    };
    // Gone already, if it never listened.
    let _ = std::fs::remove_file(&socket);
    voice.say(&Utterance::Shutdown(format!("{ending:?}")));
    end.send_replace(Some(ending));
}

fn ending_of(status: ExitStatus) -> Ending {
    match status.signal() {
        // V8 gives up by one of several when memory ends.
        Some(_) => Ending::Memory,
        None => Ending::Own,
    }
}

/// Passes on what a process says, as far as the platform's limits go. The last words that went to
/// standard error are kept for whoever wants to know why it ended.
async fn listen(
    from: impl AsyncRead + Unpin,
    voice: Voice,
    mut nonce: Option<(String, mpsc::Sender<()>)>,
    last_words: Option<oneshot::Sender<String>>,
    place: String,
) {
    let level = if last_words.is_some() {
        "error"
    } else {
        "info"
    };
    let mut lines = FramedRead::new(from, LinesCodec::new_with_max_length(LINE));
    let (mut since, mut count) = (Instant::now(), 0);
    let mut kept = String::new();
    while let Some(line) = lines.next().await {
        let mut text = match line {
            Ok(text) => text,
            Err(LinesCodecError::MaxLineLengthExceeded) => {
                format!("(a line of more than {LINE} characters was dropped)")
            }
            Err(LinesCodecError::Io(_)) => break,
        };
        if let Some((_, ready)) = nonce.take_if(|(nonce, _)| *nonce == text) {
            // Nobody waits any more if it took too long.
            let _ = ready.try_send(());
            continue;
        }
        if text.is_empty() {
            continue;
        }
        // Where its files lie on this machine is nobody's business.
        text = text.replace(&place, "");
        if last_words.is_some() && kept.len() < LINE {
            kept.push_str(&text);
            kept.push('\n');
        }
        if since.elapsed() >= WHILE {
            (since, count) = (Instant::now(), 0);
        }
        count += 1;
        if count > LINES {
            continue;
        }
        if count == LINES {
            text = format!(
                "(more than {LINES} lines in {} seconds: the rest is dropped)",
                WHILE.as_secs()
            );
        }
        voice.say(&Utterance::Line { level, text });
    }
    if let Some(last_words) = last_words {
        // Nobody asks about one that was ready.
        let _ = last_words.send(kept);
    }
}
