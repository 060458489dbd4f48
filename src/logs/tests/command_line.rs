//! What the `supabase` command line asks: its own fields, a level by source, pages by time and id.

use serde_json::json;

use super::{printed, refused, rows};

#[test]
fn a_page_of_the_command_line_is_answered() {
    let sql = "select id, toUnixTimestamp64Milli(timestamp) as ts_ms, source, multiIf(
            source = 'postgres_logs', multiIf(upper(log_attributes['parsed.error_severity']) in ('ERROR', 'FATAL'), 'error', ''),
            source in ('edge_logs', 'function_edge_logs'), multiIf(
                toInt32OrZero(log_attributes['response.status_code']) >= 500, 'error',
                toInt32OrZero(log_attributes['response.status_code']) >= 400, 'warn', 'info'),
            '') as level, event_message, log_attributes
        from logs
        where (source = 'edge_logs' or source = 'postgres_logs')
            and (toUnixTimestamp64Milli(timestamp) > 61000 or (toUnixTimestamp64Milli(timestamp) = 61000 and id >= 'one'))
        order by ts_ms desc, id desc limit 100";
    let edge =
        |status: &str, path: &str| json!({ "request.path": path, "response.status_code": status });
    assert_eq!(
        rows(sql),
        json!([
            {
                "id": "one", "ts_ms": 126_000, "source": "postgres_logs", "level": "error",
                "event_message": "relation \"x\" does not exist",
                "log_attributes": { "parsed.error_severity": "ERROR" },
            },
            {
                "id": "one", "ts_ms": 125_000, "source": "edge_logs", "level": "error",
                "event_message": "POST | 500", "log_attributes": edge("500", "/b"),
            },
            {
                "id": "one", "ts_ms": 61_000, "source": "edge_logs", "level": "warn",
                "event_message": "GET | 404", "log_attributes": edge("404", "/b"),
            },
        ])
    );
}

#[test]
fn a_text_is_searched_for_in_any_case_and_found_by_characters() {
    for (text, other, place) in [
        ("GET | 404", "get", 1),
        ("GET | 404", "404", 7),
        ("Grüße, Welt", "WELT", 8),
        ("GET | 404", "500", 0),
        ("GET", "", 1),
    ] {
        let sql = format!(
            "select positionCaseInsensitiveUTF8('{text}', '{other}') as at from logs limit 1"
        );
        assert_eq!(rows(&sql), json!([{ "at": place }]), "{sql}");
    }
    assert_eq!(
        printed("select id from logs where positionCaseInsensitive(event_message, 'x') > 0"),
        "select id from logs where positionCaseInsensitiveUTF8(event_message, 'x') > 0 limit 1000"
    );
}

#[test]
fn a_choice_that_fits_nothing_is_refused() {
    for (sql, words) in [
        ("select multiIf(id = 'a', 1) from logs", "argument"),
        (
            "select multiIf(id = 'a', 1, id = 'b', 2) from logs",
            "a last value",
        ),
        ("select multiIf(id, 1, 2) from logs", "conditions"),
        (
            "select multiIf(id = 'a', 1, 'b') from logs",
            "do not go together",
        ),
        ("select toUnixTimestamp64Milli(id) from logs", "is no time"),
        (
            "select positionCaseInsensitiveUTF8(timestamp, 'a') from logs",
            "two texts",
        ),
    ] {
        let message = refused(sql);
        assert!(message.contains(words), "{sql}: {message}");
    }
    // What holds first is chosen, and what holds nowhere is the last value.
    let sql = "select multiIf(event_message ilike 'get%', 1, event_message ilike 'get | 4%', 2, 3) as n \
        from logs order by timestamp";
    assert_eq!(
        rows(sql),
        json!([{ "n": 1 }, { "n": 1 }, { "n": 3 }, { "n": 3 }])
    );
}
