//! Both ends of the Management API against its published description.
//!
//! ```text
//! description  the description, an OpenAPI file that lies outside this repository
//! schema       whether a value fits a schema of it;  sample  values that do
//! declared     every endpoint of `drydock::api`: path, status, bodies, queries, replies
//!   sent       what a call of each can send
//! answers      every answer that the real local platform gives;  platform  that platform
//!   drive      calling it
//! catalogue    what MCP clients demand of a list of tools
//! ```
//!
//! The client and the local platform share their types, so they agree with each other whatever
//! the types say: only a third party shows that both are right. `DRYDOCK_OPENAPI` names the file;
//! without the variable the tests that need it say that they were skipped, and pass.

mod answers;
mod catalogue;
mod config;
mod declared;
mod description;
mod drive;
mod foreign;
mod functions;
mod platform;
mod sample;
mod schema;
mod sent;

/// What a step of a test fails with.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Fails with everything that was found, one to a line.
fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}
