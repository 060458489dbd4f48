use super::*;

#[test]
fn a_read_after_a_role_and_claims_of_the_app_is_a_trial() {
    for (sql, role, claims) in [
        ("set local role anon; select * from t", "anon", 0),
        ("set role authenticated; select 1", "authenticated", 0),
        ("set local role 'anon'; table t", "anon", 0),
        (
            "set local role authenticated; set local request.jwt.claims = '{\"sub\": \"1\"}'; select * from t",
            "authenticated",
            1,
        ),
        (
            "select set_config('request.jwt.claims', '{}', true); set local \"request.jwt.claim.sub\" to '1';
             set local role authenticated; with a as (select 1) select * from a;",
            "authenticated",
            2,
        ),
        (
            "SET LOCAL ROLE Anon; select pg_catalog.set_config('request.headers', '{}', TRUE); select count(*) from t",
            "anon",
            1,
        ),
    ] {
        let Decision::ReadAs(trial) = decision(sql, EXECUTE_SQL) else {
            unreachable!("{sql}: {:?}", decision(sql, EXECUTE_SQL));
        };
        assert_eq!((trial.role, trial.claims.len()), (role, claims), "{sql}");
        all_refused("session_setting", &[READ_ONLY], &[sql]);
    }
}

#[test]
fn whatever_else_changes_the_session_is_no_trial() {
    all_refused(
        "session_setting",
        &[EXECUTE_SQL],
        &[
            "set local role anon",
            "set local role postgres; select 1",
            "set local role service_role; select 1",
            "set local role supabase_admin; select 1",
            "set local role none; select 1",
            "set local role \"Anon\"; select 1",
            "set local role anon; reset role; select 1",
            "set local role anon; set local role authenticated; select 1",
            "set local role anon; select 1; set local role anon; select 1",
            "set local role anon; set search_path = auth; select 1",
            "set local role anon; set local transaction_read_only = off; select 1",
            "set local role anon; set local row_security = off; select 1",
            "set local role anon; set local work_mem = '1GB'; select 1",
            "set local role anon; set local \"request.x\"\"; reset role; --\" = 'y'; select 1",
            "set local role anon; set local request.a = 'b', 'c'; select 1",
            "set local role anon; select set_config('role', 'postgres', true); select 1",
            "set local role anon; select set_config('request.a', 'b', false); select 1",
            "set local role anon; select set_config('request.a', (select 'b'), true); select 1",
            "set local role anon; select set_config('request.a', 'b', true), set_config('role', 'postgres', true); select 1",
            "set local role anon; select set_config('request.a', 'b', true) from t; select 1",
            "set local role anon; select evil.set_config('request.a', 'b', true); select 1",
            "set local request.jwt.claims = '{}'; select 1",
            "set session authorization anon; select 1",
            "set local role anon; select pg_terminate_backend(1)",
            "set local role anon; insert into t values (1)",
            "set local role anon; with d as (delete from t returning *) select * from d",
            "set local role anon; select set_config('request.a', 'b', true)",
            "set local role anon; select 1; select 2",
        ],
    );
    all_refused(
        "sensitive_relation",
        &[EXECUTE_SQL],
        &["set local role anon; select encrypted_password from auth.users"],
    );
}
