//! A cluster's history against a model of it: whatever is mixed with whatever, every moment holds what it held.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::*;
use drydock::local::engine::{ClusterId, Engine, Point};
use rand::RngExt;
use serde_json::Value;

/// What the table holds.
type Numbers = Vec<i64>;

/// The model: what was held when, and at which point.
#[derive(Default)]
struct Model {
    now: Numbers,
    moments: Vec<(i64, Numbers)>,
    points: Vec<(Point, Numbers)>,
}

impl Model {
    /// A moment between two commits, with what is held then.
    async fn note(&mut self) {
        let between = Duration::from_millis(3);
        tokio::time::sleep(between).await;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let moment = i64::try_from(since.as_millis()).unwrap();
        self.moments.push((moment, self.now.clone()));
        tokio::time::sleep(between).await;
    }
}

async fn numbers(engine: &Engine, id: ClusterId) -> Numbers {
    let sql = "select coalesce(json_agg(n order by n), '[]') as n from t";
    let there: Value = rows(engine, id, sql).await[0]["n"].clone();
    serde_json::from_value(there).unwrap()
}

fn any<T: Clone>(of: &[T]) -> Option<T> {
    (!of.is_empty()).then(|| of[rand::rng().random_range(0..of.len())].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_mixture_of_reverts_recoveries_stops_and_kills_keeps_every_moment() {
    let rounds = std::env::var("ROUNDS").map_or(50, |rounds| rounds.parse().unwrap());
    let home = Home::new();
    // Bases are made in between, so that replays start in many places.
    let mut settings = home.settings();
    settings.base_after = 0;
    let mut engine = Engine::open(settings.clone()).await.unwrap();
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n bigint)").await;
    let mut model = Model::default();
    for round in 0..rounds {
        match rand::rng().random_range(0..15) {
            0..=4 => {
                run(&engine, id, &format!("insert into t values ({round})")).await;
                model.now.push(round);
            }
            5 => {
                let point = engine.create_restore_point(id).await.unwrap();
                model.points.push((point, model.now.clone()));
            }
            6 => {
                if let Some((point, held)) = any(&model.points) {
                    engine.revert(id, &point).await.unwrap();
                    model.now = held;
                }
            }
            7 | 8 => {
                if let Some((moment, held)) = any(&model.moments) {
                    let left = engine.recover(id, moment).await.unwrap().left_at;
                    let before = std::mem::replace(&mut model.now, held);
                    model.moments.push((left, before));
                }
            }
            9 => engine.stop(id).await.unwrap(),
            10 => {
                if let Some(pid) = engine.server_pid(id).await.unwrap() {
                    kill_9(pid);
                }
            }
            11 => {
                drop(engine);
                engine = Engine::open(settings.clone()).await.unwrap();
            }
            12 => write_log(&engine, id, 8).await,
            _ => engine.tend(id).await.unwrap(),
        }
        model.note().await;
        assert_eq!(numbers(&engine, id).await, model.now, "round {round}");
    }
    for _ in 0..8 {
        let (moment, held) = any(&model.moments).unwrap();
        engine.recover(id, moment).await.unwrap();
        assert_eq!(numbers(&engine, id).await, held, "at {moment}");
    }
    engine.destroy(id).await.unwrap();
}
