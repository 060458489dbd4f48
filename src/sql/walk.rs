//! The ways from a statement to what it reaches, walked breadth first over the [`Graph`].

use std::collections::{HashSet, VecDeque};

use super::{
    batch::Batch,
    bodies::{self, Body, Doubt},
    graph::{Graph, Node, Sight},
    names::LEDGER,
    reach::{Finding, Purpose, Reached, runs_now},
    sensitive,
};

/// Something behind a statement.
pub(super) struct Behind {
    /// Its place in the graph.
    pub(super) node: usize,
    /// Whether it is a relation that is written to.
    pub(super) written: bool,
    /// The objects on the way, itself the last.
    pub(super) via: Vec<String>,
}

/// A place on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Step {
    node: usize,
    /// Whether the relation is written to.
    written: bool,
    /// Whether a row of a relation with secrets fired it.
    fired_by_secret: bool,
    /// Whether a trigger is on the way.
    by_trigger: bool,
}

impl Graph {
    pub(super) fn find(&self, batch: &Batch, purpose: Purpose) -> Option<Finding> {
        let mut later = None;
        // A path that one statement sets is that of all after it.
        let moves = batch.statements().iter().any(|statement| statement.moves);
        for (index, statement) in batch.statements().iter().enumerate() {
            if !runs_now(statement, purpose) {
                continue;
            }
            let mut body = bodies::of_statement(statement, 0);
            body.moves |= moves;
            let shows = !purpose.writes() || statement.returns;
            match self.follow(index, &body, purpose, shows) {
                Some(finding) if matches!(finding.what, Reached::Unknown(_)) => {
                    later.get_or_insert(finding);
                }
                Some(finding) => return Some(finding),
                None => {}
            }
        }
        later.or_else(|| self.doors_for_rows(batch, purpose))
    }

    /// Triggers that a migration puts on relations with secrets run for rows that no statement here writes.
    fn doors_for_rows(&self, batch: &Batch, purpose: Purpose) -> Option<Finding> {
        if purpose != Purpose::Migrate {
            return None;
        }
        let first = batch
            .statements()
            .iter()
            .position(|statement| statement.defines.is_some())?;
        let written = Body {
            targets: sensitive::relations_with_secret_columns().collect(),
            relations: sensitive::relations_with_secret_columns().collect(),
            ..Body::default()
        };
        self.walk(
            &written,
            true,
            |_| (),
            |way, what| {
                let new = way
                    .iter()
                    .any(|step| self.nodes.get(step.node).is_some_and(|node| node.defined));
                // What is not certain counts where the row itself is at hand.
                let counts = !matches!(what, Reached::Unknown(_))
                    || way.last().is_some_and(|step| step.fired_by_secret);
                (new && counts).then(|| self.finding(first, way, what.clone()))
            },
        )
    }

    fn follow(
        &self,
        statement: usize,
        body: &Body,
        purpose: Purpose,
        shows: bool,
    ) -> Option<Finding> {
        let writes = purpose.writes();
        let mut unknown = None;
        let certain = self.walk(
            body,
            writes,
            |_| (),
            |way, what| {
                let by_trigger = way.last().is_some_and(|step| step.by_trigger);
                match what {
                    Reached::Secret(_) | Reached::Ledger => {
                        Some(self.finding(statement, way, what.clone()))
                    }
                    Reached::Unknown(_) => {
                        // A trigger's work is not shown unless rows come back; a migration shows nothing.
                        if purpose != Purpose::Migrate && (shows || !by_trigger) {
                            unknown
                                .get_or_insert_with(|| self.finding(statement, way, what.clone()));
                        }
                        None
                    }
                }
            },
        );
        certain.or(unknown)
    }

    fn finding(&self, statement: usize, way: &[Step], what: Reached) -> Finding {
        Finding {
            statement,
            via: self.names(way),
            what,
        }
    }

    fn names(&self, way: &[Step]) -> Vec<String> {
        way.iter()
            .filter_map(|step| self.nodes.get(step.node))
            .map(|node| match node.is_routine {
                true => format!("{}()", node.name),
                false => node.name.to_string(),
            })
            .collect()
    }

    /// Everything that is read, written to or run with what a statement names, by the shortest way to it.
    pub(super) fn behind(&self, body: &Body) -> Vec<Behind> {
        let mut found = Vec::new();
        let visit = |way: &[Step]| {
            found.extend(way.last().map(|step| Behind {
                node: step.node,
                written: step.written,
                via: self.names(way),
            }));
        };
        self.walk(body, true, visit, |_, _| None);
        found
    }

