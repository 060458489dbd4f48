//! What a function says and how it fares stands in the project's logs, and it reads the branch's
//! secrets: the parts of the platform together.

use serde_json::{Value, json};

use crate::functions::{deploy, invoke};
use crate::harness::{Project, World, until};

async fn lines(project: &Project<'_>, service: &str) -> Vec<Value> {
    let found = project.ok("get_logs", json!({ "service": service })).await;
    found["rows"].as_array().expect("lines").clone()
}

#[tokio::test]
async fn a_function_reads_the_branchs_secrets_and_what_it_says_is_in_the_logs() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let secret = "not-for-anybody-4711";
    project
        .ok("set_secrets", json!({ "secrets": { "WORD": secret } }))
        .await;
    let source = r#"
        Deno.serve(() => {
            const word = Deno.env.get("WORD") ?? "";
            console.log("asked, with a word of", word.length, "characters");
            console.error("and an error:", word);
            return new Response(String(word.length), { status: 418 });
        });"#;
    deploy(&project, "talker", source).await;
    let answered = invoke(&project, "talker").await;
    assert_eq!(answered["status"], 418, "{answered}");
    assert_eq!(answered["body"], secret.len().to_string());

    let calls = lines(&project, "edge-function").await;
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0]["status_code"], "418");
    // What a process says goes through a pipe of its own.
    let said = until("what the function said", async || {
        let lines = lines(&project, "edge-function-runtime").await;
        let text = json!(lines).to_string();
        (text.contains("asked, with a word of") && text.contains("and an error")).then_some(lines)
    })
    .await;
    let text = json!(said).to_string();
    assert!(text.contains("booted"), "{text}");
    assert!(!text.contains(secret), "{text}");
    let gateway = lines(&project, "api").await;
    assert!(
        gateway.iter().any(|line| line["path"]
            .as_str()
            .is_some_and(|path| path.contains("talker"))),
        "{gateway:?}"
    );
    // The same by a query, in the platform's dialect.
    let queried = project
        .ok(
            "query_logs",
            json!({ "sql": "select event_message, log_attributes['level'] as level from logs where source = 'function_logs' and severity_text = 'ERROR'" }),
        )
        .await;
    let text = queried.to_string();
    assert!(
        text.contains("and an error") && !text.contains(secret),
        "{text}"
    );
}

#[tokio::test]
async fn a_branch_action_that_carries_functions_says_so() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    deploy(&project, "one", "Deno.serve(() => new Response(\"1\"));").await;
    project.ok("merge_branch", json!({})).await;
    let actions = lines(&project, "branch-action").await;
    let text = json!(actions).to_string();
    assert!(text.contains("deploy: begins"), "{text}");
}

#[tokio::test]
async fn a_secret_that_others_have_set_is_recognised_when_a_function_says_it() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let secret = "set-past-the-server-4711";
    let source = r#"
        Deno.serve(() => {
            const word = Deno.env.get("WORD") ?? "";
            console.log("the word:", word);
            return Response.json(
                { all: Deno.env.toObject(), encoded: btoa(word), line: `WORD=${word}` },
                { headers: { "x-word": word } },
            );
        });"#;
    deploy(&project, "teller", source).await;
    let dev = project.dev().await;
    let path = format!("/v1/projects/{dev}/secrets");
    let set = json!([{ "name": "WORD", "value": secret }]);
    world.api().post(&path, set).await;
    let answered = invoke(&project, "teller").await.to_string();
    assert!(answered.contains("[redacted]"), "{answered}");
    for shown in [secret, "c2V0LXBhc3QtdGhlLXNlcnZlci00NzEx"] {
        assert!(!answered.contains(shown), "{answered}");
    }
    // Another server has seen no answer.
    let other = world.serve().await;
    let project = other.project(&project.id);
    let said = until("what the function said", async || {
        let text = json!(lines(&project, "edge-function-runtime").await).to_string();
        text.contains("the word:").then_some(text)
    })
    .await;
    assert!(
        said.contains("[redacted]") && !said.contains(secret),
        "{said}"
    );
}
