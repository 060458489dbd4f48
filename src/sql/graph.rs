//! The ways from a statement to what it reaches: objects of the catalogue and what a batch defines, joined by what
//! they refer to, and walked breadth first.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{
    batch::{Batch, Class, Defined},
    bodies::{self, Body, Doubt},
    functions,
    names::{LEDGER, Name},
    reach::{Finding, Object, Purpose, Reached, runs_now},
    sensitive,
};

struct Node {
    name: Name,
    is_routine: bool,
    visible: bool,
    /// Whether the batch itself defines it.
    defined: bool,
    /// The schemas where its unqualified names are looked for, if it says so itself.
    path: Option<Vec<String>>,
    body: Body,
    /// A query as the database prints it uses a whole row somewhere.
    whole_row: bool,
    edges: Vec<Edge>,
}

#[derive(Clone)]
struct Edge {
    to: usize,
    column: Option<String>,
    on_write: bool,
    fires: bool,
    whole: bool,
}

/// What a batch can reach, and the ways there.
pub(super) struct Graph {
    nodes: Vec<Node>,
    /// What the batch's own statements name: tables that it creates are among them.
    named: HashSet<String>,
    implicit: Vec<usize>,
    routines: HashMap<String, Vec<usize>>,
    relations: HashMap<String, Vec<usize>>,
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
    pub(super) fn new(batch: &Batch, purpose: Purpose, catalogue: &[Object]) -> Self {
        let places: HashMap<&str, usize> = catalogue
            .iter()
            .enumerate()
            .map(|(place, object)| (object.id.as_str(), place))
            .collect();
        let mut graph = Self {
            nodes: catalogue
                .iter()
                .map(|object| node(object, &places))
                .collect(),
            implicit: (0..catalogue.len())
                .filter(|place| catalogue.get(*place).is_some_and(|it| it.implicit))
                .collect(),
            named: batch
                .statements()
                .iter()
                .flat_map(|statement| &statement.relations)
                .map(|relation| relation.name.clone())
                .collect(),
            routines: HashMap::new(),
            relations: HashMap::new(),
        };
        if purpose == Purpose::Migrate {
            graph.define(batch);
            graph.redefine(catalogue.len());
        }
        for (place, node) in graph.nodes.iter().enumerate() {
            let index = if node.is_routine {
                &mut graph.routines
            } else {
                &mut graph.relations
            };
            index.entry(node.name.name.clone()).or_default().push(place);
        }
        graph.fire_what_is_defined(batch);
        graph
    }

    /// Adds what the batch itself defines.
    fn define(&mut self, batch: &Batch) {
        for statement in batch.statements() {
            let Some(definition) = &statement.defines else {
                continue;
            };
            let is_routine = definition.kind == Defined::Routine;
            self.nodes.push(Node {
                name: definition.name.clone(),
                is_routine,
                visible: true,
                defined: true,
                path: None,
                body: bodies::of_statement(statement, 0),
                whole_row: false,
                edges: Vec::new(),
            });
        }
    }

