//! API keys: publishable ones for agents, secret ones for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::Method;
use serde_json::{Value, json};

use crate::approvals::{answer, id};
use crate::harness::{Reaction, Relay, World};
use crate::policy::put;

/// What the platform itself would show its operator.
async fn revealed(world: &World, reference: &str) -> Vec<Value> {
    let path = format!("/v1/projects/{reference}/api-keys?reveal=true");
    let mut keys = world.api().get(&path).await.as_array().unwrap().clone();
    keys.retain(|key| key["type"] != "legacy");
    keys
}

#[tokio::test]
async fn a_new_project_has_its_keys_and_the_secret_one_is_shown_to_nobody() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    project.ok("create_branch", json!({})).await;
    let dev = project.dev().await;
    let keys = project.ok("get_api_keys", json!({})).await;
    let environments = keys["environments"].as_array().unwrap();
    assert_eq!(environments[0]["environment"], "production");
    assert_eq!(environments[0]["ref"], project.id);
    assert_eq!(environments[1]["branch"], "DEV");
    // A branch has keys of its own from the beginning.
    let [own, productions] = [1, 0].map(|place| &environments[place]["publishable"][0]["api_key"]);
    assert!(own.is_string() && own != productions, "{keys}");
    assert_eq!(
        project.ok("create_api_keys", json!({})).await["created"],
        json!([])
    );
    for key in revealed(&world, &dev).await {
        let id = key["id"].as_str().unwrap();
        let path = format!("/v1/projects/{dev}/api-keys/{id}");
        let (status, _) = world.api().send(Method::DELETE, &path, Value::Null).await;
        assert_eq!(status, 200);
    }
    let publishable = environments[0]["publishable"][0]["api_key"]
        .as_str()
        .unwrap();
    assert!(publishable.starts_with("sb_publishable_"), "{publishable}");

    let made = project.ok("create_api_keys", json!({})).await;
    let of: Vec<&str> = made["created"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["of"].as_str().unwrap())
        .collect();
    assert_eq!(of, ["DEV", "DEV"]);
    let again = project.ok("create_api_keys", json!({})).await;
    assert_eq!(again["created"], json!([]));

    let answer = mcp.call("get_api_keys", json!({ "project_id": dev })).await;
    let all = format!("{} {}", answer.text, answer.value);
    for reference in [&project.id, &dev] {
        let keys = revealed(&world, reference).await;
        let [publishable, secret] = keys.as_slice() else {
            panic!("{keys:?}");
        };
        assert_eq!(secret["type"], "secret");
        // Not even its beginning.
        let secret = secret["api_key"].as_str().unwrap();
        assert!(!all.contains(&secret[.."sb_secret_".len() + 4]), "{all}");
        assert!(
            all.contains(publishable["api_key"].as_str().unwrap()),
            "{all}"
        );
    }
}

#[tokio::test]
async fn where_keys_need_a_yes_a_project_is_made_without_them() {
    let world = World::new();
    put(&world, "[approvals]\ncreate_api_keys = \"operator\"\n");
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    assert!(revealed(&world, &project.id).await.is_empty());
    let refusal = project
        .refused("create_api_keys", json!({}), "approval_required")
        .await;
    answer(&world, "grant", &id(&refusal));
    project.ok("create_api_keys", json!({})).await;
    assert_eq!(revealed(&world, &project.id).await.len(), 2);
}

#[tokio::test]
async fn the_local_platform_takes_a_name_once_and_no_legacy_key() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    let api = world.api();
    let path = format!("/v1/projects/{}/api-keys", project.id);
    for (body, status) in [
        (json!({ "type": "secret", "name": "default" }), 400),
        (json!({ "type": "secret", "name": "Default" }), 400),
        (json!({ "type": "legacy", "name": "anon" }), 400),
        (json!({ "type": "secret", "name": "two" }), 400),
        (json!({ "type": "secret", "name": "another" }), 201),
    ] {
        let (answered, reply) = api.send(Method::POST, &path, body).await;
        assert_eq!(answered, status, "{reply}");
    }
    let nobody = "/v1/projects/aaaaaaaaaaaaaaaaaaaa/api-keys";
    assert_eq!(api.send(Method::GET, nobody, Value::Null).await.0, 404);
}

#[tokio::test]
async fn keys_are_asked_for_once_the_project_is_up() {
    let world = World::new();
    let mcp = world.serve().await;
    let id = mcp.launch("P").await.id;
    let (api, token) = (world.api(), world.api().token().to_owned());
    let about = format!("/v1/projects/{id}");
    let project = api.get(&about).await;
    let looks = Arc::new(AtomicUsize::new(0));
    let relay = Relay::start(Some(api), move |heard| {
        let coming = heard.path == about && looks.fetch_add(1, Ordering::SeqCst) < 2;
        let mut project = project.clone();
        Box::pin(async move {
            if !coming {
                return Reaction::Pass;
            }
            project["status"] = json!("COMING_UP");
            Reaction::Answer(200, project)
        })
    })
    .await;
    let served = relay.serve(&world, &token).await;
    let keys = served.project(&id).ok("get_api_keys", json!({})).await;
    assert_eq!(keys["environments"][0]["publishable"][0]["name"], "default");
    let paths: Vec<String> = relay.heard().into_iter().map(|heard| heard.path).collect();
    let asked = paths.iter().position(|path| path.contains("/api-keys"));
    let looked = paths
        .iter()
        .filter(|path| **path == format!("/v1/projects/{id}"))
        .count();
    assert_eq!(looked, 3, "{paths:?}");
    assert_eq!(asked, Some(paths.len() - 1), "{paths:?}");
}
