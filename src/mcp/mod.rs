//! The MCP server: tools and prompts over stdio or streamable HTTP, through the same pipeline.
//!
//! The handler is written by hand over the catalogue, so that there is one place where a call
//! becomes a grant. `initialize` and every listing are answered from memory: the platform is
//! reached by the first call that needs it.

mod answers;
mod asking;
mod claimed;
mod handler;
mod http;
mod narrowing;
mod resources;
mod sessions;
mod stdio;
mod watch;

pub use handler::{Server, listed_tools};
pub use http::{HttpSettings, serve_http, serve_http_on};
pub use stdio::{serve_stdio, serve_stream};
pub use watch::{Serving, Stopped, Watch, WatchedAnswer, WatchedCall};
