//! A write takes a proven branch; production's ref is none.
//! Refused with E0308.

use drydock::api::database::{QueryBody, RunQuery};
use drydock::api::{Client, Ref};

async fn write_to_production(client: Client, production: Ref, body: QueryBody) {
    let _ = client.write::<RunQuery>(&production, &(), &body).await;
}

fn main() {}
