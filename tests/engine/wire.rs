//! Statements, results and errors over the wire.

use std::time::Duration;

use crate::support::*;
use drydock::local::engine::wire::{TransactionStatus, WireError};
use drydock::local::engine::{ClusterId, Engine, EngineError, Limits, Login};
use serde_json::{Value, json};

async fn with_parameters(
    engine: &Engine,
    id: ClusterId,
    sql: &str,
    parameters: Value,
) -> Result<Value, EngineError> {
    let mut connection = engine.connect(id, Login::User).await?;
    let result = connection
        .run_with(sql, parameters.as_array().unwrap(), Limits::default())
        .await?;
    connection.close().await;
    Ok(serde_json::to_value(result).unwrap())
}

fn sql_code(error: &EngineError) -> &str {
    match error {
        EngineError::Wire(WireError::Sql(error)) => &error.code,
        _ => "",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_as_the_platform_gives_them() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    let sql = r#"select 1::int2 as a, 2::int4 as b, 9007199254740993::int8 as c, 5::int8 as d, 1.5::float8 as e,
        'NaN'::float4 as f, 1.50::numeric as g, true as h, null::int as i, '{"z":1,"a":[2]}'::json as j,
        '[1,null]'::jsonb as k, array[1,null,3] as l, array[['a','b'],['c','d']] as m, '\xdeadbeef'::bytea as n,
        '2026-01-02'::date as o, '2026-01-02 03:04:05+00'::timestamptz as p, '1 day 2 hours'::interval as q,
        '{}'::text[] as r, array['{"x":1}'::jsonb] as s, '00000000-0000-0000-0000-000000000001'::uuid as t,
        int4range(1,5) as u, 'infinity'::float8 as v, array[1.5::numeric] as w, array[true] as x, row(1,'y') as y, ''::text as z"#;
    let expected = json!([{
        "a": 1, "b": 2, "c": "9007199254740993", "d": 5, "e": 1.5, "f": "NaN", "g": "1.50", "h": true, "i": null,
        "j": {"z": 1, "a": [2]}, "k": [1, null], "l": [1, null, 3], "m": [["a", "b"], ["c", "d"]], "n": "\\xdeadbeef",
        "o": "2026-01-02", "p": "2026-01-02 03:04:05+00", "q": "1 day 02:00:00", "r": [], "s": [{"x": 1}],
        "t": "00000000-0000-0000-0000-000000000001", "u": "[1,5)", "v": "Infinity", "w": ["1.5"],
        "x": [true], "y": "(1,y)", "z": ""
    }]);
    assert_eq!(rows(&engine, id, sql).await, expected);
    assert_eq!(
        with_parameters(&engine, id, sql, json!([])).await.unwrap(),
        expected
    );
    let order = rows(&engine, id, "select 1 as z, 2 as a, 3 as z, 4 as b").await;
    assert_eq!(
        serde_json::to_string(&order).unwrap(),
        r#"[{"a":2,"z":3,"b":4}]"#
    );
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_with_its_last_rows() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    assert_eq!(
        rows(
            &engine,
            id,
            "select 1 as a; select 2 as b; create table t(n int)"
        )
        .await,
        json!([{"b": 2}])
    );
    assert_eq!(
        rows(&engine, id, "select 1 as a; select 2 as b where false").await,
        json!([{"a": 1}])
    );
    assert_eq!(rows(&engine, id, "").await, json!([]));
    assert_eq!(
        rows(&engine, id, "insert into t values (1)").await,
        json!([])
    );
    let error = try_run(&engine, id, "insert into t values (2); select 1/0")
        .await
        .unwrap_err();
    assert_eq!(sql_code(&error), "22012");
    assert_eq!(
        rows(&engine, id, "select * from t").await,
        json!([{"n": 1}])
    );
    let mut connection = engine.connect(id, Login::User).await.unwrap();
    let results = connection
        .run(
            "select 1; insert into t values (3), (4); begin",
            Limits::default(),
        )
        .await
        .unwrap();
    assert_eq!(
        results
            .iter()
            .map(|result| result.tag())
            .collect::<Vec<_>>(),
        ["SELECT 1", "INSERT 0 2", "BEGIN"]
    );
    assert_eq!(connection.status(), TransactionStatus::Open);
    connection
        .run("nonsense", Limits::default())
        .await
        .unwrap_err();
    assert_eq!(connection.status(), TransactionStatus::Failed);
    connection.run("rollback", Limits::default()).await.unwrap();
    assert_eq!(connection.status(), TransactionStatus::Idle);
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_take_their_types_from_the_statement() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create type mood as enum ('sad', 'ok')").await;
    let sql = "select $1::int + 1 as a, $2::text as b, $3::jsonb as c, $4::int[] as d, $5::jsonb as e, $6::bool as f,
        $7::timestamptz as g, $8::mood[] as h, $9::text as i, $10::float8 as j, $11::jsonb[] as k";
    let parameters = json!([
        41, "x'; drop table t", {"k": [1]}, [[1, null], [3, 4]], ["a,b", {"q": 1}], true,
        "2026-01-02T03:04:05Z", ["sad", "ok"], null, 0.1, [{"a": "\""}, null]
    ]);
    assert_eq!(
        with_parameters(&engine, id, sql, parameters).await.unwrap(),
        json!([{
            "a": 42, "b": "x'; drop table t", "c": {"k": [1]}, "d": [[1, null], [3, 4]], "e": ["a,b", {"q": 1}],
            "f": true, "g": "2026-01-02 03:04:05+00", "h": "{sad,ok}", "i": null, "j": 0.1, "k": [{"a": "\""}, null]
        }])
    );
    let few = with_parameters(&engine, id, "select $1::int, $2::int", json!([1]))
        .await
        .unwrap_err();
    assert!(
        matches!(
            few,
            EngineError::Wire(WireError::Parameter { number: 2, .. })
        ),
        "{few}"
    );
    let zero = with_parameters(&engine, id, "select $1::text", json!(["a\0"]))
        .await
        .unwrap_err();
    assert!(
        matches!(
            zero,
            EngineError::Wire(WireError::Parameter { number: 1, .. })
        ),
        "{zero}"
    );
    let wrong = with_parameters(&engine, id, "select $1::int", json!(["x"]))
        .await
        .unwrap_err();
    assert_eq!(sql_code(&wrong), "22P02");
    let two = with_parameters(&engine, id, "select 1; select 2", json!([]))
        .await
        .unwrap_err();
    assert_eq!(sql_code(&two), "42601");
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_read_as_the_platform_words_them() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    let message = |error: EngineError, sql: &str| match error {
        EngineError::Wire(WireError::Sql(error)) => error.platform_message(sql),
        other => panic!("{other}"),
    };
    let sql = "select *\nfrom nowhere";
    assert_eq!(
        message(try_run(&engine, id, sql).await.unwrap_err(), sql),
        "Failed to run sql query: ERROR:  42P01: relation \"nowhere\" does not exist\nLINE 2: from nowhere\n             ^\n"
    );
    let sql = "create table t(n int primary key); insert into t values (1), (1)";
    assert_eq!(
        message(try_run(&engine, id, sql).await.unwrap_err(), sql),
        "Failed to run sql query: ERROR:  23505: duplicate key value violates unique constraint \"t_pkey\"\n\
         DETAIL:  Key (n)=(1) already exists.\n"
    );
    let sql = "select upper(1)";
    let hint = message(try_run(&engine, id, sql).await.unwrap_err(), sql);
    assert!(
        hint.contains("LINE 1: select upper(1)\n               ^\nHINT:  No function matches"),
        "{hint}"
    );
    let sql = "do $$ begin perform 1 from nothing_here; end $$";
    let context = message(try_run(&engine, id, sql).await.unwrap_err(), sql);
    assert!(
        context.contains("LINE 1: SELECT 1 from nothing_here\n")
            && context.contains("CONTEXT:  PL/pgSQL"),
        "{context}"
    );
    let zero = try_run(&engine, id, "select '\0'").await.unwrap_err();
    assert!(matches!(zero, EngineError::Wire(WireError::Unsendable(_))));
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn results_and_time_are_bounded() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    let limits = Limits {
        bytes: 100_000,
        time: Some(Duration::from_millis(200)),
    };
    for sql in [
        "select repeat('x', 200000000)",
        "select n, repeat('x', 100) from generate_series(1, 3000000) n",
        "select from generate_series(1, 3000000)",
        "select 1 from generate_series(1, 1000); select 2 from generate_series(1, 1000)",
        "copy (select * from generate_series(1, 3000000)) to stdout",
    ] {
        let mut connection = engine.connect(id, Login::User).await.unwrap();
        let limits = Limits {
            time: None,
            ..limits
        };
        let error = connection.run(sql, limits).await.unwrap_err();
        assert!(
            matches!(error, EngineError::Wire(WireError::TooLarge { .. })),
            "{sql}: {error}"
        );
        let error = connection.run("select 1", limits).await.unwrap_err();
        assert!(
            matches!(error, EngineError::Wire(WireError::Unusable)),
            "{error}"
        );
        connection.close().await;
    }
    let mut connection = engine.connect(id, Login::User).await.unwrap();
    let error = connection
        .run("select pg_sleep(100)", limits)
        .await
        .unwrap_err();
    assert!(
        matches!(error, EngineError::Wire(WireError::TimedOut { .. })),
        "{error}"
    );
    assert_eq!(connection.run("select 1", limits).await.unwrap().len(), 1);
    // Cancelling is swallowed here, so the session is ended.
    let stubborn = "do $$ begin loop begin perform pg_sleep(100); exception when query_canceled then null; end; end loop; end $$";
    let error = connection.run(stubborn, limits).await.unwrap_err();
    assert!(
        matches!(error, EngineError::Wire(WireError::TimedOut { .. })),
        "{error}"
    );
    tokio::time::sleep(Duration::from_millis(100)).await;
    let left = rows(
        &engine,
        id,
        "select count(*) as c from pg_stat_activity where query like 'do $$%'",
    )
    .await;
    assert_eq!(left, json!([{"c": 0}]));
    for sql in ["create table t(n int)", "copy t from stdin"] {
        let _ = try_run(&engine, id, sql).await;
    }
    let error = with_parameters(&engine, id, "copy t from stdin", json!([]))
        .await
        .unwrap_err();
    assert_eq!(sql_code(&error), "57014");
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_not_an_sql_error() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    for how in ["backend", "postmaster"] {
        let mut connection = engine.connect(id, Login::User).await.unwrap();
        let pid = match how {
            "backend" => connection.process_id(),
            _ => engine.server_pid(id).await.unwrap().unwrap(),
        };
        let query = tokio::spawn(async move {
            connection
                .run("select pg_sleep(3)", Limits::default())
                .await
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        kill_9(pid);
        let error = query.await.unwrap().unwrap_err();
        assert!(
            matches!(error, EngineError::Wire(WireError::AnswerLost { .. })),
            "{how}: {error:?}"
        );
        // A server that lost one process ends all others: a new session may be among them.
        let again = loop {
            match try_run(&engine, id, "select 1 as x").await {
                Err(EngineError::Wire(WireError::AnswerLost { .. } | WireError::Closed)) => {}
                answer => break answer.unwrap(),
            }
        };
        assert_eq!(again, json!([{"x": 1}]));
    }
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_was_abandoned_leaves_the_connection_unusable() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    let mut connection = engine.connect(id, Login::User).await.unwrap();
    let query = connection.run("select pg_sleep(0.2), 'old'", Limits::default());
    assert!(
        tokio::time::timeout(Duration::from_millis(50), query)
            .await
            .is_err()
    );
    let error = connection
        .run("select 'new'", Limits::default())
        .await
        .unwrap_err();
    assert!(
        matches!(error, EngineError::Wire(WireError::Unusable)),
        "{error}"
    );
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_own_password_change_does_not_lock_the_engine_out() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "alter role postgres password 'mine'").await;
    assert_eq!(
        rows(&engine, id, "select current_user as u").await,
        json!([{"u": "postgres"}])
    );
    // What the database's owner sets must not lead the engine's superuser astray.
    run(&engine, id, "create function public.pg_create_restore_point(text) returns pg_lsn language sql as 'select 1/0; select null::pg_lsn'").await;
    run(
        &engine,
        id,
        "alter database postgres set search_path = public, pg_catalog",
    )
    .await;
    run(&engine, id, "alter database postgres set role = 'postgres'").await;
    run(
        &engine,
        id,
        "alter database postgres set synchronous_commit = off",
    )
    .await;
    run(
        &engine,
        id,
        "alter database postgres set default_transaction_read_only = on",
    )
    .await;
    engine.stop(id).await.unwrap();
    let point = engine.create_restore_point(id).await.unwrap();
    engine.revert(id, &point).await.unwrap();
    engine.destroy(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_cannot_write() {
    let home = Home::new();
    let engine = home.open().await;
    let id = engine.create().await.unwrap();
    run(&engine, id, "create table t(n int); insert into t values (1); create sequence s; create view v as select * from t;
        create function sneak() returns int language sql as 'insert into t values (2) returning n';
        create function owned() returns int language sql security definer as 'insert into t values (3) returning n'").await;
    let read = async |sql: &str, parameters: Value| {
        let parameters = parameters.as_array().unwrap().clone();
        engine
            .read_only(id, sql, &parameters, Limits::default())
            .await
    };
    let ok = read("select n + $1::int as n from t", json!([1]))
        .await
        .unwrap();
    assert_eq!(serde_json::to_value(ok).unwrap(), json!([{"n": 2}]));
    for attack in [
        "insert into t values (9)",
        "with w as (insert into t values (9) returning n) select * from w",
        "select 1; insert into t values (9)",
        "commit; insert into t values (9)",
        "select sneak()",
        "select owned()",
        "select nextval('s')",
        "select setval('s', 99)",
        "create table u()",
        "create temp table u as select 1",
        "truncate t",
        "drop table t",
        "select * into u from t",
        "set transaction read write",
        "set session authorization postgres",
        "set role postgres",
        "select set_config('transaction_read_only', 'off', false)",
        "do $$ begin set transaction read write; insert into t values (9); end $$",
        "do $$ begin commit; insert into t values (9); end $$",
        "call pg_catalog.pg_stat_reset()",
        "copy t from program 'true'",
        "copy t to program 'true'",
        "copy t to '/tmp/x'",
        "select pg_read_file('/etc/passwd')",
        "select lo_create(0)",
        "select pg_advisory_lock(1)",
        "select * from t for update",
        "grant all on t to public",
        "alter role supabase_read_only_user superuser",
        "vacuum t",
        "prepare transaction 'x'",
        "listen x; notify x",
        "explain analyze insert into t values (9)",
    ] {
        let answer = read(attack, json!([])).await;
        assert!(answer.is_err(), "{attack}: {answer:?}");
    }
    for way_out in [
        "commit",
        "rollback",
        "commit and chain",
        "end",
        "abort",
        "rollback and chain",
    ] {
        let answer = read(way_out, json!([])).await;
        let withheld = matches!(answer, Err(EngineError::Wire(WireError::LeftTransaction)));
        assert!(
            withheld || way_out.ends_with("chain"),
            "{way_out}: {answer:?}"
        );
    }
    assert_eq!(
        rows(&engine, id, "select * from t").await,
        json!([{"n": 1}])
    );
    let left = rows(
        &engine,
        id,
        "select count(*) as c from pg_stat_activity where usename = 'supabase_read_only_user'",
    )
    .await;
    assert_eq!(left, json!([{"c": 0}]));
    let slow = Limits {
        time: Some(Duration::from_millis(100)),
        ..Limits::default()
    };
    let error = engine
        .read_only(id, "select pg_sleep(100)", &[], slow)
        .await
        .unwrap_err();
    assert!(
        matches!(error, EngineError::Wire(WireError::TimedOut { .. })),
        "{error}"
    );
    engine.destroy(id).await.unwrap();
}
