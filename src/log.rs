//! The log: what is written to standard error, or to a platform's file, at every level and by every
//! crate, goes through the redactor. A panic is a line of the log like any other.

use std::fs::File;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::Mutex;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::fence;
#[cfg(feature = "otel")]
use crate::otel::Export;

/// The log of a process, and the spans that it exports.
#[must_use]
pub struct Log {
    #[cfg(feature = "otel")]
    export: Option<Export>,
}

impl Log {
    /// Sends off what has gathered. Not within the runtime: it waits.
    pub fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(export) = self.export {
            export.end();
        }
    }
}

/// Starts the log, into `file` or to standard error: standard output is the wire. `DRYDOCK_LOG`
/// chooses what is logged, as in `drydock=debug`.
pub fn start(file: Option<File>) -> Result<Log, String> {
    let filter = match EnvFilter::try_from_env("DRYDOCK_LOG") {
        // rmcp's louder levels write down what clients send, before anybody knows what in it is a
        // secret.
        Ok(filter) => quieted(filter, "rmcp=warn"),
        Err(_) => EnvFilter::new("warn,drydock=info,rmcp=error"),
    };
    // For traces: in front of every line they would say more than the line.
    let filter = quieted(filter, "drydock::spans=off");
    let writer = match file {
        Some(file) => BoxMakeWriter::new(Clean(Mutex::new(file))),
        None => BoxMakeWriter::new(Clean(io::stderr)),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(writer)
        .with_filter(filter);
    let registry = tracing_subscriber::registry().with(lines);
    #[cfg(not(feature = "otel"))]
    let log = Log {};
    #[cfg(feature = "otel")]
    let log = Log {
        export: Export::from_environment()?,
    };
    #[cfg(feature = "otel")]
    let registry = registry.with(log.export.as_ref().map(Export::layer));
    registry.init();
    std::panic::set_hook(Box::new(log_panic));
    Ok(log)
}

fn quieted(filter: EnvFilter, directive: &str) -> EnvFilter {
    match directive.parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}

/// What `inner` makes, behind the redactor.
struct Clean<M>(M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Clean<M> {
    type Writer = CleanWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        CleanWriter(self.0.make_writer())
    }
}

/// Cleans what is written. An event comes in one piece, so nothing is cut in two here.
struct CleanWriter<W>(W);

impl<W: Write> Write for CleanWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let clean = fence::plain(&String::from_utf8_lossy(line));
        self.0.write_all(clean.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(ToString::to_string);
    tracing::error!(place, "panic: {message}");
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::panic::catch_unwind;
    use std::sync::{Arc, Mutex, PoisonError};

    use tracing_subscriber::fmt::MakeWriter;

    use super::{Clean, log_panic};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write(line)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_panic_is_logged_without_its_secrets() {
        let secret = "sb_secret_canary0123456789";
        let lines = Lines::default();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(Clean(lines.clone()))
            .finish();
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));
        let ended = tracing::subscriber::with_default(log, || {
            catch_unwind(|| panic!("cannot use {secret} here\u{202e}"))
        });
        std::panic::set_hook(hook);
        assert!(ended.is_err());
        let lines = lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = String::from_utf8_lossy(&lines);
        assert!(
            lines.contains("panic: cannot use sb_secret_[redacted] here\\u{202e}"),
            "{lines}"
        );
        assert!(
            lines.contains("src/log.rs") && !lines.contains("canary"),
            "{lines}"
        );
    }
}
