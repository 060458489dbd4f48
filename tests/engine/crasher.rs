//! Works on a cluster until it is killed, and says on standard output what it is about to do and what was acknowledged.
//! The test `crash` kills it. `crasher <root> <templates> <cluster> <points file>`, or
//! `crasher <root> <templates> <cluster> <moments file> moments` for recoveries to moments instead of reverts.
#![expect(clippy::unwrap_used, reason = "a tool for measuring and testing")]
#[path = "../postgres.rs"]
mod postgres;

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use drydock::local::engine::{Engine, Limits, Login, Point, Script, Settings};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const BOOTSTRAP: &[Script] = &[Script {
    name: "bootstrap.sql",
    sql: include_str!("bootstrap.sql"),
}];

fn say(word: &str, value: &Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{word} {value}").unwrap();
    out.flush().unwrap();
}

/// What was returned to.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Target {
    Point(Point),
    Moment(i64),
}

/// A moment, in milliseconds since 1970, that no commit shares.
async fn between_commits() -> i64 {
    tokio::time::sleep(Duration::from_millis(2)).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    i64::try_from(now.as_millis()).unwrap()
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let mut settings = Settings::new(&arguments[1], BOOTSTRAP);
    settings.templates = Some(arguments[2].clone().into());
    settings.base_after = 0;
    settings.postgres = postgres::chosen();
    let engine = Engine::open(settings).await.unwrap();
    if arguments[3] == "create" {
        say("opened", &Value::Null);
        loop {
            let id = engine.create().await.unwrap();
            say("created", &json!(id));
            say("destroying", &json!(id));
            engine.destroy(id).await.unwrap();
            say("destroyed", &json!(id));
        }
    }
    let id = serde_json::from_str(&arguments[3]).unwrap();
    let by_moments = arguments.get(5).is_some_and(|mode| mode == "moments");
    let mut points: Vec<(Target, Value)> =
        serde_json::from_slice(&std::fs::read(&arguments[4]).unwrap()).unwrap();
    let mut c = engine.connect(id, Login::User).await.unwrap();
    let r = c
        .run(
            "select coalesce(json_agg(n order by n), '[]') as n from t",
            Limits::default(),
        )
        .await
        .unwrap();
    c.close().await;
    let mut state = r[0].to_json()[0]["n"].clone();
    say("state", &state);
    let mut next = rand::rng().random_range(0..1_000_000_000_i64);
    loop {
        let what = rand::rng().random_range(0..12);
        if what == 10 {
            let sql = "select pg_logical_emit_message(false, 'filler', repeat('x', 8000000))";
            let mut c = engine.connect(id, Login::User).await.unwrap();
            c.run(sql, Limits::default()).await.unwrap();
            c.close().await;
        } else if what == 11 {
            engine.tend(id).await.unwrap();
        } else if what < 3 {
            next += 1;
            let mut wanted: Vec<i64> = serde_json::from_value(state.clone()).unwrap();
            wanted.push(next);
            wanted.sort_unstable();
            say("trying", &json!(wanted));
            let mut c = engine.connect(id, Login::User).await.unwrap();
            c.run(&format!("insert into t values ({next})"), Limits::default())
                .await
                .unwrap();
            c.close().await;
            state = json!(wanted);
            say("state", &state);
        } else if what < 5 || points.is_empty() {
            let target = if by_moments {
                Target::Moment(between_commits().await)
            } else {
                Target::Point(engine.create_restore_point(id).await.unwrap())
            };
            say("point", &json!([target, state]));
            points.push((target, state.clone()));
        } else {
            let (target, wanted) = points[rand::rng().random_range(0..points.len())].clone();
            say("trying", &wanted);
            match target {
                Target::Point(point) => engine.revert(id, &point).await.unwrap(),
                Target::Moment(moment) => engine.recover(id, moment).await.unwrap(),
            };
            state = wanted;
            say("state", &state);
        }
    }
}
