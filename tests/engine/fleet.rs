//! Many clusters at once.

use crate::support::*;
use drydock::local::engine::{ClusterId, Engine, Limits, Login};
use serde_json::json;
use tokio::task::JoinSet;

/// How many: a sample here, as many as `DRYDOCK_ENGINE_FLEET` says elsewhere.
fn size() -> usize {
    std::env::var("DRYDOCK_ENGINE_FLEET").map_or(24, |size| size.parse().unwrap())
}

/// Does the same with every cluster, with all of them at once.
async fn each<F, Work>(ids: &[ClusterId], work: F)
where
    F: Fn(ClusterId) -> Work,
    Work: Future<Output = ()> + Send + 'static,
{
    let mut all: JoinSet<()> = ids.iter().map(|id| work(*id)).collect();
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
}

async fn make(engine: &Engine) -> Vec<ClusterId> {
    let mut making: JoinSet<_> = (0..size())
        .map(|_| {
            let engine = engine.clone();
            async move { engine.create().await.unwrap() }
        })
        .collect();
    let mut ids = Vec::new();
    while let Some(id) = making.join_next().await {
        ids.push(id.unwrap());
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_that_was_killed_in_the_midst_of_its_work_comes_back_whole() {
    let home = Home::new();
    let engine = home.open().await;
    let ids = make(&engine).await;
    each(&ids, |id| {
        let engine = engine.clone();
        async move {
            let sql = "create table t(n int); insert into t select generate_series(1, 1000)";
            run(&engine, id, sql).await;
        }
    })
    .await;
    // What is not committed is not to be there.
    let mut open = Vec::new();
    for id in &ids {
        let mut connection = engine.connect(*id, Login::User).await.unwrap();
        let sql = "begin; insert into t values (0)";
        connection.run(sql, Limits::default()).await.unwrap();
        open.push(connection);
    }
    let pids = servers_in(&home.path);
    assert!(pids.len() > ids.len());
    for pid in pids {
        signal(pid, rustix::process::Signal::KILL);
    }
    drop(open);
    engine.close().await;

    let engine = home.open().await;
    assert_eq!(engine.clusters().len(), ids.len());
    each(&ids, |id| {
        let engine = engine.clone();
        async move {
            let there = rows(
                &engine,
                id,
                "select count(*)::int as n, sum(n)::int as sum from t",
            )
            .await;
            assert_eq!(there, json!([{"n": 1000, "sum": 500_500}]));
            let point = engine.create_restore_point(id).await.unwrap();
            run(&engine, id, "delete from t").await;
            engine.revert(id, &point).await.unwrap();
            let there = rows(&engine, id, "select count(*)::int as n from t").await;
            assert_eq!(there, json!([{"n": 1000}]));
        }
    })
    .await;
    engine.stop_all().await.unwrap();
    assert_eq!(servers_in(&home.path), Vec::<i32>::new());
}
