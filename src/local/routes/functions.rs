//! Edge Functions: list, get, sources, deploy, create, update, delete.

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::functions::{
    CreateFunction, DeleteFunction, DeployFunction, DeployMetadata, Deployment, Function,
    FunctionBody, FunctionStatus, Functions, GetFunction, GetFunctionBody, ListFunctions,
    SourceFile, UpdateFunction, UpdateFunctions,
};
use crate::clock;
use crate::local::fault::Fault;
use crate::local::functions::{Checked, Manifest};
use crate::local::registry::StoredFunction;

/// The most functions of a project, as on the platform's free plan.
const MOST: usize = 100;
/// The most characters of a slug.
const SLUG: usize = 128;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<ListFunctions, _, _>(routes, list);
    let routes = serve::<GetFunction, _, _>(routes, get);
    let routes = serve::<GetFunctionBody, _, _>(routes, get_body);
    let routes = serve::<DeployFunction, _, _>(routes, deploy);
    let routes = serve::<CreateFunction, _, _>(routes, create);
    let routes = serve::<UpdateFunction, _, _>(routes, update);
    let routes = serve::<UpdateFunctions, _, _>(routes, update_all);
    serve::<DeleteFunction, _, _>(routes, delete)
}

async fn list(asked: Asked<ListFunctions>) -> Result<Vec<Function>, Fault> {
    let registry = asked.platform.registry();
    registry
        .project(&asked.path)
        .await?
        .ok_or_else(Fault::no_project)?;
    let functions = registry.functions(&asked.path).await?;
    Ok(functions.into_iter().map(shown).collect())
}

async fn get(asked: Asked<GetFunction>) -> Result<Function, Fault> {
    let (reference, slug) = &asked.path;
    find(&asked.platform, reference, slug).await.map(shown)
}

async fn get_body(asked: Asked<GetFunctionBody>) -> Result<FunctionBody, Fault> {
    let (reference, slug) = &asked.path;
    let function = find(&asked.platform, reference, slug).await?;
    let mut files = asked.platform.functions().sources(&function.digest).await?;
    // As the platform unpacks them.
    for file in &mut files {
        file.path.insert_str(0, "source/");
    }
    Ok(FunctionBody { files })
}

async fn deploy(asked: Asked<DeployFunction>) -> Result<Function, Fault> {
    let Asked {
        platform,
        path,
        query,
        body,
        ..
    } = asked;
    let slug = query.slug.clone().or_else(|| body.metadata.name.clone());
    let slug = slug.ok_or_else(|| Fault::new(400, "slug is needed"))?;
    let bundle_only = query.bundle_only == Some(true);
    platform.deploy(&path, &slug, body, bundle_only).await
}

async fn create(asked: Asked<CreateFunction>) -> Result<Function, Fault> {
    let Asked {
        platform,
        path,
        body,
        ..
    } = asked;
    if platform
        .registry()
        .function(&path, &body.slug)
        .await?
        .is_some()
    {
        return Err(Fault::new(400, "Function already exists"));
    }
    let metadata = DeployMetadata {
        verify_jwt: body.verify_jwt,
        name: Some(body.name),
        ..DeployMetadata::default()
    };
    let deployment = of_one_file(metadata, body.body);
    platform.deploy(&path, &body.slug, deployment, false).await
}

fn of_one_file(metadata: DeployMetadata, source: String) -> Deployment {
    const ENTRYPOINT: &str = "index.ts";
    Deployment {
        metadata: DeployMetadata {
            entrypoint_path: ENTRYPOINT.to_owned(),
            ..metadata
        },
        file: vec![SourceFile {
            path: ENTRYPOINT.to_owned(),
            content: source.into(),
        }],
    }
}

async fn update(asked: Asked<UpdateFunction>) -> Result<Function, Fault> {
    let Asked {
        platform,
        path: (reference, slug),
        body,
        ..
    } = asked;
    let mut function = find(&platform, &reference, &slug).await?;
    if let Some(source) = body.body {
        let metadata = DeployMetadata {
            verify_jwt: body.verify_jwt,
            name: body.name,
            ..DeployMetadata::default()
        };
        let deployment = of_one_file(metadata, source);
        return platform.deploy(&reference, &slug, deployment, false).await;
    }
    function.name = body.name.unwrap_or(function.name);
    function.verify_jwt = body.verify_jwt.unwrap_or(function.verify_jwt);
    function.version += 1;
    function.updated_at = clock::unix_millis();
    platform
        .registry()
        .put_functions(vec![function.clone()])
        .await?;
    Ok(shown(function))
}

