//! A function's process before it is one: `drydock` itself, which ties its life to the platform's,
//! bounds what it may use, and then becomes Deno.
//!
//! The limits are set by the process on itself, so there is no moment at which it runs without.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{Resource, Rlimit, setrlimit};

/// The first argument of such a process; no command of the operator's is called so.
pub(super) const WORD: &str = "--confined";
/// Private memory, in bytes: what V8's own limit on its heap does not see counts too. Half of it is
/// what Deno itself reserves and does not touch.
const MEMORY: u64 = 1024 * 1024 * 1024;

/// Becomes what the arguments name, if they say that this is such a process.
pub fn confine(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let _own = arguments.next()?;
    if arguments.next()? != WORD {
        return None;
    }
    let parent: i32 = arguments.next()?.to_str()?.parse().ok()?;
    let program = arguments.next()?;
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        let tied = set_parent_process_death_signal(Some(Signal::KILL));
        // The platform may have died before that.
        if tied.is_err() || getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
            return Some(ExitCode::FAILURE);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
    let exactly = |limit| Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    let limited = setrlimit(Resource::Data, exactly(MEMORY))
        .and_then(|()| setrlimit(Resource::Core, exactly(0)));
    if limited.is_err() {
        return Some(ExitCode::FAILURE);
    }
    let error = Command::new(program).args(arguments).exec();
    eprintln!("Deno could not be run: {error}");
    Some(ExitCode::FAILURE)
}
