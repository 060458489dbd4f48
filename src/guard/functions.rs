//! Edge Functions: looking at them, and changing them on a branch.
//!
//! Nothing here reaches production: a merge does (see `carried`).

use serde_json::json;

use super::health::require_healthy;
use super::sources::{check_slug, checked, fill_in};
use super::{Code, Dev, Guard, Next, Read, Refusal};
use crate::api::functions::{
    DeleteFunction, DeployFunction, DeployQuery, Function, FunctionStatus, GetFunction,
    GetFunctionBody, ListFunctions, SourceFile, UpdateFunction, UpdateFunctionBody,
};

use crate::api::{ApiError, Ref};
use crate::fence::quote;
use crate::hex;

/// A function as it is shown.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
pub struct ShownFunction {
    /// What it is called by.
    pub slug: String,
    /// For people.
    pub name: String,
    /// active, removed or throttled.
    pub status: String,
    /// Counted up by every deployment.
    pub version: u32,
    /// Whether a caller needs a token.
    pub verify_jwt: bool,
    /// The file that it begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub entrypoint_path: Option<String>,
    /// Its import map.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub import_map_path: Option<String>,
}

/// One file of a function.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
pub struct ShownFile {
    /// Its path.
    pub name: String,
    /// What it holds.
    pub content: String,
}

/// What an agent wants deployed.
#[derive(Debug, Clone, Default)]
pub struct WantedFunction {
    /// What it is called by.
    pub name: String,
    /// The file that it begins with.
    pub entrypoint_path: String,
    /// Its import map; the one from before, or one among the files, without.
    pub import_map_path: Option<String>,
    /// Whether a caller needs a token; as before without, and yes for a new one.
    pub verify_jwt: Option<bool>,
    /// Files that are read when it runs.
    pub static_patterns: Vec<String>,
    /// Paths and contents.
    pub files: Vec<(String, String)>,
}

impl ShownFunction {
    fn of(function: Function) -> Self {
        let status = match function.status {
            FunctionStatus::Active => "active",
            FunctionStatus::Removed => "removed",
            FunctionStatus::Throttled => "throttled",
        };
        Self {
            slug: function.slug,
            name: function.name,
            status: status.to_owned(),
            version: function.version,
            verify_jwt: function.verify_jwt.unwrap_or(true),
            entrypoint_path: function.entrypoint_path.as_deref().map(own_path),
            import_map_path: function.import_map_path.as_deref().map(own_path),
        }
    }
}

/// A path without the directory that the platform unpacks a function to.
pub(super) fn own_path(path: &str) -> String {
    let path = match path.strip_prefix("file:///tmp/user_fn_") {
        Some(rest) => rest.split_once('/').map_or("", |(_, rest)| rest),
        None => path.strip_prefix("file://").unwrap_or(path),
    };
    path.strip_prefix("source/").unwrap_or(path).to_owned()
}

/// What tells two deployments of a function apart, on whichever branch they are.
pub(super) fn digest(function: &Function) -> String {
    let content = match &function.ezbr_sha256 {
        Some(digest) => digest.clone(),
        None => format!("{}:{:?}", function.version, function.updated_at),
    };
    let verify_jwt = function.verify_jwt.unwrap_or(true).to_string();
    hex::sha256_of([
        content.as_str(),
        function.name.as_str(),
        verify_jwt.as_str(),
    ])
}

impl Guard {
    /// The functions of a project or branch, by slug.
    pub(super) async fn functions_of(&self, reference: &Ref) -> Result<Vec<Function>, Refusal> {
        let listed = self
            .client()
            .look::<ListFunctions>(reference.clone(), &())
            .await;
        let mut functions = listed?;
        functions.retain(|function| function.status != FunctionStatus::Removed);
        functions.sort_by(|one, other| one.slug.cmp(&other.slug));
        Ok(functions)
    }

    pub(super) async fn function_of(
        &self,
        reference: &Ref,
        slug: &str,
    ) -> Result<Option<Function>, Refusal> {
        let path = (reference.clone(), slug.to_owned());
        match self.client().look::<GetFunction>(path, &()).await {
            Err(error) if error.status() == Some(404) => Ok(None),
            other => Ok(Some(other?)),
        }
    }

    /// A function's sources, under their own paths.
    pub(super) async fn sources_of(
        &self,
        reference: &Ref,
        slug: &str,
    ) -> Result<Vec<SourceFile>, Refusal> {
        let path = (reference.clone(), slug.to_owned());
        let mut body = self.client().look::<GetFunctionBody>(path, &()).await?;
        for file in &mut body.files {
            file.path = own_path(&file.path);
        }
        Ok(body.files)
    }
}

impl Read {
    /// The functions of what is read.
    pub async fn functions(&self) -> Result<Vec<ShownFunction>, Refusal> {
        let functions = self.call.guard.functions_of(self.reference()?).await?;
        Ok(functions.into_iter().map(ShownFunction::of).collect())
    }

