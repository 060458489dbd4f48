//! Sessions over HTTP: many that rest cost little, none is lost while there is room, and the oldest go.

use serde_json::{Value, json};

use crate::harness::{Http, World, exchange, until};

/// More than stay awake.
const MANY: usize = 150;

/// How the server answers a listing in this session: the status, and whether the tools are there.
async fn listed(http: &Http, session: &str) -> (u16, bool) {
    listed_as(http, session, 1).await
}

/// The same by another id: two requests of one session under way at once have not the same.
async fn listed_as(http: &Http, session: &str, id: usize) -> (u16, bool) {
    let list = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list" });
    let (status, _, answer) = exchange(http.within(session).json(&list)).await;
    (status, answer["result"]["tools"].is_array())
}

async fn open(http: &mut Http, count: usize) -> Vec<String> {
    let mut sessions = Vec::new();
    for _ in 0..count {
        http.initialize().await;
        sessions.push(http.session().to_owned());
    }
    sessions
}

#[tokio::test]
async fn a_session_that_rests_is_there_when_its_client_comes_back() {
    let world = World::new();
    let mut http = Http::start(&world, &[]);
    let sessions = open(&mut http, MANY).await;
    for session in &sessions {
        assert_eq!(listed(&http, session).await, (200, true));
    }
    // At once, and each several times: whichever sleeps is woken once.
    let calls = sessions
        .iter()
        .flat_map(|session| [1, 2, 3].map(|id| listed_as(&http, session, id)));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| *answer == (200, true)));
    // The first one sleeps by now; ended by its client it is gone all the same, and so is one that is awake.
    for session in [&sessions[0], &sessions[MANY - 1]] {
        let ended = http.ending(session).send().await.unwrap();
        assert_eq!(ended.status(), 204);
        assert_eq!(listed(&http, session).await.0, 404);
    }
    assert_eq!(listed(&http, &sessions[1]).await, (200, true));
}

#[tokio::test]
async fn of_too_many_sessions_the_one_unused_longest_ends() {
    let world = World::new();
    let mut http = Http::start(&world, &["--http-sessions", "100"]);
    let sessions = open(&mut http, MANY).await;
    for gone in &sessions[..MANY - 100] {
        assert_eq!(listed(&http, gone).await.0, 404);
    }
    for kept in &sessions[MANY - 100..] {
        assert_eq!(listed(&http, kept).await, (200, true));
    }
    // Used last, it outlives one that was opened after it.
    let (used, unused) = (&sessions[MANY - 100], &sessions[MANY - 99]);
    assert_eq!(listed(&http, used).await, (200, true));
    open(&mut http, 1).await;
    assert_eq!(listed(&http, unused).await.0, 404);
    assert_eq!(listed(&http, used).await, (200, true));
}

#[tokio::test]
async fn a_session_is_asked_as_before_after_it_slept() {
    let world = World::new();
    std::fs::create_dir_all(world.dir()).unwrap();
    let policy = "[approvals]\ncreate_project = \"client\"\n";
    std::fs::write(world.dir().join("policy.toml"), policy).unwrap();
    let mut http = Http::start(&world, &[]);
    http.can_ask(json!({ "form": {} }));
    http.initialize().await;
    let asked = http.session().to_owned();
    open(&mut http, MANY).await;
    let call = json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": "create_project", "arguments": { "name": "shop" } },
    });
    let mut stream = http.within(&asked).json(&call).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let mut text = String::new();
    let question = loop {
        let chunk = stream.chunk().await.unwrap().expect("a question");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        if let Some(question) = messages(&text).find(|one| one["method"] == "elicitation/create") {
            break question;
        }
    };
    // A call is under way in it: whoever else comes, it stays awake.
    open(&mut http, MANY).await;
    let yes = json!({ "action": "accept", "content": { "approve": true } });
    let reply = json!({ "jsonrpc": "2.0", "id": question["id"], "result": yes });
    let (status, _, _) = exchange(http.within(&asked).json(&reply)).await;
    assert_eq!(status, 202);
    while let Some(chunk) = stream.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let result = messages(&text).find(|one| one["id"] == 7).unwrap();
    let project = &result["result"]["structuredContent"]["project"];
    assert_eq!(project["name"], "shop", "{result}");
}

#[tokio::test]
async fn what_is_too_long_to_be_kept_ends_where_it_would_sleep() {
    let world = World::new();
    let mut http = Http::start(&world, &[]);
    http.can(json!({ "experimental": { "long": { "words": "x".repeat(10_000) } } }));
    http.initialize().await;
    let long = http.session().to_owned();
    assert_eq!(listed(&http, &long).await, (200, true));
    http.can(json!({}));
    until("the session to end", async || {
        open(&mut http, MANY).await;
        (listed(&http, &long).await.0 == 404).then_some(())
    })
    .await;
}

fn messages(text: &str) -> impl Iterator<Item = Value> {
    text.lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?).ok())
}
