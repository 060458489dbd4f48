//! What a merge would take away from production, and what production's rows do not fulfil: counted
//! before anything happens.

use serde_json::{Value, json};

use crate::approvals::{answer, id};
use crate::harness::{Mcp, Project, World};
use crate::policy::put;

const SHOP: &str = "
create table public.customers (id int primary key, email text, note text);
create table public.orders (id int primary key, customer_id int, total numeric);
alter table public.customers enable row level security;
alter table public.orders enable row level security;";

/// A shop whose tables are on production.
async fn shop<'a>(mcp: &'a Mcp, name: &str) -> Project<'a> {
    let project = mcp.launch(name).await;
    project.migrate("shop", SHOP).await;
    assert_eq!(
        project.ok("merge_branch", json!({})).await["status"],
        "merged"
    );
    project
}

/// What happens on production without Drydock.
async fn on_production(world: &World, project: &Project<'_>, sql: &str) {
    let path = format!("/v1/projects/{}/database/query", project.id);
    world.api().post(&path, json!({ "query": sql })).await;
}

async fn condition(project: &Project<'_>, name: &str) -> Value {
    let verdict = project.check().await;
    verdict["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == name)
        .unwrap_or_else(|| panic!("no {name}: {verdict}"))
        .clone()
}

#[tokio::test]
async fn what_production_would_lose_takes_an_approval_of_exactly_that() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = shop(&mcp, "P").await;
    on_production(
        &world,
        &project,
        "insert into public.customers values (1, 'a', 'x'), (2, 'b', null), (3, 'c', 'y');
         insert into public.orders values (1, 1, 10)",
    )
    .await;
    // However it is dropped, and whatever it is called by then.
    project
        .migrate(
            "tidy",
            "alter table public.customers rename column note to remark;
             do $$ begin execute 'alter table public.customers drop column remark'; end $$;
             drop table public.orders",
        )
        .await;
    let check = condition(&project, "data_loss").await;
    assert_eq!(check["status"], "needs_approval");
    assert_eq!(
        check["details"]["lost"],
        json!([
            { "object": "public.orders", "rows": 1 },
            { "object": "public.customers.note", "rows": 2 },
        ])
    );
    assert_eq!(project.check().await["passes"], false);

    let refused = project
        .refused("merge_branch", json!({}), "data_loss")
        .await;
    assert_eq!(refused["details"]["lost"], check["details"]["lost"]);
    answer(&world, "grant", &id(&refused));
    // The yes was for one order.
    on_production(
        &world,
        &project,
        "insert into public.orders values (2, 1, 5)",
    )
    .await;
    let again = project
        .refused("merge_branch", json!({}), "data_loss")
        .await;
    assert_ne!(id(&again), id(&refused));
    assert_eq!(again["details"]["lost"][0]["rows"], 2);
    answer(&world, "grant", &id(&again));
    let merged = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged["status"], "merged");
    assert_eq!(project.tables("production").await, ["customers"]);
}

#[tokio::test]
async fn what_is_renamed_or_empty_or_cast_is_no_loss() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = shop(&mcp, "P").await;
    on_production(
        &world,
        &project,
        "insert into public.customers values (1, 'a', null)",
    )
    .await;
    project
        .migrate(
            "rename",
            "alter table public.customers rename column email to mail;
             alter table public.customers drop column note;
             alter table public.customers alter column id type bigint using (id::bigint);
             alter table public.orders rename to purchases;
             create schema archive;
             alter table public.purchases set schema archive",
        )
        .await;
    assert_eq!(condition(&project, "data_loss").await["status"], "passed");
    project
        .migrate(
            "anew",
            "alter table public.customers alter column mail type text using 'gone'",
        )
        .await;
    let check = condition(&project, "data_loss").await;
    assert_eq!(check["status"], "needs_approval", "{check}");
}

#[tokio::test]
async fn emptying_a_table_by_a_migration_is_a_loss() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = shop(&mcp, "P").await;
    on_production(
        &world,
        &project,
        "insert into public.customers values (1, 'a', null); insert into public.orders values (1, 1, 1)",
    )
    .await;
    project
        .migrate(
            "empty",
            "truncate public.orders; delete from public.customers",
        )
        .await;
    let check = condition(&project, "data_loss").await;
    let lost = check["details"]["lost"].as_array().unwrap();
    assert_eq!(lost.len(), 2, "{check}");
}

