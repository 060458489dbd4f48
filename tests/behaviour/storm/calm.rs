//! The look at everything, in fair weather.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Known, listed};
use crate::harness::{Mcp, World, fingerprint, until};

pub(super) async fn everything_is_there(world: &World, witness: &Mcp, known: &Known) {
    let project = witness.project(&known.project);
    // A write repairs what is open, or says what it cannot.
    until("the branch to be usable", async || {
        let made = project.call("create_restore_point", json!({})).await;
        (!made.refused).then_some(())
    })
    .await;
    migrations(witness, known).await;
    rows(world, witness, known).await;
    production(world, witness, known).await;
    journal(world, known).await;
}

/// Every acknowledged migration is in the ledger, with its table and its point; nothing is there
/// that was never sent, or twice.
async fn migrations(witness: &Mcp, known: &Known) {
    let project = witness.project(&known.project);
    let ledger = project
        .ok("list_migrations", json!({ "environment": "dev" }))
        .await;
    let versions = listed(&ledger["migrations"], "version");
    let names = listed(&ledger["migrations"], "name");
    let points = project.points().await;
    let tables: BTreeSet<String> = project.tables("dev").await.into_iter().collect();
    let state = known.state();
    for (table, version) in &state.tables {
        assert!(
            versions.contains(version),
            "{table}, acknowledged as {version}, is not in {versions:?}"
        );
        assert!(tables.contains(table), "{table} is acknowledged and gone");
    }
    for name in &names {
        assert!(state.tried.contains(name), "{name} was never sent");
        let once =
            name == "fix_advisor_findings" || names.iter().filter(|one| *one == name).count() == 1;
        assert!(once, "{name} ran twice: {names:?}");
    }
    for version in &versions {
        let point = points
            .iter()
            .find(|point| point["migration_version"] == version.as_str());
        let has_point = point.is_some_and(|point| point["status"] == "available");
        // A point that could not be made in time is replaced by one for the present state.
        let replaced = listed(&json!(points), "name")
            .iter()
            .any(|name| name.starts_with("point-"));
        assert!(
            has_point || state.pointless.contains(version) || (point.is_none() && replaced),
            "{version} has no point: {point:?}"
        );
    }
    for point in &points {
        assert_eq!(point["status"], "available", "{point}");
    }
}

/// Every acknowledged row is there, and none that was never sent.
async fn rows(world: &World, witness: &Mcp, known: &Known) {
    let dev = witness.project(&known.project).dev().await;
    let mut by_table = BTreeMap::<String, BTreeSet<u32>>::new();
    let state = known.state().clone();
    for table in state.tables.keys() {
        let found = world
            .api()
            .read(&dev, &format!("select id from public.{table}"))
            .await;
        let found = found.as_array().unwrap().iter();
        let found = found.map(|row| u32::try_from(row["id"].as_u64().unwrap()).unwrap());
        by_table.insert(table.clone(), found.collect());
    }
    for (table, row) in &state.rows {
        assert!(
            by_table[table].contains(row),
            "row {row} of {table} is acknowledged and gone"
        );
    }
    for (table, found) in by_table {
        for row in found {
            assert!(
                state.tried_rows.contains(&(table.clone(), row)),
                "row {row} of {table} was never sent"
            );
        }
    }
}

/// Production changed by merges alone, to what DEV has, and to nothing that the advisor refuses.
async fn production(world: &World, witness: &Mcp, known: &Known) {
    let project = witness.project(&known.project);
    let api = world.api();
    let dev = project.ledger("dev").await;
    // Settles a merge that was under way; whatever it answers, it is the last that can change it.
    let sent = known.state().merge_sent;
    if sent {
        let answer = project.call("merge_branch", json!({})).await;
        if answer.refused {
            assert_eq!(
                answer.value["error"]["code"], "advisor_failed",
                "{answer:?}"
            );
        } else {
            known.has_merged(&answer.value["merged"]["migrations"]);
        }
    }
    let ledger = project.ledger("production").await;
    let now = fingerprint(&api, &known.project).await;
    let advice = api
        .get(&format!("/v1/projects/{}/advisors/security", known.project))
        .await;
    let mut state = known.state();
    for version in &state.merged {
        assert!(
            ledger.contains(version),
            "{version} was merged and is gone: {ledger:?}"
        );
    }
    assert!(
        ledger.iter().all(|version| dev.contains(version)),
        "{ledger:?} is more than {dev:?}"
    );
    if let Some((before, fingerprint)) = &state.production {
        assert!(ledger.starts_with(before), "{ledger:?} after {before:?}");
        if !sent {
            assert_eq!(fingerprint, &now, "production changed without a merge");
        }
    } else if !sent {
        assert!(
            ledger.is_empty(),
            "production changed without a merge: {ledger:?}"
        );
    }
    let errors: Vec<&Value> = advice["lints"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|lint| lint["level"] == "ERROR")
        .collect();
    assert!(errors.is_empty(), "merged past the advisor: {errors:?}");
    state.production = Some((ledger, now));
    state.merge_sent = false;
}

/// The journal's chain holds; every allowed migration had an intent first, and every intent has an
/// outcome unless its server was killed.
async fn journal(world: &World, known: &Known) {
    let verified = world.run(&["journal", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
    let (mut intents, mut outcomes) = (BTreeSet::new(), BTreeSet::new());
    for entry in world.journal() {
        let call = entry["call_id"].to_string();
        let body = &entry["body"];
        // A repeated call that was given an earlier one's outcome has no effect of its own.
        let migrated = entry["tool"] == "apply_migration"
            && body["decision"] == "allowed"
            && body.get("attached_to").is_none();
        if entry["kind"] == "intent" {
            intents.insert(call);
            continue;
        }
        assert!(
            !migrated || intents.contains(&call),
            "an effect without an intent: {entry}"
        );
        outcomes.insert(call);
    }
    let open = intents.difference(&outcomes).count();
    let lost = known.state().lost;
    assert!(
        open <= lost,
        "{open} intents without an outcome, and {lost} calls lost"
    );
}
