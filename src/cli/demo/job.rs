//! The job itself: each step says what it does, does it through MCP, and looks at what came of it.

use std::time::Instant;

use serde_json::{Value, json};

use super::Report;
use super::client::Session;

/// A table done right: row security, a policy, grants.
const TODOS: &str = "\
create table public.todos (
    id bigint generated always as identity primary key,
    owner uuid not null default auth.uid(),
    task text not null,
    done boolean not null default false
);
alter table public.todos enable row level security;
create policy \"own todos\" on public.todos to authenticated
    using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
grant select, insert, update, delete on public.todos to authenticated;";

/// A table as models write them in a hurry: no row security, and everybody may read and write.
const NOTES: &str = "\
create table public.notes (id bigint generated always as identity primary key, body text not null);
grant select, insert, update, delete on public.notes to anon, authenticated;";

const NOTES_MENDED: &str = "\
alter table public.notes enable row level security;
create policy \"anyone may read\" on public.notes for select to anon, authenticated using (true);
revoke insert, update, delete on public.notes from anon, authenticated;";

/// A migration that nobody wanted.
const MISTAKE: &str = "alter table public.todos drop column task;";

const SEED: &str = "\
insert into public.todos (owner, task) values
    ('11111111-1111-1111-1111-111111111111', 'Task 1'),
    ('11111111-1111-1111-1111-111111111111', 'Task 2'),
    ('11111111-1111-1111-1111-111111111111', 'Task 3');";

/// What steps hand on.
struct Job<'a> {
    session: &'a Session,
    project: String,
    versions: Vec<String>,
}

/// One step of the job: a name and what it does.
macro_rules! steps {
    ($report:ident, $job:ident, $($name:literal => $method:ident,)*) => {
        $(
            let started = Instant::now();
            let result = $job.$method().await;
            if !$report.add($name, started, result) {
                return Err(format!("the step failed: {}", $name));
            }
        )*
    };
}

pub(super) async fn run(session: &Session, report: &mut Report) -> Result<(), String> {
    let mut job = Job {
        session,
        project: String::new(),
        versions: Vec::new(),
    };
    steps! { report, job,
        "Launch a project" => launch,
        "Apply a migration with production's ref" => first_migration,
        "Look at production: untouched" => production_untouched,
        "Find the restore points" => restore_points,
        "Seed three rows on DEV" => seed,
        "Add a table without row security, open to everybody" => careless_table,
        "Ask the security advisor" => advisor,
        "Try to merge" => refused_merge,
        "Mend the table by a third migration" => mend,
        "Apply a migration that drops a column with data" => mistake,
        "Revert it" => revert,
        "Run the merge gate" => check,
        "Let the operator approve what anybody will read" => approve_reading,
        "Merge" => merge,
        "Look at production: tables, and no seed rows" => production_after,
    }
    Ok(())
}

