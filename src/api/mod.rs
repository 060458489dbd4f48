//! The Management API as types.
//!
//! Each [`Endpoint`] is declared once, in the file of its domain, and used by the [`Client`], by
//! the local platform's routes and by the contract tests. Facts about shapes and statuses come
//! from the platform's published description of its API.
//!
//! Who may call what is part of the declaration: an endpoint that only looks needs a client, one
//! that changes a branch needs a proven [`DevBranch`], one that reaches production needs a
//! [`ReleasePermit`].

pub mod actions;
pub mod advisors;
pub mod backups;
pub mod billing;
pub mod branches;
pub mod claim_tokens;
mod client;
pub mod config;
pub mod database;
mod dev_branch;
pub(crate) mod endpoint;
mod error;
mod exchange;
pub mod functions;
mod invoke;
pub mod keys;
pub mod logs;
mod meter;
pub mod migrations;
pub(crate) mod multipart;
pub mod oauth;
pub mod organizations;
mod pace;
pub mod pooler;
pub mod project_config;
pub mod projects;
mod reference;
pub mod restore_points;
pub mod secrets;
pub mod storage;
pub mod typescript;
pub mod usage;

pub use client::{Client, Locator, Place, ReleasePermit};
pub use dev_branch::{DevBranch, Unproven, Which};
pub use endpoint::{Access, Endpoint, Looks, PathParams, Releases, WritesBranch};
pub use error::{ApiError, ErrorBody};
pub use invoke::{Invocation, Invoked};
pub use meter::{CALL_HEADER, Meter};
pub use multipart::Form;
pub use projects::project_url;
pub use reference::{NotARef, Ref};
