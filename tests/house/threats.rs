//! The threat table of README: made from the list here, each row with a test that shows it.
//!
//! `DRYDOCK_UPDATE_SNAPSHOTS=1 cargo test --test house` writes it anew. The last column says what
//! is known of the official Supabase MCP server 0.13.0; a dash where nothing is.

use crate::read;
use crate::readme::holds;

/// Class of attack, what happens here, the test that shows it, what the official server does.
type Threat = (&'static str, &'static str, &'static str, &'static str);

/// Nothing is known.
const UNKNOWN: &str = "–";

const THREATS: [Threat; 49] = [
    (
        "naming production as the target of a write",
        "lands on DEV, `redirected: true`",
        "targets::an_insert_with_productions_ref_lands_on_dev",
        "runs on whatever ref is given; over stdio nothing asks",
    ),
    (
        "production dressed up as a branch; listings that fail or lie",
        "`production_is_protected`, `target_unknown`; nothing is written",
        "targets::what_cannot_be_proven_to_be_a_development_branch_is_production",
        "no check of what a branch's id stands for",
    ),
    (
        "a migration that drops what holds rows on production, by any SQL and under any name",
        "`data_loss`, with the rows counted; the approval is bound to the counts",
        "losses::what_production_would_lose_takes_an_approval_of_exactly_that",
        UNKNOWN,
    ),
    (
        "a migration that deletes production's rows by a condition, or in a `do` block",
        "`data_loss`, counted as at most all of the table",
        "losses::rows_that_a_condition_or_code_deletes_are_at_most_all_of_the_table",
        UNKNOWN,
    ),
    (
        "a migration that writes over production's values, or whose functions or triggers delete",
        "`data_loss`, counted as at most all of the column or table",
        "code::what_functions_and_triggers_take_and_updates_write_over_is_counted",
        UNKNOWN,
    ),
    (
        "code in a migration that does nothing in a replay without rows, and something else on production",
        "`unforeseeable_code`: an approval that names the code and why",
        "code::what_the_replay_cannot_show_takes_an_approval_that_names_it",
        UNKNOWN,
    ),
    (
        "code in a migration that puts production's rows into logs, comments or requests",
        "`unforeseeable_code`, in the same way",
        "code::what_the_replay_cannot_show_takes_an_approval_that_names_it",
        UNKNOWN,
    ),
    (
        "a platform that makes no restore points",
        "`approval_required`: the operator alone may choose the weaker road, and results say what it loses",
        "weaker::the_operator_alone_can_choose_to_go_on_without_restore_points",
        UNKNOWN,
    ),
    (
        "another project than the one that was meant",
        "`out_of_scope`; nothing is sent",
        "scope::a_pinned_server_touches_one_project_alone",
        "`--http` drops `--project-ref` without a word",
    ),
    (
        "a second statement hidden behind a read",
        "`multi_statement`",
        "sql::hidden_second_statements_are_refused",
        "over stdio nothing asks; elsewhere a regular expression decides",
    ),
    (
        "a write that looks like a read: CTE, `explain analyze`, a function",
        "never on the reading road; the role cannot write",
        "sql::what_writes_never_runs_as_a_read",
        "the expression misses a delete in a CTE and in a function",
    ),
    (
        "a mass delete or update",
        "a restore point first",
        "sql::a_mass_change_of_rows_gets_a_restore_point_first",
        "the expression misses `update … where true`",
    ),
    (
        "secrets behind views, functions, casts, triggers",
        "`sensitive_relation`, with the way they would take",
        "sensitive::functions_operators_casts_and_aggregates_hide_nothing",
        UNKNOWN,
    ),
    (
        "copying secrets into a table of one's own",
        "`sensitive_relation`",
        "sensitive::migrations_copy_no_secrets",
        UNKNOWN,
    ),
    (
        "production's rows through SQL",
        "an approval, or `production_rows`",
        "scope::productions_rows_are_read_only_where_the_operator_allows_it",
        UNKNOWN,
    ),
    (
        "forging the ledger",
        "`ledger_is_protected`, seen even behind a function",
        "attacks::a_ledger_row_forged_by_a_data_change_is_seen_and_never_merged",
        UNKNOWN,
    ),
    (
        "the machine's files, programs and other projects",
        "refused by the judge, and by the role itself",
        "isolation::another_projects_cluster_is_out_of_reach",
        UNKNOWN,
    ),
    (
        "SQL that is huge, deep or not SQL",
        "refused by its lexer, in bounded time and memory",
        "sql_limits::huge_and_deep_sql_is_refused_and_the_server_lives",
        UNKNOWN,
    ),
    (
        "merging what opens data to anybody",
        "`advisor_failed`, with the migration that mends it",
        "gate::what_the_advisor_objects_to_is_not_merged",
        "merges; there is no gate",
    ),
    (
        "tables that everybody reaches and the advisor overlooks: partitioned, by columns, written without a right to read",
        "`exposure_failed`, with the migration that closes them",
        "exposure::what_the_advisor_overlooks_is_not_opened",
        UNKNOWN,
    ),
    (
        "publishing rows that nobody meant to publish",
        "`approval_required`, once for a table and its policies",
        "exposure::reading_that_a_policy_plainly_asks_for_is_approved_once",
        UNKNOWN,
    ),
    (
        "an advisor that fails or answers nonsense",
        "`advisor_unavailable`; never merged",
        "gate::an_advisor_that_gives_no_verdict_is_a_failed_gate",
        "not asked: there is no gate",
    ),
    (
        "changing the branch between check and merge",
        "`stale_check`",
        "gate::a_branch_that_changes_while_it_is_checked_is_not_merged",
        "merges; there is no gate",
    ),
    (
        "changing DEV outside its migrations",
        "`unreplayable`",
        "gate::a_change_of_dev_outside_its_migrations_is_unreplayable",
        "merges; there is no gate",
    ),
    (
        "a migration that does something else on production",
        "`unexpected_schema`; further merges stop",
        "attacks::a_migration_that_does_something_else_on_production_is_named_and_stops_further_merges",
        "merges; there is no gate",
    ),
    (
        "saying yes for the operator",
        "an operation whose road is `operator` hears no client",
        "elicitation::a_client_that_says_yes_to_everything_gets_nowhere_where_the_operator_decides",
        "costs are confirmed by a hash that anybody can compute",
    ),
    (
        "using an approval again, or for something else",
        "bound to caller, tool, arguments and state; works once",
        "elicitation::a_request_state_serves_the_call_and_the_caller_that_it_was_given_to_and_nobody_else",
        UNKNOWN,
    ),
    (
        "forging the answer of the operator's backend",
        "signed, fresh, and once, or not heard",
        "webhook::what_is_not_signed_for_this_approval_and_this_moment_is_not_heard",
        UNKNOWN,
    ),
    (
        "flooding the operator with questions",
        "a bound per caller; the same question is one",
        "approvals::asking_without_end_does_not_flood_the_operator",
        UNKNOWN,
    ),
    (
        "instructions in rows, names, comments and errors",
        "fenced by a boundary drawn for the result; nothing invisible stays",
        "fence::what_others_wrote_is_fenced_and_shown_in_every_answer",
        UNKNOWN,
    ),
    (
        "an agent that obeys whatever it reads",
        "production unchanged, no secret out",
        "fence::an_agent_that_obeys_whatever_it_reads_does_no_harm",
        UNKNOWN,
    ),
    (
        "poisoning the tools' own descriptions",
        "they hold no foreign text and never change",
        "surface::the_tools_are_the_same_before_and_after_hostile_data",
        UNKNOWN,
    ),
    (
        "drawing secrets out: results, errors, logs, journal",
        "redacted by value and by shape, everywhere",
        "canaries::no_secret_that_goes_in_comes_out_anywhere",
        UNKNOWN,
    ),
    (
        "the database's password",
        "sealed before the platform hears it; shown to no agent",
        "vault::a_password_is_sealed_before_the_platform_hears_it",
        UNKNOWN,
    ),
    (
        "loosening a limit by argument, header or query parameter",
        "changes nothing, or is an error",
        "limits::a_request_over_http_tightens_the_policy_and_cannot_loosen_it",
        "`--http` drops `--read-only` without a word",
    ),
    (
        "a limit with a spelling mistake",
        "stops the start, with the nearest known name",
        "policy::everything_that_is_wrong_with_a_policy_is_said_at_once_with_the_nearest_known_names",
        "a misspelt read-only flag was silently ignored",
    ),
    (
        "a web page that talks to the loopback server",
        "403 for a foreign Host or Origin",
        "http::foreign_hosts_and_origins_are_refused",
        UNKNOWN,
    ),
    (
        "wiping the traces",
        "a chained journal: a changed, missing or cut entry is found",
        "journal::an_end_that_was_cut_off_is_found",
        UNKNOWN,
    ),
    (
        "a write that leaves no trace",
        "refused where the journal cannot be written",
        "journal::a_write_that_cannot_be_journalled_is_refused",
        UNKNOWN,
    ),
    (
        "dying at the worst moment",
        "nothing acknowledged is lost; the next call repairs or says what it cannot",
        "crashes::a_server_killed_at_any_moment_loses_nothing",
        UNKNOWN,
    ),
    (
        "repeating a slow call",
        "attaches to it; nothing runs twice",
        "long_work::a_slow_call_is_attached_to_and_never_started_a_second_time",
        UNKNOWN,
    ),
    (
        "an agent that hands a project over by itself",
        "`approval_required`, the operator's own; first `not_prepared`",
        "claims::a_user_claims_a_project_and_agents_go_on_working_on_it",
        "has no claim flow",
    ),
    (
        "a builder's secrets and accounts that go along to a user",
        "named field by field, and removed once that is approved; else no link",
        "claim_settings::what_a_builder_has_set_is_named_field_by_field_and_removed_once_somebody_says_yes",
        "has no claim flow",
    ),
    (
        "a claim link that is answered by another site, browser or account, or twice",
        "400, 403, 404 or 409; nothing moves",
        "claim_attacks::no_other_site_browser_or_account_answers_for_a_user",
        "has no claim flow",
    ),
    (
        "a claim link or token that is guessed, late, or used again",
        "256 or 160 random bits, kept as digests; 404",
        "claim_tokens::a_claim_token_is_nobody_elses_to_make_to_end_or_to_use",
        "has no claim flow",
    ),
    (
        "a redirect URI that is somebody else's, or nearly the app's",
        "matched to the letter; `invalid_arguments`, or 400",
        "claim_pages::a_claim_begins_for_a_registered_redirect_and_a_project_of_the_builder_alone",
        "has no claim flow",
    ),
    (
        "a code without its verifier, for another app, or used twice",
        "400; a second use ends what the first was given",
        "claim_pages::a_code_is_taken_once_by_its_own_app_with_its_own_verifier",
        "has no claim flow",
    ),
    (
        "an answer to a claim that Drydock never asked for, or with another state",
        "404; no code is exchanged",
        "claims::a_user_claims_a_project_and_agents_go_on_working_on_it",
        "has no claim flow",
    ),
    (
        "codes, tokens and app secrets in results, journal, logs or on disk",
        "in none of them: sealed in the vault",
        "claims::a_user_claims_a_project_and_agents_go_on_working_on_it",
        "has no claim flow",
    ),
];

fn table() -> String {
    let mut table =
        "| attack | what happens here | test | the official server |\n|---|---|---|---|\n"
            .to_owned();
    for (class, here, test, official) in THREATS {
        table.push_str(&format!("| {class} | {here} | `{test}` | {official} |\n"));
    }
    table
}

#[test]
fn readme_has_the_threat_table() {
    holds("the threats", &table());
}

#[test]
fn every_threat_has_its_test() {
    for (class, _, test, _) in THREATS {
        let (module, name) = test.split_once("::").unwrap();
        let file = read(format!("tests/behaviour/{module}.rs"));
        assert!(file.contains(&format!("fn {name}(")), "{class}: {test}");
    }
}
