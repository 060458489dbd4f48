//! A grant's fields are the guard's: a tool cannot make one.
//! Refused with E0451.

use drydock::api::DevBranch;
use drydock::guard::{Call, Dev};

fn forge(call: Call, branch: DevBranch) -> Dev {
    Dev {
        call,
        branch,
        redirected: false,
        made: None,
    }
}

fn main() {}
