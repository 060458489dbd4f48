//! What holds Read cannot write.
//! Refused with E0599.

use drydock::guard::{MigrationRequest, Read};

async fn migrate(grant: Read, request: MigrationRequest) {
    let _ = grant.migrate(request).await;
}

fn main() {}
