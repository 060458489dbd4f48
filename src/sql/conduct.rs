//! What code does once it runs, as far as its text tells: what it changes, what its course depends on, what it says
//! and sends, and whose rows it takes. Of `do` blocks, and of the functions that a migration's statements run.

use std::collections::BTreeSet;

use squawk_syntax::{
    SourceFile, SyntaxKind,
    SyntaxKind::*,
    SyntaxNode,
    ast::{AstNode, Stmt},
};

use super::{
    batch::{Class, Statement},
    bodies::{self, MAX_WITHIN},
    bounds, classify,
    facts::Facts,
    losses::Loss,
    names::{self, Name},
    reach::{Purpose, runs_now},
    scan, steady,
};

/// Why nothing certain can be said of code.
const DYNAMIC: &str = "it runs SQL that is put together when it runs";
const UNREADABLE: &str = "its code cannot be read";
const OTHER_LANGUAGE: &str = "it is written in another language than SQL and PL/pgSQL";
const FORBIDDEN: &str = "it holds a statement that runs nowhere";
const PREPARED: &str = "it runs what was prepared elsewhere";
const SCHEDULES: &str = "it schedules SQL that cannot be read";

/// What a piece of code does.
#[derive(Debug, Clone, Default)]
pub(super) struct Conduct {
    /// Why nothing certain can be said of it, if so.
    pub(super) doubt: Option<&'static str>,
    /// Whether it changes objects or privileges.
    pub(super) alters: bool,
    /// What its course can depend on beside the catalogue, rows and functions left out.
    pub(super) depends: Option<String>,
    /// Functions that it calls and that may answer otherwise elsewhere: the user's own are among them.
    pub(super) calls: BTreeSet<Name>,
    /// Relations whose rows it reads or writes.
    pub(super) rows: BTreeSet<Name>,
    /// Whether it finds the catalogue's relations by their bare names.
    pub(super) unqualified: bool,
    /// Relations whose rows it goes through to build or check something: code that is run for each of them runs only
    /// where there are any.
    pub(super) scans: BTreeSet<Name>,
    /// The words in what it runs, functions among them; those that only stand in what it defines are left out.
    pub(super) words: BTreeSet<String>,
    /// Relations that it writes to.
    pub(super) targets: BTreeSet<Name>,
    /// Whether it makes a trigger or a rule.
    pub(super) reacts: bool,
    /// Whether it puts values into messages.
    pub(super) reports: bool,
    /// Whether it writes what is shown to everybody who may look: names of buckets.
    pub(super) lists: bool,
    /// The function by which it sends something out of the database.
    pub(super) sends: Option<String>,
    /// Rows and values that it takes away, or may.
    pub(super) losses: Vec<Loss>,
    /// Whether it speaks of deleting, and does not tell where.
    pub(super) deletes_anywhere: bool,
}

/// What code does.
pub(super) fn of_code(language: &str, text: &str) -> Conduct {
    let mut found = Conduct::default();
    found.add_code(language, text, 0);
    found
}

/// What a statement does by itself: of a `do` block what its code does. `sql` is its own text.
pub(super) fn of_statement(statement: &Statement, sql: &str) -> Conduct {
    let mut found = Conduct::default();
    found.add_statement(statement, sql, 0);
    found
}

impl Conduct {
    fn doubt(&mut self, why: &'static str) {
        self.doubt.get_or_insert(why);
    }

    fn add_code(&mut self, language: &str, text: &str, within: usize) {
        let doubt = self.doubt_of_code(language, text, within);
        if let Some(why) = doubt {
            self.doubt(why);
            let lower = text.to_ascii_lowercase();
            self.deletes_anywhere |= ["delete", "truncate"]
                .iter()
                .any(|word| lower.contains(word));
        }
    }

