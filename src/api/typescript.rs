//! TypeScript types, generated from a database.

use serde::{Deserialize, Serialize};

use super::endpoint::endpoints;
use super::reference::Ref;

/// Which schemas.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TypescriptQuery {
    /// Their names with commas between them; `public` without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub included_schemas: Option<String>,
}

/// A TypeScript module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TypescriptTypes {
    /// Its text: the type `Database`, and helpers over it.
    pub types: String,
}

endpoints! {
    /// The types of a project's or a branch's database.
    GenerateTypescriptTypes: Looks GET "/v1/projects/{ref}/types/typescript" (Ref) ? TypescriptQuery => 200 TypescriptTypes, needs "database_read";
}
