//! README says what is there.

use std::fs;
use std::sync::Mutex;

use drydock::guard::Class;
use drydock::tools::CATALOGUE;

use crate::{read, top};

/// A part of README that is written from what it describes, by
/// `DRYDOCK_UPDATE_SNAPSHOTS=1 cargo test --test house`.
pub(crate) fn holds(name: &str, text: &str) {
    // Several tests write: each reads README again under the lock.
    static WRITING: Mutex<()> = Mutex::new(());
    let _writing = WRITING.lock().unwrap();
    let readme = read("README.md");
    let begin = format!("<!-- {name}: written by tests/house -->\n");
    let end = format!("<!-- end of {name} -->");
    let parts = readme
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?)));
    let Some((before, (found, after))) = parts else {
        panic!("README has no part \"{name}\"");
    };
    if std::env::var_os("DRYDOCK_UPDATE_SNAPSHOTS").is_some() {
        let written = format!("{before}{begin}{text}{end}{after}");
        // Other tests read it meanwhile.
        let aside = top().join("README.md.new");
        fs::write(&aside, written).unwrap();
        fs::rename(aside, top().join("README.md")).unwrap();
        return;
    }
    assert!(
        found == text,
        "README's part \"{name}\" is not as written: DRYDOCK_UPDATE_SNAPSHOTS=1 cargo test --test house"
    );
}

#[test]
fn readme_lists_every_tool_with_what_it_may_do() {
    let mut table = "| tool | may | does |\n|---|---|---|\n".to_owned();
    for tool in CATALOGUE.iter() {
        let class = match tool.class {
            Class::Read => "reads",
            Class::Dev => "DEV",
            Class::Release => "production",
        };
        let first = tool.description.split_once(". ");
        let does = first.map_or(tool.description, |(first, _)| first);
        let does = does.trim_end_matches('.');
        table.push_str(&format!("| `{}` | {class} | {does} |\n", tool.name));
    }
    holds("the tools", &table);
}

#[test]
fn readme_lists_every_prompt() {
    let readme = read("README.md");
    for prompt in drydock::prompts::PROMPTS.iter() {
        assert!(
            readme.contains(&format!("`{}`", prompt.name)),
            "{}",
            prompt.name
        );
    }
}

#[test]
fn readme_lists_every_key_of_the_policy() {
    let mut table = "| key | default | what it says |\n|---|---|---|\n".to_owned();
    for key in drydock::guard::Policy::default().keys() {
        let meaning = key.meaning.trim_end_matches('.');
        table.push_str(&format!(
            "| `{}` | `{}` | {meaning} |\n",
            key.name, key.value
        ));
    }
    holds("the policy's keys", &table);
}

#[test]
fn readme_names_only_settings_that_exist() {
    let readme = read("README.md");
    let config = read("src/config.rs") + &read("src/config/serve.rs") + &read("src/config/eval.rs");
    for variable in readme
        .split(|one: char| !(one.is_ascii_uppercase() || one == '_'))
        .filter(|word| word.starts_with("DRYDOCK_"))
    {
        let known = config.contains(variable)
            || [
                "DRYDOCK_BIN",
                "DRYDOCK_LOG",
                "DRYDOCK_MCP_COMMAND",
                "DRYDOCK_MCP_URL",
                "DRYDOCK_TASK",
                "DRYDOCK_DEV_SECRET_",
                "DRYDOCK_PRODUCTION_SECRET_",
                "DRYDOCK_UPDATE_SNAPSHOTS",
                "DRYDOCK_UPDATE_CLIENTS",
                "DRYDOCK_ENGINE_FLEET",
                "DRYDOCK_ENGINE_ROUNDS",
                "DRYDOCK_LINT_SEEDS",
                "DRYDOCK_OFFLINE",
                "DRYDOCK_OPENAPI",
                "DRYDOCK_ROUNDS",
                "DRYDOCK_SCENARIOS",
                "DRYDOCK_SEED",
                "DRYDOCK_TEST_CASES",
                "DRYDOCK_TEST_POSTGRES",
                "DRYDOCK_TEST_ROUNDS",
                "DRYDOCK_TEST_SEED",
            ]
            .contains(&variable);
        assert!(known, "{variable}");
    }
}
