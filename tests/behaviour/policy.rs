//! The policy file: what it says holds, for every caller and however it is asked.

use std::fs;

use serde_json::{Value, json};

use crate::harness::World;

/// Puts a policy where a server on this world looks for one.
pub(crate) fn put(world: &World, policy: &str) {
    fs::write(world.dir().join("policy.toml"), policy).unwrap();
}

/// What a start that must not succeed says.
fn refused_start(world: &World, flags: &[&str]) -> String {
    let arguments: Vec<&str> = ["serve"].iter().chain(flags).copied().collect();
    let output = world.run(&arguments);
    assert!(!output.status.success(), "{flags:?} was taken");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn everything_that_is_wrong_with_a_policy_is_said_at_once_with_the_nearest_known_names() {
    let world = World::new();
    put(
        &world,
        "readonly = true\n[limits]\nrow = 5\n[gate]\nreply = \"off\"\nbanana = 1\n",
    );
    let said = refused_start(&world, &[]);
    for (wrong, nearest) in [
        ("readonly", "read_only"),
        ("limits.row", "rows"),
        ("gate.reply", "replay"),
    ] {
        let sentence = format!("{wrong} is no key of the policy; did you mean {nearest}?");
        assert!(said.contains(&sentence), "{said}");
    }
    assert!(
        said.contains("gate.banana is no key of the policy; there are"),
        "{said}"
    );
}

#[test]
fn a_value_that_cannot_be_meant_stops_the_start() {
    for (policy, said) in [
        ("[limits]\nrows = 0", "limits.rows"),
        ("[limits]\nwait_s = 0", "limits.wait_s"),
        ("[limits]\nrows = \"many\"", "rows"),
        ("[production]\nrows = \"maybe\"", "maybe"),
        ("[dev_branch]\nname = \" \"", "dev_branch.name"),
        ("projects = [\"PROD\"]", "20 lower-case letters"),
        ("features = [\"databse\"]", "databse"),
        ("[gate]\npublic_tables = [\"posts\"]", "schema.name"),
        (
            "[[gate.waivers]]\nlint = \"x\"\nobject = \"public.t\"\nreason = \"r\"",
            "expires",
        ),
        (
            "[[gate.waivers]]\nlint = \"x\"\nobject = \"public.t\"\nreason = \" \"\nexpires = 2030-01-01",
            "no reason",
        ),
        (
            "[[gate.waivers]]\nlint = \"x\"\nobject = \"public.t\"\nreason = \"r\"\nexpires = \"soon\"",
            "soon",
        ),
        ("[freeze]\nstops = \"all\"", "all"),
        ("read_only = tru", "read_only"),
    ] {
        let world = World::new();
        put(&world, policy);
        let error = refused_start(&world, &[]);
        assert!(error.contains(said), "{policy}: {error}");
        let path = world.dir().join("policy.toml");
        let checked = world.run(&["policy", "check", path.to_str().unwrap()]);
        assert!(!checked.status.success(), "{policy}");
    }
    let world = World::new();
    let error = refused_start(&world, &["--policy", "/nowhere/policy.toml"]);
    assert!(error.contains("/nowhere/policy.toml"), "{error}");
}

#[test]
fn check_says_in_sentences_what_a_policy_means() {
    let world = World::new();
    put(
        &world,
        r#"
projects = ["abcdefghijklmnopqrst"]
features = ["projects", "database"]
[production]
rows = "read"
[gate]
replay = "off"
public_tables = ["public.posts"]
[[gate.waivers]]
lint = "extension_in_public"
object = "citext"
reason = "moved in spring"
expires = 2020-01-01
[freeze]
stops = "production"
reason = "the fair"
"#,
    );
    let path = world.dir().join("policy.toml");
    let checked = world.run(&["policy", "check", path.to_str().unwrap()]);
    assert!(checked.status.success(), "{checked:?}");
    let said = String::from_utf8(checked.stdout).unwrap();
    for sentence in [
        "frozen: nothing reaches production (the fair)",
        "agents may read production's rows",
        "abcdefghijklmnopqrst",
        "the gate replays nothing",
        "anyone may read public.posts",
        "no longer, it expired on 2020-01-01: extension_in_public on citext (moved in spring)",
    ] {
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
}

#[test]
fn show_names_the_origin_of_every_value() {
    let world = World::with(&[("DRYDOCK_REPLAY", "on")]);
    put(
        &world,
        "[limits]\nrows = 50\n[production]\nrows = \"read\"\n",
    );
    let shown = world.run(&["policy", "show", "--json", "--production-rows", "deny"]);
    assert!(shown.status.success(), "{shown:?}");
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let keys = shown["policy"].as_array().unwrap();
    let of = |name: &str| {
        let key = keys.iter().find(|key| key["key"] == name).unwrap();
        assert!(key["meaning"].as_str().unwrap().len() > 10, "{key}");
        (
            key["value"].clone(),
            key["origin"].as_str().unwrap().to_owned(),
        )
    };
    let file = format!("file {}", world.dir().join("policy.toml").display());
    assert_eq!(of("limits.rows"), (json!(50), file));
    assert_eq!(
        of("production.rows"),
        (json!("deny"), "flag --production-rows".to_owned())
    );
    assert_eq!(
        of("gate.replay"),
        (json!("on"), "variable DRYDOCK_REPLAY".to_owned())
    );
    assert_eq!(of("read_only"), (json!(false), "default".to_owned()));
}

#[test]
fn flags_and_variables_tighten_a_policy_file_and_never_loosen_it() {
    let world = World::new();
    put(&world, "features = [\"projects\"]\nread_only = true\n");
    for loose in [
        ["--production-rows", "read"],
        ["--features", "database"],
        ["--replay", "off"],
        ["--max-rows", "5000"],
        ["--wait-s", "600"],
        ["--dev-branch", "other"],
    ] {
        let said = refused_start(&world, &loose);
        assert!(
            said.contains(loose[0]) && said.contains("upper bound"),
            "{said}"
        );
    }
    for (variable, value) in [("DRYDOCK_REPLAY", "off"), ("DRYDOCK_MAX_ROWS", "5000")] {
        let output = world
            .command(&["serve"])
            .env(variable, value)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains("upper bound"),
            "{said}"
        );
    }
    let tighter = world.run(&[
        "policy",
        "show",
        "--max-rows",
        "5",
        "--features",
        "projects",
    ]);
    assert!(tighter.status.success(), "{tighter:?}");
}
