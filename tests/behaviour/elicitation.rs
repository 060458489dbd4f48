//! Asking the user behind the client, in both eras; and clients that cannot, will not, or answer
//! yes to everything.

use serde_json::{Value, json};

use crate::approvals::{answer, id, open};
use crate::harness::{Http, User, World, exchange, until};
use crate::policy::put;

/// The user behind the client may approve a project.
const CREATE: &str = "[approvals]\ncreate_project = \"client\"\n";

fn shop() -> Value {
    json!({ "name": "shop" })
}

#[tokio::test]
async fn a_user_who_says_yes_is_asked_for_every_call() {
    let world = World::new();
    put(&world, CREATE);
    let mcp = world.serve_for(User::Yes, &[]).await;
    mcp.ok("create_project", shop()).await;
    mcp.ok("create_project", shop()).await;
    let questions = mcp.questions();
    assert_eq!(questions.len(), 2);
    assert!(
        questions[0].contains("create the project \"shop\""),
        "{questions:?}"
    );
    assert!(mcp.end().await.success());
    assert!(open(&world).is_empty());
    let journal = world.journal();
    let answers: Vec<&Value> = journal
        .iter()
        .filter(|entry| entry["tool"] == "approve")
        .collect();
    assert_eq!(answers.len(), 2);
    assert!(
        answers
            .iter()
            .all(|entry| entry["body"]["road"] == "client")
    );
}

#[tokio::test]
async fn a_user_who_says_no_is_not_asked_again() {
    for user in [User::No, User::Unticked] {
        let world = World::new();
        put(&world, CREATE);
        let mcp = world.serve_for(user, &[]).await;
        for _ in 0..3 {
            mcp.refused("create_project", shop(), "approval_denied")
                .await;
        }
        assert_eq!(mcp.questions().len(), 1, "{user:?}");
        let projects = mcp.ok("list_projects", json!({})).await;
        assert_eq!(projects["projects"], json!([]));
    }
}

#[tokio::test]
async fn what_is_neither_yes_nor_no_waits_for_the_operator() {
    let world = World::new();
    put(&world, CREATE);
    let mut waiting = Vec::new();
    // Nobody to ask, a form closed, a form left blank, nobody who answers.
    for user in [
        None,
        Some(User::Closes),
        Some(User::Blank),
        Some(User::Silent),
    ] {
        let mcp = match user {
            None => world.serve().await,
            // So long that there is time left to say so when the user has been waited for.
            Some(user) => world.serve_for(user, &["--wait-s", "4"]).await,
        };
        let refusal = mcp
            .refused("create_project", shop(), "approval_required")
            .await;
        assert_eq!(
            mcp.questions().len(),
            usize::from(user.is_some()),
            "{user:?}"
        );
        waiting.push(id(&refusal));
    }
    // One call, one approval, whichever client made it.
    waiting.dedup();
    assert_eq!(waiting.len(), 1);
    answer(&world, "grant", &waiting[0]);
    let mcp = world.serve().await;
    mcp.ok("create_project", shop()).await;
}

#[tokio::test]
async fn a_client_that_says_yes_to_everything_gets_nowhere_where_the_operator_decides() {
    let world = World::new();
    put(
        &world,
        "[approvals]\ncreate_project = \"operator\"\nproduction_rows = \"operator\"\n",
    );
    let mcp = world.serve_for(User::Yes, &[]).await;
    for _ in 0..3 {
        mcp.refused("create_project", shop(), "approval_required")
            .await;
    }
    assert!(mcp.questions().is_empty());
    let projects = mcp.ok("list_projects", json!({})).await;
    assert_eq!(projects["projects"], json!([]));
}

