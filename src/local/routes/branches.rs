//! Branches: create, list, get, update, delete; push, merge, reset; diff.

use axum::Router;

use super::keys::new_key;
use super::projects::{check_size, new_ref};
use super::{Asked, Platform, serve};
use crate::api::branches::{
    Branch, BranchConfig, BranchStatus, CreateBranch, DeleteBranch, DiffBranch, Done, GetBranch,
    GetBranchConfig, ListBranches, MergeBranch, PushBranch, ResetBranch, UpdateBranch, WorkflowRun,
};
use crate::api::keys::KeyKind;
use crate::api::secrets::NewSecret;
use crate::clock;
use crate::local::fault::Fault;
use crate::local::registry::{Run, RunKind, new_uuid};
use crate::redact;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<ListBranches, _, _>(routes, list);
    let routes = serve::<CreateBranch, _, _>(routes, create);
    let routes = serve::<GetBranch, _, _>(routes, get_by_name);
    let routes = serve::<GetBranchConfig, _, _>(routes, get_config);
    let routes = serve::<UpdateBranch, _, _>(routes, update);
    let routes = serve::<DeleteBranch, _, _>(routes, delete);
    let routes = serve::<DiffBranch, _, _>(routes, diff);
    let routes = serve::<PushBranch, _, _>(routes, async |asked| {
        begin(
            asked.platform,
            asked.path,
            asked.body.migration_version,
            RunKind::Push,
        )
        .await
    });
    let routes = serve::<MergeBranch, _, _>(routes, async |asked| {
        begin(
            asked.platform,
            asked.path,
            asked.body.migration_version,
            RunKind::Merge,
        )
        .await
    });
    serve::<ResetBranch, _, _>(routes, async |asked| {
        begin(
            asked.platform,
            asked.path,
            asked.body.migration_version,
            RunKind::Reset,
        )
        .await
    })
}

async fn list(asked: Asked<ListBranches>) -> Result<Vec<Branch>, Fault> {
    let registry = asked.platform.registry();
    let project = registry
        .project(&asked.path)
        .await?
        .ok_or_else(Fault::no_project)?;
    // A branch's own ref lists its siblings, as its parent's does.
    let parent = project.parent.unwrap_or(project.reference);
    Ok(registry.branches(&parent).await?)
}

async fn create(asked: Asked<CreateBranch>) -> Result<Branch, Fault> {
    let Asked {
        platform,
        path,
        body,
        ..
    } = asked;
    let parent = platform
        .registry()
        .project(&path)
        .await?
        .ok_or_else(Fault::no_project)?;
    if parent.parent.is_some() {
        return Err(Fault::new(400, "a branch cannot be branched from"));
    }
    if parent.cluster.is_none() {
        return Err(Fault::new(400, "the project's database is not there yet"));
    }
    if body.branch_name.trim().is_empty() {
        return Err(Fault::new(400, "branch_name is needed"));
    }
    check_size(body.desired_instance_size.as_deref(), &["pico"])?;
    if body.with_data == Some(true) {
        return Err(Fault::new(
            400,
            "with_data needs point-in-time recovery, which is not enabled",
        ));
    }
    let secrets: Vec<NewSecret> = body
        .secrets
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| NewSecret { name, value })
        .collect();
    super::secrets::check(&secrets)?;
    let now = clock::now();
    let of = format!("{}/{}", parent.reference, body.branch_name);
    let branch = Branch {
        id: new_uuid("branch", &of),
        project_ref: new_ref("branch's ref", &of),
        name: body.branch_name,
        parent_project_ref: parent.reference.clone(),
        is_default: false,
        git_branch: body.git_branch,
        persistent: body.persistent.unwrap_or(false),
        status: BranchStatus::CreatingProject,
        created_at: now.clone(),
        updated_at: now,
        with_data: false,
        preview_project_status: Some(crate::api::projects::ProjectStatus::ComingUp),
    };
    let run = Run::new(RunKind::Branch, &branch.project_ref, None);
    // A branch has keys of its own from the beginning.
    let keys = [KeyKind::Publishable, KeyKind::Secret]
        .map(|kind| new_key(&branch.project_ref, kind, "default".to_owned()));
    platform
        .registry()
        .add_branch(&parent, &branch, secrets, keys.into(), &run)
        .await?;
    platform.begin(run);
    Ok(branch)
}

