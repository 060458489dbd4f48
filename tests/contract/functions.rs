//! Edge Functions on the local platform, against the description.

use serde_json::json;

use super::Failure;
use super::drive::Drive;

/// Deployed, refused, bundled ahead, switched to, renamed, deleted.
pub(super) async fn functions(drive: &mut Drive, project: &str) -> Result<(), Failure> {
    let all = "/v1/projects/{ref}/functions";
    let one = "/v1/projects/{ref}/functions/{function_slug}";
    let deploy = "POST /v1/projects/{ref}/functions/deploy";
    let source = "Deno.serve(() => new Response('hello'));";
    let deployment = |source: &str| {
        let metadata =
            json!({ "entrypoint_path": "index.ts", "verify_jwt": true, "name": "Hello" });
        Some(json!({ "metadata": metadata, "file": [source] }))
    };
    let with = |more: &str| format!("{deploy}?slug=hello{more}");
    drive
        .call(&with(""), &[project], deployment(source))
        .await?;
    let wrong = deployment("const x: = 1;");
    drive.refused(400, &with(""), &[project], wrong).await?;
    let bundled = drive
        .call(
            &with("&bundleOnly=true"),
            &[project],
            deployment("Deno.serve(() => new Response('again'));"),
        )
        .await?;
    assert_eq!(bundled["version"], 2);
    let get = format!("GET {one}");
    let before = drive.call(&get, &[project, "hello"], None).await?;
    assert_eq!(before["version"], 1);
    let mut wanted = bundled.clone();
    if let Some(wanted) = wanted.as_object_mut() {
        wanted.remove("updated_at");
    }
    drive
        .call(&format!("PUT {all}"), &[project], Some(json!([wanted])))
        .await?;
    let after = drive.call(&get, &[project, "hello"], None).await?;
    assert_eq!(after["ezbr_sha256"], bundled["ezbr_sha256"]);
    let body = json!({ "slug": "older", "name": "Older", "body": source });
    drive
        .call(&format!("POST {all}"), &[project], Some(body))
        .await?;
    drive.call(&format!("GET {all}"), &[project], None).await?;
    let body = json!({ "name": "Newer", "verify_jwt": false });
    drive
        .call(&format!("PATCH {one}"), &[project, "older"], Some(body))
        .await?;
    drive
        .call(&format!("GET {one}/body"), &[project, "older"], None)
        .await?;
    drive
        .call(&format!("DELETE {one}"), &[project, "older"], None)
        .await?;
    drive.refused(404, &get, &[project, "older"], None).await
}