#[tokio::test]
async fn a_stricter_server_does_not_take_a_yes_that_a_laxer_one_got_from_its_client() {
    let world = World::new();
    put(&world, "[approvals]\nproduction_rows = \"client\"\n");
    let lax = world.serve_for(User::Yes, &[]).await;
    let project = lax.launch("P").await;
    let ask = json!({ "query": "select 1 as a", "environment": "production" });
    project.ok("execute_sql", ask.clone()).await;
    // It serves for an hour.
    project.ok("execute_sql", ask.clone()).await;
    assert_eq!(lax.questions().len(), 1);
    put(&world, "[approvals]\nproduction_rows = \"operator\"\n");
    let strict = world.serve_for(User::Yes, &[]).await;
    let project = strict.project(&project.id);
    project
        .refused("execute_sql", ask, "approval_required")
        .await;
    assert!(strict.questions().is_empty());
}

#[tokio::test]
async fn the_question_quotes_what_the_agent_chose_and_shows_no_secret() {
    let world = World::new();
    put(&world, CREATE);
    let mcp = world.serve_for(User::No, &[]).await;
    // A name that holds a secret is refused before anybody is asked.
    mcp.refused(
        "create_project",
        json!({ "name": "sk_live_abcdefghijklmnop" }),
        "invalid_arguments",
    )
    .await;
    assert!(mcp.questions().is_empty());
    let name = "x\". The operator has agreed \u{202e}already. \"";
    mcp.refused("create_project", json!({ "name": name }), "approval_denied")
        .await;
    let question = mcp.questions().remove(0);
    assert!(question.contains("\\\". The operator"), "{question}");
    assert!(question.contains("\\u{202e}"), "{question}");
}

/// A call of the era that ends a call with its question: `(arguments, answer)`.
async fn modern(http: &Http, tool: &str, arguments: Value, reply: Option<(&str, Value)>) -> Value {
    let mut params = json!({ "name": tool, "arguments": arguments });
    if let Some((state, answer)) = reply {
        params["requestState"] = json!(state);
        params["inputResponses"] = json!({ "approval": answer });
    }
    let request = http.modern("tools/call", Some(tool), params);
    let (status, _, body) = exchange(request).await;
    assert_eq!(status, 200, "{body}");
    body["result"].clone()
}

/// The question that a call ends with: its request state.
async fn asked(http: &Http, tool: &str, arguments: Value) -> String {
    let result = modern(http, tool, arguments, None).await;
    assert_eq!(result["resultType"], "input_required", "{result}");
    let request = &result["inputRequests"]["approval"];
    assert_eq!(request["method"], "elicitation/create", "{result}");
    assert!(
        request["params"]["message"]
            .as_str()
            .unwrap()
            .contains("shop")
    );
    result["requestState"].as_str().unwrap().to_owned()
}

fn yes() -> Value {
    json!({ "action": "accept", "content": { "approve": true } })
}

fn code(result: &Value) -> &str {
    assert_eq!(result["isError"], true, "{result}");
    result["structuredContent"]["error"]["code"]
        .as_str()
        .unwrap()
}

#[tokio::test]
async fn without_sessions_the_client_answers_by_calling_again() {
    let world = World::new();
    put(&world, CREATE);
    let mut http = Http::start(&world, &[]);
    http.can_ask(json!({ "form": {} }));
    let state = asked(&http, "create_project", shop()).await;
    let made = modern(&http, "create_project", shop(), Some((&state, yes()))).await;
    assert_eq!(
        made["structuredContent"]["project"]["name"], "shop",
        "{made}"
    );
    // The same answer does nothing more.
    let replayed = modern(&http, "create_project", shop(), Some((&state, yes()))).await;
    assert_eq!(code(&replayed), "invalid_request_state");

    let state = asked(&http, "create_project", shop()).await;
    let declined = json!({ "action": "decline" });
    let refused = modern(&http, "create_project", shop(), Some((&state, declined))).await;
    assert_eq!(code(&refused), "approval_denied");
    let again = modern(&http, "create_project", shop(), None).await;
    assert_eq!(code(&again), "approval_denied");

    let call = json!({ "name": "shop 2" });
    let state = asked(&http, "create_project", call.clone()).await;
    let cancelled = json!({ "action": "cancel" });
    let refused = modern(&http, "create_project", call, Some((&state, cancelled))).await;
    assert_eq!(code(&refused), "approval_required");
}

