//! What holds Dev cannot reach production.
//! Refused with E0624.

use drydock::guard::Dev;

async fn merge(grant: Dev) {
    let _ = grant.merge().await;
}

fn main() {}