async fn get_by_name(asked: Asked<GetBranch>) -> Result<Branch, Fault> {
    let (parent, name) = asked.path;
    asked
        .platform
        .registry()
        .branches(&parent)
        .await?
        .into_iter()
        .find(|branch| branch.name == name)
        .ok_or_else(Fault::no_branch)
}

async fn get_config(asked: Asked<GetBranchConfig>) -> Result<BranchConfig, Fault> {
    let platform = &asked.platform;
    let branch = find(platform, &asked.path).await?;
    // Production's password is known to whoever launched it; a branch's is nowhere but here.
    let db_pass = match platform.project(&branch.project_ref).await?.cluster {
        Some(cluster) if !branch.is_default => Some(platform.engine().password(cluster).await?),
        _ => None,
    };
    if let Some(password) = &db_pass {
        redact::keep_secret(password);
    }
    Ok(BranchConfig {
        db_user: Some(super::pooler::user(&branch.project_ref)),
        db_pass,
        reference: branch.project_ref,
        postgres_version: platform.engine().version().to_owned(),
        postgres_engine: platform.engine().major().to_string(),
        release_channel: "ga".to_owned(),
        status: branch
            .preview_project_status
            .unwrap_or(crate::api::projects::ProjectStatus::Unknown),
        db_host: super::pooler::HOST.to_owned(),
        db_port: platform.pooler_port(),
    })
}

async fn update(asked: Asked<UpdateBranch>) -> Result<Branch, Fault> {
    let Asked {
        platform,
        path,
        body,
        ..
    } = asked;
    let branch = find(&platform, &path).await?;
    platform
        .registry()
        .update_branch(
            &branch.id,
            body.branch_name,
            body.persistent,
            body.git_branch,
        )
        .await?;
    find(&platform, &branch.id).await
}

async fn delete(asked: Asked<DeleteBranch>) -> Result<Done, Fault> {
    let Asked { platform, path, .. } = asked;
    let branch = find(&platform, &path).await?;
    if branch.is_default {
        return Err(Fault::new(422, "Cannot delete the default branch"));
    }
    if branch.persistent {
        return Err(Fault::new(422, "Cannot delete persistent branch"));
    }
    platform.remove(&branch.project_ref).await?;
    Ok(Done {
        message: "ok".to_owned(),
    })
}

/// The SQL that a merge would run, migration by migration.
async fn diff(asked: Asked<DiffBranch>) -> Result<String, Fault> {
    let branch = find(&asked.platform, &asked.path).await?;
    asked
        .platform
        .unmerged_sql(&branch.parent_project_ref, &branch.project_ref)
        .await
}

async fn begin(
    platform: Platform,
    id_or_ref: String,
    migration_version: Option<String>,
    kind: RunKind,
) -> Result<WorkflowRun, Fault> {
    let branch = find(&platform, &id_or_ref).await?;
    if branch.is_default {
        return Err(Fault::new(422, "the default branch has no such workflow"));
    }
    if let Some(version) = &migration_version
        && version.parse::<u64>().is_err()
    {
        return Err(Fault::new(400, "migration_version is a number"));
    }
    let run = Run::new(kind, &branch.project_ref, migration_version);
    let workflow_run_id = run.id.clone();
    // From the answer on, the status says that something is under way.
    let subject = match kind {
        RunKind::Merge => &branch.parent_project_ref,
        _ => &branch.project_ref,
    };
    platform
        .registry()
        .set_branch(subject, BranchStatus::RunningMigrations)
        .await?;
    platform.registry().add_run(&run).await?;
    platform.begin(run);
    Ok(WorkflowRun {
        workflow_run_id,
        message: "ok".to_owned(),
    })
}

async fn find(platform: &Platform, id_or_ref: &str) -> Result<Branch, Fault> {
    platform
        .registry()
        .branch(id_or_ref)
        .await?
        .ok_or_else(Fault::no_branch)
}
