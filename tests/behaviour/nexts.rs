//! Whoever follows only `next` gets on: every refusal of the judge names a call, and that call works.

use serde_json::json;

use crate::harness::World;

#[tokio::test]
async fn every_refusal_of_the_judge_names_a_call_that_works_or_leads_to_one() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    project
        .migrate(
            "base",
            "create table public.t (id int, s text);
             create view public.hashes as select encrypted_password as h from auth.users;
             create function public.run(s text) returns text language plpgsql as $$ begin execute s; return s; end $$;",
        )
        .await;
    let deep = format!("select {}1{}", "(".repeat(500), ")".repeat(500));
    let large = format!("select '{}'", "x".repeat(1_100_000));
    for query in [
        "",
        "-- nothing",
        "selec 1",
        "select 'unterminated",
        "select 1\0",
        deep.as_str(),
        large.as_str(),
        "create role r",
        "copy public.t from stdin",
        "copy public.t to program 'id'",
        "select pg_read_file('/etc/passwd')",
        "select pg_terminate_backend(1)",
        "select table_to_xml('public.t', true, true, '')",
        "alter system set work_mem = '1MB'",
        "set standard_conforming_strings = off",
        "set role postgres",
        "set local role service_role; select 1",
        "begin",
        "begin; select 1; commit",
        "do $$ begin end $$",
        "prepare p as select 1",
        "select 1; select 2",
        "create table public.u (id int); insert into public.t values (1, 'x')",
        "delete from supabase_migrations.schema_migrations",
        "select encrypted_password from auth.users",
        "select * from vault.secrets",
        "select h from public.hashes",
        "select public.run('select 1')",
        "insert into public.t select 1, h from public.hashes",
        "vacuum public.t",
        "create index concurrently i on public.t (id)",
        "drop property graph g",
    ] {
        let shown: String = query.chars().take(60).collect();
        let mut answer = project.call("execute_sql", json!({ "query": query })).await;
        assert!(answer.refused, "{shown}: {answer:?}");
        // A way on may have another step, and ends.
        for _ in 0..3 {
            if !answer.refused {
                break;
            }
            let next = answer.value["error"]["next"].clone();
            let tool = next["tool"]
                .as_str()
                .unwrap_or_else(|| panic!("{shown}: {}", answer.value))
                .to_owned();
            answer = project.call(&tool, next["arguments"].clone()).await;
        }
        assert!(!answer.refused, "{shown}: {}", answer.value);
    }
}
