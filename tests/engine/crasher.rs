//! Works on a cluster until it is killed, and says on standard output what it is about to do and what was acknowledged.
//! The test `crash` kills it. `crasher <root> <templates> <cluster> <points file> <mode>`
#![expect(clippy::unwrap_used, reason = "a tool for measuring and testing")]
use std::io::Write;

use drydock::local::engine::{Engine, Limits, Login, Point, Script, Settings};
use rand::RngExt;
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

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let mut settings = Settings::new(&arguments[1], BOOTSTRAP);
    settings.templates = Some(arguments[2].clone().into());
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
    let mut points: Vec<(Point, Value)> =
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
        let what = rand::rng().random_range(0..10);
        if what < 3 {
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
            let point = engine.create_restore_point(id).await.unwrap();
            say("point", &json!([point, state]));
            points.push((point, state.clone()));
        } else {
            let (point, wanted) = points[rand::rng().random_range(0..points.len())].clone();
            say("trying", &wanted);
            engine.revert(id, &point).await.unwrap();
            state = wanted;
            say("state", &state);
        }
    }
}