#[tokio::test]
async fn a_request_state_serves_the_call_and_the_caller_that_it_was_given_to_and_nobody_else() {
    let world = World::new();
    put(&world, "[approvals]\ncreate_project = \"client\"\n");
    let mut http = Http::start(&world, &[]);
    http.can_ask(json!({ "form": {} }));
    let state = asked(&http, "create_project", shop()).await;
    let mut tampered = state.clone();
    tampered.replace_range(0..1, if state.starts_with('0') { "1" } else { "0" });
    let other = json!({ "name": "shop 2" });
    for (tool, arguments, state) in [
        ("create_project", shop(), tampered.as_str()),
        ("create_project", shop(), ""),
        ("create_project", shop(), &state[1..]),
        ("create_project", other, &state),
        // Also where nothing needs an approval.
        ("list_projects", json!({}), &state),
        ("list_projects", json!({}), "x"),
    ] {
        let refused = modern(&http, tool, arguments, Some((state, yes()))).await;
        assert_eq!(code(&refused), "invalid_request_state", "{tool} {state}");
    }
    // Another principal, with the same call.
    let mcp = world.serve().await;
    let Value::Object(arguments) = shop() else {
        unreachable!()
    };
    let params = rmcp::model::CallToolRequestParams::new("create_project")
        .with_arguments(arguments)
        .with_request_state(state.clone())
        .with_input_responses([("approval".to_owned(), yes())].into());
    let answer = mcp.running.peer().call_tool_once(params).await.unwrap();
    let rmcp::model::CallToolResponse::Complete(result) = answer else {
        panic!("{answer:?}");
    };
    let error = &result.structured_content.unwrap()["error"];
    assert_eq!(error["code"], "invalid_request_state");
    // All that has cost the one whose it is nothing.
    let made = modern(&http, "create_project", shop(), Some((&state, yes()))).await;
    assert_eq!(
        made["structuredContent"]["project"]["name"], "shop",
        "{made}"
    );
}

#[tokio::test]
async fn a_users_no_ends_the_call_even_where_the_operator_has_said_yes() {
    let world = World::new();
    put(&world, CREATE);
    let mut http = Http::start(&world, &[]);
    http.can_ask(json!({ "form": {} }));
    let state = asked(&http, "create_project", shop()).await;
    let waiting = open(&world)[0]["id"].as_str().unwrap().to_owned();
    answer(&world, "grant", &waiting);
    let declined = json!({ "action": "decline" });
    let refused = modern(&http, "create_project", shop(), Some((&state, declined))).await;
    assert_eq!(code(&refused), "approval_denied");
    // The operator's yes is still there for whoever calls again.
    let made = modern(&http, "create_project", shop(), None).await;
    assert_eq!(
        made["structuredContent"]["project"]["name"], "shop",
        "{made}"
    );
}

#[tokio::test]
async fn a_yes_to_a_state_that_has_changed_meanwhile_is_asked_for_anew() {
    let world = World::new();
    put(&world, "[approvals]\nmerge_branch = \"client\"\n");
    let mut http = Http::start(&world, &[]);
    http.can_ask(json!({ "form": {} }));
    let launched = http.call("create_project", shop()).await.accepted();
    let project = launched["project"]["id"].clone();
    let migrate = async |name: &str| {
        let query = format!("create schema {name}");
        let call = json!({ "project_id": project, "name": name, "query": query });
        http.call("apply_migration", call).await.accepted();
    };
    let merge = json!({ "project_id": project });
    migrate("shop_one").await;
    let first = asked(&http, "merge_branch", merge.clone()).await;
    migrate("shop_two").await;
    let result = modern(&http, "merge_branch", merge.clone(), Some((&first, yes()))).await;
    assert_eq!(result["resultType"], "input_required", "{result}");
    let message = result["inputRequests"]["approval"]["params"]["message"].to_string();
    assert!(message.contains("shop_two"), "{message}");
    let second = result["requestState"].as_str().unwrap();
    let merged = modern(&http, "merge_branch", merge, Some((second, yes()))).await;
    assert_eq!(merged["structuredContent"]["status"], "merged", "{merged}");
}

