//! Restore points, and undo.

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::projects::ProjectStatus;
use crate::api::restore_points::{
    CreateRestorePoint, GetRestorePoint, RestorePoint, RestorePointStatus, Undo,
};
use crate::clock;
use crate::local::fault::Fault;

/// The platform's limit.
const NAME_CHARACTERS: usize = 20;

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<CreateRestorePoint, _, _>(routes, create);
    let routes = serve::<GetRestorePoint, _, _>(routes, get);
    serve::<Undo, _, _>(routes, undo)
}

async fn create(asked: Asked<CreateRestorePoint>) -> Result<RestorePoint, Fault> {
    let Asked {
        platform,
        path,
        body,
        ..
    } = asked;
    let characters = body.name.chars().count();
    if characters == 0 || characters > NAME_CHARACTERS {
        return Err(Fault::new(
            400,
            format!("name is 1 to {NAME_CHARACTERS} characters"),
        ));
    }
    let cluster = platform.cluster(&path).await?;
    if platform
        .registry()
        .point(&path, Some(&body.name))
        .await?
        .is_some()
    {
        return Err(taken());
    }
    let point = platform.engine().create_restore_point(cluster).await?;
    let completed_on = clock::now();
    let added = platform
        .registry()
        .add_point(&path, &body.name, &point, &completed_on)
        .await?;
    if !added {
        return Err(taken());
    }
    Ok(RestorePoint {
        name: body.name,
        status: RestorePointStatus::Available,
        completed_on: Some(completed_on),
    })
}

fn taken() -> Fault {
    Fault::new(409, "there is a restore point of that name already")
}

async fn get(asked: Asked<GetRestorePoint>) -> Result<RestorePoint, Fault> {
    let Asked {
        platform,
        path,
        query,
        ..
    } = asked;
    let (name, _, completed_on) = platform
        .registry()
        .point(&path, query.name.as_deref())
        .await?
        .ok_or_else(|| Fault::new(404, "Restore point not found"))?;
    Ok(RestorePoint {
        name,
        status: RestorePointStatus::Available,
        completed_on: Some(completed_on),
    })
}

async fn undo(asked: Asked<Undo>) -> Result<(), Fault> {
    let Asked {
        platform,
        path,
        body,
        ..
    } = asked;
    let _turn = platform.turn(&path).await;
    let cluster = platform.cluster(&path).await?;
    let (_, point, _) = platform
        .registry()
        .point(&path, Some(&body.name))
        .await?
        .ok_or_else(|| Fault::new(404, "Restore point not found"))?;
    let registry = platform.registry();
    registry
        .set_project(&path, ProjectStatus::Restoring)
        .await?;
    let reverted = platform.engine().revert(cluster, &point).await;
    if let Ok(reverted) = &reverted {
        clock::part_at(reverted.left_at);
    }
    // The engine leaves the database as it was when it fails.
    registry
        .set_project(&path, ProjectStatus::ActiveHealthy)
        .await?;
    let reverted = reverted?;
    tracing::info!(reference = %path, point = body.name, total_ms = reverted.total_ms, "reverted");
    Ok(())
}
