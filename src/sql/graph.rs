//! Objects of the catalogue and what a batch defines, joined by what they refer to. The walk over them stands in
//! [`super::walk`].

use std::collections::{HashMap, HashSet};

use super::{
    batch::{Batch, Class, Defined},
    bodies::{self, Body, Doubt},
    functions,
    names::Name,
    reach::{Object, Purpose},
};

pub(super) struct Node {
    pub(super) name: Name,
    pub(super) is_routine: bool,
    pub(super) is_view: bool,
    pub(super) visible: bool,
    /// Whether the batch itself defines it.
    pub(super) defined: bool,
    /// The schemas where its unqualified names are looked for, if it says so itself.
    pub(super) path: Option<Vec<String>>,
    pub(super) body: Body,
    /// A query as the database prints it uses a whole row somewhere.
    pub(super) whole_row: bool,
    pub(super) edges: Vec<Edge>,
}

#[derive(Clone)]
pub(super) struct Edge {
    pub(super) to: usize,
    pub(super) column: Option<String>,
    pub(super) on_write: bool,
    pub(super) fires: bool,
    pub(super) whole: bool,
    pub(super) follows: bool,
}

/// What a batch can reach, and the ways there.
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    /// What the batch's own statements name: tables that it creates are among them.
    pub(super) named: HashSet<String>,
    pub(super) implicit: Vec<usize>,
    pub(super) routines: HashMap<String, Vec<usize>>,
    pub(super) relations: HashMap<String, Vec<usize>>,
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
                is_view: definition.kind == Defined::View,
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
                        follows: false,
                    }));
                    // The trigger itself is new, whatever its function is.
                    relation.defined = true;
                }
            }
        }
    }

    /// The relations that a name can stand for.
    pub(super) fn relations_called(&self, name: &Name, sight: Sight<'_>) -> Vec<usize> {
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
pub(super) enum Sight<'a> {
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
        is_view: object.is_view,
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
                    follows: reference.follows,
                })
            })
            .collect(),
    }
}
