//! The five pages in a real browser, from the link that an agent was given to the page where the user
//! comes back.

use std::io::Write;
use std::net::TcpListener;

use serde_json::json;

use crate::approvals::{answer, id};
use crate::claim_pages::register;
use crate::harness::{Chromium, Http, World};

#[tokio::test]
async fn a_user_claims_a_project_in_chromium() {
    let Some(mut browser) = Chromium::start().await else {
        writeln!(
            std::io::stderr(),
            "skipped: there is no Chromium, and none can be installed"
        )
        .unwrap();
        return;
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let redirect = format!("http://{address}/claim/callback");
    let world = World::new();
    let app = register(&world, &redirect);
    let world = world.and(&[
        ("DRYDOCK_OAUTH_CLIENT_ID", app.id),
        ("DRYDOCK_OAUTH_CLIENT_SECRET", app.secret),
        ("DRYDOCK_OAUTH_REDIRECT_URI", redirect.clone()),
    ]);
    let mcp = world.serve().await;
    let _http = Http::start_at(&world, &address, &[]);
    let project = mcp.launch("<img src=x onerror=alert(1)>").await;
    let refusal = project
        .refused("create_claim_link", json!({}), "approval_required")
        .await;
    answer(&world, "grant", &id(&refusal));
    let made = project.ok("create_claim_link", json!({})).await;

    browser.open(made["url"].as_str().unwrap()).await;
    assert!(browser.text().await.contains("Step 1 of 5"));
    // The page's own style is let in, and nothing else would be.
    let width = "getComputedStyle(document.body).maxWidth";
    assert_eq!(browser.run(width).await, "544px");
    let account = [("email", "ann@example.com"), ("password", "correct horse")];
    browser.submit(&account, "sign_up").await;
    assert!(browser.text().await.contains("Step 2 of 5"));
    assert_eq!(browser.run("document.cookie").await, "");
    let organization = [("new_organization", "</title><script>alert(2)</script>")];
    browser.submit(&organization, "new").await;
    assert!(browser.text().await.contains("Step 3 of 5"));
    browser.submit(&[], "accept").await;
    let text = browser.text().await;
    assert!(
        text.contains("Step 4 of 5") && text.contains(&project.id),
        "{text}"
    );
    browser.submit(&[], "accept").await;
    let text = browser.text().await;
    assert!(text.contains("<script>alert(2)</script>"), "{text}");
    browser.submit(&[], "confirm").await;
    assert_eq!(
        browser.text().await,
        "The project is yours. You can close this page."
    );
    let address = browser.run("location.origin + location.pathname").await;
    assert_eq!(address, redirect);

    let seen = project.ok("get_project", json!({})).await;
    assert_ne!(seen["project"]["organization_id"], "local", "{seen}");
}