impl Job<'_> {
    async fn call(&self, tool: &'static str, mut arguments: Value) -> Result<Value, String> {
        self.aim(&mut arguments);
        self.session.call(tool, arguments).await?.accepted()
    }

    async fn refused(
        &self,
        tool: &'static str,
        mut arguments: Value,
        code: &str,
    ) -> Result<Value, String> {
        self.aim(&mut arguments);
        self.session.call(tool, arguments).await?.refused_as(code)
    }

    /// Every call names production's ref: where it lands is the server's business.
    fn aim(&self, arguments: &mut Value) {
        if let Some(arguments) = arguments.as_object_mut()
            && !self.project.is_empty()
        {
            arguments.insert("project_id".to_owned(), json!(self.project));
        }
    }

    async fn launch(&mut self) -> Result<String, String> {
        let launched = self
            .call(
                "create_project",
                json!({ "name": "Todo App", "region": "emea" }),
            )
            .await?;
        let project = &launched["project"];
        expect(
            project["status"] == "ACTIVE_HEALTHY",
            "the project is not healthy",
            project,
        )?;
        self.project = text(&project["id"]);
        Ok(format!(
            "project {} is ACTIVE_HEALTHY in {}",
            self.project,
            text(&project["region"])
        ))
    }

    async fn first_migration(&mut self) -> Result<String, String> {
        let done = self
            .call(
                "apply_migration",
                json!({ "name": "create_todos", "query": TODOS }),
            )
            .await?;
        expect(
            done["target"]["redirected"] == true,
            "it was not redirected",
            &done,
        )?;
        expect(
            done["target"]["environment"] == "dev",
            "it is not on DEV",
            &done,
        )?;
        let version = text(&done["migration"]["version"]);
        expect(
            done["restore_point"]["name"] == format!("rp-{version}"),
            "no restore point",
            &done,
        )?;
        self.versions.push(version.clone());
        Ok(format!(
            "the server made the branch DEV and sent the migration there; restore point rp-{version}"
        ))
    }

    async fn production_untouched(&mut self) -> Result<String, String> {
        let tables = self.tables().await?;
        expect(tables.is_empty(), "production has tables", &json!(tables))?;
        let ledger = self
            .call("list_migrations", json!({ "environment": "production" }))
            .await?;
        expect(
            ledger["migrations"] == json!([]),
            "production has migrations",
            &ledger,
        )?;
        Ok("no table, no migration".to_owned())
    }

    async fn restore_points(&mut self) -> Result<String, String> {
        let names = self.points().await?;
        let wanted = format!("rp-{}", self.versions.join(""));
        expect(
            names == ["baseline", &wanted],
            "other points",
            &json!(names),
        )?;
        Ok(names.join(", "))
    }

    async fn seed(&mut self) -> Result<String, String> {
        self.call("execute_sql", json!({ "query": SEED })).await?;
        let count = self
            .call(
                "execute_sql",
                json!({ "query": "select count(*) as todos from public.todos" }),
            )
            .await?;
        expect(count["rows"][0]["todos"] == 3, "not three rows", &count)?;
        Ok("three rows on DEV".to_owned())
    }

    async fn careless_table(&mut self) -> Result<String, String> {
        let done = self
            .call(
                "apply_migration",
                json!({ "name": "create_notes", "query": NOTES }),
            )
            .await?;
        self.versions.push(text(&done["migration"]["version"]));
        Ok("applied: DEV is where mistakes are allowed".to_owned())
    }

    async fn advisor(&mut self) -> Result<String, String> {
        let found = self
            .call("get_advisors", json!({ "type": "security" }))
            .await?;
        let lint = found["lints"]
            .as_array()
            .and_then(|lints| lints.iter().find(|lint| lint["level"] == "ERROR"))
            .cloned()
            .unwrap_or_default();
        expect(
            lint["name"] == "rls_disabled_in_public",
            "the lint is missing",
            &found,
        )?;
        expect(lint["object"] == "public.notes", "another object", &found)?;
        Ok(format!(
            "ERROR {} on {}",
            text(&lint["name"]),
            text(&lint["object"])
        ))
    }

    async fn refused_merge(&mut self) -> Result<String, String> {
        let error = self
            .refused("merge_branch", json!({}), "advisor_failed")
            .await?;
        let fix = &error["next"]["arguments"]["query"];
        expect(
            error["next"]["tool"] == "apply_migration",
            "no fix is named",
            &error,
        )?;
        let tables = self.tables().await?;
        expect(tables.is_empty(), "production was changed", &json!(tables))?;
        Ok(format!(
            "refused with advisor_failed; the refusal names the fix: {}",
            text(fix)
        ))
    }

    async fn mend(&mut self) -> Result<String, String> {
        let done = self
            .call(
                "apply_migration",
                json!({ "name": "secure_notes", "query": NOTES_MENDED }),
            )
            .await?;
        self.versions.push(text(&done["migration"]["version"]));
        Ok("row security is on, with a policy; anonymous writing is revoked".to_owned())
    }

    async fn mistake(&mut self) -> Result<String, String> {
        let done = self
            .call(
                "apply_migration",
                json!({ "name": "oops", "query": MISTAKE }),
            )
            .await?;
        expect(
            done["changes"][0]["loses_data"] == true,
            "the loss is not named",
            &done,
        )?;
        Ok(format!(
            "applied; the result says that {} loses data",
            text(&done["changes"][0]["object"])
        ))
    }

    async fn revert(&mut self) -> Result<String, String> {
        let Some(last_good) = self.versions.last() else {
            return Err("there is no migration to return to".to_owned());
        };
        let done = self
            .call(
                "revert_to_restore_point",
                json!({ "name": format!("rp-{last_good}") }),
            )
            .await?;
        let undone = done["reverted"]["migrations"]
            .as_array()
            .map_or(0, Vec::len);
        expect(undone == 1, "not one migration was undone", &done)?;
        let rows = self
            .call(
                "execute_sql",
                json!({ "query": "select task from public.todos order by id" }),
            )
            .await?;
        expect(
            rows["rows"][0]["task"] == "Task 1",
            "the column's data is not back",
            &rows,
        )?;
        Ok(format!(
            "one migration undone, the column and its data are back; {} leads back, and the result says what is not reverted",
            text(&done["undo_point"])
        ))
    }

    async fn check(&mut self) -> Result<String, String> {
        let verdict = self.call("check_merge", json!({})).await?;
        let checks = verdict["checks"].as_array().into_iter().flatten();
        let (passed, open): (Vec<_>, Vec<_>) =
            checks.partition(|check| check["status"] == "passed");
        let is_waiting =
            |check: &&Value| check["name"] == "exposure" && check["status"] == "needs_approval";
        expect(
            open.len() == 1 && open.iter().all(is_waiting),
            "the gate does not pass",
            &verdict,
        )?;
        let names: Vec<String> = passed.iter().map(|check| text(&check["name"])).collect();
        Ok(format!(
            "passed: {}; exposure waits for an approval",
            names.join(", ")
        ))
    }

    async fn approve_reading(&mut self) -> Result<String, String> {
        let error = self
            .refused("merge_branch", json!({}), "approval_required")
            .await?;
        let public = &error["details"]["facts"]["public_reading"][0]["object"];
        expect(public == "public.notes", "another object", &error)?;
        let id = text(&error["details"]["approval"]);
        self.session.approve(&id).await?;
        Ok(format!(
            "drydock approve grant {id}: anybody may read {}, asked once",
            text(public)
        ))
    }

    async fn merge(&mut self) -> Result<String, String> {
        let merged = self.call("merge_branch", json!({})).await?;
        expect(
            merged["merged"]["migrations"] == json!(self.versions),
            "other migrations",
            &merged,
        )?;
        let left: Vec<String> = merged["not_merged"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| text(&one["what"]))
            .collect();
        expect(!left.is_empty(), "not_merged is missing", &merged)?;
        Ok(format!(
            "{} migrations; not merged: {}",
            self.versions.len(),
            left.join(", ")
        ))
    }

    async fn production_after(&mut self) -> Result<String, String> {
        let tables = self.tables().await?;
        expect(tables == ["notes", "todos"], "other tables", &json!(tables))?;
        let rows = self
            .call(
                "execute_sql",
                json!({
                    "query": "select (select count(*) from public.todos) as todos, (select count(*) from public.notes) as notes",
                    "environment": "production",
                }),
            )
            .await?;
        let empty = rows["rows"][0]["todos"] == 0 && rows["rows"][0]["notes"] == 0;
        expect(empty, "production has rows", &rows)?;
        Ok("todos and notes are there, both empty".to_owned())
    }

    async fn tables(&self) -> Result<Vec<String>, String> {
        let listed = self
            .call("list_tables", json!({ "environment": "production" }))
            .await?;
        Ok(names(&listed["tables"]))
    }

    async fn points(&self) -> Result<Vec<String>, String> {
        let listed = self.call("list_restore_points", json!({})).await?;
        Ok(names(&listed["restore_points"]))
    }
}

fn names(list: &Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .map(|one| text(&one["name"]))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn expect(holds: bool, otherwise: &str, seen: &Value) -> Result<(), String> {
    if holds {
        return Ok(());
    }
    Err(format!("{otherwise}: {seen}"))
}
