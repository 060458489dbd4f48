//! The local platform's claim flow: the pages, the codes and the tokens, as a browser, an app and an
//! attacker meet them.

use axum::http::Method;
use reqwest::header::LOCATION;
use serde_json::{Value, json};

use crate::harness::{Api, Browser, World};

/// Where codes go. Nobody listens there.
pub(crate) const REDIRECT: &str = "https://builder.example/claimed?from=drydock";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// S256 of the verifier: the example of RFC 7636.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// An OAuth app's credentials.
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: String,
}

pub(crate) fn register(world: &World, redirect_uri: &str) -> App {
    let app = world.json(&[
        "claim",
        "app",
        "Builder <b>&",
        "--redirect-uri",
        redirect_uri,
    ]);
    App {
        id: app["client_id"].as_str().unwrap().to_owned(),
        secret: app["client_secret"].as_str().unwrap().to_owned(),
    }
}

pub(crate) async fn authorize(api: &Api, pairs: &[(&str, &str)]) -> (u16, String) {
    let response = api
        .http()
        .get(format!("{}/v1/oauth/authorize/project-claim", api.base()))
        .bearer_auth(api.token())
        .query(pairs)
        .send()
        .await
        .unwrap();
    let location = response.headers().get(LOCATION);
    let location = location.map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), location.unwrap_or_default())
}

pub(crate) fn asked<'a>(project: &'a str, app: &'a App) -> Vec<(&'a str, &'a str)> {
    vec![
        ("project_ref", project),
        ("client_id", &app.id),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("state", "s t&a=te"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

pub(crate) async fn link(api: &Api, project: &str, app: &App) -> String {
    let (status, location) = authorize(api, &asked(project, app)).await;
    assert_eq!(status, 302);
    assert!(
        location.starts_with(&format!("{}/claim/", api.base())),
        "{location}"
    );
    location
}

pub(crate) async fn exchange(api: &Api, pairs: &[(&str, &str)]) -> (u16, Value) {
    let response = api
        .http()
        .post(format!("{}/v1/oauth/token", api.base()))
        .form(pairs)
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

pub(crate) fn for_code<'a>(app: &'a App, code: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", &app.id),
        ("client_secret", &app.secret),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ]
}

fn with<'a>(
    pairs: &[(&'a str, &'a str)],
    name: &'a str,
    value: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let others = pairs.iter().copied().filter(|(other, _)| *other != name);
    others.chain([(name, value)]).collect()
}

/// A parameter of the address that a browser was led to.
pub(crate) fn parameter(address: &str, name: &str) -> String {
    let address = reqwest::Url::parse(address).unwrap();
    let found = address.query_pairs().find(|(key, _)| key == name);
    found
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

pub(crate) async fn sees(api: &Api) -> Vec<String> {
    let listed = api.get("/v1/projects").await;
    crate::harness::texts(&listed, "ref")
}

#[tokio::test]
async fn a_project_moves_with_its_branches_and_its_token_reaches_it_and_nothing_else() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("<script>alert(1)</script>\u{202e}").await;
    let other = mcp.launch("Other").await;
    let api = world.api();
    let dev = api.branch(&project.id, "DEV").await;
    let app = register(&world, REDIRECT);
    let link = link(&api, &project.id, &app).await;
    let mut browser = Browser::new(api.base());
    browser
        .claim_up_to_confirm(&link, "ann@example.com", "\"><img src=x onerror=alert(1)>")
        .await;
    // Whatever is called what: names stay text, and no script could run.
    for page in [
        "account",
        "organization",
        "permissions",
        "project",
        "confirm",
    ] {
        let page = browser.open(&format!("{link}/{page}")).await;
        assert_eq!(page.status, 200);
        for evil in ["<script", "<img", "<b>"] {
            assert!(!page.text.contains(evil), "{}", page.text);
        }
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(page.headers["cache-control"], "no-store");
    }
    assert_eq!(
        sees(&api).await.len(),
        2,
        "nothing moves before the last page"
    );
    let confirm = format!("{link}/confirm");
    let led = browser.fill(&confirm, &[("action", "confirm")]).await;
    let led = led.location.unwrap();
    assert!(
        led.starts_with("https://builder.example/claimed?from=drydock&code="),
        "{led}"
    );
    assert_eq!(parameter(&led, "state"), "s t&a=te");

    // The builder's own token has lost it, branch and all.
    assert_eq!(sees(&api).await, [other.id.as_str()]);
    for reference in [&project.id, &dev] {
        let path = format!("/v1/projects/{reference}");
        assert_eq!(api.send(Method::GET, &path, Value::Null).await.0, 403);
        let other_spelling = path.replacen('a', "%61", 1).replacen('e', "%65", 1);
        assert_ne!(
            api.send(Method::GET, &other_spelling, Value::Null).await.0,
            200
        );
        assert_eq!(api.try_query(reference, "select 1").await.0, 403);
    }
    let branch = format!("/v1/branches/{dev}");
    assert_eq!(api.send(Method::DELETE, &branch, Value::Null).await.0, 403);

    let code = parameter(&led, "code");
    let (status, tokens) = exchange(&api, &for_code(&app, &code)).await;
    assert_eq!(status, 201, "{tokens}");
    assert_eq!(tokens["project_refs"], json!([project.id]));
    assert_eq!(tokens["token_type"], "Bearer");
    let granted = api.with_token(tokens["access_token"].as_str().unwrap());
    assert_eq!(sees(&granted).await, [project.id.as_str()]);
    let organizations = granted.get("/v1/organizations").await;
    assert_eq!(organizations[0]["name"], "\"><img src=x onerror=alert(1)>");
    for reference in [&project.id, &dev] {
        assert_eq!(
            granted.query(reference, "select 1 as one").await[0]["one"],
            1
        );
    }
    for (method, path, body) in [
        (
            Method::GET,
            format!("/v1/projects/{}", other.id),
            Value::Null,
        ),
        (
            Method::DELETE,
            format!("/v1/projects/{}", other.id),
            Value::Null,
        ),
        (
            Method::GET,
            format!(
                "/v1/projects/%{:x}{}",
                other.id.as_bytes()[0],
                &other.id[1..]
            ),
            Value::Null,
        ),
        (
            Method::POST,
            "/v1/projects".to_owned(),
            json!({ "name": "P", "organization_slug": "local", "db_pass": "p" }),
        ),
        (
            Method::GET,
            format!(
                "/v1/oauth/authorize/project-claim?project_ref={}&client_id={}&response_type=code&redirect_uri={REDIRECT}",
                project.id, app.id
            ),
            Value::Null,
        ),
    ] {
        let (status, reply) = granted.send(method, &path, body).await;
        assert_eq!(status, 403, "{path}: {reply}");
    }
    let local = granted
        .send(Method::GET, "/v1/organizations/local", Value::Null)
        .await;
    assert_eq!(local.0, 404);

    // Another access token, and the end of both.
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let credentials = [
        ("client_id", app.id.as_str()),
        ("client_secret", &app.secret),
    ];
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        credentials[0],
        credentials[1],
    ];
    let (status, again) = exchange(&api, &refresh).await;
    assert_eq!(status, 201, "{again}");
    let again = api.with_token(again["access_token"].as_str().unwrap());
    assert_eq!(sees(&again).await, [project.id.as_str()]);
    let stranger = register(&world, REDIRECT);
    let mut revoke = json!({ "client_id": stranger.id, "client_secret": stranger.secret, "refresh_token": refresh_token });
    let path = "/v1/oauth/revoke";
    assert_eq!(api.send(Method::POST, path, revoke.clone()).await.0, 400);
    revoke["client_id"] = json!(app.id);
    revoke["client_secret"] = json!(app.secret);
    assert_eq!(api.send(Method::POST, path, revoke).await.0, 204);
    for revoked in [&granted, &again] {
        assert_eq!(
            revoked
                .send(Method::GET, "/v1/projects", Value::Null)
                .await
                .0,
            401
        );
    }
    assert_eq!(exchange(&api, &refresh).await.0, 400);
}

