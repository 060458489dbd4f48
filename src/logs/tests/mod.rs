use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Dialect, Record, evaluate, parse};

mod command_line;
mod properties;

const GUIDES: &str = "SELECT datetime(timestamp), status_code, path, event_message
    FROM edge_logs
    CROSS JOIN UNNEST(metadata) AS metadata
    CROSS JOIN UNNEST(response) AS response
    WHERE status_code >= 400
    ORDER BY timestamp DESC
    LIMIT 100";

fn printed(sql: &str) -> String {
    match parse(sql) {
        Ok(parsed) => parsed.query.to_clickhouse(),
        Err(refused) => panic!("{sql}: {refused}"),
    }
}

/// The place and the words of a refusal.
fn refused(sql: &str) -> String {
    match parse(sql) {
        Ok(parsed) => panic!("{sql} is taken: {parsed:?}"),
        Err(refused) => refused.to_string(),
    }
}

#[test]
fn the_guides_own_query_is_translated() {
    assert_eq!(
        printed(GUIDES),
        "select timestamp as `timestamp`, log_attributes['response.status_code'] as `status_code`, \
         log_attributes['request.path'] as `path`, event_message as `event_message` from logs \
         where (source = 'edge_logs') and (toInt32OrZero(log_attributes['response.status_code']) >= 400) \
         order by timestamp desc limit 100"
    );
    assert_eq!(parse(GUIDES).unwrap().dialect, Dialect::Older);
}

#[test]
fn the_older_dialect_reads_through_its_arrays() {
    let cases = [
        (
            "select cast(timestamp as datetime) as t, m.parsed.error_severity from postgres_logs cross join unnest(metadata) as m",
            "select timestamp as `t`, log_attributes['parsed.error_severity'] as `error_severity` from logs where source = 'postgres_logs' limit 1000",
        ),
        (
            "select p.sql_state_code, count(*) from postgres_logs as l, unnest(l.metadata) m, unnest(m.parsed) as p where regexp_contains(event_message, r'dead\\w+') group by p.sql_state_code order by 2 desc",
            "select log_attributes['parsed.sql_state_code'] as `sql_state_code`, count() as `count` from logs where (source = 'postgres_logs') and match(event_message, 'dead\\\\w+') group by log_attributes['parsed.sql_state_code'] order by count() desc limit 1000",
        ),
        (
            "select timestamp_trunc(timestamp, minute) as minute, countif(status_code > 499) as bad from edge_logs cross join unnest(metadata) m cross join unnest(m.response) r group by minute",
            "select toStartOfMinute(timestamp) as `minute`, countIf(toInt32OrZero(log_attributes['response.status_code']) > 499) as `bad` from logs where source = 'edge_logs' group by toStartOfMinute(timestamp) limit 1000",
        ),
        (
            "select id from edge_logs where timestamp > timestamp_sub(current_timestamp(), interval 1 hour) and event_message like \"%x%\"",
            "select id as `id` from logs where (source = 'edge_logs') and (timestamp > (now() - interval 1 hour)) and (event_message like '%x%') limit 1000",
        ),
        (
            "select max(execution_time_ms) as slowest from function_edge_logs cross join unnest(metadata)",
            "select max(toFloat64OrZero(log_attributes['execution_time_ms'])) as `slowest` from logs where source = 'function_edge_logs' limit 1000",
        ),
    ];
    for (older, present) in cases {
        assert_eq!(printed(older), present);
    }
}

#[test]
fn what_the_platform_would_refuse_is_mended_and_said() {
    let parsed =
        parse("select count(*) from logs where log_attributes['response.status_code'] >= 400")
            .unwrap();
    assert_eq!(
        parsed.query.to_clickhouse(),
        "select count() from logs where toInt32OrZero(log_attributes['response.status_code']) >= 400 limit 1000"
    );
    assert_eq!(parsed.corrections.len(), 2, "{:?}", parsed.corrections);
    assert_eq!(parsed.corrections[0].at, 8);
    let parsed = parse("select * from logs limit 5").unwrap();
    assert!(printed("select * from logs limit 5").starts_with("select id, timestamp, source"));
    assert_eq!(parsed.corrections.len(), 1);
}

