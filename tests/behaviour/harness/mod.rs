//! What tests stand on. Everything that is started here ends with the value that started it, also
//! when a test fails.

mod api;
mod browser;
mod chromium;
mod fingerprint;
mod http;
mod mcp;
#[path = "../../postgres.rs"]
mod postgres;
mod processes;
mod project;
mod relay;
mod world;

pub(crate) use api::{Api, http_client};
pub(crate) use browser::Browser;
pub(crate) use chromium::Chromium;
pub(crate) use fingerprint::fingerprint;
pub(crate) use http::{Http, exchange};
pub(crate) use mcp::{Mcp, User};
pub(crate) use postgres::chosen as chosen_postgres;
pub(crate) use processes::{is_alive, kill, until};
pub(crate) use project::{Project, codes, names, texts};
pub(crate) use relay::{Heard, Reaction, Relay};
pub(crate) use world::{World, templates};
