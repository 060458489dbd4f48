//! The SQL that mends what is certain: it can be applied as it is, mends what was found, and changes nothing else.

use serde_json::{Value, json};

use crate::harness::{Project, World, codes, texts};

const ALICE: &str = "11111111-1111-4111-8111-111111111111";
const BORIS: &str = "22222222-2222-4222-8222-222222222222";

/// Tables with policies that ask for each row, each in another way.
const ASKING: &str = r#"
  create schema "My App";
  create table "My App"."No""tes ☃" (id int primary key, "Owner" uuid, mail text, org text, body text);
  alter table "My App"."No""tes ☃" enable row level security;
  create policy "own; drop" on "My App"."No""tes ☃" for select to authenticated
    using (auth.uid() = "Owner" or (auth.jwt() ->> 'org') = org);
  create policy "mine" on "My App"."No""tes ☃" for update to authenticated
    using (auth.uid() = "Owner") with check (auth.email() = mail and auth.role() = 'authenticated');
  create table public.members (team int, member uuid);
  alter table public.members enable row level security;
  create policy me on public.members for select to authenticated using ((select auth.uid()) = member);
  create table public.teams (id int primary key, name text);
  alter table public.teams enable row level security;
  create policy of_members on public.teams for select to authenticated
    using (exists (select 1 from members m where m.team = teams.id and m.member = auth.uid()));
  create policy adding on public.teams for insert to authenticated
    with check (current_setting('request.jwt.claims', true)::json ->> 'org' = name);
  grant usage on schema "My App" to authenticated;
  grant select, update on "My App"."No""tes ☃" to authenticated;
  grant select on public.members to authenticated;
  grant select, insert on public.teams to authenticated;
"#;

async fn advice(project: &Project<'_>, about: &str) -> Value {
    let answer = project.call("get_advisors", json!({ "type": about })).await;
    answer.accepted()
}

/// What a caller sees of the tables of [`ASKING`].
async fn seen(project: &Project<'_>) -> Vec<Value> {
    let mut seen = Vec::new();
    for (caller, mail, org) in [
        (ALICE, "a@example.com", "blue"),
        (BORIS, "b@example.com", "red"),
        (BORIS, "b@example.com", "none"),
    ] {
        let claims = json!({ "sub": caller, "role": "authenticated", "email": mail, "org": org });
        for read in [
            r#"select array_agg(body order by body)::text as them from "My App"."No""tes ☃""#,
            "select array_agg(name order by name)::text as them from public.teams",
        ] {
            let trial = format!(
                "set local role authenticated; set local request.jwt.claims = '{claims}'; {read}"
            );
            seen.push(project.value(&trial).await);
        }
    }
    seen
}

#[tokio::test]
async fn policies_that_ask_for_each_row_ask_once_and_let_the_same_rows_through() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project.migrate("asking", ASKING).await;
    let rows = format!(
        r#"insert into "My App"."No""tes ☃" values
             (1, '{ALICE}', 'a@example.com', 'red', 'of alice'), (2, '{BORIS}', 'b@example.com', 'blue', 'of boris'),
             (3, null, null, 'blue', 'of nobody');
           insert into public.teams values (1, 'one'), (2, 'two');
           insert into public.members values (1, '{ALICE}'), (2, '{ALICE}'), (2, '{BORIS}');"#
    );
    project.sql(&rows).await;
    let before = seen(&project).await;
    assert_eq!(
        before,
        [
            "{\"of alice\",\"of boris\",\"of nobody\"}",
            "{one,two}",
            "{\"of alice\",\"of boris\"}",
            "{two}",
            "{\"of boris\"}",
            "{two}",
        ]
    );
    let found = advice(&project, "performance").await;
    let count = |found: &Value| {
        let lints = found["lints"].as_array().unwrap();
        let asking = lints
            .iter()
            .find(|lint| lint["name"] == "auth_rls_initplan");
        asking.map_or(0, |lint| lint["count"].as_u64().unwrap())
    };
    assert_eq!(count(&found), 4, "{found}");
    project
        .ok("apply_migration", found["fix_migration"].clone())
        .await;
    let found = advice(&project, "performance").await;
    assert_eq!(count(&found), 0, "{found}");
    assert!(found.get("fix_migration").is_none(), "{found}");
    assert_eq!(seen(&project).await, before);
    // What could be written before still can, and nothing else.
    for (org, refused) in [("three", false), ("four", true)] {
        let adding = format!(
            "create function public.adds_{org}() returns int language plpgsql set search_path = '' as $$ begin
               perform set_config('request.jwt.claims', '{{\"org\": \"three\"}}', true);
               set local role authenticated;
               insert into public.teams values (3, '{org}');
               reset role;
               return 1;
             end $$;
             do $$ begin perform public.adds_{org}(); end $$;"
        );
        let answer = project
            .call(
                "apply_migration",
                json!({ "name": "adds", "query": adding }),
            )
            .await;
        assert_eq!(answer.refused, refused, "{}", answer.value);
    }
    let verdict = project.check().await;
    assert_eq!(verdict["passes"], true, "{verdict}");
}