#[test]
fn what_is_beyond_the_subset_is_refused_with_its_place_and_a_way_on() {
    let cases = [
        ("delete from logs", 1, "only read"),
        (
            "with x as (select 1) select id from logs",
            1,
            "there is no with",
        ),
        (
            "select id from logs union all select id from logs",
            21,
            "one query for each",
        ),
        (
            "select id from (select id from logs)",
            16,
            "no queries in a query",
        ),
        (
            "select id from logs where id in (select id from logs)",
            34,
            "no queries in a query",
        ),
        (
            "select a.id from logs a join logs b on a.id = b.id",
            25,
            "not joined",
        ),
        ("select id from users", 16, "no such table"),
        ("select id from system.tables", 16, "no schema"),
        ("select id from url('http://x')", 16, "no schema"),
        ("select sleep(3) from logs", 8, "no such function"),
        (
            "select file('/etc/passwd') from logs",
            8,
            "no such function",
        ),
        (
            "select id from logs settings max_threads = 1",
            21,
            "settings",
        ),
        ("select id from logs format CSV", 21, "format"),
        ("select id from logs into outfile 'x'", 21, "writes nothing"),
        ("select id from logs; select id from logs", 22, "one query"),
        (
            "select status_code from logs",
            8,
            "log_attributes['response.status_code']",
        ),
        (
            "select log_attributes.request from logs",
            8,
            "log_attributes['request']",
        ),
        (
            "select row_number() over (order by id) from logs",
            21,
            "no windows",
        ),
        (
            "select id from logs where match(event_message, '(?=x)')",
            27,
            "look-arounds",
        ),
        (
            "select id from logs where match(event_message, '(a{1000}){1000}')",
            27,
            "too large",
        ),
        (
            "select id from logs where match(event_message, id)",
            27,
            "in quotes",
        ),
        ("select id, count() from logs", 1, "neither grouped"),
        ("select id from logs where count() > 1", 1, "having"),
        (
            "select id from logs where timestamp > 'yesterday'",
            27,
            "no time",
        ),
        ("select id as timestamp from logs", 14, "hide"),
        ("select id as `x``; drop` from logs", 14, "a name is"),
        (
            "select id from logs where event_message = 'x",
            43,
            "does not end",
        ),
        ("select id from logs limit 0", 27, "1 or more"),
        ("select upper(id), upper(id) from logs", 8, "one name"),
        (
            "select id from logs where id || 'x' = 'y'",
            27,
            "put together",
        ),
        ("", 1, "select"),
    ];
    for (sql, at, words) in cases {
        let message = refused(sql);
        assert!(message.contains(words), "{sql}: {message}");
        assert!(
            message.starts_with(&format!("at character {at}:")),
            "{sql}: {message}"
        );
    }
}

#[test]
fn size_and_nesting_are_bounded_before_anything_recurses() {
    let deep = format!(
        "select id from logs where {}1{} = 1",
        "(".repeat(5000),
        ")".repeat(5000)
    );
    assert!(refused(&deep).contains("nest deeper") || refused(&deep).contains("words and signs"));
    let nested = format!(
        "select {}id{} from logs",
        "lower(".repeat(200),
        ")".repeat(200)
    );
    assert!(refused(&nested).contains("nest deeper"));
    let nots = format!("select id from logs where {} true", "not ".repeat(3000));
    printed(&nots);
    let long = format!(
        "select id from logs where {}",
        vec!["id = 'a'"; 1200].join(" or ")
    );
    assert!(parse(&long).is_err());
    let sums = format!("select id from logs where {}1 > 0", "1 + ".repeat(60));
    assert!(refused(&sums).contains("in a row"));
    let huge = format!(
        "select id from logs where id in ({}'b')",
        "'a', ".repeat(9000)
    );
    assert!(refused(&huge).contains("longer than") || refused(&huge).contains("words and signs"));
    let doubling: String = (1..40)
        .map(|n| format!("a{n} + a{n} as a{}, ", n + 1))
        .collect();
    let bomb = format!("select length(id) as a1, {doubling} a40 as z from logs");
    assert!(refused(&bomb).contains("too large"));
    let patterns = vec!["match(id, 'a')"; 40].join(" and ");
    assert!(refused(&format!("select id from logs where {patterns}")).contains("patterns"));
}

/// Source, time, text, fields.
type Line = (&'static str, i64, &'static str, Vec<(String, String)>);

