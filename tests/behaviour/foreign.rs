//! What other clients of the local platform ask: one API key, counts, the pooler, the whole configuration.

use axum::http::Method;
use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::harness::{Api, World, http_client, names};

/// A call that must fail with this status, in the platform's one form of an error.
async fn refused(api: &Api, method: Method, path: &str, body: Value, status: u16) -> String {
    let (answered, reply) = api.send(method, path, body).await;
    assert_eq!(answered, status, "{path}: {reply}");
    let fields: Vec<&String> = reply.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["message"], "{path}: {reply}");
    reply["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn one_key_is_shown_changed_and_ended_by_its_own_project_alone() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    let api = world.api();
    let branch = api.branch(&project.id, "DEV").await;
    let keys = |reference: &str| format!("/v1/projects/{reference}/api-keys");
    let made = json!({
        "type": "secret", "name": "server", "description": "for the server",
        "secret_jwt_template": { "role": "service_role" },
    });
    let made = api
        .post(&format!("{}?reveal=true", keys(&project.id)), made)
        .await;
    let id = made["id"].as_str().unwrap();
    let one = format!("{}/{id}", keys(&project.id));

    let shown = api.get(&one).await;
    assert_ne!(shown["api_key"], made["api_key"]);
    assert_eq!(shown["description"], "for the server");
    assert_eq!(
        shown["secret_jwt_template"],
        json!({ "role": "service_role" })
    );
    assert_eq!(api.get(&format!("{one}?reveal=true")).await, made);

    let (status, changed) = api
        .send(
            Method::PATCH,
            &one,
            json!({ "name": "server_2", "description": null }),
        )
        .await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&json!("server_2"), &Value::Null)
    );
    assert_eq!(changed["secret_jwt_template"], made["secret_jwt_template"]);
    // The key itself is what it was.
    assert_eq!(
        api.get(&format!("{one}?reveal=true")).await["api_key"],
        made["api_key"]
    );

    let publishable = format!(
        "{}/{}",
        keys(&project.id),
        api.get(&keys(&project.id)).await[0]["id"].as_str().unwrap()
    );
    for (path, body, status) in [
        (&one, json!({ "name": "default" }), 400),
        (&one, json!({ "name": "No" }), 400),
        (&one, json!({ "description": 7 }), 400),
        (&publishable, json!({ "secret_jwt_template": {} }), 400),
    ] {
        refused(&api, Method::PATCH, path, body, status).await;
    }
    let nobody = "aaaaaaaaaaaaaaaaaaaa";
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let body = if method == Method::PATCH {
            json!({ "name": "mine" })
        } else {
            Value::Null
        };
        for (path, status) in [
            (format!("{}/{id}", keys(&branch)), 404),
            (format!("{}/{id}", keys(nobody)), 404),
            (
                format!("{}/00000000-0000-4000-8000-000000000000", keys(&project.id)),
                404,
            ),
            (format!("{}/anon", keys(&project.id)), 400),
            (format!("{}/{id}%27", keys(&project.id)), 400),
        ] {
            refused(&api, method.clone(), &path, body.clone(), status).await;
        }
    }

    let (status, ended) = api
        .send(
            Method::DELETE,
            &format!("{one}?was_compromised=true"),
            Value::Null,
        )
        .await;
    assert_eq!((status, &ended["id"]), (200, &made["id"]));
    refused(&api, Method::GET, &one, Value::Null, 404).await;
    let left = api.get(&format!("{}?reveal=true", keys(&project.id))).await;
    assert!(
        !left.to_string().contains(made["api_key"].as_str().unwrap()),
        "{left}"
    );
    // Its name is free again.
    api.post(
        &keys(&project.id),
        json!({ "type": "secret", "name": "server_2" }),
    )
    .await;
}

