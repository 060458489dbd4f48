//! What holds Dev cannot carry settings or secrets to production.
//! Refused with E0599.

use drydock::api::config::Service;
use drydock::guard::Dev;

async fn configure(grant: Dev) {
    let _ = grant.promote_config(Service::Auth, &[]).await;
}

async fn place(grant: Dev) {
    let _ = grant.promote_secrets(&[]).await;
}

fn main() {}
