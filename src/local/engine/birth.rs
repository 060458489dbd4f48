//! How a cluster comes to be, and how leftovers go.
//!
//! A directory counts as a cluster from the moment its record is there, and no longer. So a create writes the record
//! last, a destroy removes it first, and everything without one can be removed at any time.

use std::path::Path;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::backup;
use super::bases::Bases;
use super::cluster::Cluster;
use super::conf::{Conf, Durability};
use super::error::{EngineError, IoContext};
use super::files;
use super::history::History;
use super::house::House;
use super::layout::ClusterDir;
use super::overrides::Overrides;
use super::postmaster::{self, Postmaster, Stop};
use super::record::Record;
use super::secrets::{Secret, Secrets};
use super::session::Login;
use super::template::Template;
use super::wire::{DEFAULT_RESULT_BYTES, Wire};
use super::{ClusterId, SUPERUSER};
use crate::clock;

/// The generation of a new cluster.
const FIRST_GENERATION: u64 = 1;

impl Cluster {
    /// Takes over a cluster that an earlier engine left: adopts its server if one runs, and removes every generation
    /// and base that the record does not name.
    pub(super) async fn take_over(
        house: Arc<House>,
        id: ClusterId,
        record: Record,
    ) -> Result<Self, EngineError> {
        let dir = house.layout.cluster(id);
        for generation in dir.generations()? {
            if generation != record.generation {
                discard(&house, &dir, generation).await?;
            }
        }
        backup::remove_unknown(&dir, &record.bases)?;
        let server = Postmaster::adopt(&dir.generation(record.generation), &dir.log());
        let history = record.history.clone().or_since(clock::real_millis());
        let record = Record { history, ..record };
        Ok(Self::new(house, id, record, server, None))
    }

    /// Makes a cluster. What a crash or a failure leaves has no record, and is removed by the next engine.
    pub(super) async fn create(
        house: Arc<House>,
        id: ClusterId,
        password: Option<Secret>,
        sql: &'static str,
    ) -> Result<Self, EngineError> {
        let dir = house.layout.cluster(id);
        let generation = FIRST_GENERATION;
        let (data, archive) = (dir.generation(generation), dir.archive());
        let conf_house = Arc::clone(&house);
        spawn_blocking(move || {
            files::make_dir(&archive)?;
            lay_template(&conf_house, &conf_house.template, &data)?;
            conf(&conf_house, id, generation, &Overrides::new()).write(&data, Durability::Synced)
        })
        .await??;
        let template = &house.template;
        let mut server = house
            .program
            .spawn(
                &dir.generation(generation),
                &house.layout.socket(id, generation),
                &dir.log(),
                &[],
            )
            .await?;
        server
            .wait_ready("starting", house.settings.patience)
            .await?;
        let socket = house.layout.socket(id, generation);
        let mut admin = Wire::open(
            &socket,
            SUPERUSER,
            template.secret.expose(),
            Login::Admin.parameters(),
        )
        .await?;
        let mut record = Record {
            generation,
            timeline: template.control.timeline,
            bases: Bases::default(),
            history: History::default(),
            major: house.installation.major,
            template: template.name.clone(),
            system_identifier: template.control.system_identifier,
            secrets: Secrets::of(id, password),
            overrides: Overrides::new(),
            proven: Overrides::new(),
        };
        let passwords: String = [Login::Admin, Login::User, Login::ReadOnly]
            .map(|login| record.set_password(login))
            .concat();
        admin
            .run(&format!("{passwords}{sql}"), DEFAULT_RESULT_BYTES)
            .await?;
        // From the next millisecond on: before, the engine could not log in.
        record.history = History::since(clock::real_millis() + 1);
        let written = record.clone();
        files::sync_tree(dir.path()).await?;
        spawn_blocking(move || {
            written.write(&dir.record())?;
            files::sync_parent(dir.path())
        })
        .await??;
        Ok(Self::new(house, id, record, Some(server), Some(admin)))
    }
}

pub(super) fn conf<'a>(
    house: &'a House,
    id: ClusterId,
    generation: u64,
    overrides: &'a Overrides,
) -> Conf<'a> {
    Conf {
        overrides,
        layout: &house.layout,
        major: house.installation.major,
        id,
        generation,
        max_connections: house.settings.max_connections,
    }
}

/// Puts a copy of a template, a spare one if there is one, where a generation is to be.
pub(super) fn lay_template(
    house: &House,
    template: &Template,
    data: &Path,
) -> Result<(), EngineError> {
    if template.name == house.template.name && house.spares.take(data)? {
        return Ok(());
    }
    let owner = house.program.run_as;
    template.listing.copy(&template.data, data, owner)
}

/// Ends whatever serves a generation that is not valid, and removes it.
pub(super) async fn discard(
    house: &House,
    dir: &ClusterDir,
    generation: u64,
) -> Result<(), EngineError> {
    let data = dir.generation(generation);
    if let Some(mut server) = Postmaster::adopt(&data, &dir.log()) {
        server
            .stop(Stop::Immediate, house.settings.patience)
            .await?;
    }
    postmaster::clean_up(&data, house.settings.patience).await?;
    spawn_blocking(move || files::remove_tree(&data)).await?
}

/// Removes a cluster that has no record: half made, or half destroyed.
pub(super) async fn remove_leftover(house: &House, id: ClusterId) -> Result<(), EngineError> {
    let dir = house.layout.cluster(id);
    for generation in dir.generations()? {
        discard(house, &dir, generation).await?;
    }
    std::fs::remove_dir_all(dir.path()).doing("remove", dir.path())
}