#[tokio::test]
async fn requests_are_counted_by_service_and_stretch_of_time() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    let other = mcp.launch("other").await;
    let api = world.api();
    let usage = |reference: &str, what: &str| {
        format!("/v1/projects/{reference}/analytics/endpoints/usage.api-{what}")
    };
    let all = usage(&project.id, "requests-count");
    assert_eq!(api.get(&all).await, json!({ "result": [{ "count": 0.0 }] }));
    for path in [
        "rest/v1/todos",
        "rest/v1/todos?id=eq.1",
        "auth/v1/user",
        "storage/v1/bucket",
        "functions/v1/hello",
    ] {
        let url = format!("{}/projects/{}/{path}", api.base(), project.id);
        http_client().get(url).send().await.unwrap();
    }
    assert_eq!(api.get(&all).await, json!({ "result": [{ "count": 5.0 }] }));
    for interval in ["", "?interval=15min", "?interval=3hr", "?interval=7day"] {
        let counts = api
            .get(&format!("{}{interval}", usage(&project.id, "counts")))
            .await;
        // A stretch may have ended in between.
        let sum = |field: &str| -> f64 {
            let stretches = counts["result"].as_array().unwrap();
            stretches
                .iter()
                .map(|one| one[field].as_f64().unwrap())
                .sum()
        };
        let services = ["rest", "auth", "storage", "realtime"];
        let sums = services.map(|service| sum(&format!("total_{service}_requests")));
        assert_eq!(sums, [2.0, 1.0, 1.0, 0.0], "{counts}");
    }
    assert_eq!(
        api.get(&usage(&other.id, "counts")).await,
        json!({ "result": [] })
    );
    let wrong = format!("{}?interval=2hr", usage(&project.id, "counts"));
    refused(&api, Method::GET, &wrong, Value::Null, 400).await;
    let nobody = usage("aaaaaaaaaaaaaaaaaaaa", "counts");
    refused(&api, Method::GET, &nobody, Value::Null, 404).await;
}

#[tokio::test]
async fn the_poolers_size_is_how_many_sessions_there_are() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    let api = world.api();
    let branch = api.branch(&project.id, "DEV").await;
    let path = format!("/v1/projects/{branch}/config/database/pooler");
    let set = async |body: Value| api.send(Method::PATCH, &path, body).await;
    let config = api.get(&format!("/v1/branches/{branch}")).await;
    let connect = async || {
        let mut login = tokio_postgres::Config::new();
        login
            .host("127.0.0.1")
            .port(u16::try_from(config["db_port"].as_u64().unwrap()).unwrap())
            .user(config["db_user"].as_str().unwrap())
            .password(config["db_pass"].as_str().unwrap())
            .dbname("postgres");
        let (client, connection) = login.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok::<_, tokio_postgres::Error>(client)
    };

    let (status, reply) = set(json!({ "default_pool_size": 1, "pool_mode": "transaction" })).await;
    assert_eq!(
        (status, reply),
        (
            200,
            json!({ "default_pool_size": 1, "pool_mode": "transaction" })
        )
    );
    let first = connect().await.unwrap();
    let second = connect().await.unwrap_err();
    assert_eq!(second.code().unwrap().code(), "53300", "{second:?}");
    // What is not named stays; null is the platform's own choice.
    assert_eq!(set(json!({})).await.1["default_pool_size"], 1);
    let (_, reply) = set(json!({ "default_pool_size": null })).await;
    assert_eq!(
        reply,
        json!({ "default_pool_size": null, "pool_mode": "transaction" })
    );
    let second = connect().await.unwrap();
    for client in [first, second] {
        client.batch_execute("select 1").await.unwrap();
    }
    for body in [
        json!({ "default_pool_size": 3001 }),
        json!({ "default_pool_size": -1 }),
        json!({ "default_pool_size": "7" }),
        json!({ "pool_mode": "statement" }),
        json!({ "pool_mode": "none" }),
    ] {
        refused(&api, Method::PATCH, &path, body, 400).await;
    }
    let shown = api.get(&path).await;
    assert_eq!(shown[0]["pool_mode"], "transaction");
}

