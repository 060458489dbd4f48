//! What the habitual agent wants, in the order in which models want it.

/// One thing that it wants.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// To know what is there: organizations and projects.
    Orient,
    /// A project of its own.
    Launch,
    /// To see the tables, with their columns or without.
    Tables { verbose: bool },
    /// To change the schema; a name, should the server want one, and the SQL.
    Schema(&'static str, &'static str),
    /// To change rows.
    Rows(&'static str),
    /// To change the schema and rows in one batch.
    Mixed(&'static str, &'static str),
    /// To see rows.
    Look(&'static str),
    /// To know what the advisor thinks.
    Advice,
    /// To know where the app will find its data.
    Address,
    /// To see it all on production.
    GoLive,
}

macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!("app/", $name, ".sql"))
    };
}

/// Tables first, then again from the start; no word of row security.
pub(super) const CARELESS: &[Step] = &[
    Step::Orient,
    Step::Launch,
    Step::Tables { verbose: false },
    Step::Schema("create_tables", sql!("first_tables")),
    Step::Rows(sql!("first_rows")),
    Step::Schema("add_columns", sql!("add_columns")),
    Step::Schema("start_over", sql!("start_over")),
    Step::Schema("create_tables_again", sql!("tables")),
    Step::Rows(sql!("rows")),
    Step::Schema("touch_updated_at", sql!("touch_function")),
    Step::Schema("grant_access", sql!("grants")),
    Step::Look(sql!("open_todos")),
    Step::Rows(sql!("finish_one")),
    Step::Tables { verbose: true },
    Step::Address,
    Step::GoLive,
];

/// More of an app, a batch of tables and rows, the advisor asked when all is built, and policies for
/// what the agent still remembers.
pub(super) const LATE: &[Step] = &[
    Step::Orient,
    Step::Launch,
    Step::Tables { verbose: false },
    Step::Schema("create_tables", sql!("tables")),
    Step::Rows(sql!("rows")),
    Step::Mixed("create_tags", sql!("tags")),
    Step::Schema("create_indexes", sql!("indexes")),
    Step::Schema("touch_updated_at", sql!("touch_function")),
    Step::Schema("handle_new_user", sql!("new_user_function")),
    Step::Schema("search", sql!("search")),
    Step::Look(sql!("columns")),
    Step::Rows(sql!("clean_up")),
    Step::Rows(sql!("rows")),
    Step::Look(sql!("open_todos")),
    Step::Schema("grant_access", sql!("grants")),
    Step::Advice,
    Step::Schema("policies", sql!("policies")),
    Step::Address,
    Step::GoLive,
];
