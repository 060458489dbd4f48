//! The engine's own process, or everything, killed at random moments.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::*;
use drydock::local::engine::{ClusterId, Engine, Point};
use rand::RngExt;
use serde_json::{Value, json};

fn crasher(home: &Home, arguments: &[&str]) -> Child {
    let mut program = std::env::current_exe().unwrap();
    program.pop();
    program.pop();
    program.push("examples/crasher");
    Command::new(program)
        .args([&home.path, &base().join("templates")])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets the crasher work for a random time, kills it (and half of the time all servers), and gives what it said.
fn let_work_and_kill(home: &Home, child: Child) -> Vec<(String, Value)> {
    let_work_for_and_kill(home, child, 500)
}

/// The same, for at most so many milliseconds.
fn let_work_for_and_kill(home: &Home, mut child: Child, longest: u64) -> Vec<(String, Value)> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let parse = |line: String| {
        let (word, value) = line.split_once(' ').unwrap();
        (word.to_owned(), serde_json::from_str(value).unwrap())
    };
    let mut said = vec![parse(lines.next().unwrap().unwrap())];
    std::thread::sleep(Duration::from_micros(
        rand::rng().random_range(0..longest * 1000),
    ));
    child.kill().unwrap();
    child.wait().unwrap();
    if rand::rng().random_bool(0.5) {
        servers_in(&home.path)
            .into_iter()
            .filter(|pid| alive(*pid))
            .for_each(|pid| {
                use rustix::process::{Pid, Signal, kill_process};
                kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap_or_default();
            });
    }
    // The last line may be cut.
    said.extend(
        lines
            .map_while(Result::ok)
            .filter(|line| {
                serde_json::from_str::<Value>(line.split_once(' ').map_or("", |l| l.1)).is_ok()
            })
            .map(parse),
    );
    said
}

async fn numbers(engine: &Engine, id: ClusterId) -> Value {
    rows(
        engine,
        id,
        "select coalesce(json_agg(n order by n), '[]') as n from t",
    )
    .await[0]["n"]
        .clone()
}

fn rounds(default: usize) -> usize {
    std::env::var("DRYDOCK_ENGINE_ROUNDS").map_or(default, |rounds| rounds.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_moment_leaves_what_was_acknowledged() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n bigint)").await;
    engine.close().await;
    let mut points: Vec<(Point, Value)> = Vec::new();
    let file: PathBuf = home.path.join("points.json");
    for round in 0..rounds(12) {
        std::fs::write(&file, serde_json::to_vec(&points).unwrap()).unwrap();
        let number = serde_json::to_string(&id).unwrap();
        let child = crasher(&home, &[&number, file.to_str().unwrap()]);
        let said = let_work_and_kill(&home, child);
        let (mut state, mut allowed) = (json!([]), Vec::new());
        for (word, value) in &said {
            match word.as_str() {
                "state" => (state, allowed) = (value.clone(), Vec::new()),
                "trying" => allowed = vec![value.clone()],
                _ => points.push(serde_json::from_value(value.clone()).unwrap()),
            }
        }
        allowed.push(state);
        let engine = home.open().await;
        let there = numbers(&engine, id).await;
        assert!(
            allowed.contains(&there),
            "round {round}: {there} is not one of {allowed:?}"
        );
        let generations = std::fs::read_dir(home.path.join(format!("c/{id}")))
            .unwrap()
            .flatten();
        let generations = generations
            .filter(|entry| entry.file_name().to_str().unwrap().starts_with('g'))
            .count();
        assert_eq!(generations, 1, "round {round}");
        if !points.is_empty() {
            let (point, wanted) = &points[rand::rng().random_range(0..points.len())];
            engine.revert(id, point).await.unwrap();
            assert_eq!(&numbers(&engine, id).await, wanted, "round {round}");
        }
        engine.close().await;
    }
    let engine = home.open().await;
    for (point, wanted) in points.iter().rev().take(20) {
        engine.revert(id, point).await.unwrap();
        assert_eq!(&numbers(&engine, id).await, wanted);
    }
    engine.destroy(id).await.unwrap();
    assert_eq!(servers_in(&home.path), Vec::<i32>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_during_create_or_destroy_leaves_whole_clusters_or_none() {
    let home = Home::new();
    for round in 0..rounds(8) {
        let said = let_work_and_kill(&home, crasher(&home, &["create"]));
        let engine = home.open().await;
        let (word, id) = said.last().unwrap();
        let there = engine.clusters();
        if word == "created" {
            assert_eq!(json!(there), json!([id]), "round {round}");
        }
        for id in there {
            run(&engine, id, "create table t(n int)").await;
            engine.destroy(id).await.unwrap();
        }
        assert_eq!(
            std::fs::read_dir(home.path.join("c")).unwrap().count(),
            0,
            "round {round}"
        );
        assert_eq!(servers_in(&home.path), Vec::<i32>::new(), "round {round}");
        engine.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_during_a_recovery_leaves_what_was_before_it_or_what_it_was_to_bring() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n bigint)").await;
    engine.close().await;
    let mut moments: Vec<(i64, Value)> = Vec::new();
    let file: PathBuf = home.path.join("moments.json");
    for round in 0..rounds(8) {
        std::fs::write(&file, serde_json::to_vec(&moments).unwrap()).unwrap();
        let number = serde_json::to_string(&id).unwrap();
        let child = crasher(&home, &[&number, file.to_str().unwrap(), "moments"]);
        let said = let_work_for_and_kill(&home, child, 2500);
        let (mut state, mut allowed) = (json!([]), Vec::new());
        for (word, value) in &said {
            match word.as_str() {
                "state" => (state, allowed) = (value.clone(), Vec::new()),
                "trying" => allowed = vec![value.clone()],
                _ => moments.push(serde_json::from_value(value.clone()).unwrap()),
            }
        }
        allowed.push(state);
        let engine = home.open().await;
        let there = numbers(&engine, id).await;
        assert!(
            allowed.contains(&there),
            "round {round}: {there} is not one of {allowed:?}"
        );
        engine.close().await;
    }
    let engine = home.open().await;
    assert!(!moments.is_empty());
    for (moment, wanted) in moments.iter().rev().take(10) {
        engine.recover(id, *moment).await.unwrap();
        assert_eq!(&numbers(&engine, id).await, wanted, "at {moment}");
    }
    engine.destroy(id).await.unwrap();
    assert_eq!(servers_in(&home.path), Vec::<i32>::new());
}
