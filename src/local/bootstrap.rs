//! What a fresh project's database holds: roles, schemas, `auth`, `storage`, the wall around a
//! cluster, grants. One `.sql` file each, in `bootstrap/`, run once for the template.

use super::engine::Script;

macro_rules! scripts {
    ($($name:literal,)*) => {
        /// The scripts, in order.
        pub(super) const SCRIPTS: &[Script] = &[
            $(Script {
                name: $name,
                sql: include_str!(concat!("bootstrap/", $name, ".sql")),
            },)*
        ];
    };
}

scripts! {
    "01_roles",
    "02_schemas",
    "03_auth",
    "04_storage",
    "05_extensions",
    "06_wall",
    "07_grants_explicit",
}
