//! Claim tokens: the routes by which a project changes hands without pages, as the platform describes
//! them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::claim_pages::{App, REDIRECT, exchange, for_code, link, parameter, register, sees};
use crate::harness::{Api, Browser, World};

/// Somebody with an organization, and what they ask with.
struct Owner {
    id: String,
    organization: String,
    api: Api,
}

fn owner(world: &World, email: &str) -> Owner {
    let made = world.json(&["claim", "account", email, "--organization", "Acme"]);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    Owner {
        id: text("account"),
        organization: text("organization"),
        api: world.api().with_token(&text("access_token")),
    }
}

impl Owner {
    fn claim(&self, token: &str) -> String {
        format!(
            "/v1/organizations/{}/project-claim/{token}",
            self.organization
        )
    }

    async fn take(&self, token: &str) -> u16 {
        let path = self.claim(token);
        self.api.send(Method::POST, &path, Value::Null).await.0
    }
}

async fn make(api: &Api, project: &str) -> String {
    let path = format!("/v1/projects/{project}/claim-token");
    let made = api.post(&path, Value::Null).await;
    made["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_claim_token_is_shown_once_works_once_and_moves_the_project() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    let api = world.api();
    let dev = api.branch(&project.id, "DEV").await;
    let path = format!("/v1/projects/{}/claim-token", project.id);
    assert_eq!(api.send(Method::GET, &path, Value::Null).await.0, 404);
    assert_eq!(api.send(Method::DELETE, &path, Value::Null).await.0, 404);
    let first = make(&api, &project.id).await;
    assert_eq!(first.len(), 40);
    let made = api.post(&path, Value::Null).await;
    let token = made["token"].as_str().unwrap().to_owned();
    let known = api.get(&path).await;
    assert_eq!(known["token"], Value::Null);
    for field in ["token_alias", "expires_at", "created_at", "created_by"] {
        assert!(known[field].is_string(), "{known}");
        assert_eq!(known[field], made[field]);
    }
    let ann = owner(&world, "ann@example.com");
    // A project has one token, and the registry holds none of them.
    assert_eq!(ann.take(&first).await, 404);
    let registry = std::fs::read(world.dir().join("platform/platform.sqlite")).unwrap();
    assert!(!String::from_utf8_lossy(&registry).contains(&token));

    let offered = ann.api.get(&ann.claim(&token)).await;
    assert_eq!(offered["project"]["ref"], project.id);
    assert_eq!(offered["project"]["name"], "Shop");
    assert_eq!(offered["preview"]["valid"], true);
    assert_eq!(offered["preview"]["info"][0]["key"], "branches");
    assert_eq!(sees(&ann.api).await, Vec::<String>::new());
    assert_eq!(ann.take(&token).await, 204);
    assert_eq!(ann.take(&token).await, 404, "a token works once");
    assert_eq!(sees(&api).await, Vec::<String>::new());
    assert_eq!(sees(&ann.api).await, [project.id.as_str()]);
    assert_eq!(ann.api.query(&dev, "select 1 as one").await[0]["one"], 1);
    assert_eq!(api.try_query(&project.id, "select 1").await.0, 403);
    assert_eq!(api.send(Method::POST, &path, Value::Null).await.0, 403);

    // Its owner may give it back.
    let back = ann.api.post(&path, Value::Null).await;
    assert_eq!(back["created_by"], ann.id);
    let back = format!(
        "/v1/organizations/local/project-claim/{}",
        back["token"].as_str().unwrap()
    );
    assert_eq!(api.send(Method::POST, &back, Value::Null).await.0, 204);
    assert_eq!(sees(&api).await, [project.id.as_str()]);
    assert_eq!(ann.api.try_query(&project.id, "select 1").await.0, 403);
}

#[tokio::test]
async fn a_claim_token_is_nobody_elses_to_make_to_end_or_to_use() {
    let clock = std::env::temp_dir().join(format!("drydock-clock-{:016x}", rand::random::<u64>()));
    std::fs::write(&clock, "0").unwrap();
    let world = World::with(&[("DRYDOCK_TEST_CLOCK", clock.to_str().unwrap())]);
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    let api = world.api();
    let dev = api.branch(&project.id, "DEV").await;
    let (ann, eve) = (
        owner(&world, "ann@example.com"),
        owner(&world, "eve@example.com"),
    );
    let path = format!("/v1/projects/{}/claim-token", project.id);
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let (status, _) = eve.api.send(method, &path, Value::Null).await;
        assert_eq!(status, 403);
    }
    let of_branch = format!("/v1/projects/{dev}/claim-token");
    assert_eq!(api.send(Method::POST, &of_branch, Value::Null).await.0, 400);
    let token = make(&api, &project.id).await;
    // Into an organization of somebody else, into the builder's own, and by guessing.
    for slug in [ann.organization.as_str(), "local", "nobody", "..%2Flocal"] {
        let stolen = format!("/v1/organizations/{slug}/project-claim/{token}");
        for method in [Method::GET, Method::POST] {
            let (status, _) = eve.api.send(method, &stolen, Value::Null).await;
            assert_eq!(status, 404, "{slug}");
        }
    }
    let own = format!("/v1/organizations/local/project-claim/{token}");
    assert_eq!(api.get(&own).await["preview"]["valid"], false);
    assert_eq!(api.send(Method::POST, &own, Value::Null).await.0, 400);
    let alias = api.get(&path).await["token_alias"]
        .as_str()
        .unwrap()
        .to_owned();
    for guess in ["0".repeat(40), alias, token.to_uppercase(), "%".repeat(3)] {
        assert_ne!(ann.take(&guess.replace('%', "%25")).await, 204);
    }
    // An account makes no projects here, and sees nobody's.
    let body =
        json!({ "name": "P", "organization_slug": "local", "db_pass": "x", "region": "us-east-1" });
    assert_eq!(
        eve.api.send(Method::POST, "/v1/projects", body).await.0,
        403
    );
    assert_eq!(eve.api.try_query(&project.id, "select 1").await.0, 403);

    // Ended, out of time, and taken by the pages.
    assert_eq!(api.send(Method::DELETE, &path, Value::Null).await.0, 204);
    assert_eq!(ann.take(&token).await, 404);
    let late = make(&api, &project.id).await;
    std::fs::write(&clock, (25 * 3600).to_string()).unwrap();
    assert_eq!(api.send(Method::GET, &path, Value::Null).await.0, 404);
    assert_eq!(ann.take(&late).await, 404);
    let token = make(&api, &project.id).await;
    let app = register(&world, REDIRECT);
    let waiting = link(&api, &project.id, &app).await;
    let tokens = granted(&api, &project.id, &app).await;
    assert_eq!(ann.take(&token).await, 404, "the project has moved");
    assert_eq!(Browser::new(api.base()).open(&waiting).await.status, 404);
    // An app gives nothing away.
    let app_api = api.with_token(&tokens);
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let (status, _) = app_api.send(method, &path, Value::Null).await;
        assert_eq!(status, 403);
    }
    std::fs::remove_file(&clock).unwrap();
}

