//! Reads tried as a user of the app: what row security shows, and what an attack through it gets.

use serde_json::json;

use crate::harness::{Mcp, Project, World, texts};

const ALICE: &str = "00000000-0000-4000-8000-000000000001";
const BOB: &str = "00000000-0000-4000-8000-000000000002";

async fn project_with_notes(mcp: &Mcp) -> Project<'_> {
    let project = mcp.launch("P").await;
    project
        .migrate(
            "notes",
            "create table public.notes (id int primary key, owner uuid, body text, shared bool default false);
             alter table public.notes enable row level security;
             grant select on public.notes to anon, authenticated;
             grant select, insert on public.notes to service_role;
             create policy own on public.notes for select to authenticated using (owner = auth.uid());
             create policy shared on public.notes for select to anon using (shared);
             create table public.private (id int);",
        )
        .await;
    project
        .sql(&format!(
            "insert into public.notes values (1, '{ALICE}', 'hers', false), (2, '{BOB}', 'his', false), (3, '{BOB}', 'all', true)"
        ))
        .await;
    project
}

fn as_user(id: &str, read: &str) -> String {
    format!(
        "set local role authenticated; set local request.jwt.claims = '{{\"sub\": \"{id}\", \"role\": \"authenticated\"}}'; {read}"
    )
}

#[tokio::test]
async fn each_user_sees_what_row_security_lets_through() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = project_with_notes(&mcp).await;
    let read = "select body from public.notes order by id";
    for (query, expected) in [
        (as_user(ALICE, read), vec!["hers"]),
        (as_user(BOB, read), vec!["his", "all"]),
        (format!("set local role anon; {read}"), vec!["all"]),
        (
            format!(
                "select set_config('request.jwt.claims', '{{\"sub\": \"{ALICE}\"}}', true); set role authenticated; {read};"
            ),
            vec!["hers"],
        ),
        (
            as_user(ALICE, "select body from public.notes where false"),
            vec![],
        ),
        (read.to_owned(), vec!["hers", "his", "all"]),
    ] {
        let answer = project.sql(&query).await;
        assert_eq!(texts(&answer["rows"], "body"), expected, "{query}");
        assert_eq!(answer["target"]["environment"], "dev");
    }
    let denied = project
        .no_sql(
            &as_user(ALICE, "select id from public.private"),
            "sql_error",
        )
        .await;
    assert_eq!(denied["details"]["sqlstate"], "42501");
}

#[tokio::test]
async fn a_trial_writes_nothing_and_gets_no_further_than_a_read() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = project_with_notes(&mcp).await;
    project
        .sql(&format!(
            "insert into auth.users (id, email, encrypted_password) values ('{ALICE}', 'a@test', 'hash-of-alice')"
        ))
        .await;
    project
        .migrate(
            "doors",
            "create function public.grow() returns int language plpgsql security definer as $$
                 begin insert into public.notes values (9, null, 'grown'); return 1; end $$;
             create function public.back() returns int language plpgsql as $$
                 begin perform set_config('role', 'postgres', true);
                 perform set_config('transaction_read_only', 'off', true);
                 insert into public.notes values (8, null, 'back'); return 1; end $$;
             create function public.leak() returns bool language plpgsql security definer as $$
                 begin raise exception '%', (select encrypted_password from auth.users limit 1); end $$;
             grant execute on all functions in schema public to anon, authenticated;
             create policy leaks on public.private for select to anon using (public.leak());
             alter table public.private enable row level security;
             grant select on public.private to anon;",
        )
        .await;
    for call in ["select public.grow()", "select public.back()"] {
        let answer = project
            .call(
                "execute_sql",
                json!({ "query": format!("set local role anon; {call}") }),
            )
            .await;
        assert!(answer.refused, "{answer:?}");
    }
    assert_eq!(project.value("select count(*) from public.notes").await, 3);
    for read in ["select public.leak()", "select id from public.private"] {
        let answer = project
            .call(
                "execute_sql",
                json!({ "query": format!("set local role anon; {read}") }),
            )
            .await;
        assert!(!answer.text.contains("hash-of-alice"), "{answer:?}");
        answer.refused_as("sensitive_relation");
    }
    // The claims are a value, whatever stands in them.
    let odd = "set local role anon; set local request.jwt.claims = '$d0$; reset role; select body from public.notes; --'; \
               select current_user as who";
    let answer = project.sql(odd).await;
    assert_eq!(texts(&answer["rows"], "who"), ["anon"]);
}

#[tokio::test]
async fn nothing_is_tried_on_production_or_without_a_branch() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = mcp.launch("P").await;
    let query = "set local role anon; select 1";
    let refusal = project.no_sql(query, "no_dev_branch").await;
    assert_eq!(refusal["next"]["tool"], "create_branch");
    let answer = project
        .call(
            "execute_sql",
            json!({ "query": query, "environment": "production" }),
        )
        .await;
    assert!(answer.refused, "{answer:?}");
    assert!(project.branches().await.is_empty());
}
