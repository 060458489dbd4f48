//! What the judge found: statements, what class each is of, what it touches and what it would do.

use std::{collections::BTreeSet, fmt, ops::Range};

use super::{losses::Loss, names::Name, trial::TrialStep};

/// All statements of one text, in order; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub(super) statements: Vec<Statement>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What kind of effect it has; decides, with the tool, whether it may run.
    pub class: Class,
    /// Its command in upper case, `CREATE TABLE`.
    pub kind: &'static str,
    /// Byte range in the text, without the semicolon and the white space around it.
    pub text: Range<usize>,
    /// Relations that it names, each once, as written; its own common table expressions are not among them.
    pub relations: Vec<Name>,
    /// Those of `relations` that it inserts into, updates, deletes from, merges into or truncates, or whose rows it
    /// goes through to build or check something.
    pub targets: Vec<Name>,
    /// Functions that it calls, each once, as written.
    pub functions: Vec<Name>,
    /// Every word in its expressions that can be a name, folded: a function is also called as `(row).function`, which
    /// no grammar tells from a column.
    pub words: BTreeSet<String>,
    /// What it defines for others to use later, if it does.
    pub defines: Option<Definition>,
    /// Language and text of the code in it: of a function that it creates, or of a `do` block.
    pub body: Option<(String, String)>,
    /// Those of `relations` that hold secrets, whether or not the statement reads them.
    pub sensitive: Vec<Name>,
    /// Whether it is a `select` or `values` of literals and nothing else, or shows a setting.
    pub is_plain: bool,
    /// Whether names after it may be looked for among the relations that hold secrets.
    pub moves: bool,
    /// Whether rows that it writes come back.
    pub returns: bool,
    /// Whether it reads a secret: a relation of nothing but secrets, a secret column, or a whole row that has one.
    pub reads_secrets: bool,
    /// What it is before a read that is tried as a user of the app.
    pub trial: Option<TrialStep>,
    /// What it creates, alters, drops or writes.
    pub effects: Vec<Effect>,
    /// Rows or values that are gone afterwards, where the statement names what holds them.
    pub losses: Vec<Loss>,
    /// The tables of every `DELETE`, and of every `MERGE` that deletes, in it.
    pub(super) deletes: Vec<Name>,
    /// The columns whose values every `UPDATE` in it, or what amounts to one, writes over.
    pub(super) overwrites: Vec<Loss>,
    /// Whether PostgreSQL runs it inside a transaction block.
    pub transactional: bool,
}

/// A view, function, trigger or rule as a statement defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The view's or the function's name; of a trigger or rule, the relation that it is on.
    pub name: Name,
    /// What is defined.
    pub kind: Defined,
}

/// What a [`Definition`] defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defined {
    /// A view: reading it runs its query.
    View,
    /// A function, procedure or aggregate: calling it runs its body.
    Routine,
    /// A trigger or a rule: writing to the relation runs it.
    Reaction,
}

/// What a statement does, as far as its text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Looks, and changes nothing; functions that it calls may try to, and fail on a role that cannot write.
    Read,
    /// Changes rows, or needs the right to.
    DataChange,
    /// Changes or removes rows without naming which.
    MassDataChange,
    /// Creates, alters or drops objects.
    Schema,
    /// Grants or revokes.
    Privilege,
    /// Runs code, or a statement, that the text does not show.
    Opaque,
    /// Changes the session: settings, role, channels, table locks.
    Session,
    /// Begins, ends or shapes a transaction.
    Transaction,
    /// Runs nowhere.
    Forbidden(Reason),
}

/// Why a statement runs nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Writes to, or changes, the ledger of migrations.
    Ledger,
    /// Creates, changes, drops or shares roles.
    Role,
    /// Files and programs of the server, and libraries loaded into it.
    ServerFile,
    /// `COPY` from or to the client, for which there is no channel.
    CopyStream,
    /// Functions that administer the server, hold locks beyond a statement, or leave the database.
    Function,
    /// Functions that run SQL given as text, or export relations unseen.
    HiddenRelation,
    /// The server's configuration, databases, tablespaces and subscriptions.
    Server,
    /// Settings that change how the text after them is read.
    TextReading,
    /// A statement that no supported PostgreSQL has.
    Unsupported,
}

