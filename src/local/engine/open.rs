//! Opening a directory: its lock, PostgreSQL, the template, and the clusters of an earlier engine.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::sync::{Arc, Mutex};

use super::cluster::Cluster;
use super::error::IoContext;
use super::files;
use super::house::{House, Lock};
use super::layout::Layout;
use super::numbers::Numbers;
use super::postmaster::Program;
use super::record::Record;
use super::spares::Spares;
use super::template::Builder;
use super::{ClusterId, Engine, EngineError, Inner, Settings, birth, discover, spares, user};

impl Engine {
    /// Opens the directory: finds PostgreSQL, makes the template if it is missing, adopts the servers of an earlier
    /// engine, and removes what a crash left half-made.
    pub async fn open(settings: Settings) -> Result<Self, EngineError> {
        let run_as = user::RunAs::choose(settings.unprivileged_user.as_deref()).await?;
        let layout = Layout::prepare(&settings.root, settings.templates.as_deref(), run_as)?;
        let lock = take_lock(&layout, &settings)?;
        let npm = layout.npm();
        let search = discover::Search {
            setting: settings.postgres.as_deref(),
            fetch_into: settings.fetch.then_some(npm.as_path()),
        };
        let installation = search.run().await?;
        let program = Program {
            postgres: installation.bin.join("postgres"),
            run_as,
            patience: settings.patience,
        };
        let builder = Builder {
            layout: &layout,
            installation: &installation,
            program: &program,
            scripts: settings.bootstrap,
            max_connections: settings.max_connections,
        };
        let template = Arc::new(builder.open_or_build().await?);
        let numbers = Numbers::open(&layout);
        let spares = Spares::open(layout.spares(), &template.name, settings.spares)?;
        let house = Arc::new(House {
            settings,
            layout,
            installation,
            program,
            template,
            spares,
            _lock: lock,
        });
        let clusters = take_over(&house).await?;
        if house.settings.templates.is_none() {
            remove_old_templates(&house, &clusters).await?;
        }
        spares::refill(&house);
        Ok(Self(Arc::new(Inner {
            house,
            clusters: Mutex::new(clusters),
            numbers: Mutex::new(numbers),
        })))
    }
}

fn take_lock(layout: &Layout, settings: &Settings) -> Result<Lock, EngineError> {
    let path = layout.lock_file();
    let lock = File::create(&path).doing("open", &path)?;
    let taken = rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    taken.map_err(|_| EngineError::InUse {
        root: settings.root.clone(),
    })?;
    Ok(Lock(lock))
}

/// Reads every cluster's directory.
async fn take_over(house: &Arc<House>) -> Result<HashMap<ClusterId, Arc<Cluster>>, EngineError> {
    let mut clusters = HashMap::new();
    let top = house.layout.clusters();
    for entry in std::fs::read_dir(&top).doing("list", &top)? {
        let name = entry.doing("list", &top)?.file_name();
        let Some(id) = name
            .to_str()
            .and_then(|name| name.parse().ok())
            .map(ClusterId)
        else {
            continue;
        };
        match Record::read(&house.layout.cluster(id).record()) {
            Ok(Some(record)) => {
                let cluster = Cluster::take_over(Arc::clone(house), id, record).await?;
                clusters.insert(id, Arc::new(cluster));
            }
            Ok(None) => {
                tracing::info!(cluster = %id, "removing a cluster that was half made or half destroyed");
                birth::remove_leftover(house, id).await?;
            }
            // One damaged file must not take the other clusters away, and nothing may be removed because of it.
            Err(error) => {
                tracing::error!(%error, cluster = %id, "a cluster is left alone: its record cannot be read")
            }
        }
    }
    Ok(clusters)
}

/// Removes the templates on which no cluster counts any more. Not where other engines may count on them, nor while a
/// cluster is left alone because its record cannot be read.
async fn remove_old_templates(
    house: &House,
    clusters: &HashMap<ClusterId, Arc<Cluster>>,
) -> Result<(), EngineError> {
    let directories = std::fs::read_dir(house.layout.clusters());
    let there = directories.doing("list", &house.layout.clusters())?.count();
    if there != clusters.len() {
        return Ok(());
    }
    let mut needed = HashSet::from([house.template.name.clone()]);
    for cluster in clusters.values() {
        let state = cluster.lock().await?;
        if state.record.bases.birth {
            needed.insert(state.record.template.clone());
        }
    }
    let top = house.layout.templates();
    for entry in std::fs::read_dir(top).doing("list", top)? {
        let path = entry.doing("list", top)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        // Locks and drafts have an extension.
        let is_template = path.extension().is_none() && path.is_dir();
        if is_template && name.is_some_and(|name| !needed.contains(name)) {
            tracing::info!(
                template = name,
                "removing a template that nothing counts on"
            );
            files::remove_tree(&path)?;
        }
    }
    Ok(())
}
