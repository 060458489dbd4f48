//! An endpoint that writes cannot be called as one that looks.
//! Refused with E0271.

use drydock::api::database::RunQuery;
use drydock::api::{Client, Ref};

async fn look_by_writing(client: Client, production: Ref) {
    let _ = client.look::<RunQuery>(production, &()).await;
}

fn main() {}