#[tokio::test]
async fn what_a_project_is_stands_in_the_documents_that_clients_read() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    let api = world.api();
    let of = |path: &str| format!("/v1/projects/{}/{path}", project.id);
    for (method, path, body) in [
        (
            Method::PATCH,
            "config/auth",
            json!({ "site_url": "https://shop.example" }),
        ),
        (Method::PATCH, "postgrest", json!({ "max_rows": 77 })),
        (
            Method::PATCH,
            "config/storage",
            json!({ "fileSizeLimit": 1_048_576 }),
        ),
        (
            Method::PUT,
            "config/database/postgres",
            json!({ "work_mem": "8MB" }),
        ),
    ] {
        let (status, reply) = api.send(method, &of(path), body).await;
        assert_eq!(status, 200, "{path}: {reply}");
    }
    let whole = api
        .get(&format!("/v2/projects/{}/config", project.id))
        .await;
    let settings = &whole["data"]["attributes"];
    assert_eq!(whole["data"]["id"], project.id);
    for (place, value) in [
        ("/auth/site_url", json!("https://shop.example")),
        ("/api/max_rows", json!(77)),
        ("/api/db_pool_max_lifetime", json!(1800)),
        ("/storage/file_size_limit", json!(1_048_576)),
        ("/storage/features/s3_protocol/enabled", json!(true)),
        ("/storage/upstream_target", json!("main")),
        ("/database/postgres_settings", json!({ "work_mem": "8MB" })),
    ] {
        assert_eq!(settings.pointer(place), Some(&value), "{place}");
    }

    api.query(&project.id, "create schema shop").await;
    let context = api.get(&of("database/context")).await;
    let schemas = names(&context["databases"][0]["schemas"]);
    for schema in ["public", "shop", "auth"] {
        assert!(schemas.iter().any(|one| one == schema), "{context}");
    }
    assert!(!context.to_string().contains("pg_catalog"), "{context}");
    let versions = api.get(&of("restore")).await;
    let own = api.get(&of("")[..of("").len() - 1]).await;
    assert_eq!(
        versions["available_versions"][0]["version"],
        own["database"]["version"]
    );

    let branch = api.branch(&project.id, "DEV").await;
    for reference in [&project.id, &branch] {
        let runs = api.get(&format!("/v1/projects/{reference}/actions")).await;
        let url = format!("{}/v1/projects/{reference}/actions", api.base());
        let counted = http_client()
            .head(url)
            .bearer_auth(api.token())
            .send()
            .await
            .unwrap();
        assert_eq!(counted.status(), 200);
        let count = counted.headers()["x-total-count"].to_str().unwrap();
        assert_eq!(count, runs.as_array().unwrap().len().to_string());
        assert_ne!(count, "0");
    }
    let nobody = "aaaaaaaaaaaaaaaaaaaa";
    for path in [
        "/v1/projects/{}/database/context",
        "/v1/projects/{}/restore",
        "/v2/projects/{}/config",
    ] {
        refused(
            &api,
            Method::GET,
            &path.replace("{}", nobody),
            Value::Null,
            404,
        )
        .await;
    }
    let url = format!("{}/v1/projects/{nobody}/actions", api.base());
    let counted = http_client()
        .head(url)
        .bearer_auth(api.token())
        .send()
        .await
        .unwrap();
    assert_eq!(counted.status(), 404);
}

#[tokio::test]
async fn a_size_that_nobody_offers_is_refused_before_anything_is_made() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("shop").await;
    let api = world.api();
    let ask = |size: &str| {
        json!({
            "name": "sized", "organization_slug": "local", "db_pass": "a password of tests",
            "desired_instance_size": size,
        })
    };
    // The smallest is for branches alone.
    for size in ["tiny", "", "Micro", "pico"] {
        let message = refused(&api, Method::POST, "/v1/projects", ask(size), 400).await;
        assert!(message.contains("desired_instance_size"), "{message}");
    }
    assert_eq!(api.get("/v1/projects").await.as_array().unwrap().len(), 1);
    api.post("/v1/projects", ask("small")).await;
    let branches = format!("/v1/projects/{}/branches", project.id);
    let branch = |size: &str| json!({ "branch_name": "DEV", "desired_instance_size": size });
    refused(&api, Method::POST, &branches, branch("tiny"), 400).await;
    assert_eq!(api.get(&branches).await, json!([]));
    api.post(&branches, branch("pico")).await;
}
