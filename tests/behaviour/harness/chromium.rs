//! Chromium without a screen, driven over its own pipe: messages in JSON, a zero byte after each.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::processes::PATIENCE;

/// What Chromium is called.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A browser with one page. Ends with this value.
pub(crate) struct Chromium {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    profile: PathBuf,
    session: Option<String>,
    number: u64,
    /// How often a page has loaded, and nobody has waited for it yet.
    loaded: usize,
}

/// The program, if the machine has it.
fn program() -> Option<&'static str> {
    NAMES.into_iter().find(|name| {
        let said = std::process::Command::new(name).arg("--version").output();
        said.is_ok_and(|output| output.status.success())
    })
}

impl Chromium {
    /// Starts it; nothing where there is none.
    pub(crate) async fn start() -> Option<Self> {
        let program = program()?;
        let profile =
            std::env::temp_dir().join(format!("drydock-chromium-{:016x}", rand::random::<u64>()));
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >&2", program])
            .args(["--headless=new", "--remote-debugging-pipe", "--disable-gpu"])
            .args([
                "--no-first-run",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
            ])
            // As root it has no sandbox; all that it opens here is this machine's own.
            .args(
                rustix::process::geteuid()
                    .is_root()
                    .then_some("--no-sandbox"),
            )
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut browser = Self {
            child,
            to,
            from: BufReader::new(from),
            profile,
            session: None,
            number: 0,
            loaded: 0,
        };
        let target = browser
            .ask("Target.createTarget", json!({ "url": "about:blank" }))
            .await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.ask("Target.attachToTarget", attach).await;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser.ask("Page.enable", json!({})).await;
        Some(browser)
    }

    /// Opens an address, and waits until it has loaded.
    pub(crate) async fn open(&mut self, url: &str) {
        self.loaded = 0;
        let opened = self.ask("Page.navigate", json!({ "url": url })).await;
        assert!(opened["errorText"].is_null(), "{opened}");
        self.until_loaded().await;
    }

    /// Fills fields in, by name, presses a button, by its value, and waits for the next page.
    pub(crate) async fn submit(&mut self, fields: &[(&str, &str)], button: &str) {
        let mut script = String::new();
        for (name, value) in fields {
            script.push_str(&format!(
                "document.querySelector('input[name={name}]').value = {};",
                json!(value)
            ));
        }
        script.push_str(&format!(
            "document.querySelector('button[value={button}]').click()"
        ));
        self.loaded = 0;
        self.run(&script).await;
        self.until_loaded().await;
    }

    /// What the page says.
    pub(crate) async fn text(&mut self) -> String {
        let text = self.run("document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Runs a script in the page, past its policy. Gives its value.
    pub(crate) async fn run(&mut self, script: &str) -> Value {
        let done = self
            .ask(
                "Runtime.evaluate",
                json!({ "expression": script, "returnByValue": true }),
            )
            .await;
        assert!(done["exceptionDetails"].is_null(), "{script}: {done}");
        done["result"]["value"].clone()
    }

    async fn until_loaded(&mut self) {
        while self.loaded == 0 {
            self.hear().await;
        }
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).await.unwrap();
        self.to.flush().await.unwrap();
        loop {
            let heard = self.hear().await;
            if heard["id"] == self.number {
                assert!(heard["error"].is_null(), "{method}: {heard}");
                return heard["result"].clone();
            }
        }
    }

    async fn hear(&mut self) -> Value {
        let mut bytes = Vec::new();
        timeout(PATIENCE, self.from.read_until(0, &mut bytes))
            .await
            .expect("the browser says nothing")
            .unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser has ended");
        let heard: Value = serde_json::from_slice(&bytes).unwrap();
        match heard["method"].as_str() {
            Some("Page.loadEventFired") => self.loaded += 1,
            Some("Page.javascriptDialogOpening") => panic!("a script ran: {heard}"),
            _ => {}
        }
        heard
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        // Its own children may still write.
        super::processes::until_blocking(|| {
            let _ = self.child.try_wait();
            std::fs::remove_dir_all(&self.profile).is_ok() || !self.profile.exists()
        });
    }
}
