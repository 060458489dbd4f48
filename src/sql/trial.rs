//! A read that is tried as a user of the app: what row security lets `anon` or `authenticated` see.
//!
//! ```sql
//! set local role authenticated;
//! set local request.jwt.claims = '{"sub": "…"}';
//! select * from todos;
//! ```
//!
//! Only the roles that requests come as, only the settings that a request carries, and one read after them. The text
//! that runs is the guard's own; of the caller's it holds the claims, as literals, and the read.

use squawk_syntax::{
    SyntaxKind::{self, *},
    SyntaxNode,
    ast::{self, AstNode},
};

use super::{
    batch::{Batch, Statement},
    facts::{child, has_token},
    names,
};

/// The roles that can be tried. `service_role` and `postgres` pass row security by, so there is nothing to try.
const ROLES: &[&str] = &["anon", "authenticated"];

/// What the settings that a request carries begin with.
const REQUEST: &str = "request.";

/// A read as a user of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// `anon` or `authenticated`.
    pub role: &'static str,
    /// The request's settings: `request.jwt.claims` and its kin, with their values.
    pub claims: Vec<(String, String)>,
    /// Index of the read.
    pub read: usize,
}

/// One statement before the read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialStep {
    /// `set local role anon`
    Role(&'static str),
    /// `set local request.jwt.claims = '…'`, or the same by `set_config`.
    Claim(String, String),
}

/// The trial that a batch is; `None` for any other batch.
pub(super) fn of(batch: &Batch) -> Option<Trial> {
    let (read, before) = batch.statements.split_last()?;
    if !read.class.is_read() || read.trial.is_some() {
        return None;
    }
    let mut role = None;
    let mut claims = Vec::new();
    for statement in before {
        match statement.trial.clone()? {
            TrialStep::Role(asked) if role.is_none() => role = Some(asked),
            // Two roles: which of them is meant is not for us to say.
            TrialStep::Role(_) => return None,
            TrialStep::Claim(name, value) => claims.push((name, value)),
        }
    }
    Some(Trial {
        role: role?,
        claims,
        read: before.len(),
    })
}

/// The read of a trial, as a batch of its own.
pub fn read_of(batch: &Batch, trial: &Trial) -> Batch {
    let read: Vec<Statement> = batch
        .statements
        .get(trial.read)
        .cloned()
        .into_iter()
        .collect();
    Batch { statements: read }
}

/// What a statement is as a step of a trial.
pub(super) fn step(node: &SyntaxNode) -> Option<TrialStep> {
    match node.kind() {
        SET_ROLE => {
            let asked = match (child(node, ROLE_REF), child(node, LITERAL)) {
                (Some(role), None) => names::of(&role)?.name,
                (None, Some(literal)) => ast::Literal::cast(literal)?.string_value()?,
                _ => return None,
            };
            let role = ROLES.iter().find(|role| **role == asked)?;
            Some(TrialStep::Role(role))
        }
        SET => {
            let set = child(node, SET_CONFIG)?;
            let name = names::parts(&child(&set, CONFIG_PARAMETER_REF)?).join(".");
            let value = child(&set, TO_CONFIG_VALUE)?;
            let mut values = value.children();
            let literal = ast::Literal::cast(values.next()?)?;
            if values.next().is_some() {
                return None;
            }
            claim(name, literal.string_value()?)
        }
        SELECT => {
            let call = only_below(node, &[SELECT_CLAUSE, TARGET_LIST, TARGET])?;
            let callee = (call.kind() == CALL_EXPR).then(|| call.first_child())??;
            let called = names::of(&callee)?;
            let is_setting = called.name == "set_config"
                && matches!(called.schema.as_deref(), None | Some("pg_catalog"));
            let arguments: Vec<SyntaxNode> = child(&call, ARG_LIST)?.children().collect();
            let literal = |at: usize| {
                let argument: &SyntaxNode = arguments.get(at)?;
                ast::Literal::cast(argument.first_child()?)
            };
            let is_local = has_token(literal(2)?.syntax(), TRUE_KW);
            if !(is_setting && is_local && arguments.len() == 3) {
                return None;
            }
            claim(literal(0)?.string_value()?, literal(1)?.string_value()?)
        }
        _ => None,
    }
}

/// The only child at the end of a path of only children.
fn only_below(node: &SyntaxNode, path: &[SyntaxKind]) -> Option<SyntaxNode> {
    let mut at = node.clone();
    for kind in path {
        let mut children = at.children();
        let next = children.next().filter(|next| next.kind() == *kind)?;
        if children.next().is_some() {
            return None;
        }
        at = next;
    }
    let mut children = at.children();
    let last = children.next()?;
    children.next().is_none().then_some(last)
}

/// A setting that a request carries, by a name that needs no quoting but its own.
fn claim(name: String, value: String) -> Option<TrialStep> {
    let plain = name
        .chars()
        .all(|one| one.is_ascii_alphanumeric() || matches!(one, '.' | '_' | '-'));
    (plain && name.starts_with(REQUEST)).then_some(TrialStep::Claim(name, value))
}
