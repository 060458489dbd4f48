//! The engine against real PostgreSQL.
use std::time::{Duration, Instant};

use crate::support::*;
use drydock::local::engine::wire::WireError;
use drydock::local::engine::{Engine, EngineError, Limits, Login, Lsn};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_cluster_answers_queries() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    assert_eq!(
        rows(&engine, id, "select 1 as one, 'x' as two").await,
        json!([{"one": 1, "two": "x"}])
    );
    engine.stop_all().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_returns_to_the_point_and_an_undo_returns_from_it() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(
        &engine,
        id,
        "create table t(n int); insert into t values (1)",
    )
    .await;
    let one = engine.create_restore_point(id).await.unwrap();
    run(&engine, id, "insert into t values (2)").await;
    let undo = engine.create_restore_point(id).await.unwrap();
    let reverted = engine.revert(id, &one).await.unwrap();
    assert_eq!(reverted.timeline, 2);
    assert_eq!(
        rows(&engine, id, "select * from t order by n").await,
        json!([{"n": 1}])
    );
    run(&engine, id, "insert into t values (3)").await;
    let other = engine.create_restore_point(id).await.unwrap();
    assert_eq!(other.timeline, 2);
    let reverted = engine.revert(id, &undo).await.unwrap();
    assert_eq!(reverted.timeline, 3);
    assert_eq!(
        rows(&engine, id, "select * from t order by n").await,
        json!([{"n": 1}, {"n": 2}])
    );
    let reverted = engine.revert(id, &other).await.unwrap();
    assert_eq!(reverted.timeline, 4);
    assert_eq!(
        rows(&engine, id, "select * from t order by n").await,
        json!([{"n": 1}, {"n": 3}])
    );
    engine.stop_all().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_points_are_reached_in_any_order() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int)").await;
    let mut points = Vec::new();
    for n in 0..10 {
        run(&engine, id, &format!("insert into t values ({n})")).await;
        points.push((n, engine.create_restore_point(id).await.unwrap()));
    }
    for n in [7, 2, 9, 0, 5, 5, 8, 1, 3, 6, 4, 9] {
        engine.revert(id, &points[n].1).await.unwrap();
        assert_eq!(
            rows(&engine, id, "select max(n) as m, count(*) as c from t").await,
            json!([{"m": n, "c": n + 1}])
        );
        run(&engine, id, "insert into t values (1000)").await;
    }
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_across_many_segments_and_forks_is_reached_from_a_stopped_cluster() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    let fill = "insert into t select repeat(md5(random()::text), 30) from generate_series(1, 4000)";
    run(&engine, id, "create table t(x text)").await;
    let mut points = Vec::new();
    for round in 0..6_usize {
        run(&engine, id, fill).await;
        let count = rows(&engine, id, "select count(*) as c from t").await;
        points.push((count, engine.create_restore_point(id).await.unwrap()));
        let (count, point) = &points[round / 2];
        engine.stop(id).await.unwrap();
        engine.revert(id, point).await.unwrap();
        assert_eq!(
            &rows(&engine, id, "select count(*) as c from t").await,
            count
        );
    }
    for (count, point) in points.iter().rev() {
        engine.revert(id, point).await.unwrap();
        assert_eq!(
            &rows(&engine, id, "select count(*) as c from t").await,
            count
        );
        run(&engine, id, fill).await;
    }
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_rows_and_points_survive_kill_9_of_the_server() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int)").await;
    for n in 0..5 {
        run(&engine, id, &format!("insert into t values ({n})")).await;
        let point = engine.create_restore_point(id).await.unwrap();
        kill_9(engine.server_pid(id).await.unwrap().unwrap());
        assert_eq!(
            rows(&engine, id, "select count(*) as c from t").await,
            json!([{"c": n + 1}])
        );
        engine.revert(id, &point).await.unwrap();
        assert_eq!(
            rows(&engine, id, "select count(*) as c from t").await,
            json!([{"c": n + 1}])
        );
    }
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_never_repeats_a_number_after_a_revert() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(
        &engine,
        id,
        "create table t(n serial, x int); insert into t(x) values (1), (2)",
    )
    .await;
    let point = engine.create_restore_point(id).await.unwrap();
    run(&engine, id, "insert into t(x) values (3)").await;
    engine.revert(id, &point).await.unwrap();
    let answer = rows(
        &engine,
        id,
        "insert into t(x) values (4) returning n > 2 as fresh",
    )
    .await;
    assert_eq!(answer, json!([{"fresh": true}]));
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_and_a_running_statement_hold_up_neither_revert_nor_stop_nor_destroy() {
    let home = Home::new();
    let mut settings = home.settings();
    settings.grace = Duration::from_millis(100);
    let engine = Engine::open(settings).await.unwrap();
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int)").await;
    let point = engine.create_restore_point(id).await.unwrap();
    for way in ["revert", "stop", "destroy"] {
        let mut open = engine.connect(id, Login::User).await.unwrap();
        open.run(
            "begin; lock table t; insert into t values (1)",
            Limits::default(),
        )
        .await
        .unwrap();
        let mut busy = engine.connect(id, Login::User).await.unwrap();
        let busy =
            tokio::spawn(async move { busy.run("select pg_sleep(1000)", Limits::default()).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        match way {
            "revert" => drop(engine.revert(id, &point).await.unwrap()),
            "stop" => engine.stop(id).await.unwrap(),
            _ => engine.destroy(id).await.unwrap(),
        }
        assert!(busy.await.unwrap().is_err());
        let error = open.run("commit", Limits::default()).await.unwrap_err();
        assert!(
            matches!(error, EngineError::Wire(WireError::Closed)),
            "{error:?}"
        );
        if way != "destroy" {
            assert_eq!(rows(&engine, id, "select * from t").await, json!([]));
        }
    }
    assert!(matches!(
        engine.connect(id, Login::User).await,
        Err(EngineError::NoSuchCluster(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_wait_during_a_revert_and_meet_the_reverted_database() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int)").await;
    let point = engine.create_restore_point(id).await.unwrap();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0..40 {
                    let value = writer * 1000 + n;
                    if try_run(&engine, id, &format!("insert into t values ({value})"))
                        .await
                        .is_ok()
                    {
                        acknowledged.push((Instant::now(), value));
                    }
                }
                acknowledged
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(30)).await;
    let mut last = Instant::now();
    for _ in 0..3 {
        engine.revert(id, &point).await.unwrap();
        last = Instant::now();
    }
    let mut expected = Vec::new();
    for writer in writers {
        let acknowledged = writer.await.unwrap();
        // What was acknowledged after the last revert must be there. At the edge an answer may arrive here late.
        expected.extend(
            acknowledged
                .into_iter()
                .filter(|(at, _)| *at > last + Duration::from_millis(20)),
        );
    }
    let there = rows(
        &engine,
        id,
        "select coalesce(json_agg(n), '[]') as n from t",
    )
    .await;
    let there: Vec<i64> = serde_json::from_value(there[0]["n"].clone()).unwrap();
    for (_, value) in expected {
        assert!(there.contains(&value), "{value} is missing");
    }
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroyed_cluster_leaves_no_process_and_no_file() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    let other = engine.create().await.unwrap();
    let point = engine.create_restore_point(id).await.unwrap();
    engine.revert(id, &point).await.unwrap();
    let pid = engine.server_pid(id).await.unwrap().unwrap();
    engine.destroy(id).await.unwrap();
    assert!(!alive(pid));
    assert!(!home.path.join(format!("c/{id}")).exists());
    assert_eq!(
        sockets(&home.path),
        [
            format!(".s.PGSQL.{other}"),
            format!(".s.PGSQL.{other}.lock")
        ]
    );
    assert_eq!(engine.clusters(), [other]);
    engine.stop_all().await.unwrap();
    assert!(sockets(&home.path).is_empty());
    assert_eq!(servers_in(&home.path), Vec::<i32>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_engine_adopts_running_servers_and_a_second_one_is_refused() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int)").await;
    let point = engine.create_restore_point(id).await.unwrap();
    let pid = engine.server_pid(id).await.unwrap();
    assert!(matches!(
        Engine::open(home.settings()).await,
        Err(EngineError::InUse { .. })
    ));
    engine.close().await;
    let engine = home.open().await;
    assert_eq!(engine.server_pid(id).await.unwrap(), pid);
    engine.revert(id, &point).await.unwrap();
    run(&engine, id, "insert into t values (1)").await;
    engine.stop(id).await.unwrap();
    assert_eq!(
        rows(&engine, id, "select * from t").await,
        json!([{"n": 1}])
    );
    let fresh = engine.create().await.unwrap();
    assert_ne!(fresh, id);
    engine.stop_all().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_cluster_is_stopped_and_woken_by_the_next_statement() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    let held = engine.connect(id, Login::User).await.unwrap();
    assert!(!engine.stop_if_idle(id, Duration::ZERO).await.unwrap());
    held.close().await;
    assert!(
        !engine
            .stop_if_idle(id, Duration::from_secs(60))
            .await
            .unwrap()
    );
    assert!(engine.stop_if_idle(id, Duration::ZERO).await.unwrap());
    assert_eq!(engine.server_pid(id).await.unwrap(), None);
    assert_eq!(rows(&engine, id, "select 1 as x").await, json!([{"x": 1}]));
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_of_another_cluster_or_with_lost_log_is_refused_and_nothing_changes() {
    let home = Home::new();
    let engine = home.open().await;
    let (id, other) = (
        engine.create().await.unwrap(),
        engine.create().await.unwrap(),
    );
    run(&engine, id, "create table t(n int)").await;
    let point = engine.create_restore_point(other).await.unwrap();
    assert!(matches!(
        engine.revert(id, &point).await,
        Err(EngineError::Unreachable { .. })
    ));
    let mut far = engine.create_restore_point(id).await.unwrap();
    far.lsn = Lsn(far.lsn.0 + (100 << 20));
    assert!(matches!(
        engine.revert(id, &far).await,
        Err(EngineError::Unreachable { .. })
    ));
    assert_eq!(rows(&engine, id, "select * from t").await, json!([]));
    engine.destroy(id).await.unwrap();
    engine.destroy(other).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clusters_are_made_at_once() {
    let home = Home::new();
    let engine = home.open().await;
    let made: Vec<_> = (0..8)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.create().await.unwrap() })
        })
        .collect();
    for id in made {
        let id = id.await.unwrap();
        assert_eq!(rows(&engine, id, "select 1 as x").await, json!([{"x": 1}]));
    }
    assert_eq!(engine.clusters().len(), 8);
    engine.stop_all().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_too_deep_for_sockets_has_them_elsewhere_until_the_end() {
    let home = Home::new();
    let mut settings = home.settings();
    settings.root = home.path.join("d".repeat(100));
    let engine = Engine::open(settings).await.unwrap();
    let id = engine.create().await.unwrap();
    for _ in 0..2 {
        assert_eq!(rows(&engine, id, "select 1 as x").await, json!([{"x": 1}]));
        let sockets = rows(&engine, id, "show unix_socket_directories").await;
        let sockets = sockets[0]["unix_socket_directories"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(!sockets.contains("ddd"), "{sockets}");
        engine.stop_all().await.unwrap();
        assert!(!std::path::Path::new(&sockets).exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_a_crowd_end_in_order() {
    let home = Home::new();
    let mut settings = home.settings();
    // Whoever waited for somebody who waits in turn would be released only by this.
    settings.grace = Duration::from_secs(3600);
    let engine = Engine::open(settings).await.unwrap();
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int)").await;
    let point = engine.create_restore_point(id).await.unwrap();
    let crowd: Vec<_> = (0..40)
        .map(|n| {
            let (engine, point) = (engine.clone(), point.clone());
            tokio::spawn(async move {
                match n % 8 {
                    0 => drop(engine.revert(id, &point).await.unwrap()),
                    1 => drop(engine.create_restore_point(id).await.unwrap()),
                    2 => engine.stop(id).await.unwrap(),
                    3 => drop(
                        engine
                            .read_only(id, "select * from t", &[], Limits::default())
                            .await,
                    ),
                    _ => drop(try_run(&engine, id, "select * from t").await),
                }
            })
        })
        .collect();
    for member in crowd {
        member.await.unwrap();
    }
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_client_may_connect_by_itself_and_no_secret_is_printed() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    let access = engine.access(id, Login::User).await.unwrap();
    let psql = std::process::Command::new("psql")
        .arg("-At")
        .args(["-h", access.socket_dir.to_str().unwrap()])
        .args(["-p", &access.port.to_string(), "-U", access.role])
        .args(["-c", "select current_user", "postgres"])
        .env("PGPASSWORD", access.password())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&psql.stdout), "postgres\n");
    assert!(!format!("{access:?} {engine:?}").contains(access.password()));
    assert!(!engine.stop_if_idle(id, Duration::ZERO).await.unwrap());
    drop(access);
    assert!(engine.stop_if_idle(id, Duration::ZERO).await.unwrap());
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_made_from_spares_are_like_any_other() {
    let home = Home::new();
    let mut settings = home.settings();
    settings.spares = 2;
    let spares = || {
        std::fs::read_dir(home.path.join("spare"))
            .unwrap()
            .flatten()
            .map(|entry| entry.path())
    };
    for _ in 0..2 {
        let engine = Engine::open(settings.clone()).await.unwrap();
        while spares()
            .filter(|path| path.extension().unwrap() != "draft")
            .count()
            < 2
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // More than there are spares.
        for _ in 0..4 {
            let id = engine.create().await.unwrap();
            let point = engine.create_restore_point(id).await.unwrap();
            run(&engine, id, "create table t(n int)").await;
            engine.revert(id, &point).await.unwrap();
            run(&engine, id, "create table t(n int)").await;
            engine.destroy(id).await.unwrap();
        }
        // Waits for a spare that is being made: the next engine tidies up.
        engine.stop_all().await.unwrap();
        engine.close().await;
        std::fs::create_dir(home.path.join("spare/of-another-template.0")).unwrap();
    }
    let mut none = settings.clone();
    none.spares = 0;
    while let Err(error) = Engine::open(none.clone()).await {
        assert!(
            matches!(error, EngineError::Io { .. } | EngineError::InUse { .. }),
            "{error}"
        );
    }
    assert!(spares().all(|path| !path.to_str().unwrap().contains("of-another-template")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_just_ending_is_waited_for_and_started_again() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    let pid = engine.server_pid(id).await.unwrap().unwrap();
    engine.close().await;
    let engine = home.open().await;
    for _ in 0..3 {
        signal(pid, rustix::process::Signal::INT);
        assert_eq!(rows(&engine, id, "select 1 as x").await, json!([{"x": 1}]));
        let pid = engine.server_pid(id).await.unwrap().unwrap();
        signal(pid, rustix::process::Signal::INT);
        engine.create_restore_point(id).await.unwrap();
        assert_eq!(rows(&engine, id, "select 1 as x").await, json!([{"x": 1}]));
    }
    engine.destroy(id).await.unwrap();
}
