//! A cluster's history against a model of it: whatever is mixed with whatever, every moment holds what it held.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::*;
use drydock::local::engine::{ClusterId, Engine, EngineError, Point};
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
        let moment = now();
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

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_mixture_of_reverts_recoveries_stops_and_kills_keeps_every_moment() {
    mix(50, Duration::from_secs(3600)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_younger_than_the_retention_is_kept_and_nothing_older_is_mistaken_for_it() {
    mix(80, Duration::from_secs(2)).await;
}

/// Does so many things to one cluster. What lies within the retention has to be there; what does not may be gone, and
/// is never something else.
async fn mix(rounds: i64, retention: Duration) {
    let rounds =
        std::env::var("DRYDOCK_ENGINE_ROUNDS").map_or(rounds, |rounds| rounds.parse().unwrap());
    let retained = i64::try_from(retention.as_millis()).unwrap();
    let home = Home::new();
    // Bases are made in between, so that replays start in many places.
    let mut settings = home.settings();
    settings.base_after = 0;
    settings.retention = retention;
    let mut engine = Engine::open(settings.clone()).await.unwrap();
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n bigint)").await;
    let mut model = Model::default();
    let mut gone = 0;
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
                    let horizon = now() - retained;
                    match engine.revert(id, &point).await {
                        Err(EngineError::Unreachable { .. }) if point.at < horizon => gone += 1,
                        reverted => {
                            reverted.unwrap();
                            model.now = held;
                        }
                    }
                }
            }
            7 | 8 => {
                if let Some((moment, held)) = any(&model.moments) {
                    let horizon = now() - retained;
                    match engine.recover(id, moment).await {
                        Err(EngineError::Unreachable { .. }) if moment < horizon => gone += 1,
                        recovered => {
                            let before = std::mem::replace(&mut model.now, held);
                            model.moments.push((recovered.unwrap().left_at, before));
                        }
                    }
                }
            }
            9 => engine.stop(id).await.unwrap(),
            10 => {
                if let Some(pid) = engine.server_pid(id).await.unwrap() {
                    kill_9(pid);
                }
            }
            11 => {
                engine.close().await;
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
        let horizon = now() - retained;
        match engine.recover(id, moment).await {
            Ok(_) => assert_eq!(numbers(&engine, id).await, held, "at {moment}"),
            Err(error) => assert!(moment < horizon, "{error}"),
        }
    }
    eprintln!("{gone} destinations were gone");
    engine.destroy(id).await.unwrap();
}