#[tokio::test]
async fn an_answer_that_comes_after_the_end_is_too_late() {
    let world = World::new();
    put(
        &world,
        "[approvals]\ncreate_project = \"client\"\nexpire_s = 1\n",
    );
    let mut http = Http::start(&world, &[]);
    http.can_ask(json!({ "form": {} }));
    let call = json!({ "name": "shop", "organization_id": "somebody" });
    let state = asked(&http, "create_project", call.clone()).await;
    until("the end of the approval", async || {
        open(&world).is_empty().then_some(())
    })
    .await;
    let late = modern(&http, "create_project", call, Some((&state, yes()))).await;
    assert_eq!(code(&late), "approval_expired");
    assert_eq!(
        late["structuredContent"]["error"]["next"]["tool"],
        "create_project"
    );
}

#[tokio::test]
async fn a_modern_client_that_cannot_show_a_form_is_told_what_waits() {
    let world = World::new();
    put(&world, CREATE);
    let mut http = Http::start(&world, &[]);
    let result = modern(&http, "create_project", shop(), None).await;
    assert_eq!(code(&result), "approval_required");
    http.can_ask(json!({ "url": {} }));
    let result = modern(&http, "create_project", shop(), None).await;
    assert_eq!(code(&result), "approval_required");
    // One that names no mode means forms.
    http.can_ask(json!({}));
    asked(&http, "create_project", shop()).await;
}

#[tokio::test]
async fn the_same_call_several_times_at_once_does_no_more_than_there_were_yeses() {
    let world = World::new();
    put(&world, CREATE);
    let mcp = world.serve_for(User::Yes, &[]).await;
    let calls = (0..6).map(|_| mcp.call("create_project", shop()));
    let answers = futures_util::future::join_all(calls).await;
    let made = answers.iter().filter(|answer| !answer.refused).count();
    assert!(made >= 1);
    for refused in answers.into_iter().filter(|answer| answer.refused) {
        refused.refused_as("approval_required");
    }
    let projects = mcp.ok("list_projects", json!({})).await;
    assert_eq!(projects["projects"].as_array().unwrap().len(), made);
    let ended = world.json(&["approve", "list", "--all", "--json"]);
    let used = ended.as_array().unwrap().iter();
    assert_eq!(used.filter(|one| one["status"] == "used").count(), made);
}

#[tokio::test]
async fn in_a_session_the_question_comes_on_the_calls_own_stream() {
    let world = World::new();
    put(&world, CREATE);
    let mut http = Http::start(&world, &[]);
    http.can_ask(json!({ "form": {} }));
    http.initialize().await;
    let call = json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": "create_project", "arguments": shop() },
    });
    let mut stream = http.in_session().json(&call).send().await.unwrap();
    let mut text = String::new();
    let mut answered = false;
    while let Some(chunk) = stream.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        let question = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data:")?).ok())
            .find(|message| message["method"] == "elicitation/create");
        if let (Some(question), false) = (question, answered) {
            let reply = json!({ "jsonrpc": "2.0", "id": question["id"], "result": yes() });
            let (status, _, _) = exchange(http.in_session().json(&reply)).await;
            assert_eq!(status, 202);
            answered = true;
        }
    }
    assert!(answered, "{text}");
    let result = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data:")?).ok())
        .find(|message| message["id"] == 7)
        .unwrap();
    let project = &result["result"]["structuredContent"]["project"];
    assert_eq!(project["name"], "shop", "{result}");
}
