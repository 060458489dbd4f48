//! What a migration makes a busy table wait for: found by squawk's linter, said in words that fit a migration which
//! runs in one transaction, on DEV first and on production when it is merged.
//!
//! Squawk's own advice is often CONCURRENTLY, which no transaction takes; what stands here can be followed.

use squawk_linter::{Linter, Rule};
use squawk_syntax::SourceFile;

use super::{batch::Batch, names::Name, on_own_stack};

/// Longer texts are not looked through: they are loads of rows, or dumps into an empty database.
const MAX_BYTES: usize = 200_000;
/// Stack for the linter, which walks the same trees as the judge.
const STACK: usize = 16 * 1024 * 1024;

/// Something that locks a table for long, rewrites it, or breaks those who use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockWarning {
    /// A stable word for what was found.
    pub rule: &'static str,
    /// Index of the statement.
    pub statement: usize,
    /// The table that is locked, if the statement names one.
    pub table: Option<Name>,
    /// What happens.
    pub message: &'static str,
    /// How to do without.
    pub instead: &'static str,
}

/// What a batch that was judged makes tables wait for; tables that it creates itself are no matter.
pub fn lock_warnings(sql: &str, batch: &Batch) -> Vec<LockWarning> {
    if sql.len() > MAX_BYTES {
        return Vec::new();
    }
    // Only words are at stake, so a linter that fails gives none.
    let found = on_own_stack(STACK, || {
        let mut linter = Linter::from(RULES.iter().map(|(rule, ..)| *rule));
        linter.settings.assume_in_transaction = true;
        linter.lint(&SourceFile::parse(sql), sql)
    });
    let mut warnings: Vec<LockWarning> = Vec::new();
    for violation in found.unwrap_or_default() {
        let Some((_, rule, message, instead)) =
            RULES.iter().find(|(rule, ..)| *rule == violation.code)
        else {
            continue;
        };
        let at = usize::from(violation.text_range.start());
        let Some((statement, judged)) = batch
            .statements()
            .iter()
            .enumerate()
            .find(|(_, statement)| at < statement.text.end)
        else {
            continue;
        };
        let warning = LockWarning {
            rule,
            statement,
            table: judged.relations.first().cloned(),
            message,
            instead,
        };
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    warnings.sort_by_key(|warning| warning.statement);
    warnings
}

/// The rules that make sense here: squawk's name, ours, what happens, what to do instead.
const RULES: &[(Rule, &str, &str, &str)] = &[
    (
        Rule::RequireConcurrentIndexCreation,
        "index_blocks_writes",
        "nothing can write to the table while the index is built",
        "make indexes with the table; on a large table, merge when little is written",
    ),
    (
        Rule::RequireConcurrentReindex,
        "reindex_blocks_writes",
        "nothing can write to the table while the index is rebuilt",
        "leave it out, or merge when little is written",
    ),
    (
        Rule::ConstraintMissingNotValid,
        "constraint_checks_every_row",
        "nothing can write to the table while every row is checked",
        "add the constraint `not valid` in this migration, and `validate constraint` in one of its own after it",
    ),
    (
        Rule::AddingForeignKeyConstraint,
        "foreign_key_checks_every_row",
        "nothing can write to either table while every row is checked",
        "add the foreign key as a constraint `not valid` in this migration, and `validate constraint` in one of its own after it",
    ),
    (
        Rule::DisallowedUniqueConstraint,
        "unique_builds_an_index",
        "nothing can read or write the table while the constraint's index is built",
        "`create unique index` first, then `add constraint … unique using index`: reads go on meanwhile",
    ),
    (
        Rule::AddingSerialPrimaryKeyField,
        "primary_key_builds_an_index",
        "nothing can read or write the table while the key's index is built and its rows are rewritten",
        "give a table its key when it is created; else `create unique index` first, then `add constraint … primary key using index`",
    ),
    (
        Rule::AddingFieldWithDefault,
        "default_rewrites_the_table",
        "nothing can read or write the table while every row is rewritten with the default's own value",
        "add the column without a default, `alter column … set default` for new rows, and fill the old ones with `update`",
    ),
    (
        Rule::AddingNotNullableField,
        "not_null_checks_every_row",
        "nothing can read or write the table while every row is checked",
        "add `check (… is not null) not valid`, `validate constraint` in a migration after it, then `set not null`, which needs no look at the rows any more",
    ),
    (
        Rule::AddingRequiredField,
        "required_column_without_default",
        "it fails where the table has rows, on production at the merge",
        "give the column a default, or add it without `not null`, fill it, and `set not null` then",
    ),
    (
        Rule::ChangingColumnType,
        "type_change_rewrites_the_table",
        "nothing can read or write the table while every row and index is rewritten; clients see another type at once",
        "add a column of the new type, fill it, let the app use it, and drop the old one in a later migration",
    ),
    (
        Rule::RenamingColumn,
        "rename_breaks_clients",
        "whoever uses the old name fails from the merge on",
        "add a column of the new name, let the app use it, and drop the old one in a later migration",
    ),
    (
        Rule::RenamingTable,
        "rename_breaks_clients",
        "whoever uses the old name fails from the merge on",
        "leave a view of the old name behind until nobody uses it",
    ),
    (
        Rule::BanAlterDomainWithAddConstraint,
        "domain_checks_every_row",
        "every table that uses the domain is locked while its rows are checked",
        "put the check on the tables, `not valid` first",
    ),
    (
        Rule::BanTruncateCascade,
        "truncate_reaches_further",
        "every table that refers to it is emptied too, and so are those that refer to them",
        "name the tables that are to be emptied, without `cascade`",
    ),
    (
        Rule::PreferRepack,
        "cluster_rewrites_the_table",
        "nothing can read or write the table while it is rewritten",
        "leave it out",
    ),
];
