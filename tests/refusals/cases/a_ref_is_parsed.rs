//! A text that was not checked is no ref.
//! Refused with E0423.

use drydock::api::Ref;

fn unchecked(text: String) -> Ref {
    Ref(text)
}

fn main() {}
