//! What things cost, and the cap on it. The local platform costs nothing, so prices come from a
//! platform in the middle.

use axum::http::Method;
use serde_json::{Value, json};

use crate::approvals::{answer, id};
use crate::harness::{Heard, Mcp, Reaction, Relay, World};
use crate::policy::put;

/// Micro for 9.81 US dollars a month, small for 15.04, large for 110.74.
fn addons() -> Value {
    let variant = |id: &str, amount: f64| {
        json!({
            "id": id,
            "name": id,
            "price": { "description": "", "type": "usage", "interval": "hourly", "amount": amount },
        })
    };
    let micro = variant("ci_micro", 0.01344);
    json!({
        "selected_addons": [{ "type": "compute_instance", "variant": micro }],
        "available_addons": [{
            "type": "compute_instance",
            "name": "Compute",
            "variants": [micro, variant("ci_small", 0.0206), variant("ci_large", 0.1517)],
        }],
    })
}

/// A platform that asks for money.
async fn with_prices(world: &World) -> Relay {
    world.serve().await.ok("list_projects", json!({})).await;
    Relay::start(Some(world.api()), |heard: Heard| {
        Box::pin(async move {
            if heard.method == Method::GET && heard.path.ends_with("/billing/addons") {
                return Reaction::Answer(200, addons());
            }
            Reaction::Pass
        })
    })
    .await
}

async fn server(relay: &Relay, world: &World) -> Mcp {
    relay.serve(world, world.api().token()).await
}

#[tokio::test]
async fn the_local_platform_costs_nothing_and_a_compute_size_is_changed_after_a_yes() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    let cost = mcp.ok("get_cost", json!({ "type": "project" })).await;
    assert_eq!(cost["usd_per_month"], 0.0);
    let cost = project.ok("get_cost", json!({ "type": "branch" })).await;
    assert_eq!(
        (&cost["amount"], &cost["recurrence"]),
        (&json!(0.0), &json!("hourly"))
    );

    for (size, says) in [
        ("nano", "nano"),
        ("pico", "without instance_size"),
        ("x", "no compute size"),
    ] {
        let refusal = project
            .refused(
                "change_compute_size",
                json!({ "instance_size": size }),
                "invalid_arguments",
            )
            .await;
        assert!(
            refusal["message"].as_str().unwrap().contains(says),
            "{refusal}"
        );
        assert_eq!(refusal["next"]["tool"], "list_compute_sizes");
    }
    let small = json!({ "instance_size": "small" });
    let refusal = project
        .refused("change_compute_size", small.clone(), "approval_required")
        .await;
    let sizes = &refusal["details"]["facts"]["instance_size"];
    assert_eq!(sizes, &json!({ "now": "micro", "then": "small" }));
    answer(&world, "grant", &id(&refusal));
    let changed = project.ok("change_compute_size", small.clone()).await;
    assert_eq!(changed["project"]["status"], "ACTIVE_HEALTHY");
    let listed = project.ok("list_compute_sizes", json!({})).await;
    let current: Vec<&Value> = listed["compute_sizes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|size| size["current"] == true)
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["instance_size"], "small");
    // It has that size already: nobody is asked.
    project.ok("change_compute_size", small).await;
}

#[tokio::test]
async fn what_costs_more_than_the_cap_waits_for_the_operator() {
    let world = World::new();
    put(
        &world,
        "[cost]\nusd_per_month = 25\n\n[approvals]\nchange_compute_size = \"none\"\n",
    );
    let relay = with_prices(&world).await;
    let mcp = server(&relay, &world).await;
    let project = mcp.launch("shop").await;
    // The second machine is within the cap, and its price stands in the result.
    let first = project
        .ok(
            "apply_migration",
            json!({ "name": "t", "query": "create table public.t (id int)" }),
        )
        .await;
    assert_eq!(first["target"]["branch_made"]["usd_per_hour"], 0.01344);
    let cost = project.ok("get_cost", json!({ "type": "branch" })).await;
    assert_eq!(cost["usd_per_month"], 9.81);
    assert_eq!(cost["running_usd_per_month"], 19.62);
    assert_eq!(cost["cap_usd_per_month"], 25.0);

    // The third is not, whatever it is.
    let call = json!({ "name": "second" });
    for tool in ["create_project", "create_branch"] {
        let mut arguments = call.clone();
        if tool == "create_branch" {
            arguments["project_id"] = json!(project.id);
        }
        let refusal = mcp.refused(tool, arguments, "approval_required").await;
        assert_eq!(refusal["details"]["road"], "operator", "{tool}");
        let figures = &refusal["details"]["facts"]["cost"];
        assert_eq!(figures["usd_per_month"], 9.81, "{tool}");
        assert_eq!(figures["running_usd_per_month"], 19.62, "{tool}");
        let summary = refusal["details"]["summary"].as_str().unwrap();
        assert!(summary.contains("more than the cap"), "{summary}");
    }
    project
        .refused(
            "change_compute_size",
            json!({ "instance_size": "large" }),
            "approval_required",
        )
        .await;
    // 5.23 more fit below it.
    project
        .ok("change_compute_size", json!({ "instance_size": "small" }))
        .await;
    let refusal = mcp
        .refused("create_project", call.clone(), "approval_required")
        .await;
    answer(&world, "grant", &id(&refusal));
    mcp.ok("create_project", call).await;
}