    /// Adds what code does; answers why that is not all, if so.
    fn doubt_of_code(&mut self, language: &str, text: &str, within: usize) -> Option<&'static str> {
        if !matches!(language, "sql" | "plpgsql") {
            return Some(OTHER_LANGUAGE);
        }
        if within > MAX_WITHIN || text.len() > bounds::MAX_BYTES {
            return Some(UNREADABLE);
        }
        let scan = scan::scan(text);
        for literal in &scan.executed {
            self.add_sql(literal, within + 1);
        }
        let tree = bodies::parse(language, text, &scan);
        if let Some(tree) = &tree {
            self.add_tree(tree, within);
        }
        let is_dynamic = scan.dynamic || scan.runs_text;
        is_dynamic
            .then_some(DYNAMIC)
            .or(tree.is_none().then_some(UNREADABLE))
    }

    /// SQL that is run as a text.
    fn add_sql(&mut self, sql: &str, within: usize) {
        let Ok(batch) = super::judge(sql) else {
            return self.doubt(UNREADABLE);
        };
        for statement in batch.statements() {
            let own = sql.get(statement.text.clone()).unwrap_or_default();
            self.add_statement(statement, own, within);
        }
    }

    fn add_tree(&mut self, tree: &SyntaxNode, within: usize) {
        let mut open: Vec<SyntaxNode> = vec![tree.clone()];
        while let Some(node) = open.pop() {
            match node.kind() {
                PLPGSQL_EXCEPTION_HANDLER => self.add_handler(&node),
                PLPGSQL_RAISE_STMT | PLPGSQL_ASSERT_STMT => self.reports |= says_values(&node),
                _ => {}
            }
            if let Some(statement) = Stmt::cast(node.clone()) {
                if let Some(judged) = classify::statement(&statement) {
                    self.add_statement(&judged, &node.text().to_string(), within);
                }
            } else if node.kind() == PLPGSQL_EXPR {
                self.add_expression(&node);
            } else {
                open.extend(node.children());
            }
        }
    }

    fn add_statement(&mut self, statement: &Statement, sql: &str, within: usize) {
        self.add_writes(statement);
        if statement.functions.iter().any(schedules) {
            self.add_scheduled(sql, within);
        }
        match statement.class {
            Class::Forbidden(_) => self.doubt(FORBIDDEN),
            Class::Schema | Class::Privilege => {
                self.alters = true;
                self.reacts |= matches!(statement.kind, "CREATE TRIGGER" | "CREATE RULE");
                self.scans.extend(statement.targets.iter().cloned());
                if runs_now(statement, Purpose::Migrate) {
                    self.run(statement);
                }
                if matches!(
                    statement.kind,
                    "CREATE TABLE AS" | "SELECT INTO" | "CREATE MATERIALIZED VIEW" | "SELECT"
                ) {
                    self.look(&statement.relations, &statement.functions, sql);
                }
            }
            Class::Opaque if statement.kind == "DO" => {}
            Class::Opaque if statement.kind == "CALL" => {
                self.run(statement);
                self.look(&statement.relations, &statement.functions, sql);
            }
            Class::Opaque if statement.kind == "PREPARE" => {}
            Class::Opaque => self.doubt(PREPARED),
            Class::Read | Class::DataChange | Class::MassDataChange => {
                self.run(statement);
                self.look(&statement.relations, &statement.functions, sql);
            }
            Class::Session | Class::Transaction => {
                if statement.kind == "NOTIFY" {
                    self.sends.get_or_insert_with(|| "notify".to_owned());
                }
                self.run(statement);
                self.look(&[], &statement.functions, "");
            }
        }
        // What it defines may be called by what comes next.
        if let Some((language, text)) = &statement.body {
            self.add_code(language, text, within + 1);
        }
    }

    fn run(&mut self, statement: &Statement) {
        self.words.extend(statement.words.iter().cloned());
        self.targets.extend(statement.targets.iter().cloned());
    }

    /// Notes what it takes away, and where it writes.
    fn add_writes(&mut self, statement: &Statement) {
        self.lists |= statement
            .targets
            .iter()
            .any(|target| target.is("storage", "buckets"));
        self.losses.extend(statement.taken_away());
    }

    fn add_expression(&mut self, node: &SyntaxNode) {
        let facts = Facts::gather(node);
        let relations: Vec<Name> = facts
            .relations
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        self.look(&relations, &facts.calls, &node.text().to_string());
        self.words.extend(facts.words);
        if facts.calls.iter().any(schedules) {
            self.add_scheduled(&node.text().to_string(), MAX_WITHIN);
        }
    }

    fn look(&mut self, relations: &[Name], calls: &[Name], text: &str) {
        self.unqualified |= relations
            .iter()
            .any(|name| name.schema.is_none() && steady::relation(name));
        let rows = relations.iter().filter(|name| !steady::relation(name));
        self.rows.extend(rows.cloned());
        let unsteady = calls.iter().filter(|name| !steady::function(name));
        self.calls.extend(unsteady.cloned());
        if let Some(call) = calls.iter().find(|name| sends(name)) {
            self.sends.get_or_insert_with(|| call.to_string());
        }
        if self.depends.is_none() {
            self.depends = steady::difference(text);
        }
    }

    /// A handler makes the course depend on an error, and most errors can be brought about by rows.
    fn add_handler(&mut self, handler: &SyntaxNode) {
        let conditions = handler
            .children()
            .filter(|node| node.kind() == PLPGSQL_CONDITION);
        for condition in conditions {
            let name = condition.text().to_string().trim().to_ascii_lowercase();
            if !steady::error(&name) {
                self.depends.get_or_insert(format!("the error {name}"));
            }
        }
    }

    /// `cron.schedule('nightly', '0 0 * * *', 'delete from …')`: what it will run is one of its arguments.
    fn add_scheduled(&mut self, sql: &str, within: usize) {
        let Some(arguments) = scheduled(sql) else {
            return self.doubt(SCHEDULES);
        };
        for text in arguments {
            if super::judge(&text).is_ok() {
                self.add_sql(&text, within + 1);
            }
        }
    }
}

