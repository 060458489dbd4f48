//! Claim tokens: made by who has a project, used by who administers another organization.

use axum::Router;

use super::admit::Asker;
use super::organizations::{PLAN, not_found};
use super::{Asked, Platform, serve};
use crate::api::Ref;
use crate::api::claim_tokens::{
    ClaimNote, ClaimPreview, ClaimProject, ClaimToken, CreateClaimToken, DeleteClaimToken,
    GetClaimToken, NewClaimToken, OfferedName, OfferedProject, PreviewClaim,
};
use crate::chance;
use crate::clock;
use crate::local::fault::Fault;
use crate::local::registry::{StoredClaimToken, StoredProject};
use crate::redact;

/// Who made a token that no account made: the builder.
const BUILDER: &str = "00000000-0000-0000-0000-000000000000";

pub(super) fn routes(routes: Router<Platform>) -> Router<Platform> {
    let routes = serve::<GetClaimToken, _, _>(routes, get);
    let routes = serve::<CreateClaimToken, _, _>(routes, create);
    let routes = serve::<DeleteClaimToken, _, _>(routes, delete);
    let routes = serve::<PreviewClaim, _, _>(routes, preview);
    serve::<ClaimProject, _, _>(routes, claim)
}

async fn get(asked: Asked<GetClaimToken>) -> Result<ClaimToken, Fault> {
    given_away(&asked.platform, &asked.asker, &asked.path).await?;
    let token = asked.platform.registry().claim_token(&asked.path).await?;
    token.map(shown).ok_or_else(no_token)
}

async fn create(asked: Asked<CreateClaimToken>) -> Result<NewClaimToken, Fault> {
    given_away(&asked.platform, &asked.asker, &asked.path).await?;
    let token = chance::hex::<20>("claim token", asked.path.as_str());
    redact::keep_secret(&token);
    let part = |range: std::ops::Range<usize>| token.get(range).unwrap_or_default();
    let alias = format!("{}...{}", part(0..4), part(36..40));
    let by = match asked.asker {
        Asker::Account { id, .. } => id,
        _ => BUILDER.to_owned(),
    };
    let registry = asked.platform.registry();
    let made = registry
        .set_claim_token(&asked.path, &token, alias, by)
        .await?;
    Ok(NewClaimToken {
        token,
        made: shown(made),
    })
}

async fn delete(asked: Asked<DeleteClaimToken>) -> Result<(), Fault> {
    given_away(&asked.platform, &asked.asker, &asked.path).await?;
    let registry = asked.platform.registry();
    match registry.drop_claim_token(&asked.path).await? {
        true => Ok(()),
        false => Err(no_token()),
    }
}

async fn preview(asked: Asked<PreviewClaim>) -> Result<OfferedProject, Fault> {
    let (slug, token) = &asked.path;
    let found = offered(&asked.platform, &asked.asker, slug, token).await?;
    let project = asked.platform.project(&found.reference).await?;
    let branches = asked.platform.registry().branches(&found.reference).await?;
    let branches = branches.iter().filter(|branch| !branch.is_default).count();
    let note = |key: &str, message: String| ClaimNote {
        key: key.to_owned(),
        message,
    };
    let errors: Vec<ClaimNote> = same_organization(&project, slug)
        .map(|message| note("same_organization", message.to_owned()))
        .into_iter()
        .collect();
    let info = (branches > 0)
        .then(|| note("branches", format!("{branches} branch(es) move with it")))
        .into_iter()
        .collect();
    let token = shown(found);
    Ok(OfferedProject {
        project: OfferedName {
            reference: project.reference.to_string(),
            name: project.name,
        },
        preview: ClaimPreview {
            valid: errors.is_empty(),
            warnings: vec![note(
                "keys",
                "API keys and the database password stay valid: replace them".to_owned(),
            )],
            errors,
            info,
            members_exceeding_free_project_limit: Vec::new(),
            source_subscription_plan: PLAN.to_owned(),
            target_subscription_plan: Some(PLAN.to_owned()),
        },
        expires_at: token.expires_at,
        created_at: token.created_at,
        created_by: token.created_by,
    })
}

async fn claim(asked: Asked<ClaimProject>) -> Result<(), Fault> {
    let (slug, token) = &asked.path;
    let found = offered(&asked.platform, &asked.asker, slug, token).await?;
    let project = asked.platform.project(&found.reference).await?;
    if let Some(message) = same_organization(&project, slug) {
        return Err(Fault::new(400, message));
    }
    match asked
        .platform
        .registry()
        .claim_with_token(token, slug)
        .await?
    {
        true => Ok(()),
        // Somebody was faster.
        false => Err(no_token()),
    }
}

/// That the project can be given away by who asks.
async fn given_away(platform: &Platform, asker: &Asker, reference: &Ref) -> Result<(), Fault> {
    let project = platform.project(reference).await?;
    if !asker.administers(&project.organization) {
        return Err(Fault::new(403, "Forbidden action"));
    }
    if project.parent.is_some() {
        return Err(Fault::new(
            400,
            "a branch goes with its project: claim the project",
        ));
    }
    Ok(())
}

/// What a token offers to an organization of who asks.
async fn offered(
    platform: &Platform,
    asker: &Asker,
    organization: &str,
    token: &str,
) -> Result<StoredClaimToken, Fault> {
    redact::keep_secret(token);
    if !asker.administers(organization) {
        return Err(not_found());
    }
    let found = platform.registry().claim_token_of(token).await?;
    found.ok_or_else(no_token)
}

fn same_organization(project: &StoredProject, organization: &str) -> Option<&'static str> {
    (project.organization == organization).then_some("the project is this organization's already")
}

fn no_token() -> Fault {
    Fault::new(404, "Claim token not found")
}

fn shown(token: StoredClaimToken) -> ClaimToken {
    ClaimToken {
        token_alias: token.alias,
        expires_at: clock::at(token.expires_at),
        created_at: token.created_at,
        created_by: token.created_by,
    }
}
