//! Nobody outside can issue a permit for production.
//! Refused with E0624.

use drydock::api::ReleasePermit;

fn forge() -> ReleasePermit {
    ReleasePermit::issue()
}

fn main() {}