#[tokio::test]
async fn a_code_is_taken_once_by_its_own_app_with_its_own_verifier() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    let api = world.api();
    let (app, stranger) = (register(&world, REDIRECT), register(&world, REDIRECT));
    let link = link(&api, &project.id, &app).await;
    let led = Browser::new(api.base())
        .claim(&link, "a@example.com", "Acme")
        .await;
    let code = parameter(&led, "code");
    let right = for_code(&app, &code);
    for (wrong, status) in [
        (with(&right, "code_verifier", "another"), 400),
        (with(&right, "code_verifier", CHALLENGE), 400),
        (
            with(&right, "redirect_uri", "https://builder.example/claimed"),
            400,
        ),
        (with(&right, "code", "another"), 400),
        (with(&right, "client_secret", "another"), 401),
        (with(&right, "grant_type", "password"), 400),
        (
            with(
                &with(&right, "client_id", &stranger.id),
                "client_secret",
                &stranger.secret,
            ),
            400,
        ),
        (
            right
                .iter()
                .copied()
                .filter(|(name, _)| *name != "code_verifier")
                .collect(),
            400,
        ),
        (
            right
                .iter()
                .copied()
                .filter(|(name, _)| *name != "client_secret")
                .collect(),
            401,
        ),
    ] {
        let (answered, reply) = exchange(&api, &wrong).await;
        assert_eq!(answered, status, "{wrong:?}: {reply}");
    }
    let (status, tokens) = exchange(&api, &right).await;
    assert_eq!(status, 201, "{tokens}");
    let granted = api.with_token(tokens["access_token"].as_str().unwrap());
    assert_eq!(sees(&granted).await, [project.id.as_str()]);
    // One of two who have the code must not have it: neither keeps anything.
    assert_eq!(exchange(&api, &right).await.0, 400);
    assert_eq!(
        granted
            .send(Method::GET, "/v1/projects", Value::Null)
            .await
            .0,
        401
    );
}

#[tokio::test]
async fn a_claim_begins_for_a_registered_redirect_and_a_project_of_the_builder_alone() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    let api = world.api();
    let dev = api.branch(&project.id, "DEV").await;
    let app = register(&world, REDIRECT);
    let right = asked(&project.id, &app);
    for (wrong, status) in [
        (
            with(&right, "redirect_uri", "https://builder.example/claimed"),
            400,
        ),
        (
            with(
                &right,
                "redirect_uri",
                "https://builder.example.evil.example/claimed?from=drydock",
            ),
            400,
        ),
        (
            with(&right, "client_id", "66666666-6666-4666-8666-666666666666"),
            400,
        ),
        (with(&right, "response_type", "token"), 400),
        (with(&right, "code_challenge_method", "none"), 400),
        (with(&right, "project_ref", &dev), 400),
        (with(&right, "project_ref", "aaaaaaaaaaaaaaaaaaaa"), 404),
    ] {
        let (answered, location) = authorize(&api, &wrong).await;
        assert_eq!((answered, location.as_str()), (status, ""), "{wrong:?}");
    }
    let nobody = api.with_token("sbp_nobody");
    assert_eq!(authorize(&nobody, &right).await.0, 401);
    for uri in [
        "http://builder.example/",
        "javascript:alert(1)",
        "https://a.example/#b",
        "no",
    ] {
        let refused = world.run(&["claim", "app", "Evil", "--redirect-uri", uri]);
        assert!(!refused.status.success(), "{uri}");
    }
}
