//! Bytes on disk, by what they are for.
//!
//! ```text
//! platform/postgres/c/<n>/g<k>/          databases
//!                         g<k>/pg_wal/   history, like everything else of a cluster: its log is what is returned by
//!                   template/  spare/    templates
//!                   npm/                 programs, like functions/npm/
//!         functions/                     functions
//!         logs.sqlite  platform.log      logs, like what a cluster's servers printed
//! ```

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use crate::local::process::{PlatformError, home};
use crate::sqlite::StoreError;

/// Every project and branch that has a database, with the ref of its production.
const OWNERS: &str = "select p.cluster, p.ref, coalesce(p.parent, p.ref), coalesce(o.name, p.name) \
    from projects p left join projects o on o.ref = p.parent where p.cluster is not null";

/// Where the platform's files lie.
#[derive(Debug, Clone)]
pub struct Places {
    /// The data directory.
    pub data_dir: PathBuf,
    /// Where templates are kept, if not in the data directory.
    pub templates: Option<PathBuf>,
    /// Where programs are kept that npm has fetched, if not in the data directory.
    pub tools: Option<PathBuf>,
}

/// Bytes on disk; a file with several names counts once.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DiskUse {
    /// All of them.
    pub bytes: u64,
    /// What the databases hold now.
    pub databases_bytes: u64,
    /// What it takes to return them to earlier states.
    pub history_bytes: u64,
    /// What new databases are copied from; may be shared with other data directories.
    pub templates_bytes: u64,
    /// PostgreSQL and Deno, if npm has fetched them; may be shared as well.
    pub programs_bytes: u64,
    /// Edge Functions, and the modules that they use.
    pub functions_bytes: u64,
    /// Logs.
    pub logs_bytes: u64,
    /// Everything else.
    pub other_bytes: u64,
    /// Whether something could not be looked at, and there is more.
    pub is_partial: bool,
    /// Every project, the largest first.
    pub projects: Vec<ProjectBytes>,
}

/// What a project takes with its branches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProjectBytes {
    /// Production's ref.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Its name.
    pub name: String,
    /// How many of its branches have a database.
    pub branches: usize,
    /// What its databases hold now.
    pub databases_bytes: u64,
    /// What it takes to return them to earlier states.
    pub history_bytes: u64,
}

impl ProjectBytes {
    /// Both together.
    pub fn bytes(&self) -> u64 {
        self.databases_bytes + self.history_bytes
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Databases,
    History,
    Templates,
    Programs,
    Functions,
    Logs,
    Other,
}

/// What one cluster takes.
#[derive(Debug, Clone, Copy, Default)]
struct ClusterBytes {
    databases: u64,
    history: u64,
}

impl Places {
    /// Counts. What changes meanwhile is counted as it is found.
    pub fn disk_use(&self) -> Result<DiskUse, PlatformError> {
        let home = home(&self.data_dir);
        let mut count = Count::default();
        count.tree(&home, |path| (kind_of(path), cluster_of(path)));
        for (outside, kind) in [
            (&self.templates, Kind::Templates),
            (&self.tools, Kind::Programs),
        ] {
            if let Some(top) = outside {
                count.tree(top, |_| (kind, None));
            }
        }
        let mut found = count.found;
        found.projects = projects(&home.join("platform.sqlite"), &count.clusters)?;
        Ok(found)
    }
}

#[derive(Debug, Default)]
struct Count {
    found: DiskUse,
    clusters: HashMap<String, ClusterBytes>,
    /// Files with several names that were counted: device and number.
    seen: HashSet<(u64, u64)>,
}

impl Count {
    /// Counts a tree; what is not there takes nothing. `judge` is told a path relative to its top.
    fn tree(&mut self, top: &Path, judge: impl Fn(&[&str]) -> (Kind, Option<String>)) {
        let mut open = vec![PathBuf::new()];
        while let Some(relative) = open.pop() {
            let path = top.join(&relative);
            let Some(meta) = self.there(fs::symlink_metadata(&path)) else {
                continue;
            };
            if meta.is_dir() {
                let entries = self.there(fs::read_dir(&path));
                for entry in entries.into_iter().flatten() {
                    open.extend(
                        self.there(entry)
                            .map(|entry| relative.join(entry.file_name())),
                    );
                }
            } else if meta.nlink() > 1 && !self.seen.insert((meta.dev(), meta.ino())) {
                continue;
            }
            let parts: Vec<&str> = relative.iter().filter_map(|part| part.to_str()).collect();
            let (kind, cluster) = judge(&parts);
            self.add(kind, cluster, meta.blocks() * 512);
        }
    }