/// Lines of two sources.
fn lines() -> Vec<Line> {
    let edge = |status: &str, path: &str| {
        vec![
            ("request.path".to_owned(), path.to_owned()),
            ("response.status_code".to_owned(), status.to_owned()),
        ]
    };
    vec![
        ("edge_logs", 60_000_000, "GET | 200", edge("200", "/a")),
        ("edge_logs", 61_000_000, "GET | 404", edge("404", "/b")),
        ("edge_logs", 125_000_000, "POST | 500", edge("500", "/b")),
        (
            "postgres_logs",
            126_000_000,
            "relation \"x\" does not exist",
            vec![("parsed.error_severity".to_owned(), "ERROR".to_owned())],
        ),
    ]
}

fn rows(sql: &str) -> Value {
    let parsed = parse(sql).unwrap_or_else(|refused| panic!("{sql}: {refused}"));
    let lines = lines();
    let records = lines
        .iter()
        .map(|(source, timestamp, event_message, attributes)| Record {
            id: "one",
            timestamp: *timestamp,
            event_message,
            severity_text: "",
            source,
            attributes,
        });
    let until = Instant::now() + Duration::from_secs(60);
    json!(evaluate(&parsed.query, records, 200_000_000, until).unwrap())
}

#[test]
fn queries_are_evaluated_as_the_platform_does() {
    let cases = [
        (
            GUIDES,
            json!([
                { "timestamp": "1970-01-01T00:02:05.000000", "status_code": "500", "path": "/b", "event_message": "POST | 500" },
                { "timestamp": "1970-01-01T00:01:01.000000", "status_code": "404", "path": "/b", "event_message": "GET | 404" },
            ]),
        ),
        (
            "select distinct source from logs order by source",
            json!([{ "source": "edge_logs" }, { "source": "postgres_logs" }]),
        ),
        (
            "select toStartOfMinute(timestamp) as minute, count() as n, avg(toInt32OrZero(log_attributes['response.status_code'])) as mean from logs where source = 'edge_logs' group by minute order by minute",
            json!([
                { "minute": "1970-01-01T00:01:00.000000", "n": 2, "mean": 302.0 },
                { "minute": "1970-01-01T00:02:00.000000", "n": 1, "mean": 500.0 },
            ]),
        ),
        (
            "select arrayJoin(mapKeys(log_attributes)) as key, count() as n from logs group by key order by n desc, key",
            json!([
                { "key": "request.path", "n": 3 },
                { "key": "response.status_code", "n": 3 },
                { "key": "parsed.error_severity", "n": 1 },
            ]),
        ),
        (
            "select count() from logs where source = 'nothing'",
            json!([{ "count()": 0 }]),
        ),
        (
            "select event_message from logs where event_message ilike 'post%' or match(event_message, '^rel.*exist$') order by timestamp limit 1 offset 1",
            json!([{ "event_message": "relation \"x\" does not exist" }]),
        ),
        (
            "select log_attributes['request.path'] as path from logs where toInt32OrZero(log_attributes['response.status_code']) between 300 and 499 and timestamp >= '1970-01-01T00:01:00Z'",
            json!([{ "path": "/b" }]),
        ),
        (
            "select case when source in ('edge_logs') then 'api' else 'other' end as kind, uniq(log_attributes['request.path']) as paths from logs group by kind having paths > 1",
            json!([{ "kind": "api", "paths": 2 }]),
        ),
        (
            "select max(timestamp) as last, countIf(mapContains(log_attributes, 'request.path')) as n from logs where timestamp > now() - interval 2 minute",
            json!([{ "last": "1970-01-01T00:02:06.000000", "n": 1 }]),
        ),
        (
            "select event_message from logs where event_message like '%\\%%'",
            json!([]),
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(rows(sql), expected, "{sql}");
    }
}

#[test]
fn a_query_that_takes_too_long_ends() {
    let parsed = parse("select id from logs").unwrap();
    let lines = lines();
    let record = Record {
        id: "",
        timestamp: 0,
        event_message: "",
        severity_text: "",
        source: "",
        attributes: &lines[0].3,
    };
    let answered = evaluate(&parsed.query, std::iter::repeat(record), 0, Instant::now());
    assert_eq!(answered, Err(super::TooMuch::Time));
    let later = Instant::now() + Duration::from_secs(600);
    let answered = evaluate(&parsed.query, std::iter::repeat(record), 0, later);
    assert_eq!(answered, Err(super::TooMuch::Rows));
}
