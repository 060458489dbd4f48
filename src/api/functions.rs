//! Edge Functions: what is deployed, its sources, and deploying.
//!
//! A deployment travels as a form: one part `metadata`, and one part `file` for each source, whose
//! file name is its path. So do a function's sources on the way back.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::endpoint::endpoints;
use super::multipart::{Multipart, Part};
use super::reference::Ref;

/// Whether a function answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FunctionStatus {
    /// It does.
    Active,
    /// It has been taken away.
    Removed,
    /// It answers some of its callers.
    Throttled,
}

/// A deployed function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its UUID, the same in every version.
    pub id: String,
    /// What it is called by: letters, digits, `-` and `_`, a letter first.
    pub slug: String,
    /// For people.
    pub name: String,
    /// Whether it answers.
    pub status: FunctionStatus,
    /// Counted up by every deployment, from 1.
    pub version: u32,
    /// When it was deployed first; milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// When it was changed last; milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
    /// Whether a caller needs a JSON web token that the project has signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_jwt: Option<bool>,
    /// Whether it has an import map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_map: Option<bool>,
    /// Where it begins, as a `file:` URL on the machine that runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint_path: Option<String>,
    /// Its import map, in the same form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_map_path: Option<String>,
    /// The SHA-256 of what is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ezbr_sha256: Option<String>,
}

/// A function's creation and change, as they are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DeployQuery {
    /// The function; made if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// Whether to compile and not to switch over: [`UpdateFunctions`] does that for several at once.
    #[serde(
        default,
        rename = "bundleOnly",
        skip_serializing_if = "Option::is_none"
    )]
    pub bundle_only: Option<bool>,
}

/// What a deployment says of its files.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DeployMetadata {
    /// The file that it begins with.
    pub entrypoint_path: String,
    /// The import map, a file of the deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_map_path: Option<String>,
    /// Files that are read when it runs and imported by none, as patterns: `assets/*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub static_patterns: Option<Vec<String>>,
    /// Whether a caller needs a token; yes for a new function without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_jwt: Option<bool>,
    /// For people; the slug without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One file of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct SourceFile {
    /// Its path, relative and with `/`.
    pub path: String,
    /// What it holds.
    pub content: Bytes,
}

/// The published description shows a file by its content alone.
impl From<String> for SourceFile {
    fn from(content: String) -> Self {
        Self {
            path: String::new(),
            content: content.into(),
        }
    }
}

impl From<SourceFile> for String {
    fn from(file: SourceFile) -> Self {
        String::from_utf8_lossy(&file.content).into_owned()
    }
}

/// A function to deploy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deployment {
    /// What it says of its files.
    pub metadata: DeployMetadata,
    /// The files.
    #[serde(default)]
    pub file: Vec<SourceFile>,
}

impl Multipart for Deployment {
    fn to_parts(&self) -> Result<Vec<Part>, String> {
        let metadata = serde_json::to_vec(&self.metadata).map_err(|error| error.to_string())?;
        let mut parts = vec![Part {
            name: "metadata".to_owned(),
            filename: None,
            content_type: "application/json",
            content: metadata.into(),
        }];
        parts.extend(self.file.iter().map(file_part));
        Ok(parts)
    }

    fn from_parts(parts: Vec<Part>) -> Result<Self, String> {
        let mut metadata = None;
        let mut file = Vec::new();
        for part in parts {
            match part.name.as_str() {
                "metadata" => {
                    let read = serde_json::from_slice(&part.content)
                        .map_err(|error| format!("metadata cannot be read: {error}"))?;
                    metadata = Some(read);
                }
                "file" => file.push(SourceFile {
                    path: part.filename.ok_or("a file has no name")?,
                    content: part.content,
                }),
                other => return Err(format!("there is no field {other}")),
            }
        }
        Ok(Self {
            metadata: metadata.ok_or("metadata is missing")?,
            file,
        })
    }
}

/// A function's sources.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FunctionBody {
    /// The files.
    #[serde(default)]
    pub files: Vec<SourceFile>,
}

impl Multipart for FunctionBody {
    fn to_parts(&self) -> Result<Vec<Part>, String> {
        Ok(self.files.iter().map(file_part).collect())
    }

    fn from_parts(parts: Vec<Part>) -> Result<Self, String> {
        let files = parts
            .into_iter()
            .filter_map(|part| {
                Some(SourceFile {
                    path: part.filename?,
                    content: part.content,
                })
            })
            .collect();
        Ok(Self { files })
    }
}

fn file_part(file: &SourceFile) -> Part {
    Part {
        name: "file".to_owned(),
        filename: Some(file.path.clone()),
        content_type: "application/octet-stream",
        content: file.content.clone(),
    }
}

/// A function of one file, as older clients make it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateFunctionBody {
    /// What it is called by.
    pub slug: String,
    /// For people.
    pub name: String,
    /// Its source.
    pub body: String,
    /// Whether a caller needs a token; yes without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_jwt: Option<bool>,
}

/// What can be changed of a function without deploying it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UpdateFunctionBody {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its source, for a function of one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Whether a caller needs a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_jwt: Option<bool>,
}

/// Several functions that were changed at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Functions {
    /// As they are now.
    pub functions: Vec<Function>,
}

endpoints! {
    /// Lists a project's functions.
    ListFunctions: Looks GET "/v1/projects/{ref}/functions" (Ref) => 200 Vec<Function>, needs "edge_functions_read";
    /// One function.
    GetFunction: Looks GET "/v1/projects/{ref}/functions/{function_slug}" ((Ref, String)) => 200 Function, needs "edge_functions_read";
    /// A function's sources.
    GetFunctionBody: Looks GET "/v1/projects/{ref}/functions/{function_slug}/body" ((Ref, String)) => 200 FunctionBody as Form, needs "edge_functions_read";
    /// Deploys a function: a new version, or a new function.
    DeployFunction: WritesBranch POST "/v1/projects/{ref}/functions/deploy" (Ref) ? DeployQuery { Deployment as Form } => 201 Function, needs "edge_functions_write";
    /// Makes a function of one file.
    CreateFunction: WritesBranch POST "/v1/projects/{ref}/functions" (Ref) { CreateFunctionBody } => 201 Function, needs "edge_functions_write";
    /// Changes a function without deploying it.
    UpdateFunction: WritesBranch PATCH "/v1/projects/{ref}/functions/{function_slug}" ((Ref, String)) { UpdateFunctionBody } => 200 Function, needs "edge_functions_write";
    /// Switches several functions over to what was compiled for them.
    UpdateFunctions: WritesBranch PUT "/v1/projects/{ref}/functions" (Ref) { Vec<Function> } => 200 Functions, needs "edge_functions_write";
    /// Deletes a function.
    DeleteFunction: WritesBranch DELETE "/v1/projects/{ref}/functions/{function_slug}" ((Ref, String)) => 200 (), needs "edge_functions_write";
}