/// One thing that a statement does, in words a result can show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// `create`, `drop`, `enable row security`, …
    pub action: &'static str,
    /// `table`, `column`, `policy`, `privilege`, …
    pub object_kind: &'static str,
    /// The object as the statement names it: `public.todos.title`, `own rows on public.todos`.
    pub object: String,
    /// Whether rows, or values in them, are gone afterwards.
    pub loses_data: bool,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.action, self.object_kind, self.object)
    }
}

impl Class {
    /// `SELECT`, `SHOW`, `EXPLAIN` of those.
    pub fn is_read(self) -> bool {
        self == Self::Read
    }

    /// The word for it, which is stable.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::DataChange => "data_change",
            Self::MassDataChange => "mass_data_change",
            Self::Schema => "schema",
            Self::Privilege => "privilege",
            Self::Opaque => "opaque",
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Forbidden(_) => "forbidden",
        }
    }

    /// How much of it there is to fear, beside others.
    fn gravity(self) -> u8 {
        match self {
            Self::Read => 0,
            Self::Session => 1,
            Self::Transaction => 2,
            Self::DataChange => 3,
            Self::MassDataChange => 4,
            Self::Schema => 5,
            Self::Privilege => 6,
            Self::Opaque => 7,
            Self::Forbidden(_) => 8,
        }
    }

    /// Changes of rows, whether few or all.
    pub fn is_data(self) -> bool {
        matches!(self, Self::DataChange | Self::MassDataChange)
    }

    /// Changes of objects and of privileges on them: what belongs in a migration.
    pub fn is_schema(self) -> bool {
        matches!(self, Self::Schema | Self::Privilege)
    }
}

impl Batch {
    /// The statements, in order; at least one.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The class of each statement, in order.
    pub fn classes(&self) -> impl Iterator<Item = Class> {
        self.statements.iter().map(|statement| statement.class)
    }

    /// The gravest class of its statements.
    pub fn gravest(&self) -> Class {
        let gravest = self.classes().max_by_key(|class| class.gravity());
        gravest.unwrap_or(Class::Read)
    }

    /// Index of the first statement of a class.
    pub fn first_of(&self, class: Class) -> Option<usize> {
        self.classes().position(|found| found == class)
    }

    /// Exactly one statement, and it is a read.
    pub fn is_read(&self) -> bool {
        matches!(self.statements.as_slice(), [one] if one.class.is_read())
    }

    /// Nothing but changes of rows.
    pub fn is_data_only(&self) -> bool {
        self.classes().all(Class::is_data)
    }

    /// Nothing but changes of objects and privileges.
    pub fn is_schema_only(&self) -> bool {
        self.classes().all(Class::is_schema)
    }

    /// Changes of objects and changes of rows, and nothing else.
    pub fn is_mixed(&self) -> bool {
        self.classes()
            .all(|class| class.is_data() || class.is_schema())
            && !self.is_data_only()
            && !self.is_schema_only()
    }

    /// Whether any statement changes rows without naming which.
    pub fn changes_mass_data(&self) -> bool {
        self.first_of(Class::MassDataChange).is_some()
    }

    /// What all statements do, in order.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.statements
            .iter()
            .flat_map(|statement| &statement.effects)
    }
}

/// The two texts that a mixed batch should have been: what changes objects, for apply_migration, and what changes
/// rows, for execute_sql. Order is kept within each; `sql` is the text that was judged.
pub fn split_mixed(sql: &str, batch: &Batch) -> (String, String) {
    let (mut schema, mut data) = (String::new(), String::new());
    for statement in &batch.statements {
        let half = if statement.class.is_schema() {
            &mut schema
        } else {
            &mut data
        };
        if !half.is_empty() {
            half.push('\n');
        }
        half.push_str(sql.get(statement.text.clone()).unwrap_or_default());
        half.push(';');
    }
    (schema, data)
}
