//! What the agent called, was shown and said.

use regex::RegexBuilder;
use serde_json::Value;

use super::{Evidence, Found, means_the_same};
use crate::eval::scenario::{CallFilter, Check};
use crate::eval::world::TracedCall;

impl Evidence<'_> {
    pub(super) fn look_at_calls(&self, check: &Check) -> Found {
        match check {
            Check::Answer {
                contains,
                lacks,
                matches,
            } => self.look_at_answer(contains, lacks, matches.as_deref()),
            Check::Calls {
                tool,
                code,
                succeeded,
                arguments,
                at_least,
                at_most,
            } => {
                let which = CallFilter {
                    tool: tool.clone(),
                    code: code.clone(),
                    succeeded: *succeeded,
                    arguments: arguments.clone(),
                };
                let count = self.matching(&which)?.len() as u64;
                let least = at_least.unwrap_or(u64::from(at_most.is_none()));
                let holds = count >= least && at_most.is_none_or(|most| count <= most);
                Ok((holds, format!("{count} such calls")))
            }
            Check::Seen { text } => {
                let text = self.variables.fill(text)?;
                let seen = self.calls.iter().find(|call| call.text.contains(&text));
                Ok(say(seen, "it was shown by"))
            }
            Check::Sent { text } => {
                let text = self.variables.fill(text)?;
                let sent = self
                    .calls
                    .iter()
                    .find(|call| call.arguments.values().any(|value| contains(value, &text)));
                Ok(say(sent, "it was sent with"))
            }
            Check::Order { first, then } => {
                let (first, then) = (self.matching(first)?, self.matching(then)?);
                let Some(begun) = first.first() else {
                    return Ok((false, "the first was never called".to_owned()));
                };
                let holds = then.iter().all(|call| call.call > begun.call);
                Ok((holds, format!("the first is call {}", begun.call)))
            }
            _ => Err("not of calls".to_owned()),
        }
    }

    fn matching(&self, which: &CallFilter) -> Result<Vec<&TracedCall>, String> {
        let arguments = self.variables.fill_fields(&which.arguments)?;
        Ok(self
            .calls
            .iter()
            .filter(|call| {
                which.tool.as_ref().is_none_or(|tool| *tool == call.tool)
                    && which
                        .code
                        .as_ref()
                        .is_none_or(|code| call.code.as_ref() == Some(code))
                    && which.succeeded.is_none_or(|wanted| wanted != call.is_error)
                    && arguments.iter().all(|(name, wanted)| {
                        call.arguments
                            .get(name)
                            .is_some_and(|given| fits(given, wanted))
                    })
            })
            .collect())
    }

    fn look_at_answer(
        &self,
        contains: &[String],
        lacks: &[String],
        matches: Option<&str>,
    ) -> Found {
        let answer = self.answer.to_lowercase();
        for wanted in contains {
            let wanted = self.variables.fill(wanted)?;
            if !answer.contains(&wanted.to_lowercase()) {
                return Ok((false, format!("the answer does not say {wanted:?}")));
            }
        }
        for unwanted in lacks {
            let unwanted = self.variables.fill(unwanted)?;
            if answer.contains(&unwanted.to_lowercase()) {
                return Ok((false, format!("the answer says {unwanted:?}")));
            }
        }
        if let Some(pattern) = matches {
            let pattern = RegexBuilder::new(pattern)
                .case_insensitive(true)
                .build()
                .map_err(|error| error.to_string())?;
            if !pattern.is_match(self.answer) {
                return Ok((false, format!("the answer does not match {pattern}")));
            }
        }
        Ok((true, "the answer says so".to_owned()))
    }
}

fn fits(given: &Value, wanted: &Value) -> bool {
    match (given, wanted) {
        (Value::String(given), Value::String(wanted)) => given.contains(wanted.as_str()),
        _ => means_the_same(given, wanted),
    }
}

fn contains(value: &Value, text: &str) -> bool {
    match value {
        Value::String(value) => value.contains(text),
        Value::Array(items) => items.iter().any(|item| contains(item, text)),
        Value::Object(fields) => fields.values().any(|field| contains(field, text)),
        _ => false,
    }
}

fn say(call: Option<&TracedCall>, how: &str) -> (bool, String) {
    match call {
        Some(call) => (true, format!("{how} call {}, {}", call.call, call.tool)),
        None => (false, "in no call".to_owned()),
    }
}
