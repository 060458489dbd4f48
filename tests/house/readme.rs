//! README says what is there.

use drydock::guard::Class;
use drydock::tools::CATALOGUE;

use crate::read;

#[test]
fn readme_lists_every_tool_with_what_it_may_do() {
    let readme = read("README.md");
    for tool in CATALOGUE.iter() {
        let class = match tool.class {
            Class::Read => "reads",
            Class::Dev => "DEV",
            Class::Release => "production",
        };
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` |", tool.name)))
            .unwrap_or_else(|| panic!("README has no row for {}", tool.name));
        assert!(row.contains(&format!("| {class} |")), "{row}: {class}");
    }
    let rows = readme
        .lines()
        .filter(|line| line.starts_with("| `") && line.matches('|').count() == 4)
        .count();
    assert_eq!(
        rows,
        CATALOGUE.len(),
        "README lists tools that are not there"
    );
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
fn readme_lists_every_key_of_the_policy_and_no_other() {
    let readme = read("README.md");
    let keys = drydock::guard::Policy::default().keys();
    for key in &keys {
        assert!(
            readme.contains(&format!("\n| `{}` | ", key.name)),
            "{}",
            key.name
        );
    }
    let rows = readme
        .split("## The policy")
        .nth(1)
        .and_then(|rest| rest.split("\n## ").next())
        .expect("a section on the policy")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .count();
    assert_eq!(rows, keys.len(), "README lists keys that are not there");
}

#[test]
fn readme_names_only_settings_that_exist() {
    let readme = read("README.md");
    let config = read("src/config.rs") + &read("src/config/serve.rs");
    for variable in readme
        .split(|one: char| !(one.is_ascii_uppercase() || one == '_'))
        .filter(|word| word.starts_with("DRYDOCK_"))
    {
        let known = config.contains(variable)
            || [
                "DRYDOCK_LOG",
                "DRYDOCK_UPDATE_SNAPSHOTS",
                "DRYDOCK_OPENAPI",
                "DRYDOCK_ROUNDS",
                "DRYDOCK_SEED",
                "DRYDOCK_TEST_CASES",
                "DRYDOCK_TEST_ROUNDS",
                "DRYDOCK_TEST_SEED",
            ]
            .contains(&variable);
        assert!(known, "{variable}");
    }
}