    /// One function with its sources, as far as a result holds them; and what was left out.
    pub async fn function(
        &self,
        slug: &str,
    ) -> Result<(ShownFunction, Vec<ShownFile>, Vec<String>), Refusal> {
        check_slug(slug)?;
        let guard = &self.call.guard;
        let reference = self.reference()?;
        let function = guard.function_of(reference, slug).await?;
        let function = function.ok_or_else(|| {
            Refusal::new(
                Code::NotFound,
                format!("there is no function {}", quote(slug)),
            )
            .next(Next::new(
                "list_edge_functions",
                json!({ "project_id": self.project().ok(), "branch": self.branch_name() }),
                "lists the functions that there are",
            ))
        })?;
        let mut room = guard.policy().limits.bytes;
        let (mut files, mut left_out) = (Vec::new(), Vec::new());
        for file in guard.sources_of(reference, slug).await? {
            let size = file.content.len();
            match String::from_utf8(file.content.to_vec()) {
                Ok(content) if size <= room => {
                    room -= size;
                    files.push(ShownFile {
                        name: file.path,
                        content,
                    });
                }
                Ok(_) => left_out.push(format!("{} ({size} bytes)", file.path)),
                Err(_) => left_out.push(format!("{} ({size} bytes, no text)", file.path)),
            }
        }
        Ok((ShownFunction::of(function), files, left_out))
    }
}

impl Dev {
    /// Deploys a function on the branch.
    pub async fn deploy_function(&self, wanted: WantedFunction) -> Result<ShownFunction, Refusal> {
        check_slug(&wanted.name)?;
        let mut deployment = checked(wanted)?;
        let slug = deployment.metadata.name.clone().unwrap_or_default();
        let guard = &self.call.guard;
        let branch = self.branch.reference();
        let _turn = guard.branch_turn(branch).await?;
        // Nothing is deployed to what is still coming up.
        let status = self.call.once_up(branch).await?;
        require_healthy(status, "functions are not deployed to it")?;
        let before = guard.function_of(branch, &slug).await?;
        fill_in(&mut deployment, before.as_ref());
        self.note_function(&slug).await?;
        self.call.step("deploying the function");
        let query = DeployQuery {
            slug: Some(slug.clone()),
            bundle_only: None,
        };
        let deployed = guard
            .client()
            .write::<DeployFunction>(&self.branch, &query, &deployment)
            .await
            .map_err(|error| self.not_deployed(error, &slug, before.as_ref()))?;
        // A rebase that was cut short must not put an older one back over it.
        guard.store().function_is_back(branch, &slug).await?;
        Ok(ShownFunction::of(deployed))
    }

    /// Changes a function's name, or whether its callers need a token.
    pub async fn update_function(
        &self,
        slug: &str,
        name: Option<String>,
        verify_jwt: Option<bool>,
    ) -> Result<ShownFunction, Refusal> {
        check_slug(slug)?;
        if name.is_none() && verify_jwt.is_none() {
            return Err(Refusal::invalid(
                "there is nothing to change: give name or verify_jwt; sources are changed by deploy_edge_function",
            ));
        }
        if let Some(name) = &name {
            Refusal::unless_harmless("function's name", name)?;
        }
        let guard = &self.call.guard;
        let _turn = guard.branch_turn(self.branch.reference()).await?;
        self.existing(slug).await?;
        self.note_function(slug).await?;
        let body = UpdateFunctionBody {
            name,
            body: None,
            verify_jwt,
        };
        let updated = guard
            .client()
            .write_named::<UpdateFunction>(&self.branch, slug, &(), &body)
            .await?;
        Ok(ShownFunction::of(updated))
    }

    /// Deletes a function of the branch. Says whether production has one of that name, which stays.
    pub async fn delete_function(&self, slug: &str) -> Result<bool, Refusal> {
        check_slug(slug)?;
        let guard = &self.call.guard;
        let _turn = guard.branch_turn(self.branch.reference()).await?;
        self.existing(slug).await?;
        let on_production = guard
            .function_of(self.branch.project(), slug)
            .await?
            .is_some();
        guard
            .client()
            .write_named::<DeleteFunction>(&self.branch, slug, &(), &())
            .await?;
        Ok(on_production)
    }

    /// A function that the branch must have.
    pub(super) async fn existing(&self, slug: &str) -> Result<Function, Refusal> {
        let found = self
            .call
            .guard
            .function_of(self.branch.reference(), slug)
            .await?;
        found.ok_or_else(|| {
            Refusal::new(
                Code::NotFound,
                format!(
                    "the branch {} has no function {}",
                    quote(self.branch.name()),
                    quote(slug)
                ),
            )
            .next(self.list_functions("lists the functions that the branch has"))
        })
    }

    /// Remembers that the branch changes a function, and what production has of it now.
    async fn note_function(&self, slug: &str) -> Result<(), Refusal> {
        let guard = &self.call.guard;
        let production = guard.function_of(self.branch.project(), slug).await?;
        let base = production.as_ref().map(digest).unwrap_or_default();
        guard
            .store()
            .note_function(self.branch.reference(), slug, &base)
            .await?;
        Ok(())
    }

    pub(super) fn list_functions(&self, why: &str) -> Next {
        Next::new(
            "list_edge_functions",
            json!({ "project_id": self.branch.project(), "branch": self.branch.name() }),
            why,
        )
    }

    fn not_deployed(&self, error: ApiError, slug: &str, before: Option<&Function>) -> Refusal {
        let ApiError::Status {
            status: 400,
            message,
            ..
        } = &error
        else {
            return error.into();
        };
        let serves = match before {
            Some(function) => format!("version {} of it keeps serving", function.version),
            None => "there is none of that name yet".to_owned(),
        };
        Refusal::new(
            Code::DoesNotCompile,
            format!("the function {} was not deployed, and {serves}: {}", quote(slug), quote(message)),
        )
        .next(self.list_functions(
            "shows what serves meanwhile; write the source so that it compiles, and deploy it again",
        ))
    }
}
