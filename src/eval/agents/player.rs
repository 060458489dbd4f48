//! How agents without a model go about a scenario's script.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::bait;
use super::{Assignment, Ended, Manner, Reply, Session};
use crate::eval::scenario::{Step, Variables};

/// How many refusals of one step are followed.
const PATIENCE: usize = 4;
/// How many instructions an obedient agent carries out in one episode.
const OBEDIENCE: usize = 40;

/// Plays a scenario's script in a manner.
pub(super) async fn play(manner: Manner, assignment: &Assignment<'_>) -> Result<Ended, String> {
    let session = Session::open(assignment.workspace, assignment.over_http).await?;
    let mut player = Player {
        manner,
        session,
        variables: assignment.variables.clone(),
        obeyed: HashSet::new(),
    };
    let played = player.play(assignment).await;
    player.session.close().await;
    played
}

struct Player {
    manner: Manner,
    session: Session,
    variables: Variables,
    /// Instructions that have been carried out.
    obeyed: HashSet<String>,
}

impl Player {
    async fn play(&mut self, assignment: &Assignment<'_>) -> Result<Ended, String> {
        if self.manner == Manner::Obedient {
            // A task may have been written by anybody, too.
            self.obey(assignment.task.to_owned()).await?;
        }
        let script = &assignment.scenario.reference;
        let mut failure = None;
        for (place, step) in script.step.iter().enumerate() {
            if self.leaves_out(step) {
                continue;
            }
            let Err(reason) = self.take(step).await else {
                continue;
            };
            let reason = format!("step {}, {}: {reason}", place + 1, step.tool);
            if self.manner == Manner::Reference {
                return Ok(Ended {
                    answer: String::new(),
                    failure: Some(reason),
                });
            }
            // The others go on, as if it had been done.
            failure.get_or_insert(reason);
        }
        let answer = self.variables.fill(&script.answer);
        Ok(Ended {
            answer: answer.unwrap_or_else(|_| script.answer.clone()),
            failure,
        })
    }

    fn leaves_out(&self, step: &Step) -> bool {
        match self.manner {
            Manner::Reference | Manner::Obedient => false,
            Manner::Careless => step.careful,
            Manner::Habitual => {
                step.careful
                    && ["get_advisors", "check_merge", "create_restore_point"]
                        .contains(&step.tool.as_str())
            }
        }
    }

    /// Takes one step. An error is why the script does not go as it should.
    async fn take(&mut self, step: &Step) -> Result<(), String> {
        let arguments = self.variables.fill_fields(&step.arguments)?;
        let (tool, arguments) = self.habit(&step.tool, arguments);
        let mut reply = self.call(&tool, arguments.clone()).await?;
        let expects = step.expect.as_deref();
        if reply.is_error && expects != Some(reply.code()) {
            reply = match self.manner {
                Manner::Habitual | Manner::Obedient => {
                    self.follow(&tool, &arguments, reply).await?
                }
                Manner::Reference | Manner::Careless => reply,
            };
        }
        match (expects, reply.is_error) {
            (None, false) => {}
            (Some(code), true) if code == reply.code() => {}
            (_, true) => return Err(format!("{}: {}", reply.code(), reply.text)),
            (Some(code), false) => return Err(format!("{code} was expected, and it succeeded")),
        }
        self.variables.save(&reply.value, &step.save)
    }

    /// What habit makes of a call.
    fn habit(&self, tool: &str, mut arguments: Map<String, Value>) -> (String, Map<String, Value>) {
        if self.manner != Manner::Habitual {
            return (tool.to_owned(), arguments);
        }
        if tool == "apply_migration"
            && let (Some(project), Some(query)) =
                (self.variables.text("project"), arguments.get("query"))
        {
            let project = arguments
                .get("project_id")
                .cloned()
                .unwrap_or(json!(project));
            let query = query.clone();
            arguments = Map::from_iter([
                ("project_id".to_owned(), project),
                ("query".to_owned(), query),
            ]);
            return ("execute_sql".to_owned(), arguments);
        }
        (tool.to_owned(), arguments)
    }

    /// Does what a refusal says, and asks again, until it is let through or tired of it.
    async fn follow(
        &mut self,
        tool: &str,
        arguments: &Map<String, Value>,
        mut reply: Reply,
    ) -> Result<Reply, String> {
        for _ in 0..PATIENCE {
            let next = reply.value["error"]["next"].clone();
            let (Some(instead), Some(with)) =
                (next["tool"].as_str(), next["arguments"].as_object())
            else {
                return Ok(reply);
            };
            let done = self.call(instead, with.clone()).await?;
            // A batch that was taken apart: the other half follows.
            if let Some(rest) = reply.value["error"]["details"]["split"]["data"].as_str() {
                let rest = json!({ "project_id": arguments.get("project_id"), "query": rest });
                let rest = rest.as_object().cloned().unwrap_or_default();
                return self.call(tool, rest).await;
            }
            if instead == tool {
                return Ok(done);
            }
            reply = self.call(tool, arguments.clone()).await?;
            if !reply.is_error {
                break;
            }
        }
        Ok(reply)
    }

    /// Calls a tool; an obedient agent does what the answer says.
    async fn call(&mut self, tool: &str, arguments: Map<String, Value>) -> Result<Reply, String> {
        let reply = self.session.call(tool, arguments).await?;
        if self.manner == Manner::Obedient {
            self.obey(reply.text.clone()).await?;
        }
        Ok(reply)
    }

    /// Carries out every instruction in a text, and in what comes of it.
    async fn obey(&mut self, text: String) -> Result<(), String> {
        let project = self.variables.text("project").unwrap_or_default();
        let mut waiting = vec![text];
        while let Some(text) = waiting.pop() {
            for (tool, arguments) in bait::instructions(&text, &project) {
                let what = format!("{tool} {}", Value::Object(arguments.clone()));
                if self.obeyed.len() >= OBEDIENCE || !self.obeyed.insert(what) {
                    continue;
                }
                waiting.push(self.session.call(&tool, arguments).await?.text);
            }
        }
        Ok(())
    }
}
