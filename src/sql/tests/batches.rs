use super::*;

#[test]
fn one_read_is_a_read() {
    assert_eq!(decision("select 1;", EXECUTE_SQL), Decision::Read);
    assert_eq!(decision("select 1", READ_ONLY), Decision::Read);
}

#[test]
fn several_reads_or_a_read_among_others_are_refused() {
    all_refused(
        "multi_statement",
        &[EXECUTE_SQL],
        &[
            "select 1; select 2",
            "insert into t values (1); select * from t",
            "create table t (id int); select 1",
        ],
    );
    all_refused("multi_statement", &[READ_ONLY], &["select 1; select 2"]);
}

#[test]
fn several_changes_of_rows_run_and_say_whether_they_are_mass() {
    let few = "insert into t values (1); update t set a = 1 where id = 1";
    let all = "insert into t values (1); delete from u";
    assert_eq!(
        decision(few, EXECUTE_SQL),
        Decision::WriteData { mass: false }
    );
    assert_eq!(
        decision(all, EXECUTE_SQL),
        Decision::WriteData { mass: true }
    );
    all_refused(
        "read_only",
        &[READ_ONLY],
        &[
            few,
            all,
            "create table t (id int)",
            "grant select on t to anon",
        ],
    );
}

#[test]
fn a_schema_only_batch_becomes_a_migration() {
    let sql = "create table t (id int); alter table t enable row level security; grant select on t to anon;";
    assert_eq!(decision(sql, EXECUTE_SQL), Decision::RunAsMigration);
    assert_eq!(decision(sql, APPLY_MIGRATION), Decision::Migrate);
}

#[test]
fn a_mixed_batch_is_refused_with_its_two_halves() {
    let sql = "create table t (id int); -- rows\ninsert into t values (1);\ncreate index on t (id);delete from u";
    let Decision::Refuse(objection) = decision(sql, EXECUTE_SQL) else {
        unreachable!("mixed batches are refused");
    };
    assert_eq!(
        (objection.code, objection.suggestion),
        ("mixed_batch", Some(Suggestion::Split))
    );
    let (schema, data) = split_mixed(sql, &judged(sql));
    assert_eq!(schema, "create table t (id int);\ncreate index on t (id);");
    assert_eq!(data, "insert into t values (1);\ndelete from u;");
    assert!(judged(&schema).is_schema_only() && judged(&data).is_data_only());
}

#[test]
fn the_offending_statement_is_named() {
    let Decision::Refuse(objection) =
        decision("insert into t values (1); do 'begin end'", EXECUTE_SQL)
    else {
        unreachable!("do is refused");
    };
    assert_eq!((objection.statement, objection.kind), (1, "DO"));
    assert!(objection.message.starts_with("statement 2 (DO): "));
}

#[test]
fn begin_and_commit_around_a_migration_are_to_be_dropped() {
    let Decision::Refuse(objection) =
        decision("begin; create table t (id int); commit;", APPLY_MIGRATION)
    else {
        unreachable!("transactions are refused");
    };
    assert!(
        objection
            .message
            .contains("leave out BEGIN at its start and COMMIT at its end")
    );
}