#[tokio::test]
async fn of_two_who_use_a_token_at_once_one_gets_the_project_and_old_grants_end() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    let api = world.api();
    let (ann, eve) = (
        owner(&world, "ann@example.com"),
        owner(&world, "eve@example.com"),
    );
    let token = make(&api, &project.id).await;
    let (one, two) = tokio::join!(ann.take(&token), eve.take(&token));
    assert!(matches!((one, two), (204, 404) | (404, 204)), "{one} {two}");
    let (winner, loser) = if one == 204 { (ann, eve) } else { (eve, ann) };
    assert_eq!(sees(&loser.api).await, Vec::<String>::new());

    // Given back, claimed by the pages, and given away again: what was granted then has ended.
    let back = make(&winner.api, &project.id).await;
    let path = format!("/v1/organizations/local/project-claim/{back}");
    assert_eq!(api.send(Method::POST, &path, Value::Null).await.0, 204);
    let app = register(&world, REDIRECT);
    let carol = owner(&world, "carol@example.com");
    let tokens = granted(&api, &project.id, &app).await;
    let app_api = api.with_token(&tokens);
    assert_eq!(sees(&app_api).await, [project.id.as_str()]);
    // bob, who claimed it, gives it to carol.
    let bob = owner(&world, "bob@example.com");
    let given = make(&bob.api, &project.id).await;
    assert_eq!(carol.take(&given).await, 204);
    let (status, _) = app_api.send(Method::GET, "/v1/projects", Value::Null).await;
    assert_eq!(status, 401);
}

/// Claims the project by the pages, as bob; gives the app's access token.
async fn granted(api: &Api, project: &str, app: &App) -> String {
    let link = link(api, project, app).await;
    let led = Browser::new(api.base())
        .claim(&link, "bob@example.com", "Bob")
        .await;
    let code = parameter(&led, "code");
    let (status, tokens) = exchange(api, &for_code(app, &code)).await;
    assert_eq!(status, 201, "{tokens}");
    tokens["access_token"].as_str().unwrap().to_owned()
}
