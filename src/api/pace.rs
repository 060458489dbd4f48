//! The platform's rate limit, kept to by what its own answers say of it.
//!
//! Every answer carries `X-RateLimit-Remaining` and `X-RateLimit-Reset`, which counts the seconds
//! until the window ends; projects, organizations and everything else are counted apart. Where
//! nothing remains the next request waits for the window's end, and a 429, which means that nothing
//! was done, is sent again after it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

use crate::chance;

/// How long a window is taken to be where the platform does not say.
const WINDOW: Duration = Duration::from_secs(60);
/// The longest wait: the platform's longest window is three minutes.
const LONGEST: Duration = Duration::from_secs(200);
/// By how much waiting requests spread, so that they do not all come at once.
const SPREAD: Duration = Duration::from_millis(200);

/// What is known of the limits. Shared by all that use one token.
#[derive(Debug, Default)]
pub(super) struct Pace {
    full: Mutex<HashMap<String, Instant>>,
}

/// What is counted together: a project's ref, an organization's slug, or nothing; and a project's logs,
/// which have a limit of their own, so that who reads many keeps nobody from merging.
pub(super) fn scope_of(path: &str, values: &[&str]) -> String {
    let of = values.first().copied().unwrap_or_default();
    match path.contains("/analytics/") {
        true => format!("logs of {of}"),
        false => of.to_owned(),
    }
}

impl Pace {
    /// Waits until the scope may be asked again; at once for most.
    pub(super) async fn wait(&self, scope: &str) {
        while let Some(until) = self.until(scope) {
            tokio::time::sleep_until(until + SPREAD.mul_f64(chance::jitter())).await;
        }
    }

    fn until(&self, scope: &str) -> Option<Instant> {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        if full.is_empty() {
            return None;
        }
        let now = Instant::now();
        full.retain(|_, until| *until > now);
        full.get(scope).copied()
    }

    /// Takes in what an answer says. Answers whether the request is to be sent again.
    pub(super) fn heard(&self, scope: &str, status: u16, headers: &HeaderMap) -> bool {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let refused = status == 429;
        if !refused && number("x-ratelimit-remaining") != Some(0) {
            return false;
        }
        let reset = number("x-ratelimit-reset")
            .or_else(|| number("retry-after"))
            .map_or(WINDOW, Duration::from_secs);
        // Who is told to come back in an hour is told so, and does not hang.
        if reset > LONGEST {
            return false;
        }
        let until = Instant::now() + reset;
        self.full
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(scope.to_owned(), until);
        refused
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderMap;
    use tokio::time::Instant;

    use super::{Pace, scope_of};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_full_window_holds_its_own_scope_and_no_other() {
        let pace = Pace::default();
        let full = headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "30")]);
        let before = Instant::now();
        assert!(!pace.heard("one", 200, &full));
        let until = pace.until("one").unwrap();
        assert!(until >= before + Duration::from_secs(30));
        assert!(until <= Instant::now() + Duration::from_secs(30));
        assert_eq!(pace.until("other"), None);
    }

    #[test]
    fn what_is_refused_is_sent_again_unless_it_takes_too_long() {
        let pace = Pace::default();
        assert!(pace.heard("silent", 429, &headers(&[])));
        assert!(pace.until("silent").unwrap() > Instant::now() + Duration::from_secs(50));
        assert!(pace.heard("older", 429, &headers(&[("retry-after", "2")])));
        assert!(pace.until("older").is_some());
        assert!(!pace.heard("long", 429, &headers(&[("x-ratelimit-reset", "3600")])));
        let some = headers(&[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", "30")]);
        assert!(!pace.heard("some", 200, &some));
        assert!(!pace.heard("failing", 500, &headers(&[])));
        // A window that has ended already holds nobody.
        assert!(pace.heard("ended", 429, &headers(&[("x-ratelimit-reset", "0")])));
        for free in ["long", "some", "failing", "ended"] {
            assert_eq!(pace.until(free), None, "{free}");
        }
    }

    #[test]
    fn projects_and_organizations_are_counted_apart() {
        assert_eq!(scope_of("/v1/projects", &[]), "");
        let branch = "/v1/projects/{ref}/branches/{name}";
        assert_eq!(scope_of(branch, &["abc", "name"]), "abc");
        let logs = "/v1/projects/{ref}/analytics/endpoints/logs";
        assert_eq!(scope_of(logs, &["abc"]), "logs of abc");
    }
}
