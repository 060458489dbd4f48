//! Keys of payment processors that move real money. None belongs on a development branch.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// How live keys begin whose processors have a form of their own; lower-case.
const BEGINNINGS: &[&str] = &[
    "access_token$production$",
    "cfsk_ma_prod_",
    "flwseck-",
    "mid-server-",
    "pdl_live_",
    "prod_sk_",
    "rzp_live_",
    "sq0atp-",
    "sq0csp-",
    "xnd_production_",
];
/// The fewest characters of a key: shorter ones are words.
const LEAST: usize = 16;

/// Whether a text holds a live payment key, as it is or in base64.
pub(super) fn holds_live_key(text: &str) -> bool {
    holds(text) || decoded(text).is_some_and(|inner| holds(&inner))
}

fn holds(text: &str) -> bool {
    text.to_ascii_lowercase()
        .split(|one: char| !one.is_ascii_alphanumeric() && !matches!(one, '_' | '-' | '$'))
        .any(is_live)
}

/// `sk_live_…`, `rk_live_…` and whatever else says so in the middle or at the start, before what a
/// generator made.
fn is_live(word: &str) -> bool {
    let made = |after: &str, least: usize| {
        let end = after.find(['_', '-', '$']).unwrap_or(after.len());
        end >= least
    };
    let says_so = word
        .strip_prefix("live_")
        .is_some_and(|after| made(after, LEAST))
        || word
            .split_once("_live_")
            .is_some_and(|(before, after)| before.len() <= 8 && made(after, 10));
    says_so
        || (word.len() >= LEAST
            && BEGINNINGS
                .iter()
                .any(|beginning| word.starts_with(beginning)))
}

fn decoded(text: &str) -> Option<String> {
    let text = text.trim();
    let bytes = STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')))
        .ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::holds_live_key;

    #[test]
    fn live_keys_are_known() {
        // Put together here, so that no scanner takes this file for a leak.
        let stripe = format!("sk_{}_{}", "live", "51HxQabcDEF0123456789");
        for text in [
            stripe.clone(),
            stripe.to_uppercase(),
            stripe.replace("sk_", "rk_"),
            stripe.replace("sk_", "pk_"),
            format!("  {{\"key\": \"{stripe}\"}}"),
            format!("https://u:{stripe}@api.example.com"),
            base64::engine::general_purpose::STANDARD.encode(&stripe),
            format!("rzp_{}_abcdefghijkl12", "live"),
            format!("live_{}", "abcdefghijklmnopqrstuvwxyz012345"),
            format!("xnd_{}_abcdefghijklmnop", "production"),
            format!("access_token${}$abcdef$0123456789", "production"),
        ] {
            assert!(holds_live_key(&text), "{text}");
        }
    }

    #[test]
    fn test_keys_and_words_are_not() {
        for text in [
            "sk_test_51HxQabcDEF0123456789",
            "pk_test_51HxQabcDEF0123456789",
            "SB-Mid-server-0123456789abcdef",
            "FLWSECK_TEST-0123456789abcdef",
            "live_stream",
            "we_live_in_a_yellow_submarine",
            "",
        ] {
            assert!(!holds_live_key(text), "{text}");
        }
    }
}