#[tokio::test]
async fn rows_that_a_condition_or_code_deletes_are_at_most_all_of_the_table() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = shop(&mcp, "P").await;
    on_production(
        &world,
        &project,
        "insert into public.customers values (1, 'a', 'x'), (2, 'b', null), (3, 'c', 'y');
         insert into public.orders values (1, 1, 10)",
    )
    .await;
    let shop = project.ledger("dev").await.pop().unwrap();
    let back = format!("rp-{shop}");
    let of_customers = json!([{ "object": "public.customers", "rows": 3, "at_most": true }]);
    let of_any = json!([
        { "object": "public.customers", "rows": 3, "at_most": true },
        { "object": "public.orders", "rows": 1, "at_most": true },
    ]);
    for (sql, lost) in [
        ("delete from public.customers where id < 3", &of_customers),
        (
            "with gone as (delete from public.customers c where c.id < 3 returning c.id)
             insert into public.orders select g.id, g.id, 0 from gone g",
            &of_customers,
        ),
        (
            "do $$ begin delete from public.customers where id < 3; end $$",
            &of_customers,
        ),
        (
            "do $$ begin execute 'delete from public.customers where id < 3'; end $$",
            &of_customers,
        ),
        (
            "do $$ declare t text := 'customers';
             begin execute format('delete from public.%I where id < 3', t); end $$",
            &of_any,
        ),
        (
            "alter table public.customers rename to people; delete from public.people where id < 3",
            &of_customers,
        ),
    ] {
        project.migrate("tidy", sql).await;
        let check = condition(&project, "data_loss").await;
        assert_eq!(check["status"], "needs_approval", "{sql}");
        assert_eq!(&check["details"]["lost"], lost, "{sql}");
        assert!(
            check["message"]
                .as_str()
                .unwrap()
                .contains("at most 3 row(s)")
        );
        project.revert(&back).await;
    }
    // A table that is not on production, and code that does not speak of deleting.
    project
        .migrate(
            "other",
            "create table public.aside (id int); alter table public.aside enable row level security;
             insert into public.aside values (1); delete from public.aside where id = 1;
             do $$ begin update public.customers set note = 'z' where note is null; end $$",
        )
        .await;
    assert_eq!(condition(&project, "data_loss").await["status"], "passed");
}

#[tokio::test]
async fn rows_of_production_that_would_violate_are_counted_before_the_merge() {
    let world = World::new();
    let mcp = world.serve().await;
    let project = shop(&mcp, "P").await;
    on_production(
        &world,
        &project,
        "insert into public.customers values (1, 'a', 'x'), (2, 'a', null), (3, null, null), (4, 'b', 'y');
         insert into public.orders values (1, 1, 10), (2, 9, 1), (3, null, 1)",
    )
    .await;
    for (name, sql, demand, rows) in [
        (
            "not_null",
            "alter table public.customers alter column note set not null",
            "note not null",
            2,
        ),
        (
            "new_rows",
            "insert into public.customers values (9, 'z', 'z'); alter table public.customers alter column note set not null",
            "note not null",
            2,
        ),
        (
            "unique",
            "create unique index on public.customers (email)",
            "unique (\"email\")",
            2,
        ),
        (
            "foreign_key",
            "alter table public.orders add constraint who foreign key (customer_id) references public.customers",
            "the foreign key who",
            1,
        ),
        (
            "new",
            "alter table public.orders add column state text not null",
            "the new column state not null, without a default",
            3,
        ),
    ] {
        let point = format!("rp-{}", project.ledger("dev").await.last().unwrap());
        project.migrate(name, sql).await;
        let check = condition(&project, "constraints").await;
        assert_eq!(check["status"], "failed", "{name}: {check}");
        let found = &check["details"]["violated"][0];
        assert_eq!(found["demand"], demand);
        assert_eq!(found["rows"], rows, "{name}");
        assert!(found["table"].as_str().unwrap().starts_with("public."));
        project
            .refused("merge_branch", json!({}), "constraint_violated")
            .await;
        assert_eq!(check["next"]["tool"], "revert_to_restore_point");
        project.revert(&point).await;
    }
    let point = format!("rp-{}", project.ledger("dev").await.last().unwrap());
    // Before 18 this is no SQL.
    let of_new_rows = "do $$ begin if current_setting('server_version_num')::int >= 180000 then
        execute 'alter table public.customers add constraint noted not null note not valid';
        end if; end $$";
    project.migrate("new_rows_alone", of_new_rows).await;
    assert_eq!(condition(&project, "constraints").await["status"], "passed");
    project.revert(&point).await;
    // The operator can let a table be.
    put(
        &world,
        "[[gate.waivers]]\nlint = \"constraints\"\nobject = \"public.customers\"\nreason = \"mended by hand\"\nexpires = 2099-12-31\n",
    );
    let waived = world.serve().await;
    let there = waived.project(&project.id);
    let point = format!("rp-{}", there.ledger("dev").await.last().unwrap());
    let not_null = "alter table public.customers alter column note set not null";
    there.migrate("waived", not_null).await;
    assert_eq!(condition(&there, "constraints").await["status"], "passed");
    there.revert(&point).await;
    // What is demanded of new rows alone, of columns that fill themselves, or after rows were put right, passes.
    project
        .migrate(
            "kind",
            "alter table public.orders add constraint who foreign key (customer_id) references public.customers not valid;
             alter table public.orders add column state text not null default 'open';
             update public.customers set note = '' where note is null;
             alter table public.customers alter column note set not null",
        )
        .await;
    let check = condition(&project, "constraints").await;
    assert_eq!(check["status"], "passed", "{check}");
    assert_eq!(check["details"]["not_yet"][0]["rows"], 2);
    let merged = project.ok("merge_branch", json!({})).await;
    assert_eq!(merged["status"], "merged");
}
