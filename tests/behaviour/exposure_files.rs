//! What a merge opens of files: uploads, what is there already, and buckets that are public.

use serde_json::{Value, json};

use crate::approvals::{answer, id};
use crate::harness::{Project, World};

async fn exposure(project: &Project<'_>) -> Value {
    let verdict = project.check().await;
    let checks = verdict["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == "exposure");
    found.unwrap().clone()
}

#[tokio::test]
async fn files_that_anybody_writes_or_any_stranger_changes_are_not_opened() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let point = project
        .migrate("own", "create policy \"their own\" on storage.objects to authenticated using (owner = (select auth.uid()));")
        .await;
    for (open, who, dropped) in [
        (
            "create policy \"up\n\"\"load\" on storage.objects for insert with check (bucket_id = 'drop');",
            "anybody insert",
            "\"up\n\"\"load\"",
        ),
        (
            "create policy folder on storage.objects for insert to anon with check (bucket_id = 'drop' and (storage.foldername(name))[1] = 'in');",
            "anybody insert",
            "\"folder\"",
        ),
        (
            "create policy asking on storage.objects for insert to public with check (auth.role() = 'anon');",
            "anybody insert",
            "\"asking\"",
        ),
        (
            "create policy everything on storage.objects to authenticated using (true);",
            "anybody who signs up insert",
            "\"everything\"",
        ),
        (
            "create policy overwriting on storage.objects for update to authenticated using (bucket_id = 'shared');",
            "anybody who signs up update",
            "\"overwriting\"",
        ),
        (
            "create policy signed_in on storage.objects for delete using (bucket_id = 'shared' and auth.role() = 'authenticated');",
            "anybody who signs up delete",
            "\"signed_in\"",
        ),
        (
            "create policy known on storage.objects for delete to authenticated using ((select auth.uid()) is not null);",
            "anybody who signs up delete",
            "\"known\"",
        ),
        (
            "create policy buckets on storage.buckets for insert to anon with check (not public);",
            "anybody insert",
            "\"buckets\"",
        ),
    ] {
        project.migrate("open", open).await;
        let found = exposure(&project).await;
        assert_eq!(found["status"], "failed", "{open}: {found}");
        let said = format!("has a policy that lets {who} without asking who they are");
        assert!(
            found["message"].as_str().unwrap().contains(&said),
            "{open}: {found}"
        );
        let query = found["next"]["arguments"]["query"].as_str().unwrap();
        assert_eq!(query.matches("drop policy").count(), 1, "{query}");
        assert!(
            query.contains(&format!("drop policy {dropped} on storage.")),
            "{query}"
        );
        let closing = found["next"]["arguments"].clone();
        mcp.ok("apply_migration", closing).await;
        let found = exposure(&project).await;
        assert_eq!(found["status"], "passed", "{open}: {found}");
        project.revert(&format!("rp-{point}")).await;
    }
    // Whoever signs up may put files into a bucket that is meant for them.
    project
        .migrate(
            "adding",
            "create policy adding on storage.objects for insert to authenticated with check (bucket_id = 'shared');
             create policy below on storage.objects for update to authenticated
               using ((storage.foldername(name))[1] = (select auth.uid())::text);",
        )
        .await;
    assert_eq!(exposure(&project).await["status"], "passed");
}

#[tokio::test]
async fn files_that_anybody_reads_are_approved_once() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let buckets = "insert into storage.buckets (id, name, public) values ('avatars', 'avatars', true), ('own', 'own', false);";
    project.migrate("buckets", buckets).await;
    let found = exposure(&project).await;
    assert_eq!(found["status"], "needs_approval", "{found}");
    assert_eq!(
        found["details"]["public_reading"],
        json!([{ "object": "bucket avatars", "policies": [], "rows": "every file, by its address" }])
    );
    let waits = project
        .refused("merge_branch", json!({}), "approval_required")
        .await;
    answer(&world, "grant", &id(&waits));
    project.ok("merge_branch", json!({})).await;

    // What is public on production is no news; a policy that shows a private bucket is.
    let policy = "create policy \"shown\" on storage.objects for select using (bucket_id = 'own');";
    project.migrate("shown", policy).await;
    let found = exposure(&project).await;
    assert_eq!(found["status"], "needs_approval", "{found}");
    assert_eq!(
        found["details"]["public_reading"],
        json!([{ "object": "storage.objects", "policies": ["shown"], "rows": "if (bucket_id = 'own'::text)" }])
    );
    // The matrix tells of files as of tables.
    let matrix = project
        .ok("get_access_matrix", json!({ "object": "storage.objects" }))
        .await;
    let read = &matrix["access"][0]["anonymous"]["read"];
    assert_eq!(read, "if (bucket_id = 'own'::text) (no row came)");
}
