//! Bases: replays that do not start at the birth, and history that is removed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::support::*;
use drydock::local::engine::{ClusterId, Engine, EngineError, Settings};
use serde_json::{Value, json};

/// An engine that makes a base as soon as it may.
fn eager(home: &Home) -> Settings {
    let mut settings = home.settings();
    settings.base_after = 0;
    settings
}

async fn numbers(engine: &Engine, id: ClusterId) -> Value {
    let sql = "select coalesce(json_agg(n order by n), '[]') as n from t";
    rows(engine, id, sql).await[0]["n"].clone()
}

async fn add(engine: &Engine, id: ClusterId, n: i64) {
    run(engine, id, &format!("insert into t values ({n})")).await;
}

/// A cluster with the table `t`.
async fn cluster(engine: &Engine) -> ClusterId {
    let id = engine.create().await.unwrap();
    run(engine, id, "create table t(n bigint)").await;
    id
}

/// The bases on disk, sorted.
fn bases(home: &Home, id: ClusterId) -> Vec<String> {
    let dir = home.path.join(format!("c/{id}/base"));
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn segments(dir: &Path) -> usize {
    let names = std::fs::read_dir(dir).unwrap().flatten();
    names.filter(|entry| entry.file_name().len() == 24).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_starts_at_the_last_base_on_its_way() {
    let home = Home::new();
    let engine = Engine::open(eager(&home)).await.unwrap();
    let id = cluster(&engine).await;
    add(&engine, id, 1).await;
    let early = engine.create_restore_point(id).await.unwrap();
    engine.tend(id).await.unwrap();
    assert_eq!(bases(&home, id), [""; 0], "little was written");
    write_log(&engine, id, 12).await;
    engine.tend(id).await.unwrap();
    assert_eq!(bases(&home, id), ["1"]);
    engine.tend(id).await.unwrap();
    assert_eq!(bases(&home, id), ["1"], "nothing was written since");
    add(&engine, id, 2).await;
    let late = engine.create_restore_point(id).await.unwrap();
    add(&engine, id, 3).await;

    let reverted = engine.revert(id, &late).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1, 2]));
    assert!(reverted.replayed_bytes < 4 << 20, "{reverted:?}");
    // The base is not on the way to what lies before it.
    let reverted = engine.revert(id, &early).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1]));
    assert!(reverted.replayed_bytes < 4 << 20, "{reverted:?}");
    // It is on the way to what was written after it, on another timeline as well.
    let reverted = engine.revert(id, &late).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1, 2]));
    add(&engine, id, 4).await;
    assert!(reverted.replayed_bytes < 4 << 20, "{reverted:?}");
    write_log(&engine, id, 12).await;
    engine.tend(id).await.unwrap();
    assert_eq!(bases(&home, id), ["1", "2"]);
    let last = engine.create_restore_point(id).await.unwrap();
    let recovered = engine.recover(id, reverted.left_at).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1]));
    engine.revert(id, &last).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1, 2, 4]));
    engine.recover(id, recovered.left_at).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1, 2, 4]));
    engine.destroy(id).await.unwrap();
}

/// Whether files below `dir` can share their blocks: XFS, btrfs and some others.
fn shares_blocks(dir: &Path) -> bool {
    let (from, to) = (dir.join("original"), dir.join("clone"));
    std::fs::write(&from, vec![7; 1 << 16]).unwrap();
    let (from, to) = (std::fs::File::open(from), std::fs::File::create(to));
    rustix::fs::ioctl_ficlone(to.unwrap(), from.unwrap()).is_ok()
}

