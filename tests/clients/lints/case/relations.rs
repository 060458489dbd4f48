//! Tables with their indexes, policies and grants; foreign keys; views.

use super::super::words::{CONDITIONS, INVOKERS, NAMES, ROLES};
use super::{Column, Draft, Role, Table, columns, cut, list, quoted, reader};

impl Draft {
    pub(super) fn add_table(&mut self, number: usize) {
        let schema = self.schema();
        let bare = self.name("t", number);
        let columns = columns(&mut self.chance);
        let owner = self.role();
        let table = Table {
            name: format!("{}.{}", quoted(schema), quoted(&bare)),
            bare,
            schema,
            columns,
            owner,
        };
        let is_partitioned = self.create(&table);
        for at in 0..self.chance.below(5) {
            self.add_index(&table, is_partitioned, at);
        }
        if self.chance.percent(70) {
            let how = self.chance.one(&["enable", "enable", "force"]);
            self.add(
                owner,
                format!("alter table {} {how} row level security", table.name),
            );
        }
        for at in 0..self.chance.one(&[0, 1, 2, 3]) {
            self.add_policy(&table, at);
        }
        for _ in 0..self.chance.one(&[0, 1, 1, 2]) {
            self.add_grant(&table);
        }
        if self.chance.percent(10) {
            let sql = format!(
                "revoke all on {} from anon, authenticated, public",
                table.name
            );
            self.add(owner, sql);
        }
        if self.chance.percent(15) {
            let column = quoted(self.chance.one(&table.columns).0);
            let sql = format!("alter table {} drop column {column} cascade", table.name);
            self.add(owner, sql);
        }
        if self.chance.percent(6) {
            self.platform(format!("alter extension plpgsql add table {}", table.name));
        }
        self.tables.push(table);
    }

    /// The table itself. Answers whether it is partitioned.
    fn create(&mut self, table: &Table) -> bool {
        let Table { name, owner, .. } = table;
        let keys = table.keys();
        let mut parts: Vec<String> = table
            .columns
            .iter()
            .map(|(name, kind)| format!("{} {kind}", quoted(name)))
            .collect();
        if let Some((key, kind)) = keys.first().filter(|_| self.chance.percent(15)) {
            let key = quoted(key);
            let all = parts.join(", ");
            self.add(
                *owner,
                format!("create table {name} ({all}) partition by range ({key})"),
            );
            let bounds = match *kind {
                "int" => [
                    "for values from (0) to (10)",
                    "for values from (10) to (20)",
                ]
                .as_slice(),
                _ => ["default"].as_slice(),
            };
            for (at, bound) in bounds.iter().enumerate() {
                let partition = quoted(&format!("{}_p{at}", cut(&table.bare)));
                let schema = quoted(table.schema);
                self.add(
                    *owner,
                    format!("create table {schema}.{partition} partition of {name} {bound}"),
                );
            }
            if self.chance.percent(50) {
                self.add(
                    *owner,
                    format!("alter table {name} add primary key ({key})"),
                );
            }
            return true;
        }
        for (kind, often) in [("primary key", 60), ("unique", 40)] {
            if !keys.is_empty() && self.chance.percent(often) {
                let many = self.chance.one(&[1, 1, 2]);
                let some = self.chance.some(&keys, many);
                parts.push(format!("{kind} ({})", list(&some)));
            }
        }
        let parent = match self.tables.last() {
            Some(parent) if self.chance.percent(10) => format!(" inherits ({})", parent.name),
            _ => String::new(),
        };
        let unlogged = if self.chance.percent(5) {
            "unlogged "
        } else {
            ""
        };
        self.add(
            *owner,
            format!(
                "create {unlogged}table {name} ({}){parent}",
                parts.join(", ")
            ),
        );
        false
    }

    fn add_index(&mut self, table: &Table, is_partitioned: bool, at: usize) {
        let keys = table.keys();
        if keys.is_empty() {
            return;
        }
        let many = 1 + self.chance.below(3);
        let some = self.chance.some(&keys, many);
        let mut parts: Vec<String> = some.iter().map(|column| quoted(column.0)).collect();
        let method = self.chance.one(&["", "", "using btree", "using hash"]);
        if method == "using hash" {
            parts.truncate(1);
        } else if self.chance.percent(15) {
            parts = parts
                .iter()
                .map(|part| format!("lower({part}::text)"))
                .collect();
        } else if self.chance.percent(10) {
            parts[0].push_str(self.chance.one(&[" desc", " nulls first"]));
        }
        let only = match self.chance.percent(20) {
            true => format!(" where {} is not null", quoted(some[0].0)),
            false => String::new(),
        };
        let include = match method != "using hash" && self.chance.percent(20) {
            true => format!(" include ({})", quoted(self.chance.one(&keys).0)),
            false => String::new(),
        };
        let unique = match !is_partitioned && self.chance.percent(20) {
            true => "unique ",
            false => "",
        };
        let name = match self.chance.percent(30) {
            true => format!("{}{at}", cut(self.chance.one(&NAMES))),
            false => format!("{}_i{at}", cut(&table.bare)),
        };
        let on = format!(
            "on {} {method} ({}){include}{only}",
            table.name,
            parts.join(", ")
        );
        self.add(
            table.owner,
            format!("create {unique}index {} {on}", quoted(&name)),
        );
        if self.chance.percent(35) {
            let twin = quoted(&format!("{}_twin{at}", cut(&table.bare)));
            self.add(table.owner, format!("create {unique}index {twin} {on}"));
        }
        if self.chance.percent(10) {
            self.platform(
                "update pg_index set indisvalid = false where indexrelid = (select max(indexrelid) from pg_index)",
            );
        }
    }

