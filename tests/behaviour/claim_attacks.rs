//! Who answers a claim in somebody's place, twice, or too late.

use axum::http::Method;
use serde_json::Value;

use crate::claim_pages::link as link_of;
use crate::claim_pages::{REDIRECT, exchange, for_code, parameter, register, sees};
use crate::harness::{Browser, World};

#[tokio::test]
async fn no_other_site_browser_or_account_answers_for_a_user() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    let api = world.api();
    let app = register(&world, REDIRECT);
    let link = link_of(&api, &project.id, &app).await;
    let mut ann = Browser::new(api.base());
    // The last page is not reached before the others are answered.
    let early = ann.open(&format!("{link}/confirm")).await;
    assert!(early.text.contains("Step 1 of 5"), "{}", early.text);
    ann.claim_up_to_confirm(&link, "ann@example.com", "Acme")
        .await;
    let confirm = format!("{link}/confirm");
    let csrf = ann.open(&confirm).await.csrf();
    let yes = [("action", "confirm"), ("csrf", csrf.as_str())];
    // From another site, with the cookie and even with the field.
    let foreign = ann
        .send(Method::POST, &confirm, Some(&yes), "https://evil.example")
        .await;
    assert_eq!(foreign.status, 400);
    for wrong in ["", "00"] {
        let page = ann
            .fill_with(&confirm, &[("action", "confirm")], wrong)
            .await;
        assert_eq!(page.status, 400);
    }
    // Another browser with the field alone, and another account with its own.
    let mut eve = Browser::new(api.base());
    let page = eve
        .fill_with(&confirm, &[("action", "confirm")], &csrf)
        .await;
    assert_eq!(page.status, 400);
    let fields = [
        ("action", "sign_up"),
        ("email", "eve@example.com"),
        ("password", "correct horse"),
    ];
    let page = eve.fill(&format!("{link}/account"), &fields).await;
    assert_eq!(page.status, 403);
    let wrong = [
        ("action", "sign_in"),
        ("email", "ann@example.com"),
        ("password", "wrong horse"),
    ];
    assert_eq!(
        eve.fill(&format!("{link}/account"), &wrong).await.status,
        400
    );
    assert_eq!(sees(&api).await, [project.id.as_str()]);
    // Nobody chooses another's organization.
    let mut second = Browser::new(api.base());
    let other = link_of(&api, &project.id, &app).await;
    let fields = [
        ("action", "sign_up"),
        ("email", "bob@example.com"),
        ("password", "correct horse"),
    ];
    second.fill(&format!("{other}/account"), &fields).await;
    let fields = [("action", "existing"), ("organization", "local")];
    let page = second.fill(&format!("{other}/organization"), &fields).await;
    assert_eq!(page.status, 400);

    let led = ann.fill(&confirm, &[("action", "confirm")]).await;
    assert_eq!(led.status, 303);
    // The link is used, and the other one is for a project that is no longer the builder's.
    assert_eq!(ann.open(&link).await.status, 404);
    assert_eq!(second.open(&other).await.status, 404);
}

#[tokio::test]
async fn of_two_who_claim_at_once_one_gets_the_project_and_a_no_moves_nothing() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    let api = world.api();
    let app = register(&world, REDIRECT);
    let refused = link_of(&api, &project.id, &app).await;
    let mut nobody = Browser::new(api.base());
    nobody
        .claim_up_to_confirm(&refused, "no@example.com", "No")
        .await;
    let led = nobody
        .fill(&format!("{refused}/confirm"), &[("action", "cancel")])
        .await;
    let led = led.location.unwrap();
    assert_eq!(parameter(&led, "error"), "access_denied");
    assert_eq!(parameter(&led, "code"), "");
    assert_eq!(sees(&api).await, [project.id.as_str()]);

    let mut at_once = Vec::new();
    for (email, organization) in [("a@example.com", "A"), ("b@example.com", "B")] {
        let link = link_of(&api, &project.id, &app).await;
        let mut browser = Browser::new(api.base());
        browser
            .claim_up_to_confirm(&link, email, organization)
            .await;
        let confirm = format!("{link}/confirm");
        let csrf = browser.open(&confirm).await.csrf();
        at_once.push(async move {
            browser
                .fill_with(&confirm, &[("action", "confirm")], &csrf)
                .await
                .status
        });
    }
    let mut answered = futures_util::future::join_all(at_once).await;
    answered.sort_unstable();
    assert!(
        answered == [303, 404] || answered == [303, 409],
        "{answered:?}"
    );
}

#[tokio::test]
async fn links_codes_and_tokens_end_with_time() {
    let clock = std::env::temp_dir().join(format!("drydock-clock-{:016x}", rand::random::<u64>()));
    std::fs::write(&clock, "0").unwrap();
    let world = World::with(&[("DRYDOCK_TEST_CLOCK", clock.to_str().unwrap())]);
    let mcp = world.serve().await;
    let project = mcp.launch("Shop").await;
    let api = world.api();
    let app = register(&world, REDIRECT);
    let late = link_of(&api, &project.id, &app).await;
    let jump = |seconds: u32| std::fs::write(&clock, seconds.to_string()).unwrap();
    jump(25 * 3600);
    assert_eq!(Browser::new(api.base()).open(&late).await.status, 404);
    let link = link_of(&api, &project.id, &app).await;
    let led = Browser::new(api.base())
        .claim(&link, "a@example.com", "A")
        .await;
    let code = parameter(&led, "code");
    jump(25 * 3600 + 11 * 60);
    assert_eq!(exchange(&api, &for_code(&app, &code)).await.0, 400);
    jump(25 * 3600);
    let (status, tokens) = exchange(&api, &for_code(&app, &code)).await;
    assert_eq!(status, 201, "{tokens}");
    let granted = api.with_token(tokens["access_token"].as_str().unwrap());
    assert_eq!(sees(&granted).await.len(), 1);
    jump(27 * 3600);
    assert_eq!(
        granted
            .send(Method::GET, "/v1/projects", Value::Null)
            .await
            .0,
        401
    );
    std::fs::remove_file(&clock).unwrap();
}