    /// What was looked at; nothing if it has gone, which is usual, or cannot be looked at, which is noted.
    fn there<T>(&mut self, looked: io::Result<T>) -> Option<T> {
        match looked {
            Ok(found) => Some(found),
            Err(error) => {
                self.found.is_partial |= error.kind() != io::ErrorKind::NotFound;
                None
            }
        }
    }

    fn add(&mut self, kind: Kind, cluster: Option<String>, bytes: u64) {
        let found = &mut self.found;
        found.bytes += bytes;
        *match kind {
            Kind::Databases => &mut found.databases_bytes,
            Kind::History => &mut found.history_bytes,
            Kind::Templates => &mut found.templates_bytes,
            Kind::Programs => &mut found.programs_bytes,
            Kind::Functions => &mut found.functions_bytes,
            Kind::Logs => &mut found.logs_bytes,
            Kind::Other => &mut found.other_bytes,
        } += bytes;
        if let Some(cluster) = cluster {
            let its = self.clusters.entry(cluster).or_default();
            match kind {
                Kind::Databases => its.databases += bytes,
                Kind::History => its.history += bytes,
                _ => {}
            }
        }
    }
}

/// What a file of the platform is for, by its path below the platform's directory.
fn kind_of(path: &[&str]) -> Kind {
    match path {
        ["postgres", "c", _, "log" | "log.old"] => Kind::Logs,
        ["postgres", "c", _, data, rest @ ..] if is_generation(data) => match rest.first() {
            Some(&"pg_wal") => Kind::History,
            _ => Kind::Databases,
        },
        ["postgres", "c", _, ..] => Kind::History,
        ["postgres", "template" | "spare", ..] => Kind::Templates,
        ["postgres" | "functions", "npm", ..] => Kind::Programs,
        ["functions", ..] => Kind::Functions,
        ["platform.log"] => Kind::Logs,
        [file] if file.starts_with("logs.sqlite") => Kind::Logs,
        _ => Kind::Other,
    }
}

fn is_generation(name: &str) -> bool {
    name.strip_prefix('g')
        .is_some_and(|number| number.parse::<u64>().is_ok())
}

fn cluster_of(path: &[&str]) -> Option<String> {
    match path {
        ["postgres", "c", number, ..] => Some((*number).to_owned()),
        _ => None,
    }
}

/// The registry is only read, and nothing of it is brought up to date: its platform may be another version's.
fn projects(
    registry: &Path,
    clusters: &HashMap<String, ClusterBytes>,
) -> Result<Vec<ProjectBytes>, PlatformError> {
    if !registry.exists() {
        return Ok(Vec::new());
    }
    let mut found: HashMap<String, ProjectBytes> = HashMap::new();
    for [cluster, own, reference, name] in owners(registry).map_err(StoreError::from)? {
        let its = clusters.get(&cluster).copied().unwrap_or_default();
        let is_branch = own != reference;
        let project = found
            .entry(reference.clone())
            .or_insert_with(|| ProjectBytes {
                reference,
                name,
                branches: 0,
                databases_bytes: 0,
                history_bytes: 0,
            });
        project.branches += usize::from(is_branch);
        project.databases_bytes += its.databases;
        project.history_bytes += its.history;
    }
    let mut projects: Vec<_> = found.into_values().collect();
    projects.sort_by(|a, b| {
        let by_size = b.bytes().cmp(&a.bytes());
        by_size.then_with(|| a.reference.cmp(&b.reference))
    });
    Ok(projects)
}

fn owners(registry: &Path) -> rusqlite::Result<Vec<[String; 4]>> {
    let connection = Connection::open_with_flags(registry, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare(OWNERS)?;
    let rows = statement.query_map([], |row| {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::{Kind, kind_of};

    #[test]
    fn a_clusters_directory_is_its_database_and_all_beside_it_its_history() {
        for (path, kind) in [
            ("postgres/c/7/g2/base/5/1259", Kind::Databases),
            (
                "postgres/c/7/g2/pg_wal/000000010000000000000001",
                Kind::History,
            ),
            ("postgres/c/7/wal/000000010000000000000001", Kind::History),
            ("postgres/c/7/base/1/base/5/1259", Kind::History),
            ("postgres/c/7/base/1.spare/PG_VERSION", Kind::History),
            ("postgres/c/7/log", Kind::Logs),
            ("postgres/template/18-0/data/PG_VERSION", Kind::Templates),
            ("postgres/npm/node_modules/a/b", Kind::Programs),
            ("functions/npm/node_modules/deno/deno", Kind::Programs),
            ("functions/bundles/a/manifest.json", Kind::Functions),
            ("logs.sqlite-wal", Kind::Logs),
            ("platform.sqlite", Kind::Other),
        ] {
            let parts: Vec<&str> = path.split('/').collect();
            assert_eq!(kind_of(&parts), kind, "{path}");
        }
    }
}
