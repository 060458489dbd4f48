"""What an agent leaves behind, asserted where it is: in the databases, and not in what the agent says."""

import pytest

from drydock import Workspace
from my_agent import Call, Turn, run_agent

pytestmark = pytest.mark.anyio

WEEK = 7 * 24 * 3600

TODOS = """
create table public.todos (
    id bigint generated always as identity primary key,
    owner uuid not null default auth.uid(),
    task text not null
);
create index todos_owner_idx on public.todos (owner);
alter table public.todos enable row level security;
create policy "people work with their own todos" on public.todos to authenticated
    using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
grant select, insert, update, delete on public.todos to authenticated;
"""

IS_LIVE = [
    {"why": "the migration is on production", "check": "migration", "name": "^create_todos$", "at_least": 1},
    {"why": "it is applied once", "check": "migration", "name": "^create_todos$", "at_most": 1},
    {"why": "nobody sees what is not theirs", "check": "advisor", "type": "security", "level": "warn"},
    {"why": "the user knows where", "check": "answer", "matches": r"\b[a-z]{20}\b"},
]


def mock_model(task: str, turns: list[Turn]) -> Call | str:
    """Builds a todo list and puts it live; a call that failed is made again."""
    done = [turn for turn in turns if not turn.is_error]
    if len(turns) - len(done) > 3:
        return f"I give up: {turns[-1].result}"
    if not done:
        return Call("list_projects", {})
    project = done[0].result["projects"][0]["id"]
    steps = [
        Call("apply_migration", {"project_id": project, "name": "create_todos", "query": TODOS}),
        Call("merge_branch", {"project_id": project}),
    ]
    return steps[len(done) - 1] if len(done) <= len(steps) else f"The todo list of {project} is live."


async def play(workspace: Workspace) -> str:
    return await run_agent("Build a todo list and put it live.", workspace.mcp_command, mock_model)


async def test_the_todo_list_is_live(workspace: Workspace) -> None:
    answer = await play(workspace)
    assert not workspace.check(*IS_LIVE, answer=answer)
    assert [call["tool"] for call in workspace.trace()] == ["list_projects", "apply_migration", "merge_branch"]


async def test_a_reset_leaves_nothing_of_it(workspace: Workspace) -> None:
    before = workspace.state_hash()
    await play(workspace)
    assert workspace.state_hash() != before
    workspace.reset()
    assert workspace.state_hash() == before
    assert not workspace.check(
        {"why": "nothing is on production", "check": "migration", "at_most": 0},
        {"why": "and it is as at the start", "check": "unchanged", "what": "all"},
    )


async def test_it_is_done_once_though_an_answer_is_lost(workspace: Workspace) -> None:
    # The platform begins the merge, and the connection breaks before it can say so.
    workspace.plan_faults({"kind": "fail_after", "method": "POST", "path": "/v1/branches/{branch_id_or_ref}/merge"})
    answer = await play(workspace)
    assert [hit["kind"] for hit in workspace.fault_hits()] == ["fail_after"]
    assert not workspace.check(*IS_LIVE, answer=answer)


async def test_a_week_later_the_first_version_can_be_returned_to(workspace: Workspace) -> None:
    await play(workspace)
    [project] = [call["arguments"]["project_id"] for call in workspace.trace() if call["tool"] == "merge_branch"]

    def change_and_regret(task: str, turns: list[Turn]) -> Call | str:
        match turns:
            case []:
                return Call("list_restore_points", {"project_id": project})
            case [listed]:
                change = "alter table public.todos drop column task;"
                return Call("apply_migration", {"project_id": project, "name": "drop_task", "query": change})
            case [listed, changed]:
                # The newest of those that were there before the change.
                points = sorted(point["name"] for point in listed.result["restore_points"])
                points = [name for name in points if name.startswith("rp-")]
                return Call("revert_to_restore_point", {"project_id": project, "name": points[-1]})
            case [*_, last]:
                return f"That failed: {last.result}" if last.is_error else "It is as it was last week."

    workspace.advance_clock(WEEK)
    answer = await run_agent("Drop the tasks; no, rather not.", workspace.mcp_command, change_and_regret)
    assert answer == "It is as it was last week."
    assert not workspace.check(
        {"why": "the change is out of the ledger", "check": "migration", "on": "dev", "name": "drop_task", "at_most": 0},
        {
            "why": "the tasks are back",
            "check": "sql",
            "on": "dev",
            "query": "select count(task)::int as n from public.todos",
            "equals": [{"n": 0}],
        },
    )
