//! Refusals of a platform that fails, once or for good. After the refusal it works again, unless
//! the case is about one that does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use serde_json::{Value, json};

use super::{Ending, Provoked, with_work};
use crate::harness::{Api, Heard, Mcp, Reaction, Relay, World};

/// The codes that are provoked here.
pub(super) const CODES: &[&str] = &[
    "in_doubt",
    "not_applied",
    "restore_point_missing",
    "revert_unverified",
    "advisor_unavailable",
    "stale_check",
    "in_progress",
    "platform_unreachable",
    "platform_error",
    "unauthorized",
    "permission_missing",
    "rate_limited",
    "no_capacity",
    "production_data_in_branch",
    "journal_unavailable",
];

/// What becomes of a request while the platform fails; nothing unusual without.
type How = fn(&Heard) -> Option<Reaction>;

/// A platform that fails while it is told to.
struct Failing {
    relay: Relay,
    mcp: Mcp,
    fails: Arc<AtomicBool>,
}

impl Failing {
    /// In front of the world's platform; `how` is what it does to a request while it fails.
    async fn new(world: &World, how: How) -> Self {
        let fails = Arc::new(AtomicBool::new(true));
        let switch = Arc::clone(&fails);
        let relay = Relay::start(Some(world.api()), move |heard: Heard| {
            let reaction = switch
                .load(Ordering::Relaxed)
                .then(|| how(&heard))
                .flatten()
                .unwrap_or(Reaction::Pass);
            async move { reaction }.boxed()
        })
        .await;
        let token = world.api().token().to_owned();
        let mcp = relay.serve(world, &token).await;
        Self { relay, mcp, fails }
    }

    /// The refusal of a call, and where its `next` leads once the platform works again, or although
    /// it does not.
    async fn refuses(
        self,
        project: &str,
        tool: &'static str,
        arguments: Value,
        code: &str,
        fails_on: bool,
        ending: Ending,
    ) {
        let provoked = Provoked::on_project(self.mcp, project, tool, arguments, code).await;
        self.fails.store(fails_on, Ordering::Relaxed);
        provoked.leads_to(ending).await;
        drop(self.relay);
    }
}

fn migrates(heard: &Heard) -> bool {
    heard.writes() && heard.queries("insert into supabase_migrations.schema_migrations")
}

fn broken() -> Option<Reaction> {
    Some(Reaction::Answer(502, json!({ "message": "bad gateway" })))
}

pub(super) async fn each(world: &World) {
    let direct = world.serve().await;
    tokio::join!(
        slow(world, &direct),
        migrations(world, &direct),
        looks(world, &direct),
    );
    journal(world, direct).await;
}

async fn migrations(world: &World, direct: &Mcp) {
    let change = json!({ "name": "x", "query": "create table public.more (id int)" });
    let project = with_work(direct, "refused").await;
    Failing::new(world, |heard| migrates(heard).then(broken).flatten())
        .await
        .refuses(
            &project,
            "apply_migration",
            change.clone(),
            "not_applied",
            false,
            Ending::Merged,
        )
        .await;

    for (fails_on, ending) in [(false, Ending::Merged), (true, Ending::Operator)] {
        let project = with_work(direct, "pointless").await;
        let platform = Failing::new(world, |heard| {
            let no = json!({ "message": "it cannot be made" });
            heard
                .path
                .contains("restore-point")
                .then_some(Reaction::Answer(500, no))
        })
        .await;
        platform
            .mcp
            .project(&project)
            .ok("apply_migration", change.clone())
            .await;
        platform
            .refuses(
                &project,
                "merge_branch",
                json!({}),
                "restore_point_missing",
                fails_on,
                ending,
            )
            .await;
    }

    let project = with_work(direct, "reverting").await;
    let point = direct.project(&project).point_names().await.pop().unwrap();
    Failing::new(world, |heard| {
        heard.path.ends_with("/undo").then_some(Reaction::Lose)
    })
    .await
    .refuses(
        &project,
        "revert_to_restore_point",
        json!({ "name": point }),
        "revert_unverified",
        false,
        Ending::Merged,
    )
    .await;
}

