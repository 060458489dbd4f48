//! Recovery to a moment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::*;
use drydock::local::engine::{ClusterId, Engine, EngineError};
use serde_json::{Value, json};

/// Commits a row and gives the moment right after it, by the server's clock: milliseconds since 1970.
async fn add(engine: &Engine, id: ClusterId, n: i64) -> i64 {
    run(engine, id, &format!("insert into t values ({n})")).await;
    moment(engine, id).await
}

/// A moment that is after every commit before this call and before every commit after it.
async fn moment(engine: &Engine, id: ClusterId) -> i64 {
    let sql = "select pg_sleep(0.01), ceil(extract(epoch from clock_timestamp()) * 1000)::bigint::text as at, pg_sleep(0.01)";
    let at = rows(engine, id, sql).await;
    at[0]["at"].as_str().unwrap().parse().unwrap()
}

async fn numbers(engine: &Engine, id: ClusterId) -> Value {
    let sql = "select coalesce(json_agg(n order by n), '[]') as n from t";
    rows(engine, id, sql).await[0]["n"].clone()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_returns_to_a_moment_and_another_one_returns_from_it() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int)").await;
    let first = add(&engine, id, 1).await;
    let second = add(&engine, id, 2).await;
    add(&engine, id, 3).await;

    let recovered = engine.recover(id, first).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1]));
    let aside = add(&engine, id, 10).await;
    assert!(
        aside > recovered.left_at,
        "the moment of what was left is not the new timeline's"
    );

    // The redo: by the second at which what was left is found whole.
    let redone = engine.recover(id, recovered.left_at).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1, 2, 3]));
    add(&engine, id, 4).await;

    // Any moment of any timeline, in any order, from a server that is stopped as well.
    engine.stop(id).await.unwrap();
    engine.recover(id, second).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1, 2]));
    engine.recover(id, aside).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1, 10]));
    engine.recover(id, redone.left_at).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1, 10]));
    let reach = engine.reach(id).await.unwrap();
    assert_eq!(
        reach.left[..2],
        [recovered.left_at, redone.left_at],
        "what was left, oldest first"
    );
    assert!(reach.left.iter().all(|until| until % 1000 == 0));
    assert!(reach.earliest <= first);
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_reaches_moments_that_a_revert_went_past() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int)").await;
    let point = engine.create_restore_point(id).await.unwrap();
    let first = add(&engine, id, 1).await;
    add(&engine, id, 2).await;
    let reverted = engine.revert(id, &point).await.unwrap();
    let after = add(&engine, id, 3).await;
    engine.recover(id, first).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1]));
    engine.recover(id, reverted.left_at).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1, 2]));
    engine.recover(id, after).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([3]));
    // Points of every timeline stay within reach.
    engine.revert(id, &point).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([]));
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_before_the_birth_is_refused_and_the_first_one_is_the_empty_database() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int)").await;
    let earliest = engine.reach(id).await.unwrap().earliest;
    for too_early in [0, 1000, earliest - 1] {
        assert!(matches!(
            engine.recover(id, too_early).await,
            Err(EngineError::Unreachable { .. })
        ));
    }
    assert_eq!(numbers(&engine, id).await, json!([]), "nothing changed");
    engine.recover(id, earliest).await.unwrap();
    let there = rows(&engine, id, "select to_regclass('t') is null as gone").await;
    assert_eq!(there, json!([{"gone": true}]));
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_after_the_last_commit_is_all_of_it() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int)").await;
    add(&engine, id, 1).await;
    for late in [now(), now() + 3_600_000] {
        engine.recover(id, late).await.unwrap();
        assert_eq!(numbers(&engine, id).await, json!([1]));
    }
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_while_a_recovery_began_is_missing_from_what_is_kept() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int)").await;
    let before = moment(&engine, id).await;
    let (began, mut begun) = tokio::sync::watch::channel(0);
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let (engine, began) = (engine.clone(), began.clone());
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0..60 {
                    let value = writer * 1000 + n;
                    if try_run(&engine, id, &format!("insert into t values ({value})"))
                        .await
                        .is_ok()
                    {
                        acknowledged.push((now(), value));
                    }
                    began.send_modify(|count| *count += 1);
                }
                acknowledged
            })
        })
        .collect();
    begun.wait_for(|count| *count > 20).await.unwrap();
    let recovered = engine.recover(id, before).await.unwrap();
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    engine.recover(id, recovered.left_at).await.unwrap();
    let there: Vec<i64> = serde_json::from_value(numbers(&engine, id).await).unwrap();
    let kept = acknowledged
        .iter()
        .filter(|(at, _)| *at < recovered.left_at);
    let mut kept: Vec<i64> = kept.map(|(_, value)| *value).collect();
    kept.sort_unstable();
    assert!(kept.len() > 20);
    for value in kept {
        assert!(there.contains(&value), "{value} was acknowledged before");
    }
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_keeps_todays_password_after_a_recovery_to_yesterday() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine
        .create_with(Some("first password".into()), "")
        .await
        .unwrap();
    let before = moment(&engine, id).await;
    engine.set_password(id, "second password").await.unwrap();
    engine.recover(id, before).await.unwrap();
    let access = engine
        .access(id, drydock::local::engine::Login::User)
        .await
        .unwrap();
    let output = std::process::Command::new("psql")
        .args(["-h", access.socket_dir.to_str().unwrap(), "-U", access.role])
        .args(["-p", &access.port.to_string(), "-Atc", "select 41 + 1"])
        .arg("postgres")
        .env("PGPASSWORD", "second password")
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "42",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_outlives_the_engine() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int)").await;
    let first = add(&engine, id, 1).await;
    add(&engine, id, 2).await;
    let recovered = engine.recover(id, first).await.unwrap();
    let reach = engine.reach(id).await.unwrap();
    engine.close().await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let engine = home.open().await;
    assert_eq!(engine.reach(id).await.unwrap(), reach);
    engine.recover(id, recovered.left_at).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1, 2]));
    engine.destroy(id).await.unwrap();
}