    fn add_policy(&mut self, table: &Table, at: usize) {
        let has_owner = table.columns.iter().any(|column| column.0 == "owner");
        let conditions: Vec<&str> = CONDITIONS
            .into_iter()
            .filter(|condition| has_owner || !condition.contains("owner"))
            .collect();
        let command = self
            .chance
            .one(&["all", "select", "insert", "update", "delete"]);
        let mut what = String::new();
        if command != "insert" && self.chance.percent(90) {
            what.push_str(&format!(" using ({})", self.chance.one(&conditions)));
        }
        if ["insert", "update", "all"].contains(&command) && self.chance.percent(60) {
            what.push_str(&format!(" with check ({})", self.chance.one(&conditions)));
        }
        let name = quoted(&self.name("p", at));
        let mode = self
            .chance
            .one(&["permissive", "permissive", "permissive", "restrictive"]);
        let roles = self.chance.one(&ROLES);
        let sql = format!(
            "create policy {name} on {} as {mode} for {command} to {roles}{what}",
            table.name
        );
        self.add(table.owner, sql);
    }

    fn add_grant(&mut self, table: &Table) {
        let reader = reader(&mut self.chance);
        let what = match self.chance.percent(75) {
            true => (*self
                .chance
                .one(&["select", "all", "insert", "select", "update"]))
            .to_owned(),
            false => format!("select ({})", quoted(self.chance.one(&table.columns).0)),
        };
        self.add(
            table.owner,
            format!("grant {what} on {} to {reader}", table.name),
        );
    }

    pub(super) fn add_foreign_key(&mut self) {
        let own = self.chance.one(&self.tables);
        let other = self.chance.one(&self.tables);
        let keys = own.keys();
        if self.chance.percent(40) {
            let name = quoted(self.chance.one(&NAMES));
            for (kind, target) in [("uuid", "id"), ("text", "phone")] {
                let of_kind: Vec<Column> =
                    keys.iter().copied().filter(|key| key.1 == kind).collect();
                if !of_kind.is_empty() && self.chance.percent(60) {
                    let column = quoted(self.chance.one(&of_kind).0);
                    self.platform(format!(
                        "alter table {} add constraint {name} foreign key ({column}) references auth.users ({target})",
                        own.name
                    ));
                }
            }
            return;
        }
        let many = self.chance.one(&[1, 1, 2]);
        let (mut from, mut to): (Vec<Column>, Vec<Column>) = (Vec::new(), Vec::new());
        for key in self.chance.some(&keys, many) {
            let fitting = other
                .keys()
                .into_iter()
                .find(|one| one.1 == key.1 && !to.contains(one));
            if let Some(fitting) = fitting {
                from.push(key);
                to.push(fitting);
            }
        }
        if from.is_empty() {
            return;
        }
        self.add(
            other.owner,
            format!("create unique index on {} ({})", other.name, list(&to)),
        );
        self.platform(format!(
            "alter table {} add foreign key ({}) references {} ({})",
            own.name,
            list(&from),
            other.name,
            list(&to)
        ));
        if self.chance.percent(40) {
            let many = from.len();
            let covering = self.chance.some(&from, many);
            self.platform(format!(
                "create index on {} ({})",
                own.name,
                list(&covering)
            ));
        }
    }

    pub(super) fn add_views(&mut self) {
        let mut views: Vec<String> = Vec::new();
        for number in 0..self.chance.below(7) {
            let name = format!("{}_v", cut(&self.name("v", number)));
            let view = format!("{}.{}", quoted(self.schema()), quoted(&name));
            let source = match self.chance.below(5) {
                0 | 1 => self.chance.one(&self.tables).name.clone(),
                2 if !views.is_empty() => self.chance.one(&views),
                _ => "auth.users".to_owned(),
            };
            let columns = match self.chance.percent(60) {
                true => "count(*) as n",
                false if source == "auth.users" => "id",
                false => "*",
            };
            if self.chance.percent(35) {
                self.platform(format!(
                    "create materialized view {view} as select {columns} from {source}"
                ));
            } else {
                let invoker = self.chance.one(&INVOKERS);
                self.platform(format!(
                    "create view {view} {invoker} as select {columns} from {source}"
                ));
            }
            if self.chance.percent(70) {
                let what = self.chance.one(&["select", "select", "all", "insert"]);
                let reader = reader(&mut self.chance);
                self.platform(format!("grant {what} on {view} to {reader}"));
            }
            if self.chance.percent(30) {
                self.platform(format!("create index on {view} (n)"));
                self.platform(format!(
                    "create index {} on {view} (n)",
                    quoted(&format!("vi{number}"))
                ));
            }
            if self.chance.percent(6) {
                self.platform(format!("alter extension plpgsql add view {view}"));
                self.platform(format!(
                    "alter extension plpgsql add materialized view {view}"
                ));
            }
            if self.chance.percent(10) {
                self.platform(format!(
                    "create rule r as on insert to {view} do instead select id from auth.users"
                ));
            }
            views.push(view);
        }
        if self.chance.percent(10) {
            let table = self.chance.one(&self.tables).name.clone();
            self.add(
                Role::Platform,
                format!("create rule r as on insert to {table} do also select id from auth.users"),
            );
        }
    }
}