async fn looks(world: &World, direct: &Mcp) {
    let advisor = |heard: &Heard| heard.path.contains("/advisors/").then(broken).flatten();
    for (tool, arguments) in [
        ("merge_branch", json!({})),
        ("get_advisors", json!({ "type": "security" })),
    ] {
        for (fails_on, ending) in [(false, Ending::Merged), (true, Ending::Operator)] {
            let project = with_work(direct, "unadvised").await;
            Failing::new(world, advisor)
                .await
                .refuses(
                    &project,
                    tool,
                    arguments.clone(),
                    "advisor_unavailable",
                    fails_on,
                    ending,
                )
                .await;
        }
    }

    let project = with_work(direct, "erring").await;
    Failing::new(world, |heard| {
        heard.path.contains("/health").then(broken).flatten()
    })
    .await
    .refuses(
        &project,
        "get_project_health",
        json!({}),
        "platform_error",
        true,
        Ending::Operator,
    )
    .await;

    let unwell: [(&str, How); 3] = [
        ("unauthorized", |heard| {
            let answer = Reaction::Answer(401, json!({ "message": "Unauthorized" }));
            heard.path.contains("/health").then_some(answer)
        }),
        ("permission_missing", |heard| {
            let answer = Reaction::Answer(403, json!({ "message": "Forbidden action" }));
            heard.path.contains("/health").then_some(answer)
        }),
        ("rate_limited", |heard| {
            heard
                .path
                .contains("/health")
                .then_some(Reaction::TooFast(0))
        }),
    ];
    for (code, how) in unwell {
        let project = with_work(direct, code).await;
        let health = "get_project_health";
        Failing::new(world, how)
            .await
            .refuses(&project, health, json!({}), code, true, Ending::Operator)
            .await;
    }

    // A region that is full stays full: the way on is another.
    let project = with_work(direct, "crowded").await;
    let crowded = Relay::start(Some(world.api()), |heard: Heard| {
        Box::pin(async move {
            if !heard.path.contains("/available-regions") {
                return Reaction::Pass;
            }
            let group = json!({ "name": "Americas", "code": "americas", "type": "smartGroup" });
            let full = json!({
                "name": "Ohio", "code": "us-east-2", "type": "specific", "provider": "AWS",
                "status": "capacity",
            });
            Reaction::Answer(
                200,
                json!({
                    "recommendations": { "smartGroup": group, "specific": [] },
                    "all": { "smartGroup": [group], "specific": [full] },
                }),
            )
        })
    })
    .await;
    let mcp = crowded.serve(world, world.api().token()).await;
    let far = json!({ "name": "far", "region": "us-east-2" });
    Provoked::by(mcp, &project, "create_project", far, "no_capacity")
        .await
        .leads_to(Ending::Merged)
        .await;

    let project = with_work(direct, "unreached").await;
    let nowhere = world
        .serve_with(&["--api-url", "http://127.0.0.1:1", "--access-token", "token"])
        .await;
    Provoked::by(
        nowhere,
        &project,
        "list_projects",
        json!({}),
        "platform_unreachable",
    )
    .await
    .leads_to(Ending::Operator)
    .await;

    full_branch(world, direct).await;
    meddled(world, direct).await;
}

/// A branch that holds production's rows.
async fn full_branch(world: &World, direct: &Mcp) {
    let project = with_work(direct, "full").await;
    world.api().branch(&project, "full").await;
    let real = Arc::new(world.api());
    let relay = listing(real, always(), |branch| {
        if branch["name"] == "full" {
            branch["with_data"] = json!(true);
        }
    })
    .await;
    let token = world.api().token().to_owned();
    let mcp = relay.serve(world, &token).await;
    let ask = json!({ "branch": "full", "name": "x", "query": "create table public.x (id int)" });
    Provoked::on_project(
        mcp,
        &project,
        "apply_migration",
        ask,
        "production_data_in_branch",
    )
    .await
    .leads_to(Ending::Merged)
    .await;
}

