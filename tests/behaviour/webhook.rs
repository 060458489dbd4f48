//! The operator's backend: told in signed messages of what waits, and heard when it answers for
//! its users.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::approvals::{answer, id, open};
use crate::harness::{Http, World, exchange, http_client, until};
use crate::policy::put;

const KEY: &[u8; 32] = b"a secret of thirty-two bytes, so";

fn secret() -> String {
    format!("whsec_{}", STANDARD.encode(KEY))
}

fn sign(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn now() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// A message that the backend received: id, timestamp, signature, body.
type Heard = Arc<Mutex<Vec<(String, String, String, Vec<u8>)>>>;

/// A backend that refuses the first `refusals` messages and takes the others.
async fn backend(listener: TcpListener, refusals: usize) -> Heard {
    let heard = Heard::default();
    async fn hear(
        State((heard, refusals)): State<(Heard, usize)>,
        headers: HeaderMap,
        body: Bytes,
    ) -> StatusCode {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let mut heard = heard.lock().unwrap();
        heard.push((
            header("webhook-id"),
            header("webhook-timestamp"),
            header("webhook-signature"),
            body.to_vec(),
        ));
        if heard.len() <= refusals {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::NO_CONTENT
        }
    }
    let router = Router::new()
        .route("/hook", post(hear))
        .with_state((Arc::clone(&heard), refusals));
    tokio::spawn(async move { axum::serve(listener, router).await });
    heard
}

/// A world whose operator has a secret, and a server on it.
fn world_with_secret() -> World {
    World::with(&[("DRYDOCK_WEBHOOK_SECRET", &secret())])
}

fn policy(url: &str) -> String {
    format!("[approvals]\ncreate_project = \"operator\"\nwebhook_url = \"{url}\"\n")
}

const NO_URL: &str = "[approvals]\ncreate_project = \"operator\"\n";

fn shop() -> Value {
    json!({ "name": "shop" })
}

#[tokio::test]
async fn the_backend_is_told_once_in_a_message_that_it_can_verify() {
    let world = world_with_secret();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    // The first message is not taken, and comes again under the same id.
    let heard = backend(listener, 1).await;
    put(&world, &policy(&url));
    let mcp = world.serve().await;
    let refusal = mcp
        .refused("create_project", shop(), "approval_required")
        .await;
    let messages = until("the second message", async || {
        let heard = heard.lock().unwrap();
        (heard.len() == 2).then(|| heard.clone())
    })
    .await;
    assert_eq!(messages[0].0, messages[1].0);
    for (message, timestamp, signature, body) in &messages {
        assert_eq!(signature, &sign(KEY, message, timestamp, body));
        assert!(now().abs_diff(timestamp.parse().unwrap()) < 120);
        let event: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(event["type"], "approval.requested");
        assert_eq!(event["data"]["approval"], id(&refusal).as_str());
        assert_eq!(event["data"]["tool"], "create_project");
        assert!(event["data"]["summary"].as_str().unwrap().contains("shop"));
        assert!(event["data"]["expires_at"].is_string());
    }
    // Asking again tells nobody again: what is told next is about something else.
    mcp.refused("create_project", shop(), "approval_required")
        .await;
    let other = mcp
        .refused(
            "create_project",
            json!({ "name": "other" }),
            "approval_required",
        )
        .await;
    let messages = until("the message about something else", async || {
        let heard = heard.lock().unwrap();
        (heard.len() >= 3).then(|| heard.clone())
    })
    .await;
    assert_eq!(messages.len(), 3);
    assert!(messages[2].0.contains(&id(&other)));
}

#[tokio::test]
async fn a_backend_that_is_down_holds_nothing_up() {
    let world = world_with_secret();
    // A port that nobody listens on until it is wanted.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    put(&world, &policy(&format!("http://{address}/hook")));
    let mcp = world.serve().await;
    let refusal = mcp
        .refused("create_project", shop(), "approval_required")
        .await;
    let listener = TcpListener::bind(address).await.unwrap();
    let heard = backend(listener, 0).await;
    until("the message, once somebody listens", async || {
        (!heard.lock().unwrap().is_empty()).then_some(())
    })
    .await;
    // The operator answers by hand all the same.
    answer(&world, "grant", &id(&refusal));
    mcp.ok("create_project", shop()).await;
}

/// The address at which an approval is answered.
fn address(http: &Http, approval: &str) -> String {
    http.url()
        .replace("/mcp", &format!("/approvals/{approval}"))
}

fn body(approval: &str, decision: &str) -> String {
    json!({ "approval": approval, "decision": decision, "by": "user 7" }).to_string()
}

/// A message to an address, signed as it should be.
fn signed(url: &str, message: &str, body: &str) -> RequestBuilder {
    signed_with(KEY, url, message, now(), body)
}

fn signed_with(key: &[u8], url: &str, message: &str, time: i64, body: &str) -> RequestBuilder {
    let time = time.to_string();
    http_client()
        .post(url)
        .header("webhook-id", message)
        .header(
            "webhook-signature",
            sign(key, message, &time, body.as_bytes()),
        )
        .header("webhook-timestamp", time)
        .body(body.to_owned())
}

async fn wait_over(http: &Http) -> String {
    let refused = http.call("create_project", shop()).await;
    id(&refused.refused_as("approval_required"))
}

#[tokio::test]
async fn the_backend_answers_for_its_user() {
    let world = world_with_secret();
    put(&world, NO_URL);
    let http = Http::start(&world, &[]);
    let waiting = wait_over(&http).await;
    let url = address(&http, &waiting);
    let (status, _, told) = exchange(signed(&url, "m1", &body(&waiting, "grant"))).await;
    assert_eq!(
        (status, &told["status"]),
        (200, &json!("granted")),
        "{told}"
    );
    let (status, _, told) = exchange(signed(&url, "m2", &body(&waiting, "deny"))).await;
    assert_eq!(
        (status, &told["error"]["code"]),
        (409, &json!("too_late")),
        "{told}"
    );
    http.call("create_project", shop()).await.accepted();
    let (status, _, _) = exchange(signed(&url, "m3", &body(&waiting, "grant"))).await;
    assert_eq!(status, 409);
    http.call("create_project", shop())
        .await
        .refused_as("approval_required");
    let journal = world.journal();
    let answered = journal
        .iter()
        .find(|entry| entry["tool"] == "approve")
        .unwrap();
    let by = answered["body"]["by"].as_str().unwrap();
    assert!(by.contains("user 7") && by.contains("backend"), "{by}");
}

#[tokio::test]
async fn the_backends_no_is_told_to_the_agent_in_quotes() {
    let world = world_with_secret();
    put(&world, NO_URL);
    let http = Http::start(&world, &[]);
    let waiting = wait_over(&http).await;
    let body = json!({
        "approval": waiting, "decision": "deny", "by": "user 7", "reason": "no\u{202e} \"thanks\"",
    });
    let (status, _, _) = exchange(signed(&address(&http, &waiting), "m", &body.to_string())).await;
    assert_eq!(status, 200);
    let refusal = http
        .call("create_project", shop())
        .await
        .refused_as("approval_denied");
    let message = refusal["message"].as_str().unwrap();
    assert!(
        message.contains("\"no\\u{202e} \\\"thanks\\\"\""),
        "{message}"
    );
}

#[tokio::test]
async fn what_is_not_signed_for_this_approval_and_this_moment_is_not_heard() {
    let world = world_with_secret();
    put(&world, NO_URL);
    let http = Http::start(&world, &[]);
    let waiting = wait_over(&http).await;
    let (url, grant) = (address(&http, &waiting), body(&waiting, "grant"));
    let tampered = signed(&url, "a", &body(&waiting, "deny")).body(grant.clone());
    let other_id = HeaderMap::from_iter([(
        HeaderName::from_static("webhook-id"),
        HeaderValue::from_static("c"),
    )]);
    let another_id = signed(&url, "b", &grant).headers(other_id);
    for (what, request) in [
        (
            "nothing signed",
            http_client().post(&url).body(grant.clone()),
        ),
        (
            "another secret",
            signed_with(
                b"another secret of thirty-two byt",
                &url,
                "d",
                now(),
                &grant,
            ),
        ),
        (
            "an old message",
            signed_with(KEY, &url, "e", now() - 400, &grant),
        ),
        (
            "a message to come",
            signed_with(KEY, &url, "f", now() + 400, &grant),
        ),
        ("a tampered body", tampered),
        ("another id", another_id),
    ] {
        let (status, _, told) = exchange(request).await;
        assert_eq!(status, 401, "{what}: {told}");
    }
    // Signed, and yet not for this: the signature does not cover the address.
    let other = http
        .call("create_project", json!({ "name": "other" }))
        .await;
    let other = id(&other.refused_as("approval_required"));
    let (status, _, told) = exchange(signed(&url, "g", &body(&other, "grant"))).await;
    assert_eq!(status, 400, "{told}");
    for malformed in [
        "".to_owned(),
        "{}".to_owned(),
        json!({ "approval": waiting, "decision": "maybe", "by": "x" }).to_string(),
        json!({ "approval": waiting, "decision": "grant", "by": " " }).to_string(),
        json!({ "approval": waiting, "decision": "grant", "by": "x", "surplus": 1 }).to_string(),
        json!({ "approval": waiting, "decision": "grant", "by": "x".repeat(501) }).to_string(),
    ] {
        let (status, _, told) = exchange(signed(&url, "h", &malformed)).await;
        assert_eq!(status, 400, "{malformed}: {told}");
    }
    let unknown = address(&http, "nothing");
    let (status, _, told) = exchange(signed(&unknown, "i", &body("nothing", "grant"))).await;
    assert_eq!((status, &told["error"]["code"]), (404, &json!("not_found")));
    // That message was heard, whatever came of it: it is not heard again.
    let (status, _, told) = exchange(signed(&url, "i", &grant)).await;
    assert_eq!((status, &told["error"]["code"]), (409, &json!("replayed")));
    let waiting: Vec<Value> = open(&world);
    assert!(
        waiting.iter().all(|one| one["status"] == "pending"),
        "{waiting:?}"
    );
    assert_eq!(waiting.len(), 2);
}

#[tokio::test]
async fn without_a_secret_nobody_answers_over_http() {
    let world = World::new();
    put(&world, NO_URL);
    let http = Http::start(&world, &[]);
    let waiting = wait_over(&http).await;
    let grant = body(&waiting, "grant");
    let (status, _, _) = exchange(signed(&address(&http, &waiting), "m", &grant)).await;
    assert_eq!(status, 404);
    assert_eq!(open(&world)[0]["status"], "pending");
}

#[test]
fn settings_that_would_tell_strangers_stop_the_start_and_show_no_secret() {
    let refused = |world: &World| {
        let output = world.run(&["serve"]);
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let world = World::new();
    put(&world, &policy("https://backend.example/hook"));
    assert!(refused(&world).contains("DRYDOCK_WEBHOOK_SECRET"));
    let world = world_with_secret();
    put(&world, &policy("http://backend.example/hook"));
    assert!(refused(&world).contains("https"));
    let world = World::with(&[("DRYDOCK_WEBHOOK_SECRET", "hunter2hunter2")]);
    put(&world, NO_URL);
    let said = refused(&world);
    assert!(
        said.contains("whsec_") && !said.contains("hunter2"),
        "{said}"
    );
}