    /// Breadth first from a statement, so that the way to a finding is the shortest.
    fn walk<V, F>(&self, start: &Body, writes: bool, mut visit: V, mut found: F) -> Option<Finding>
    where
        V: FnMut(&[Step]),
        F: FnMut(&[Step], &Reached) -> Option<Finding>,
    {
        let mut seen: HashSet<Step> = HashSet::new();
        let mut open: VecDeque<Vec<Step>> = VecDeque::new();
        let origin = Step {
            node: usize::MAX,
            written: false,
            fired_by_secret: false,
            by_trigger: false,
        };
        for reached in own(start, false) {
            if let Some(finding) = found(&[], &reached) {
                return Some(finding);
            }
        }
        let mut steps = self.steps_of(start, writes, origin);
        steps.0.extend(self.implicit.iter().map(|node| Step {
            node: *node,
            ..origin
        }));
        for reached in steps.1 {
            if let Some(finding) = found(&[], &reached) {
                return Some(finding);
            }
        }
        open.extend(steps.0.into_iter().map(|step| vec![step]));
        while let Some(way) = open.pop_front() {
            let Some((step, node)) = way
                .last()
                .and_then(|step| Some((*step, self.nodes.get(step.node)?)))
            else {
                continue;
            };
            if !seen.insert(step) {
                continue;
            }
            visit(&way);
            let mut ends = own(&node.body, step.fired_by_secret && node.is_routine);
            if step.fired_by_secret && self.reads_a_transition(&node.body) {
                ends.push(Reached::Secret("the rows that fired it".to_owned()));
            }
            if step.written && node.name.in_schema(LEDGER) {
                ends.push(Reached::Ledger);
            }
            let (mut next, more) = self.steps_of(&node.body, writes, step);
            ends.extend(more);
            let (along, more) = self.along_edges(node, step, writes);
            next.extend(along);
            ends.extend(more);
            for reached in ends {
                if let Some(finding) = found(&way, &reached) {
                    return Some(finding);
                }
            }
            for step in next {
                if !seen.contains(&step) {
                    let mut longer = way.clone();
                    longer.push(step);
                    open.push_back(longer);
                }
            }
        }
        None
    }

    /// Whether a trigger's code names a relation that is none: what `referencing new table as …` calls its rows.
    fn reads_a_transition(&self, body: &Body) -> bool {
        body.relations.iter().any(|relation| {
            relation.schema.is_none()
                && !self.relations.contains_key(&relation.name)
                && !self.named.contains(&relation.name)
        })
    }

    /// Where the names in a text lead.
    fn steps_of(&self, body: &Body, writes: bool, from: Step) -> (Vec<Step>, Vec<Reached>) {
        let sight = match self.nodes.get(from.node).and_then(|it| it.path.as_deref()) {
            _ if body.moves => Sight::Everywhere,
            Some(path) => Sight::In(path),
            None => Sight::Visible,
        };
        let (mut steps, mut ends) = (Vec::new(), Vec::new());
        let step = |node, written| Step {
            node,
            written,
            fired_by_secret: false,
            by_trigger: from.by_trigger,
        };
        for relation in &body.relations {
            let written = writes && (body.guessed || body.targets.contains(relation));
            for place in self.relations_called(relation, sight) {
                let Some(node) = self.nodes.get(place) else {
                    continue;
                };
                // Its columns were judged by the text if the text says which relation it is.
                let judged = relation.schema.is_some() && !body.guessed;
                if !judged && sensitive::is_sensitive(&node.name) {
                    ends.push(Reached::Secret(node.name.to_string()));
                }
                steps.push(step(place, written));
            }
        }
        for word in &body.words {
            let routines = self.routines.get(word).into_iter().flatten();
            steps.extend(
                routines
                    .filter(|place| **place != from.node)
                    .map(|place| step(*place, false)),
            );
        }
        (steps, ends)
    }

    /// Where the catalogue says that an object leads.
    fn along_edges(&self, node: &Node, from: Step, writes: bool) -> (Vec<Step>, Vec<Reached>) {
        let (mut steps, mut ends) = (Vec::new(), Vec::new());
        for edge in &node.edges {
            if edge.on_write && !(writes && from.written) {
                continue;
            }
            let Some(target) = self.nodes.get(edge.to) else {
                continue;
            };
            let secret_columns = sensitive::secret_columns(&target.name);
            if sensitive::is_secret_throughout(&target.name) && !target.is_routine {
                ends.push(Reached::Secret(target.name.to_string()));
            } else if let Some(column) = &edge.column
                && secret_columns.contains(&column.as_str())
            {
                ends.push(Reached::Secret(format!("{}.{column}", target.name)));
            } else if !secret_columns.is_empty()
                && (edge.whole || (node.whole_row && !edge.on_write))
            {
                ends.push(Reached::Secret(target.name.to_string()));
            }
            steps.push(Step {
                node: edge.to,
                written: edge.on_write && !target.is_routine,
                fired_by_secret: edge.fires && sensitive::is_sensitive(&node.name),
                by_trigger: from.by_trigger || edge.fires,
            });
        }
        (steps, ends)
    }
}

/// What a text reaches by itself.
fn own(body: &Body, fired_by_secret: bool) -> Vec<Reached> {
    let mut ends: Vec<Reached> = body
        .doubt
        .iter()
        .map(|doubt| match doubt {
            Doubt::Reads(what) => Reached::Secret(what.clone()),
            Doubt::CannotTell(why) => Reached::Unknown(why),
        })
        .collect();
    if fired_by_secret && body.hands_on_row {
        ends.push(Reached::Secret("the row that fired it".to_owned()));
    }
    ends
}