    /// What leads to a function leads to what is defined in its place.
    fn redefine(&mut self, from_catalogue: usize) {
        let mut new: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, node) in self.nodes.iter().enumerate().skip(from_catalogue) {
            if node.is_routine {
                new.entry(node.name.name.as_str()).or_default().push(place);
            }
        }
        let replaces = |place: &usize, old: &Node| {
            self.nodes.get(*place).is_some_and(|node| {
                node.name.schema.is_none() || node.name.schema == old.name.schema
            })
        };
        let mut more = Vec::new();
        for (holder, node) in self.nodes.iter().take(from_catalogue).enumerate() {
            for edge in &node.edges {
                let old = self.nodes.get(edge.to).filter(|old| old.is_routine);
                let Some(places) = old.and_then(|old| new.get(old.name.name.as_str())) else {
                    continue;
                };
                let places = places
                    .iter()
                    .filter(|place| old.is_some_and(|old| replaces(place, old)));
                more.extend(places.map(|to| {
                    (
                        holder,
                        Edge {
                            to: *to,
                            ..edge.clone()
                        },
                    )
                }));
            }
        }
        for (holder, edge) in more {
            if let Some(node) = self.nodes.get_mut(holder) {
                node.edges.push(edge);
            }
        }
    }

    /// Joins the triggers and rules that the batch defines to their relations.
    fn fire_what_is_defined(&mut self, batch: &Batch) {
        for statement in batch.statements() {
            let Some(definition) = &statement.defines else {
                continue;
            };
            if definition.kind != Defined::Reaction {
                continue;
            }
            let fired: Vec<usize> = statement
                .words
                .iter()
                .filter_map(|word| self.routines.get(word))
                .flatten()
                .copied()
                .collect();
            for relation in self.relations_called(&definition.name, Sight::Everywhere) {
                if let Some(relation) = self.nodes.get_mut(relation) {
                    relation.edges.extend(fired.iter().map(|to| Edge {
                        to: *to,
                        column: None,
                        on_write: true,
                        fires: true,
                        whole: false,
                    }));
                    // The trigger itself is new, whatever its function is.
                    relation.defined = true;
                }
            }
        }
    }

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
        self.walk(&written, true, |way, what| {
            let new = way
                .iter()
                .any(|step| self.nodes.get(step.node).is_some_and(|node| node.defined));
            // What is not certain counts where the row itself is at hand.
            let counts = !matches!(what, Reached::Unknown(_))
                || way.last().is_some_and(|step| step.fired_by_secret);
            (new && counts).then(|| self.finding(first, way, what.clone()))
        })
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
        let certain = self.walk(body, writes, |way, what| {
            let by_trigger = way.last().is_some_and(|step| step.by_trigger);
            match what {
                Reached::Secret(_) | Reached::Ledger => {
                    Some(self.finding(statement, way, what.clone()))
                }
                Reached::Unknown(_) => {
                    // A trigger's work is not shown unless rows come back; a migration shows nothing.
                    if purpose != Purpose::Migrate && (shows || !by_trigger) {
                        unknown.get_or_insert_with(|| self.finding(statement, way, what.clone()));
                    }
                    None
                }
            }
        });
        certain.or(unknown)
    }

    fn finding(&self, statement: usize, way: &[Step], what: Reached) -> Finding {
        let via = way
            .iter()
            .filter_map(|step| self.nodes.get(step.node))
            .map(|node| match node.is_routine {
                true => format!("{}()", node.name),
                false => node.name.to_string(),
            })
            .collect();
        Finding {
            statement,
            via,
            what,
        }
    }

    /// Breadth first from a statement, so that the way to a finding is the shortest.
    fn walk<F>(&self, start: &Body, writes: bool, mut found: F) -> Option<Finding>
    where
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

    /// The relations that a name can stand for.
    fn relations_called(&self, name: &Name, sight: Sight<'_>) -> Vec<usize> {
        let is_meant = |node: &Node| match (&name.schema, &node.name.schema) {
            (Some(asked), Some(found)) => asked == found,
            (Some(_), None) => true,
            (None, None) => true,
            (None, Some(found)) => match sight {
                Sight::Everywhere => true,
                Sight::Visible => node.visible,
                Sight::In(path) => path.contains(found),
            },
        };
        let all = self.relations.get(&name.name).into_iter().flatten();
        all.filter(|place| self.nodes.get(**place).is_some_and(is_meant))
            .copied()
            .collect()
    }
}

/// Where an unqualified name is looked for.
#[derive(Clone, Copy)]
enum Sight<'a> {
    Everywhere,
    Visible,
    In(&'a [String]),
}

/// The schemas of a `search_path=…` among settings.
fn path_of(settings: &str) -> Option<Vec<String>> {
    let path = settings
        .lines()
        .find_map(|line| line.strip_prefix("search_path="))?;
    let schema = |part: &str| part.trim().trim_matches('"').to_owned();
    Some(path.split(',').map(schema).collect())
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

fn node(object: &Object, places: &HashMap<&str, usize>) -> Node {
    let mut body = Body::default();
    let mut whole_row = false;
    let runs_text =
        object.is_routine && matches!(functions::class_of(&object.name), Some(Class::Forbidden(_)));
    if object.trusted {
        body.doubt = runs_text.then_some(Doubt::CannotTell("it runs SQL given as text"));
    } else if object.printed {
        (body.doubt, whole_row) = bodies::read_printed(&object.text);
    } else if object.is_routine {
        body = bodies::read(&object.language, &object.text);
    }
    Node {
        name: Name {
            schema: Some(object.schema.clone()),
            name: object.name.clone(),
        },
        is_routine: object.is_routine,
        visible: object.visible,
        defined: false,
        path: path_of(&object.settings),
        body,
        whole_row,
        edges: object
            .references
            .iter()
            .filter_map(|reference| {
                Some(Edge {
                    to: *places.get(reference.to.as_str())?,
                    column: reference.column.clone(),
                    on_write: reference.on_write,
                    fires: reference.fires,
                    whole: reference.whole,
                })
            })
            .collect(),
    }
}