/// The arguments of calls that schedule, if all of them are plain strings or constants.
fn scheduled(sql: &str) -> Option<Vec<String>> {
    let tokens: Vec<_> = bounds::significant(sql).collect();
    let (mut found, mut is_called) = (Vec::new(), false);
    let calls = tokens.windows(2).enumerate().filter(|(_, pair)| {
        matches!(pair, [(_, name, _), (_, "(", _)] if is_scheduler(&name.to_ascii_lowercase()))
    });
    for (at, _) in calls {
        is_called = true;
        let mut rest = tokens.get(at + 2..)?.iter().map(|(_, text, _)| *text);
        loop {
            let mut argument: Vec<&str> = Vec::new();
            let end = loop {
                match rest.next()? {
                    end @ ("," | ")") => break end,
                    token => argument.push(token),
                }
            };
            let value = match argument.as_slice() {
                [value] | [_, "=", ">", value] | [_, ":", "=", value] => *value,
                _ => return None,
            };
            match names::plain_string(value) {
                Some(text) => found.push(text),
                None if is_plain(value) => {}
                None => return None,
            }
            if end == ")" {
                break;
            }
        }
    }
    // Otherwise its name is spelt in another way.
    is_called.then_some(found)
}

fn is_plain(value: &str) -> bool {
    let word = value.to_ascii_lowercase();
    matches!(word.as_str(), "true" | "false" | "null")
        || word.bytes().all(|one| one.is_ascii_digit())
}

fn schedules(function: &Name) -> bool {
    function.in_schema("cron") && is_scheduler(&function.name)
}

fn is_scheduler(function: &str) -> bool {
    function.starts_with("schedule") || function == "alter_job"
}

/// Whether a function hands what it is given to somebody outside.
fn sends(function: &Name) -> bool {
    let name = function.name.as_str();
    match function.schema.as_deref() {
        Some("net") => true,
        Some("realtime") => matches!(name, "send" | "broadcast_changes"),
        _ => {
            matches!(
                name,
                "pg_notify" | "http" | "http_request" | "broadcast_changes"
            ) || name.starts_with("http_")
        }
    }
}

/// Whether a message holds more than what its text and the trigger's own names say.
fn says_values(statement: &SyntaxNode) -> bool {
    let mut expressions = statement
        .descendants()
        .filter(|node| node.kind() == PLPGSQL_EXPR);
    // The first of ASSERT is what it asks.
    if statement.kind() == PLPGSQL_ASSERT_STMT {
        expressions.next();
    }
    expressions.any(|expression| {
        let mut tokens = expression
            .descendants_with_tokens()
            .filter_map(|element| element.into_token())
            .filter(|token| !token.kind().is_trivia());
        tokens.any(|token| !is_constant(token.kind(), token.text()))
    })
}

fn is_constant(kind: SyntaxKind, text: &str) -> bool {
    matches!(
        kind,
        STRING | DOLLAR_QUOTED_STRING | ESC_STRING | INT_NUMBER | NUMERIC_NUMBER | PIPE
    ) || text
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("tg_"))
}

/// The code of a function as PostgreSQL prints it where it keeps the tree: `BEGIN ATOMIC … END`, `RETURN …`.
pub(super) fn of_printed(text: &str) -> Conduct {
    let text = text.trim();
    let block = text
        .strip_prefix("BEGIN ATOMIC")
        .and_then(|rest| rest.trim_end().strip_suffix("END"));
    let code = match (block, text.strip_prefix("RETURN ")) {
        (Some(block), _) => block.to_owned(),
        (None, Some(value)) => format!("select {value}"),
        (None, None) => text.to_owned(),
    };
    let mut found = Conduct::default();
    if SourceFile::parse(&code).errors().is_empty() && !code.is_empty() {
        found.add_code("sql", &code, 0);
    } else if !code.is_empty() {
        found.doubt(UNREADABLE);
    }
    found
}
