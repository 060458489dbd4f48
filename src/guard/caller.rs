//! Who calls, and how the user behind the client can be asked.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Progress;

/// Who calls: what an approval is bound to, and what the journal names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal(String);

impl Principal {
    /// The operating-system user whose process talks to the server's own.
    pub fn os_user() -> Self {
        Self(format!("os-user:{}", rustix::process::geteuid().as_raw()))
    }

    /// Everybody who reaches the server on loopback without authentication.
    pub fn loopback() -> Self {
        Self("loopback".to_owned())
    }

    /// Drydock itself.
    pub(super) fn drydock() -> Self {
        Self("drydock".to_owned())
    }

    /// As it is stored and journalled.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A question to the user behind the client: yes or no.
#[derive(Debug, Clone)]
pub struct Question {
    /// What is asked, composed by the server from facts.
    pub message: String,
    /// For how long the call waits for the answer.
    pub patience: Duration,
    /// What the client returns with its answer, where it answers by calling again.
    pub handle: String,
}

/// What the user said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Neither: put aside, not shown, not understood, too late.
    Nothing,
}

/// A question on its way to the user, and where the answer goes.
pub type Put = (Question, oneshot::Sender<Said>);

/// How the user behind the client can be asked.
#[derive(Debug, Clone, Default)]
pub enum Asking {
    /// Not at all.
    #[default]
    Never,
    /// While the call waits.
    Meanwhile(mpsc::UnboundedSender<Put>),
    /// By ending the call with the question; the client answers by calling again.
    ByCallingAgain,
}

/// The answer to the question that an earlier call ended with.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The question's handle, as the client returns it: it may be anything.
    pub handle: String,
    /// What the user said.
    pub said: Said,
}

/// Who calls, and what they can be told and asked.
#[derive(Clone)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// Where progress goes.
    pub progress: Progress,
    /// How their user can be asked.
    pub asking: Asking,
    /// The answer that came with the call.
    pub reply: Option<Reply>,
}

impl Caller {
    /// Somebody who takes no progress and can be asked nothing.
    pub fn new(principal: Principal) -> Self {
        Self {
            principal,
            progress: Progress::default(),
            asking: Asking::default(),
            reply: None,
        }
    }
}