/// Whether blocks of a file are another's as well; `filefrag` asks the file system.
fn is_shared(file: &Path) -> bool {
    // What was never synced has no block yet.
    std::fs::File::open(file).unwrap().sync_all().unwrap();
    let mut command = std::process::Command::new("filefrag");
    let output = command.arg("-v").arg(file).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    told.lines().any(|line| line.contains("shared"))
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_share_their_blocks_where_the_file_system_can() {
    let home = Home::new();
    if !shares_blocks(&home.path) {
        eprintln!(
            "skipped: files in {} cannot share blocks",
            home.path.display()
        );
        return;
    }
    let engine = Engine::open(eager(&home)).await.unwrap();
    let id = cluster(&engine).await;
    // Nobody writes to the catalogue of functions.
    let sql = "select pg_relation_filepath('pg_proc') as file";
    let file = rows(&engine, id, sql).await[0]["file"].clone();
    let file = file.as_str().unwrap();
    let data = home.path.join(format!("c/{id}/g1")).join(file);
    assert!(is_shared(&data), "a new cluster has its own {file}");
    write_log(&engine, id, 12).await;
    engine.tend(id).await.unwrap();
    let base = home.path.join(format!("c/{id}/base/1")).join(file);
    assert!(is_shared(&base), "a base has its own {file}");
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_is_made_while_everything_changes_is_whole() {
    let home = Home::new();
    let engine = Engine::open(eager(&home)).await.unwrap();
    let id = cluster(&engine).await;
    run(&engine, id, "create table books(id int primary key, page int, text text); insert into books select n, 0, repeat('x', 200) from generate_series(1, 20000) n").await;
    write_log(&engine, id, 12).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writer = tokio::spawn({
        let engine = engine.clone();
        async move {
            let mut rounds = 0;
            while !*stopped.borrow() {
                run(&engine, id, "update books set page = page + 1, text = repeat(chr(97 + page % 26), 200) where id % 7 = (select min(page) from books) % 7; create table if not exists aside(n int); drop table aside").await;
                rounds += 1;
            }
            rounds
        }
    });
    let mut points = Vec::new();
    for made in 1..=3 {
        engine.tend(id).await.unwrap();
        assert!(bases(&home, id).contains(&made.to_string()), "{made}");
        let point = engine.create_restore_point(id).await.unwrap();
        points.push(point);
        write_log(&engine, id, 24).await;
    }
    stop.send(true).unwrap();
    assert!(writer.await.unwrap() > 0);
    for point in points {
        let reverted = engine.revert(id, &point).await.unwrap();
        // Every row is there once, by the index and without it, and holds what its page says.
        let sql = "select count(*)::int as rows, count(distinct id)::int as ids,
                          count(*) filter (where text <> repeat(chr((97 + (page - 1) % 26)::int), 200) and page > 0)::int as torn
                   from books";
        let whole = json!([{"rows": 20000, "ids": 20000, "torn": 0}]);
        assert_eq!(rows(&engine, id, sql).await, whole, "{reverted:?}");
        let by_index = "set enable_seqscan = off; select count(*)::int as rows from books where id between 1 and 20000";
        assert_eq!(rows(&engine, id, by_index).await, json!([{"rows": 20000}]));
    }
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn history_from_before_the_retention_is_removed_and_said_to_be_gone() {
    let home = Home::new();
    let mut settings = eager(&home);
    settings.retention = Duration::from_millis(1);
    let engine = Engine::open(settings.clone()).await.unwrap();
    let id = cluster(&engine).await;
    add(&engine, id, 1).await;
    let early = engine.create_restore_point(id).await.unwrap();
    let born = engine.reach(id).await.unwrap().earliest;
    write_log(&engine, id, 40).await;
    let (live, archive) = (
        home.path.join(format!("c/{id}/g1/pg_wal")),
        home.path.join(format!("c/{id}/wal")),
    );
    assert!(segments(&live) > 40);
    engine.tend(id).await.unwrap();
    assert_eq!(bases(&home, id), ["1"]);
    // The next time the base lies before the retention, and nothing before the base is asked for.
    engine.tend(id).await.unwrap();
    assert!(segments(&live) < 8, "{}", segments(&live));
    assert_eq!(segments(&archive), 0);

    let reach = engine.reach(id).await.unwrap();
    assert!(reach.earliest > born);
    for gone in [
        engine.revert(id, &early).await.map(drop),
        engine.recover(id, reach.earliest - 1).await.map(drop),
    ] {
        assert!(
            matches!(gone, Err(EngineError::Unreachable { .. })),
            "{gone:?}"
        );
    }
    assert_eq!(numbers(&engine, id).await, json!([1]), "nothing changed");
    add(&engine, id, 2).await;
    let late = engine.create_restore_point(id).await.unwrap();
    add(&engine, id, 3).await;

    // What is left is enough for a crash, a clean stop, another engine, and the way to what is kept.
    kill_9(engine.server_pid(id).await.unwrap().unwrap());
    assert_eq!(numbers(&engine, id).await, json!([1, 2, 3]));
    engine.stop(id).await.unwrap();
    engine.tend(id).await.unwrap();
    engine.close().await;
    let patient = Settings {
        retention: Duration::from_secs(3600),
        ..settings
    };
    let engine = Engine::open(patient).await.unwrap();
    assert_eq!(engine.reach(id).await.unwrap(), reach);
    let reverted = engine.revert(id, &late).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1, 2]));
    engine.recover(id, reverted.left_at).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1, 2, 3]));
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn states_that_were_left_before_the_retention_are_forgotten_and_still_counted() {
    let home = Home::new();
    let mut settings = eager(&home);
    settings.retention = Duration::from_millis(1);
    let engine = Engine::open(settings).await.unwrap();
    let id = cluster(&engine).await;
    let point = engine.create_restore_point(id).await.unwrap();
    for n in 0..3 {
        add(&engine, id, n).await;
        engine.revert(id, &point).await.unwrap();
    }
    assert_eq!(engine.reach(id).await.unwrap().left.len(), 3);
    write_log(&engine, id, 12).await;
    engine.tend(id).await.unwrap();
    engine.tend(id).await.unwrap();
    let reach = engine.reach(id).await.unwrap();
    assert_eq!((reach.left.len(), reach.times_left()), (0, 3));
    add(&engine, id, 7).await;
    let point = engine.create_restore_point(id).await.unwrap();
    engine.revert(id, &point).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([7]));
    assert_eq!(engine.reach(id).await.unwrap().times_left(), 4);
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_bases_are_kept_and_every_moment_with_them() {
    let home = Home::new();
    let engine = Engine::open(eager(&home)).await.unwrap();
    let id = cluster(&engine).await;
    let mut points = Vec::new();
    for n in 0..8 {
        add(&engine, id, n).await;
        points.push(engine.create_restore_point(id).await.unwrap());
        write_log(&engine, id, 12).await;
        engine.tend(id).await.unwrap();
    }
    let kept = bases(&home, id);
    assert_eq!(kept.len(), 4, "{kept:?}");
    assert!(kept.contains(&"8".to_owned()), "the last one is kept");
    for (n, point) in points.iter().enumerate().rev() {
        engine.revert(id, point).await.unwrap();
        let held: Vec<usize> = (0..=n).collect();
        assert_eq!(numbers(&engine, id).await, json!(held));
    }
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_base_has_a_copy_for_the_next_revert() {
    let home = Home::new();
    let engine = Engine::open(eager(&home)).await.unwrap();
    let id = cluster(&engine).await;
    run(&engine, id, "create table large as select n, repeat(md5(n::text), 30) as text from generate_series(1, 20000) n").await;
    engine.tend(id).await.unwrap();
    assert_eq!(bases(&home, id), ["1", "1.spare"]);
    add(&engine, id, 1).await;
    let point = engine.create_restore_point(id).await.unwrap();
    add(&engine, id, 2).await;
    for generation in 2..4 {
        let spare = home.path.join(format!("c/{id}/base/1.spare"));
        let copy = std::fs::metadata(spare).unwrap().ino();
        engine.revert(id, &point).await.unwrap();
        assert_eq!(numbers(&engine, id).await, json!([1]));
        let data = home.path.join(format!("c/{id}/g{generation}"));
        assert_eq!(std::fs::metadata(data).unwrap().ino(), copy);
        // It is made again by itself.
        while bases(&home, id) != ["1", "1.spare"] {
            tokio::task::yield_now().await;
        }
    }
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_a_stop_and_a_removal_do_not_wait_for_a_base() {
    let home = Home::new();
    let engine = Engine::open(eager(&home)).await.unwrap();
    let id = cluster(&engine).await;
    let point = engine.create_restore_point(id).await.unwrap();
    run(&engine, id, "create table large as select n, repeat(md5(n::text), 30) as text from generate_series(1, 60000) n").await;
    for step in 0..3 {
        write_log(&engine, id, 40).await;
        let tending = tokio::spawn({
            let engine = engine.clone();
            async move { engine.tend(id).await }
        });
        until_something_is_copied(&home, id, &tending).await;
        match step {
            0 => engine.stop(id).await.unwrap(),
            1 => drop(engine.revert(id, &point).await.unwrap()),
            _ => engine.destroy(id).await.unwrap(),
        }
        let tended = tending.await.unwrap();
        let is_fine = matches!(tended, Ok(()) | Err(EngineError::NoSuchCluster(_)));
        assert!(is_fine, "step {step}: {tended:?}");
    }
    assert_eq!(std::fs::read_dir(home.path.join("c")).unwrap().count(), 0);
}

/// Waits until a base is being copied, or until it is made already.
async fn until_something_is_copied<T>(
    home: &Home,
    id: ClusterId,
    tending: &tokio::task::JoinHandle<T>,
) {
    while bases(home, id).iter().all(|name| !name.contains("draft")) && !tending.is_finished() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_goes_when_no_cluster_counts_on_it_any_more() {
    let home = Home::new();
    let mut settings = eager(&home);
    settings.templates = None;
    settings.retention = Duration::from_millis(1);
    let templates = home.path.join("template");
    let count = || {
        let entries = std::fs::read_dir(&templates).unwrap().flatten();
        entries.filter(|entry| entry.path().is_dir()).count()
    };
    let engine = Engine::open(settings.clone()).await.unwrap();
    let id = cluster(&engine).await;
    engine.close().await;
    let mut newer = settings;
    newer.bootstrap = NEWER_BOOTSTRAP;
    let engine = Engine::open(newer.clone()).await.unwrap();
    assert_eq!(count(), 2, "the cluster's replays start from the older one");
    add(&engine, id, 1).await;
    write_log(&engine, id, 12).await;
    engine.tend(id).await.unwrap();
    engine.tend(id).await.unwrap();
    engine.close().await;
    let engine = Engine::open(newer).await.unwrap();
    assert_eq!(count(), 1);
    add(&engine, id, 2).await;
    let point = engine.create_restore_point(id).await.unwrap();
    engine.revert(id, &point).await.unwrap();
    assert_eq!(numbers(&engine, id).await, json!([1, 2]));
    engine.destroy(id).await.unwrap();
}
