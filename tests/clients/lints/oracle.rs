//! The platform's own lints: SQL that its CLI carries, taken out of the installed program by each run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::Failure;

/// What the SQL begins with; it stands in a template literal of the program's script.
const HEAD: &str = "`set local search_path = '';";
/// How many lints there are at least. Fewer were not the whole of them.
const LEAST: usize = 20;

/// The lints as one query, which gives a finding a row.
pub(super) struct Oracle {
    /// It names nothing without its schema, and reads the setting `pgrst.db_schemas`.
    pub(super) query: String,
    /// The lints that it knows.
    pub(super) names: BTreeSet<String>,
}

impl Oracle {
    /// Reads it out of the CLI that npm has installed below `modules`.
    pub(super) fn read(modules: &Path) -> Result<Self, Failure> {
        let program = program(modules)?;
        let bytes = fs::read(&program)?;
        let strange = || {
            format!(
                "{} carries no lints where they are looked for; see {}",
                program.display(),
                file!()
            )
        };
        let start = find(&bytes, HEAD.as_bytes()).ok_or_else(strange)?;
        let text = literal(&bytes[start + 1..]).ok_or_else(strange)?;
        let (_, query) = text.split_once(';').ok_or_else(strange)?;
        let query = query.trim().trim_end_matches(';').to_owned();
        let names: BTreeSet<String> = query
            .lines()
            .filter_map(|line| line.trim().strip_suffix("' as name,")?.strip_prefix('\''))
            .map(str::to_owned)
            .collect();
        if names.len() < LEAST {
            return Err(strange().into());
        }
        Ok(Self { query, names })
    }
}

/// The program for this machine, which npm chooses among the packages of all machines.
fn program(modules: &Path) -> Result<std::path::PathBuf, Failure> {
    let mut found: Vec<_> = fs::read_dir(modules.join("@supabase"))?
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("cli-"))
        .map(|entry| entry.path().join("bin/supabase"))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found
        .pop()
        .ok_or_else(|| "npm has installed no program of the CLI for this machine".into())
}

fn find(bytes: &[u8], words: &[u8]) -> Option<usize> {
    bytes
        .windows(words.len())
        .position(|window| window == words)
}

/// What a template literal stands for, up to the backtick that ends it.
fn literal(source: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    let mut bytes = source.iter().copied().peekable();
    loop {
        match bytes.next()? {
            b'`' => return String::from_utf8(text).ok(),
            b'\\' => match bytes.next()? {
                b'n' => text.push(b'\n'),
                b't' => text.push(b'\t'),
                same @ (b'\\' | b'`' | b'$' | b'\'' | b'"') => text.push(same),
                _ => return None,
            },
            // Something to be filled in: then it is no constant.
            b'$' if bytes.peek() == Some(&b'{') => return None,
            other => text.push(other),
        }
    }
}
