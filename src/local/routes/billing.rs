//! Add-ons: compute sizes and recovery to a point in time. This machine serves them all, for nothing.

use axum::Router;

use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::billing::{
    AddonVariant, Addons, ApplyAddon, AvailableAddon, COMPUTE, GetAddons, Interval, Price,
    RemoveAddon, SelectedAddon,
};
use crate::api::projects::ProjectStatus;
use crate::local::fault::Fault;

/// A kind of add-on: its display name, its variants and the one that every project starts with.
struct Kind {
    kind: &'static str,
    name: &'static str,
    variants: &'static [(&'static str, &'static str)],
    first: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind {
        kind: COMPUTE,
        name: "Compute size",
        variants: &[
            ("ci_micro", "Micro"),
            ("ci_small", "Small"),
            ("ci_medium", "Medium"),
            ("ci_large", "Large"),
            ("ci_xlarge", "XL"),
            ("ci_2xlarge", "2XL"),
            ("ci_4xlarge", "4XL"),
            ("ci_8xlarge", "8XL"),
            ("ci_12xlarge", "12XL"),
            ("ci_16xlarge", "16XL"),
        ],
        first: "ci_micro",
    },
    Kind {
        kind: "pitr",
        name: "Recovery to a point in time",
        variants: &[
            ("pitr_7", "7 days"),
            ("pitr_14", "14 days"),
            ("pitr_28", "28 days"),
        ],
        first: "pitr_7",
    },
];

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<GetAddons, _, _>(routes, list);
    let routes = serve::<ApplyAddon, _, _>(routes, apply);
    serve::<RemoveAddon, _, _>(routes, remove)
}

async fn list(asked: Asked<GetAddons>) -> Result<Addons, Fault> {
    let Asked { platform, path, .. } = asked;
    let mut selected_addons = Vec::new();
    for kind in &KINDS {
        let chosen = platform.addon(&path, kind).await?;
        let variant = kind
            .variants
            .iter()
            .find(|(id, _)| Some(*id) == chosen.as_deref());
        if let Some(variant) = variant {
            selected_addons.push(SelectedAddon {
                kind: kind.kind.to_owned(),
                variant: shown(variant),
            });
        }
    }
    let available_addons = KINDS
        .iter()
        .map(|kind| AvailableAddon {
            kind: kind.kind.to_owned(),
            name: kind.name.to_owned(),
            variants: kind.variants.iter().map(shown).collect(),
        })
        .collect();
    Ok(Addons {
        selected_addons,
        available_addons,
    })
}

async fn apply(asked: Asked<ApplyAddon>) -> Result<(), Fault> {
    let Asked {
        platform,
        path,
        body,
        ..
    } = asked;
    let kind = KINDS
        .iter()
        .find(|kind| kind.kind == body.addon_type)
        .ok_or_else(|| Fault::new(400, "the local platform has no add-on of that type"))?;
    if kind
        .variants
        .iter()
        .all(|(id, _)| *id != body.addon_variant)
    {
        return Err(Fault::new(400, "the add-on has no such variant"));
    }
    let _turn = platform.turn(&path).await;
    if platform.addon(&path, kind).await?.as_deref() == Some(&body.addon_variant) {
        return Ok(());
    }
    let registry = platform.registry();
    if kind.kind != COMPUTE {
        registry
            .choose_addon(&path, kind.kind, Some(&body.addon_variant))
            .await?;
        return Ok(());
    }
    resize(&platform, &path, &body.addon_variant).await
}

/// A new machine: whoever is connected must come again, as on the platform.
async fn resize(platform: &Platform, reference: &Ref, variant: &str) -> Result<(), Fault> {
    let registry = platform.registry();
    let cluster = platform.cluster(reference).await?;
    registry
        .set_project(reference, ProjectStatus::Resizing)
        .await?;
    let moved = async {
        platform.engine().stop(cluster).await?;
        platform.engine().ensure_started(cluster).await?;
        registry
            .choose_addon(reference, COMPUTE, Some(variant))
            .await?;
        Ok::<_, Fault>(())
    };
    let moved = moved.await;
    registry
        .set_project(reference, ProjectStatus::ActiveHealthy)
        .await?;
    moved
}

async fn remove(asked: Asked<RemoveAddon>) -> Result<(), Fault> {
    let Asked { platform, path, .. } = asked;
    let (reference, variant) = path;
    let kind = KINDS
        .iter()
        .find(|kind| kind.variants.iter().any(|(id, _)| *id == variant))
        .ok_or_else(|| Fault::new(404, "there is no such add-on"))?;
    let _turn = platform.turn(&reference).await;
    if platform.addon(&reference, kind).await?.as_deref() != Some(&variant) {
        return Err(Fault::new(404, "the project does not have this add-on"));
    }
    if kind.kind == COMPUTE {
        // No project does without a size: it goes back to the one that it began with.
        return resize(&platform, &reference, kind.first).await;
    }
    platform
        .registry()
        .choose_addon(&reference, kind.kind, None)
        .await?;
    Ok(())
}

impl Platform {
    async fn addon(&self, reference: &Ref, kind: &Kind) -> Result<Option<String>, Fault> {
        self.project(reference).await?;
        let chosen = self.registry().addons(reference).await?;
        Ok(chosen
            .into_iter()
            .find(|(known, _)| known == kind.kind)
            .map_or_else(|| Some(kind.first.to_owned()), |(_, variant)| variant))
    }

    /// The compute size of a project or branch: `micro`, for instance.
    pub(super) async fn compute_size(&self, reference: &Ref) -> Result<String, Fault> {
        let [compute, _] = &KINDS;
        let variant = self.addon(reference, compute).await?;
        let variant = variant.as_deref().unwrap_or(compute.first);
        Ok(variant.trim_start_matches("ci_").to_owned())
    }

    /// Whether a project can be restored to a point in time.
    pub(super) async fn has_pitr(&self, reference: &Ref) -> Result<bool, Fault> {
        let [_, pitr] = &KINDS;
        Ok(self.addon(reference, pitr).await?.is_some())
    }
}

fn shown((id, name): &(&str, &str)) -> AddonVariant {
    AddonVariant {
        id: (*id).to_owned(),
        name: (*name).to_owned(),
        price: Price {
            description: "nothing: it is this machine".to_owned(),
            kind: "fixed".to_owned(),
            interval: Interval::Hourly,
            amount: 0.0,
        },
        meta: None,
    }
}