#[tokio::test]
async fn what_only_looks_certain_is_not_mended() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "looks",
            // The letters of the indexes' names stand in those of their columns: to the lint they are the same.
            r#"create table public.t (id int primary key, x1 int, z1 int, tenant text, owner uuid);
               create index x on public.t (x1); create index z on public.t (z1);
               alter table public.t enable row level security;
               create policy "by row" on public.t for select to authenticated using (current_setting('app.' || tenant) = 'x');
               create policy "in words" on public.t for delete to authenticated using ('auth.uid()' <> tenant);
               create policy wide on public.t for update to authenticated using (true);
               create policy narrow on public.t for update to authenticated using (owner = (select auth.uid()));
               create policy "twin a" on public.t for insert to authenticated with check (id > 0);
               create policy "twin B" on public.t for insert to authenticated with check (id > 0);"#,
        )
        .await;
    let found = advice(&project, "performance").await;
    let mut names = texts(&found["lints"], "name");
    names.retain(|name| name != "unused_index");
    assert_eq!(
        names,
        [
            "auth_rls_initplan",
            "duplicate_index",
            "multiple_permissive_policies"
        ],
        "{found}"
    );
    // One of two policies that are the same but for their names is all that is certain.
    assert_eq!(
        found["fix_migration"]["query"],
        "drop policy \"twin a\" on public.t;"
    );
    project
        .ok("apply_migration", found["fix_migration"].clone())
        .await;
    let found = advice(&project, "performance").await;
    assert!(found.get("fix_migration").is_none(), "{found}");
}

#[tokio::test]
async fn the_gates_fix_closes_what_the_advisor_overlooks() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let passes_once_mended = async |open: &str, check: &str| {
        project.migrate("open", open).await;
        let verdict = project.check().await;
        let failed = verdict["checks"].as_array().unwrap();
        let failed = failed.iter().find(|one| one["status"] == "failed").unwrap();
        assert_eq!(failed["name"], check, "{verdict}");
        project
            .ok("apply_migration", verdict["fix_migration"].clone())
            .await;
        let verdict = project.check().await;
        assert_eq!(verdict["passes"], true, "{verdict}");
        assert!(verdict.get("fix_migration").is_none(), "{verdict}");
    };
    passes_once_mended(
        r#"create schema "My ""App"; create table public."Par""t" (id int, "B" int) partition by list (id);
           create table public.columns (id int, "B" int);
           grant select on public."Par""t" to authenticated; grant update ("B") on public.columns to anon;"#,
        "exposure",
    )
    .await;
    passes_once_mended(
        r#"create view public."Peo""ple" with (security_invoker = true) as select 1 as id;
           grant select (id) on auth.users to anon; grant select on auth.identities to authenticated;"#,
        "advisor",
    )
    .await;
}

#[tokio::test]
async fn what_nothing_certain_mends_is_closed_by_the_next_call() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "open",
            r#"insert into storage.buckets (id, name, public) values ('a ''b', 'a ''b', true), ('own', 'own', true);
               create policy "Every ""one" on storage.objects for select to anon using (bucket_id = 'a ''b');
               create policy "their own" on storage.objects for select to authenticated using (owner = (select auth.uid()));
               create table public."T 1" (id int primary key, "Fn" regproc default 'pg_catalog.now');
               alter table public."T 1" enable row level security;"#,
        )
        .await;
    let verdict = project.check().await;
    assert!(verdict.get("fix_migration").is_none(), "{verdict}");
    let checks = verdict["checks"].as_array().unwrap();
    let advisor = checks.iter().find(|one| one["name"] == "advisor").unwrap();
    assert_eq!(
        texts(&advisor["details"]["lints"], "name"),
        ["unsupported_reg_types", "public_bucket_allows_listing"],
        "{verdict}"
    );
    let next = &advisor["next"];
    let query = next["arguments"]["query"].as_str().unwrap();
    assert_eq!(
        query,
        "alter table public.\"T 1\" alter column \"Fn\" type text;\ndrop policy \"Every \"\"one\" on storage.objects;"
    );
    mcp.ok("apply_migration", next["arguments"].clone()).await;
    let verdict = project.check().await;
    assert!(
        codes(&verdict).contains(&("advisor".to_owned(), "passed".to_owned())),
        "{verdict}"
    );
}
