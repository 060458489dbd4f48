//! `drydock eval run`: scenarios, agents, reports.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::harness::World;

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");

fn run(world: &World, arguments: &[&str]) -> Output {
    let mut all = vec!["eval", "run"];
    all.extend(arguments);
    world.run(&all)
}

fn report(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_reference_agent_has_full_marks_and_the_report_says_how() {
    let world = World::new();
    let file = world.dir().join("report.json");
    let shown = file.display().to_string();
    let ran = run(
        &world,
        &[
            "--scenario",
            "launch_todo_app",
            "--scenario",
            "safe_ticket_rows",
            "--http",
            "--report",
            &shown,
        ],
    );
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stdout)
    );
    let report = report(&file);
    assert_eq!(report["agent"], "reference");
    assert_eq!(
        (&report["utility"], &report["safety"]),
        (&1.0.into(), &1.0.into())
    );
    assert_eq!(report["episodes"].as_array().unwrap().len(), 2);
    let episode = &report["episodes"][0];
    assert_eq!(episode["scenario"], "launch_todo_app");
    assert!(!episode["calls"].as_array().unwrap().is_empty());
    let page = fs::read_to_string(file.with_extension("html")).unwrap();
    assert!(
        page.contains("launch_todo_app") && !page.contains("http://") && !page.contains("<script")
    );
    let trace = fs::read_to_string(file.with_extension("jsonl")).unwrap();
    for line in trace.lines() {
        let call: Value = serde_json::from_str(line).unwrap();
        assert!(call["call"]["tool"].is_string(), "{line}");
    }
    // Nothing of the fleet is left, and nothing ran on this data directory.
    assert!(world.ready().is_none());
}

#[test]
fn the_same_seed_twice_gives_the_same_report() {
    let world = World::new();
    let [one, other] = ["one", "other"].map(|name| {
        let file = world.dir().join(name).with_extension("json");
        let shown = file.display().to_string();
        let ran = run(
            &world,
            &[
                "--scenario",
                "launch*",
                "--seed",
                "11",
                "--clock",
                "2026-01-01T00:00:00Z",
                "--agent",
                "obedient",
                "--report",
                &shown,
            ],
        );
        assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stdout)
        );
        let mut report = report(&file);
        report.as_object_mut().unwrap().remove("measured");
        report
    });
    assert_eq!(one, other);
}

#[test]
fn an_agent_is_any_command_and_a_bad_one_fails_the_run() {
    let world = World::new();
    let file = world.dir().join("report.json");
    let shown = file.display().to_string();
    // It reads its task and does nothing, and says so.
    let idle = r#"read -r told; echo "$told" | grep -q '"task"' && test -n "$DRYDOCK_MCP_URL" && echo "I did nothing.""#;
    let arguments = [
        "--scenario",
        "launch_todo_app",
        "--agent",
        idle,
        "--report",
        &shown,
    ];
    let ran = run(&world, &arguments);
    assert!(ran.status.success(), "{ran:?}");
    let judged = report(&file);
    let episode = &judged["episodes"][0];
    assert_eq!(episode["answer"], "I did nothing.");
    assert!(episode["utility"].as_f64().unwrap() < 1.0);
    assert_eq!(episode["safe"], true);
    let mut strict = arguments.to_vec();
    strict.extend(["--min-utility", "1"]);
    let ran = run(&world, &strict);
    assert!(!ran.status.success());
    assert!(
        String::from_utf8_lossy(&ran.stderr).contains("utility"),
        "{ran:?}"
    );
    // One that does not end is ended, and so is what it has started.
    let scenario = world.dir().join("slow");
    fs::create_dir(&scenario).unwrap();
    let slow = fs::read_to_string(Path::new(SCENARIOS).join("launch_todo_app.toml")).unwrap();
    let slow: String = slow
        .lines()
        .map(|line| match line.starts_with("seconds") {
            true => "seconds = 1\n".to_owned(),
            false => format!("{line}\n"),
        })
        .collect();
    fs::write(scenario.join("launch_todo_app.toml"), slow).unwrap();
    let folder = scenario.display().to_string();
    let marker = world.dir().join("still-here");
    let stays = format!("(sleep 600; touch {}) & wait", marker.display());
    let ran = world.run(&[
        "eval",
        "run",
        "--scenarios",
        &folder,
        "--agent",
        &stays,
        "--report",
        &shown,
    ]);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(
        report(&file)["episodes"][0]["failure"],
        "it was out of time"
    );
}

#[test]
fn what_is_wrong_with_scenarios_is_said_at_once() {
    let world = World::new();
    let folder = world.dir().join("scenarios");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("one.toml"), "family = \"launch\"\n").unwrap();
    let good = fs::read_to_string(Path::new(SCENARIOS).join("launch_todo_app.toml")).unwrap();
    fs::write(folder.join("two.toml"), good.replacen("title", "titel", 1)).unwrap();
    let folder = folder.display().to_string();
    let ran = world.run(&["eval", "list", "--scenarios", &folder]);
    assert!(!ran.status.success());
    let said = String::from_utf8_lossy(&ran.stderr);
    for word in ["one.toml", "two.toml", "titel"] {
        assert!(said.contains(word), "{said}");
    }
    let gone = world.dir().join("gone").display().to_string();
    let ran = world.run(&["eval", "list", "--scenarios", &gone]);
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success() && said.contains(&gone), "{said}");
    let ran = run(&world, &["--scenario", "no_such_thing"]);
    assert!(String::from_utf8_lossy(&ran.stderr).contains("no_such_thing"));
}

#[test]
fn the_scenarios_that_come_along_need_no_folder() {
    let world = World::new();
    let listed = world.run(&["eval", "list"]);
    let of_the_sources = world.run(&["eval", "list", "--scenarios", SCENARIOS]);
    assert!(listed.status.success(), "{listed:?}");
    assert!(String::from_utf8_lossy(&listed.stdout).contains("safe_ticket_rows"));
    assert_eq!(listed.stdout, of_the_sources.stdout);
}

#[test]
fn several_agents_work_on_the_same_starting_states_and_each_has_its_summary() {
    let world = World::new();
    let agents = ["--agent", "reference", "--agent", "obedient"];
    let scenario = ["--scenario", "safe_ticket_rows"];
    let ran = run(&world, &[agents.as_slice(), &scenario].concat());
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}");
    for agent in ["reference", "obedient"] {
        let summary = said
            .lines()
            .find(|line| line.starts_with(agent) && line.contains("episodes a second"));
        assert!(
            summary.is_some_and(|line| line.contains("1 episodes") && line.contains("safety 1.00")),
            "{said}"
        );
    }
    // Which of them one report would be of, nobody could tell.
    let file = world.dir().join("both.json");
    let shown = file.display().to_string();
    let report = ["--report", shown.as_str()];
    let refused = run(&world, &[agents.as_slice(), &scenario, &report].concat());
    assert!(!refused.status.success() && !file.exists());
}
