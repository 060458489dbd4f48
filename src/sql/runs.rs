//! What a migration's statements run on the database that they are run on, told from the catalogue there: code that
//! they hold or reach, and whose rows that, and they themselves, take away.
//!
//! A replay without rows shows what statements do, and not what code does that looks at rows. Code passes here only
//! if it can be seen to take the same course wherever the catalogue is the same.

use std::collections::{HashMap, HashSet};

use super::{
    batch::{Batch, Class, Statement},
    bodies,
    conduct::{self, Conduct},
    graph::{Graph, Node, Sight},
    losses::Loss,
    names::Name,
    on_own_stack,
    reach::{Object, Purpose, runs_now},
    steady,
};

/// What a migration runs.
#[derive(Debug, Clone, Default)]
pub struct Running {
    /// Code of which the text does not tell what it will do on another database.
    pub unforeseeable: Vec<Unforeseeable>,
    /// Rows and values that are gone afterwards, or may be.
    pub taken: Vec<Taken>,
    /// Whether rows may be deleted from any table: code that speaks of deleting does not tell where.
    pub anywhere: bool,
}

/// Code whose course depends on more than the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unforeseeable {
    /// Index of the statement that runs it.
    pub statement: usize,
    /// The objects on the way to it, itself the last; none for a statement's own code.
    pub via: Vec<String>,
    /// Why, in words that follow its name.
    pub why: String,
}

/// Rows or values that a statement takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What, under the name that it has when the statement runs.
    pub loss: Loss,
    /// The table within the catalogue's answer; none where it has no table of that name.
    pub object: Option<String>,
    /// Whether the migration may have given the table its name.
    pub renamed: bool,
}

/// What a migration runs. `sql` is its text, `catalogue` the answer to its [`question`](super::question) on the
/// database that it is to run on.
pub fn running(sql: &str, batch: &Batch, catalogue: &[Object]) -> Running {
    on_own_stack(bodies::STACK, || {
        let lower = sql.to_ascii_lowercase();
        Runner {
            sql,
            batch,
            catalogue,
            graph: Graph::new(batch, Purpose::Migrate, catalogue),
            known: HashMap::new(),
            reacts: false,
            shadows: shadows(&lower),
            renames: ["rename", "schema"].iter().any(|word| lower.contains(word)),
        }
        .run()
    })
    .unwrap_or_else(|| Running {
        unforeseeable: vec![Unforeseeable {
            statement: 0,
            via: Vec::new(),
            why: "it is too deep to be followed".to_owned(),
        }],
        taken: Vec::new(),
        anywhere: true,
    })
}

struct Runner<'a> {
    sql: &'a str,
    batch: &'a Batch,
    catalogue: &'a [Object],
    graph: Graph,
    /// What the code of a node does, once it has been read.
    known: HashMap<usize, Conduct>,
    /// Whether a table may have another name while the migration runs than before it.
    renames: bool,
    /// Whether something else may be found under the catalogue's names: temporary tables are looked for before it, and
    /// whatever a path names before it.
    shadows: bool,
    /// Whether code has made a trigger or a rule by now, which the catalogue does not know yet.
    reacts: bool,
}