/// What a writer did: the number, when it was sent and when it was acknowledged.
type Sent = (i64, i64, i64);

async fn write_for_a_while(engine: Engine, id: ClusterId, from: i64, count: i64) -> Vec<Sent> {
    let mut sent = Vec::new();
    for number in from..from + count {
        let at = now();
        let insert = format!("insert into t values ({number})");
        if try_run(&engine, id, &insert).await.is_ok() {
            sent.push((number, at, now()));
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn any_moment_holds_what_was_acknowledged_before_it_and_nothing_that_was_sent_after_it() {
    use rand::RngExt;
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int)").await;
    let mut kept: Vec<Sent> = Vec::new();
    let mut from = 0;
    for round in 0..4 {
        let began = now();
        let writers = (0..3).map(|writer| {
            tokio::spawn(write_for_a_while(
                engine.clone(),
                id,
                from + writer * 1000,
                25,
            ))
        });
        let mut written = Vec::new();
        for writer in writers.collect::<Vec<_>>() {
            written.extend(writer.await.unwrap());
        }
        from += 10_000;
        let before: Vec<Sent> = kept.iter().copied().chain(written).collect();
        let target = rand::rng().random_range(began..now());
        let left = engine.recover(id, target).await.unwrap().left_at;
        let there: Vec<i64> = serde_json::from_value(numbers(&engine, id).await).unwrap();
        for (number, sent, acknowledged) in &before {
            let is_there = there.contains(number);
            // The clock is read in milliseconds, by the server more finely.
            assert!(
                is_there || *acknowledged >= target,
                "round {round}: {number} is missing"
            );
            assert!(
                !is_there || *sent <= target,
                "round {round}: {number} is too young"
            );
        }
        // The whole of what was left comes back, in every second round for good.
        engine.recover(id, left).await.unwrap();
        let all: Vec<i64> = serde_json::from_value(numbers(&engine, id).await).unwrap();
        let mut wanted: Vec<i64> = before.iter().map(|(number, ..)| *number).collect();
        wanted.sort_unstable();
        assert_eq!(all, wanted, "round {round}");
        kept = before;
        if round % 2 == 1 {
            engine.recover(id, target).await.unwrap();
            kept.retain(|(number, ..)| there.contains(number));
        }
    }
    engine.destroy(id).await.unwrap();
}
