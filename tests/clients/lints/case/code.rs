//! Functions, and tables of other servers.

use super::super::words::{ARGUMENTS, FUNCTION_OPTIONS};
use super::{Draft, quoted};

impl Draft {
    pub(super) fn add_functions(&mut self) {
        for number in 0..self.chance.below(7) {
            let schema = quoted(self.schema());
            let name = format!("{schema}.{}", quoted(&self.name("f", number)));
            let arguments = self.chance.one(&ARGUMENTS);
            let many = self.chance.below(4);
            let options = self.chance.some(&FUNCTION_OPTIONS, many).join(" ");
            let sql = match self.chance.below(9) {
                0 => format!(
                    "create procedure {name} ({}) language sql {} as 'select 1'",
                    arguments.replace("out b int", "b int"),
                    options.replace("stable", "")
                ),
                1 => format!("create aggregate {name} (int) (sfunc = int4pl, stype = int)"),
                2 => format!(
                    "create function {name} () returns trigger language plpgsql {options} as 'begin return new; end'"
                ),
                _ => {
                    let returns = match arguments.contains("out ") {
                        true => "",
                        false => "returns int",
                    };
                    format!(
                        "create or replace function {name} ({arguments}) {returns} language sql {options} as 'select 1'"
                    )
                }
            };
            let role = self.role();
            self.add(role, sql);
            if self.chance.percent(30) {
                let roles =
                    self.chance
                        .one(&["public", "public, anon", "public, anon, authenticated"]);
                self.platform(format!(
                    "revoke execute on all routines in schema {schema} from {roles}"
                ));
            }
            if self.chance.percent(20) {
                let role = self.chance.one(&["anon", "authenticated", "app_role"]);
                self.platform(format!(
                    "grant execute on all routines in schema {schema} to {role}"
                ));
            }
            if self.chance.percent(8) {
                self.platform(format!("alter extension plpgsql add function {name}"));
            }
        }
    }

    pub(super) fn add_foreign_tables(&mut self) {
        for number in 0..self.chance.one(&[0, 0, 1, 2]) {
            self.platform("create extension if not exists file_fdw schema extensions");
            self.platform("create server if not exists fs foreign data wrapper file_fdw");
            let schema = quoted(self.schema());
            let name = format!("{schema}.{}", quoted(&format!("ft{number}")));
            self.platform(format!(
                "create foreign table {name} (a int, token text) server fs options (filename '/dev/null')"
            ));
            if self.chance.percent(80) {
                let what = self.chance.one(&["select", "select (a)", "insert", "all"]);
                let reader = self.chance.one(&["anon", "authenticated", "public"]);
                self.platform(format!("grant {what} on {name} to {reader}"));
            }
        }
    }
}