fn always() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(true))
}

/// A platform that lists branches otherwise than they are, while it lies.
async fn listing(real: Arc<Api>, lies: Arc<AtomicBool>, change: fn(&mut Value)) -> Relay {
    let passes_on = Api::clone(&real);
    Relay::start(Some(passes_on), move |heard: Heard| {
        let (real, lies) = (Arc::clone(&real), lies.load(Ordering::Relaxed));
        async move {
            if !lies || heard.method != http::Method::GET || !heard.path.ends_with("/branches") {
                return Reaction::Pass;
            }
            let mut listed = real.get(&heard.path).await;
            listed.as_array_mut().unwrap().iter_mut().for_each(change);
            Reaction::Answer(200, listed)
        }
        .boxed()
    })
    .await
}

/// A branch that changes while the gate looks.
async fn meddled(world: &World, direct: &Mcp) {
    let project = with_work(direct, "meddled").await;
    let dev = direct.project(&project).dev().await;
    let meddler = Arc::new(world.api());
    let meddles = always();
    let relay = Relay::start(Some(world.api()), move |heard: Heard| {
        let (meddler, dev) = (Arc::clone(&meddler), dev.clone());
        let now = heard.path.contains("/advisors/") && meddles.swap(false, Ordering::Relaxed);
        async move {
            if now {
                let sql = "create table if not exists public.sneaked_in (id int)";
                meddler.query(&dev, sql).await;
            }
            Reaction::Pass
        }
        .boxed()
    })
    .await;
    let token = world.api().token().to_owned();
    let mcp = relay.serve(world, &token).await;
    Provoked::on_project(mcp, &project, "merge_branch", json!({}), "stale_check")
        .await
        .leads_to(Ending::Merged)
        .await;
}

/// What is refused after a wait.
async fn slow(world: &World, direct: &Mcp) {
    tokio::join!(in_doubt(world, direct), in_progress(world, direct));
}

async fn in_doubt(world: &World, direct: &Mcp) {
    let project = with_work(direct, "doubt").await;
    let change = json!({ "name": "x", "query": "create table public.more (id int)" });
    Failing::new(world, |heard| {
        let asks = heard.queries("pg_stat_activity");
        (migrates(heard) || asks).then(broken).flatten()
    })
    .await
    .refuses(
        &project,
        "apply_migration",
        change,
        "in_doubt",
        false,
        Ending::Merged,
    )
    .await;
}

async fn in_progress(world: &World, direct: &Mcp) {
    let project = with_work(direct, "slow").await;
    let real = Arc::new(world.api());
    let lies = always();
    let relay = listing(real, Arc::clone(&lies), |branch| {
        if branch["name"] == "DEV" {
            branch["status"] = json!("RUNNING_MIGRATIONS");
        }
    })
    .await;
    let token = world.api().token().to_owned();
    let mcp = relay.serve(world, &token).await;
    let ask = json!({ "name": "x", "query": "create table public.x (id int)", "wait_s": 1 });
    let refused = Provoked::on_project(mcp, &project, "apply_migration", ask, "in_progress").await;
    lies.store(false, Ordering::Relaxed);
    refused.leads_to(Ending::Merged).await;
}

async fn journal(world: &World, mcp: Mcp) {
    let project = with_work(&mcp, "unjournalled").await;
    let path = world.dir().join("drydock.sqlite");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("create trigger full before insert on journal begin select raise(abort, 'disk full'); end")
        .unwrap();
    let change = json!({ "name": "x", "query": "create table public.more (id int)" });
    Provoked::on_project(
        mcp,
        &project,
        "apply_migration",
        change,
        "journal_unavailable",
    )
    .await
    .leads_to(Ending::Operator)
    .await;
}
