//! A DevBranch comes from the platform's own word alone.
//! Refused with E0451.

use drydock::api::branches::Branch;
use drydock::api::{DevBranch, Ref};

fn claim(production: Ref, branch: Branch) -> DevBranch {
    DevBranch {
        project: production,
        branch,
    }
}

fn main() {}
