//! A result as a client gets it: without secrets, fenced, nothing invisible in it.
//!
//! The structured content keeps its members and shapes. The text says all of it again, because
//! many clients show a model nothing else; there, what comes from outside is fenced.

use serde_json::{Map, Value, json};

use super::{Outcome, Refusal, TargetView};
use crate::fence::{Fence, plain_value, unmarked};

/// The outcome of a call that was served: the target first, then the answer. `data` says that
/// anything may stand in it.
pub(super) fn success(
    value: Value,
    sentence: &str,
    target: Option<TargetView>,
    data: bool,
) -> Outcome {
    let mut structured = Map::new();
    if let Some(target) = target {
        structured.insert("target".to_owned(), json!(target));
    }
    if let Value::Object(fields) = value {
        structured.extend(fields);
    }
    let mut structured = Value::Object(structured);
    plain_value(&mut structured);
    let mut fence = Fence::default();
    let text = format!(
        "{}\n{}",
        fence.words(sentence),
        fence.json(&structured, data)
    );
    Outcome {
        text: with_notice(text, &fence),
        structured,
        is_error: false,
        question: None,
    }
}

fn with_notice(mut text: String, fence: &Fence) -> String {
    if let Some(notice) = fence.notice() {
        text.push('\n');
        text.push_str(&notice);
    }
    text
}

impl Outcome {
    /// The outcome of a call that was refused.
    pub(super) fn of_refusal(refusal: &Refusal) -> Self {
        let mut structured = refusal.to_json();
        plain_value(&mut structured);
        Self {
            text: refusal.to_text(),
            structured,
            is_error: true,
            question: None,
        }
    }
}

impl Refusal {
    /// The `error` object that clients get.
    pub fn to_json(&self) -> Value {
        let mut error = json!({
            "code": self.code.as_str(),
            "message": unmarked(&self.message),
            "next": self.next,
            "details": self.details,
        });
        if let (Some(operator), Some(object)) = (&self.operator, error.as_object_mut()) {
            object.insert("operator".to_owned(), json!(operator));
        }
        json!({ "error": error })
    }

    /// The refusal for a person or a model to read.
    pub fn to_text(&self) -> String {
        let mut fence = Fence::default();
        let mut text = format!("{}: {}", self.code.as_str(), fence.words(&self.message));
        if let Some(next) = &self.next {
            text.push_str(&format!(
                "\nNext: {} {} ({})",
                next.tool,
                quoted_json(&next.arguments, &mut fence),
                fence.words(&next.why)
            ));
        }
        if let Some(operator) = &self.operator {
            text.push_str(&format!("\nFor the operator: {}", fence.words(operator)));
        }
        if self
            .details
            .as_object()
            .is_some_and(|facts| !facts.is_empty())
        {
            let details = quoted_json(&self.details, &mut fence);
            text.push_str(&format!("\nDetails: {details}"));
        }
        with_notice(text, &fence)
    }
}

fn quoted_json(value: &Value, fence: &mut Fence) -> String {
    let mut value = value.clone();
    plain_value(&mut value);
    fence.json(&value, false)
}