async fn update_all(asked: Asked<UpdateFunctions>) -> Result<Functions, Fault> {
    let Asked {
        platform,
        path,
        body,
        ..
    } = asked;
    let registry = platform.registry();
    registry
        .project(&path)
        .await?
        .ok_or_else(Fault::no_project)?;
    let mut changed = Vec::new();
    for wanted in body {
        check_slug(&wanted.slug)?;
        let known = registry.function(&path, &wanted.slug).await?;
        let is_new = known.is_none();
        let mut function = known.unwrap_or_else(|| StoredFunction::new(&path, &wanted.slug));
        match wanted.ezbr_sha256.as_deref() {
            Some(digest) => {
                let manifest = platform.functions().manifest(digest).ok_or_else(|| {
                    Fault::new(
                        400,
                        format!(
                            "{}: nothing has been compiled under this digest",
                            wanted.slug
                        ),
                    )
                })?;
                function.serve(digest, manifest);
            }
            None if is_new => {
                return Err(Fault::new(
                    400,
                    format!("there is no function {}", wanted.slug),
                ));
            }
            None => {}
        }
        function.name = wanted.name;
        function.version = wanted.version.max(function.version + 1);
        function.verify_jwt = wanted.verify_jwt.unwrap_or(function.verify_jwt);
        function.updated_at = clock::unix_millis();
        changed.push(function);
    }
    registry.put_functions(changed.clone()).await?;
    Ok(Functions {
        functions: changed.into_iter().map(shown).collect(),
    })
}

async fn delete(asked: Asked<DeleteFunction>) -> Result<(), Fault> {
    let (reference, slug) = &asked.path;
    if !asked
        .platform
        .registry()
        .remove_function(reference, slug)
        .await?
    {
        return Err(Fault::new(404, "Function not found"));
    }
    asked.platform.functions().end(reference, Some(slug));
    Ok(())
}

impl Platform {
    /// Compiles a deployment and serves it from then on, or keeps it for [`UpdateFunctions`].
    async fn deploy(
        &self,
        reference: &Ref,
        slug: &str,
        deployment: Deployment,
        bundle_only: bool,
    ) -> Result<Function, Fault> {
        check_slug(slug)?;
        let registry = self.registry();
        registry
            .project(reference)
            .await?
            .ok_or_else(Fault::no_project)?;
        let (name, verify_jwt) = (
            deployment.metadata.name.clone(),
            deployment.metadata.verify_jwt,
        );
        let checked = Checked::new(deployment)?;
        let digest = checked.digest.clone();
        let manifest = self.functions().keep(checked).await?;
        // One switch-over of a project at a time: versions are counted.
        let _turn = self.turn(reference).await;
        let known = registry.functions(reference).await?;
        let count = known.len();
        let before = known.into_iter().find(|function| function.slug == slug);
        if before.is_none() && count >= MOST {
            return Err(Fault::new(
                402,
                "Maximum number of functions reached for Plan",
            ));
        }
        let mut function = before.unwrap_or_else(|| StoredFunction::new(reference, slug));
        function.serve(&digest, manifest);
        function.name = name.unwrap_or(function.name);
        function.verify_jwt = verify_jwt.unwrap_or(function.verify_jwt);
        function.version += 1;
        function.updated_at = clock::unix_millis();
        if !bundle_only {
            registry.put_functions(vec![function.clone()]).await?;
        }
        Ok(shown(function))
    }
}

impl StoredFunction {
    fn serve(&mut self, digest: &str, manifest: Manifest) {
        digest.clone_into(&mut self.digest);
        self.entrypoint = manifest.entrypoint;
        self.import_map = manifest.import_map;
    }
}

fn check_slug(slug: &str) -> Result<(), Fault> {
    let begins = slug.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_plain = slug
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if begins && is_plain && slug.len() <= SLUG {
        return Ok(());
    }
    Err(Fault::new(
        400,
        format!("a slug is at most {SLUG} letters, digits, - and _, and begins with a letter"),
    ))
}

async fn find(platform: &Platform, reference: &Ref, slug: &str) -> Result<StoredFunction, Fault> {
    let registry = platform.registry();
    registry
        .project(reference)
        .await?
        .ok_or_else(Fault::no_project)?;
    let found = registry.function(reference, slug).await?;
    found.ok_or_else(|| Fault::new(404, "Function not found"))
}

/// A function on the wire. Paths are those that the platform unpacks a function's files to.
fn shown(function: StoredFunction) -> Function {
    let home = format!(
        "file:///tmp/user_fn_{}_{}_{}/source/",
        function.reference, function.id, function.version
    );
    Function {
        entrypoint_path: Some(format!("{home}{}", function.entrypoint)),
        import_map: Some(function.import_map.is_some()),
        import_map_path: function.import_map.map(|path| format!("{home}{path}")),
        id: function.id,
        slug: function.slug,
        name: function.name,
        status: FunctionStatus::Active,
        version: function.version,
        created_at: Some(function.created_at),
        updated_at: Some(function.updated_at),
        verify_jwt: Some(function.verify_jwt),
        ezbr_sha256: Some(function.digest),
    }
}