impl Runner<'_> {
    fn run(mut self) -> Running {
        let mut found = Running::default();
        let moves = self.batch.statements().iter().any(|one| one.moves);
        let makes_rules = self
            .batch
            .statements()
            .iter()
            .any(|one| one.kind == "CREATE RULE");
        for (index, statement) in self.batch.statements().iter().enumerate() {
            let mut odd = |why: &str| {
                found.unforeseeable.push(Unforeseeable {
                    statement: index,
                    via: Vec::new(),
                    why: why.to_owned(),
                });
            };
            if statement.kind == "CREATE EVENT TRIGGER" {
                odd("its function runs with every change of the schema from then on");
            }
            if !runs_now(statement, Purpose::Migrate) {
                continue;
            }
            if makes_rules && statement.class.is_data() {
                odd("a rule that this migration makes can put something else in its place");
            }
            self.look_at(index, statement, moves, &mut found);
        }
        found
    }

    fn look_at(&mut self, index: usize, statement: &Statement, moves: bool, found: &mut Running) {
        let text = self.sql.get(statement.text.clone()).unwrap_or_default();
        let mut own = conduct::of_statement(statement, text);
        let mut start = bodies::of_statement(statement, 0);
        if statement.kind == "DO" && own.doubt.is_none() {
            // A trigger that a block makes does not run its function.
            start.words = own.words.clone();
            start.targets = own.targets.clone();
            start.relations = own.rows.iter().chain(&own.scans).cloned().collect();
        }
        start.moves |= moves;
        let behind = self.graph.behind(&start);
        // What it does by itself, it does everywhere; of code that is not so.
        own.alters &= statement.class == Class::Opaque;
        own.rows.extend(
            statement
                .targets
                .iter()
                .filter(|name| !steady::relation(name))
                .cloned(),
        );
        let sight = match moves {
            true => Sight::Everywhere,
            false => Sight::Visible,
        };
        let is_certain = statement.class != Class::Opaque;
        self.take(&own.losses, sight, (is_certain, text), found);
        found.anywhere |= own.deletes_anywhere;
        let mut parts = vec![(Vec::new(), own)];
        for one in &behind {
            let Some(node) = self.graph.nodes.get(one.node) else {
                continue;
            };
            if !node.is_routine {
                if one.written && self.has_rule(one.node) {
                    found.unforeseeable.push(Unforeseeable {
                        statement: index,
                        via: one.via.clone(),
                        why: "a rule can put something else in the place of what is written to it"
                            .to_owned(),
                    });
                }
                continue;
            }
            let path = node.path.clone();
            let Some(conduct) = self.conduct_of(one.node) else {
                continue;
            };
            let sight = match &path {
                _ if moves => Sight::Everywhere,
                Some(path) => Sight::In(path),
                None => Sight::Visible,
            };
            self.take(&conduct.losses, sight, (false, ""), found);
            found.anywhere |= conduct.deletes_anywhere;
            parts.push((one.via.clone(), conduct));
        }
        // What a statement itself defines, the graph knows.
        let in_code = statement.class == Class::Opaque || parts.len() > 1;
        self.reacts |= in_code && parts.iter().any(|(_, it)| it.reacts);
        if self.reacts && parts.iter().any(|(_, it)| !it.rows.is_empty()) {
            found.unforeseeable.push(Unforeseeable {
                statement: index,
                via: Vec::new(),
                why:
                    "what it writes can fire a trigger or a rule that code of this migration makes"
                        .to_owned(),
            });
        }
        for (via, why) in self.doubts(&parts) {
            let one = Unforeseeable {
                statement: index,
                via,
                why,
            };
            if !found.unforeseeable.contains(&one) {
                found.unforeseeable.push(one);
            }
        }
    }

    /// Why it cannot be told what a statement and the code that it runs will do, taken together.
    fn doubts(&self, parts: &[(Vec<String>, Conduct)]) -> Vec<(Vec<String>, String)> {
        let mut found = Vec::new();
        for (via, conduct) in parts {
            if let Some(why) = conduct.doubt {
                found.push((via.clone(), why.to_owned()));
            }
            if let Some(function) = &conduct.sends {
                let why = format!("it sends something out of the database ({function})");
                found.push((via.clone(), why));
            }
        }
        let rows = || parts.iter().find_map(|(_, it)| it.rows.iter().next());
        // Where code of the user's own is run for the rows that a change of the schema goes through.
        let scanned = || {
            let mut scans = parts.iter().flat_map(|(_, it)| &it.scans);
            scans.next().filter(|_| parts.len() > 1)
        };
        if let Some((via, _)) = parts.iter().find(|(_, it)| it.alters) {
            let call = || {
                let mut calls = parts.iter().flat_map(|(_, it)| &it.calls);
                calls.find(|call| !self.is_read(call))
            };
            let depends = rows()
                .or_else(scanned)
                .map(|rows| format!("the rows of {rows}"))
                .or_else(|| parts.iter().find_map(|(_, it)| it.depends.clone()))
                .or_else(|| call().map(|call| format!("what {call}() answers")))
                .or_else(|| {
                    let unqualified = parts.iter().any(|(_, it)| it.unqualified);
                    (unqualified && self.shadows).then(|| {
                        "what it takes for the catalogue; write pg_catalog before its names"
                            .to_owned()
                    })
                });
            if let Some(depends) = depends {
                let why = format!(
                    "it changes the schema, and whether and how it does can depend on {depends}"
                );
                found.push((via.clone(), why));
            }
        }
        let is_own = |name: &&Name| !name.in_schema("storage");
        let read = parts.iter().find_map(|(_, it)| it.rows.iter().find(is_own));
        if let (Some((via, _)), Some(rows)) = (parts.iter().find(|(_, it)| it.lists), read) {
            let why = format!(
                "it can put what the rows of {rows} hold into the list of buckets, which everybody may see"
            );
            found.push((via.clone(), why));
        }
        if let (Some((via, _)), Some(rows)) = (parts.iter().find(|(_, it)| it.reports), rows()) {
            let why = format!(
                "it can put what the rows of {rows} hold into messages, which the log keeps"
            );
            found.push((via.clone(), why));
        }
        found
    }

    /// Whether a function is one whose own code is read here.
    fn is_read(&self, call: &Name) -> bool {
        let places = self.graph.routines.get(&call.name);
        places.into_iter().flatten().any(|place| {
            self.graph.nodes.get(*place).is_some_and(|node| {
                (call.schema.is_none()
                    || node.name.schema.is_none()
                    || call.schema == node.name.schema)
                    && self
                        .catalogue
                        .get(*place)
                        .is_none_or(|object| !object.trusted)
            })
        })
    }

    /// What a function's code does; nothing for the platform's own.
    fn conduct_of(&mut self, place: usize) -> Option<Conduct> {
        if let Some(known) = self.known.get(&place) {
            return Some(known.clone());
        }
        let conduct = match self.catalogue.get(place) {
            Some(object) if object.trusted => return None,
            Some(object) if object.printed => conduct::of_printed(&object.text),
            Some(object) => conduct::of_code(&object.language, &object.text),
            None => {
                let mut defined = self
                    .batch
                    .statements()
                    .iter()
                    .filter(|statement| statement.defines.is_some());
                let statement = defined.nth(place - self.catalogue.len())?;
                match &statement.body {
                    Some((language, text)) => conduct::of_code(language, text),
                    // Its code is part of the statement, which was judged.
                    None => Conduct {
                        rows: statement.relations.iter().cloned().collect(),
                        losses: statement.taken_away().collect(),
                        ..Conduct::default()
                    },
                }
            }
        };
        self.known.insert(place, conduct.clone());
        Some(conduct)
    }

    fn has_rule(&self, place: usize) -> bool {
        self.catalogue
            .get(place)
            .is_some_and(|object| object.text.contains("CREATE RULE "))
    }

    /// Adds losses by the tables that they are of: those behind a view, and those whose rows go along. What code takes,
    /// it may take under a condition.
    fn take(
        &self,
        losses: &[Loss],
        sight: Sight<'_>,
        (is_certain, statement): (bool, &str),
        found: &mut Running,
    ) {
        let all = statement.to_ascii_lowercase().contains("cascade");
        for loss in losses {
            let places = self.graph.relations_called(&loss.table, sight);
            if places.is_empty() {
                add(
                    found,
                    Taken {
                        loss: Loss {
                            at_most: loss.at_most || !is_certain,
                            ..loss.clone()
                        },
                        object: None,
                        renamed: self.renames,
                    },
                );
            }
            let mut seen = HashSet::new();
            let mut open: Vec<(usize, Option<&String>, bool)> = places
                .into_iter()
                .map(|place| (place, loss.column.as_ref(), loss.at_most || !is_certain))
                .collect();
            while let Some((place, column, at_most)) = open.pop() {
                let Some(node) = self.graph.nodes.get(place).filter(|_| seen.insert(place)) else {
                    continue;
                };
                if node.is_view {
                    // Which of its columns is which of a table's is not followed.
                    open.extend(
                        self.below(node)
                            .into_iter()
                            .map(|place| (place, None, true)),
                    );
                    continue;
                }
                add(
                    found,
                    Taken {
                        loss: Loss {
                            table: node.name.clone(),
                            column: column.cloned(),
                            at_most,
                        },
                        object: self.catalogue.get(place).map(|object| object.id.clone()),
                        renamed: false,
                    },
                );
                if column.is_none() {
                    let along = node.edges.iter().filter(|edge| {
                        edge.follows
                            || (all && edge.on_write && !edge.fires && self.is_table(edge.to))
                    });
                    open.extend(along.map(|edge| (edge.to, None, true)));
                }
            }
        }
    }

    fn is_table(&self, place: usize) -> bool {
        let node = self.graph.nodes.get(place);
        node.is_some_and(|node| !node.is_routine && !node.is_view)
    }

    /// The relations that a view reads.
    fn below(&self, view: &Node) -> Vec<usize> {
        let by_edges = view.edges.iter().map(|edge| edge.to);
        let by_name = view
            .body
            .relations
            .iter()
            .flat_map(|name| self.graph.relations_called(name, Sight::Everywhere));
        by_edges
            .chain(by_name)
            .filter(|place| {
                self.graph
                    .nodes
                    .get(*place)
                    .is_some_and(|it| !it.is_routine)
            })
            .collect()
    }
}

/// Whether a text speaks of temporary tables, or of a path that names the catalogue.
fn shadows(lower: &str) -> bool {
    let mut words = lower.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let has = |word: &str| lower.contains(word);
    words.any(|word| matches!(word, "temp" | "temporary") || word.starts_with("pg_temp"))
        || (has("search_path") && has("pg_catalog"))
}

/// Once each; what is certain counts before what may be less.
fn add(found: &mut Running, taken: Taken) {
    let same = |one: &&mut Taken| {
        one.object == taken.object
            && one.loss.table == taken.loss.table
            && one.loss.column == taken.loss.column
    };
    match found.taken.iter_mut().find(same) {
        Some(known) => known.loss.at_most &= taken.loss.at_most,
        None => found.taken.push(taken),
    }
}