#[tokio::test]
async fn a_paused_project_is_off_the_bill_and_counts_again_when_it_comes_back() {
    let world = World::new();
    put(
        &world,
        "[cost]\nusd_per_month = 10\n\n[approvals]\npause_project = \"none\"\n",
    );
    let relay = with_prices(&world).await;
    let mcp = server(&relay, &world).await;
    let first = mcp.launch("first").await;
    mcp.refused(
        "create_project",
        json!({ "name": "second" }),
        "approval_required",
    )
    .await;
    first.ok("pause_project", json!({})).await;
    mcp.ok("create_project", json!({ "name": "second" })).await;
    first
        .refused("restore_project", json!({}), "approval_required")
        .await;
}

#[tokio::test]
async fn of_two_that_come_at_once_one_fits_below_the_cap() {
    let world = World::new();
    put(&world, "[cost]\nusd_per_month = 15\n");
    let relay = with_prices(&world).await;
    let mcp = server(&relay, &world).await;
    let (one, other) = tokio::join!(
        mcp.call("create_project", json!({ "name": "one" })),
        mcp.call("create_project", json!({ "name": "other" })),
    );
    assert_eq!(
        [one.refused, other.refused]
            .iter()
            .filter(|refused| **refused)
            .count(),
        1
    );
}

#[tokio::test]
async fn a_price_that_nobody_names_counts_as_too_much() {
    let world = World::new();
    let local = world.serve().await;
    let shop = local.launch("shop").await.id;
    put(&world, "[cost]\nusd_per_month = 1000\n");
    let relay = Relay::start(Some(world.api()), |heard: Heard| {
        Box::pin(async move {
            if heard.path.ends_with("/billing/addons") {
                return Reaction::Answer(403, json!({ "message": "Forbidden action" }));
            }
            Reaction::Pass
        })
    })
    .await;
    let mcp = server(&relay, &world).await;
    let refusal = mcp
        .refused(
            "create_branch",
            json!({ "project_id": shop }),
            "approval_required",
        )
        .await;
    let unknown = refusal["details"]["facts"]["cost"]["unknown"]
        .as_str()
        .unwrap();
    assert!(unknown.contains("Forbidden"), "{unknown}");
    // Without a cap nobody asks.
    put(&world, "");
    let free = server(&relay, &world).await;
    let made = free
        .ok("create_branch", json!({ "project_id": shop }))
        .await;
    assert_eq!(made["target"]["branch_made"], json!({}));
}

#[tokio::test]
async fn what_runs_without_a_price_is_not_taken_for_nothing() {
    let world = World::new();
    world.serve().await.launch("shop").await;
    put(&world, "[cost]\nusd_per_month = 1000\n");
    let relay = Relay::start(Some(world.api()), |heard: Heard| {
        Box::pin(async move {
            if heard.path.ends_with("/billing/addons") {
                return Reaction::Answer(200, addons());
            }
            if !heard.path.contains("/organizations/local/projects") {
                return Reaction::Pass;
            }
            let machine = json!({
                "infra_compute_size": "48xlarge", "region": "us-east-1", "status": "ACTIVE_HEALTHY",
                "cloud_provider": "AWS", "identifier": "abcdefghijklmnopqrst", "type": "PRIMARY",
            });
            let project = json!({
                "ref": "abcdefghijklmnopqrst", "name": "huge", "cloud_provider": "AWS",
                "region": "us-east-1", "is_branch": false, "status": "ACTIVE_HEALTHY",
                "inserted_at": "2026-01-01T00:00:00Z", "databases": [machine],
            });
            let pagination = json!({ "count": 1, "limit": 100, "offset": 0 });
            Reaction::Answer(
                200,
                json!({ "projects": [project], "pagination": pagination }),
            )
        })
    })
    .await;
    let mcp = server(&relay, &world).await;
    let refusal = mcp
        .refused(
            "create_project",
            json!({ "name": "small" }),
            "approval_required",
        )
        .await;
    let figures = &refusal["details"]["facts"]["cost"];
    assert_eq!(figures["running_without_a_price"], json!(["48xlarge"]));
}

#[tokio::test]
async fn a_cap_is_a_number_of_dollars() {
    let world = World::new();
    for wrong in ["-1", "nan", "\"ten\""] {
        let file = world.dir().join("wrong.toml");
        std::fs::write(&file, format!("[cost]\nusd_per_month = {wrong}\n")).unwrap();
        let output = world.run(&["policy", "check", file.to_str().unwrap()]);
        assert!(!output.status.success(), "{wrong}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("usd_per_month"), "{said}");
    }
}
