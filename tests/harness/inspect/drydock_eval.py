"""Drydock's scenarios as an Inspect AI task.

    inspect eval drydock_eval.py --model <any model>
    inspect eval drydock_eval.py --model none -T solver=scripted

Every sample gets a workspace of its own: a platform with real PostgreSQL, in the state that the scenario starts
from, and Drydock's MCP server over it. What the workspace holds at the end is judged, not what the model says
that it did.
"""

import atexit
import json
import os
import re
import subprocess
import tomllib
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, AsyncIterator, Literal, NamedTuple

import httpx
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import transcript
from inspect_ai.model import ChatMessageAssistant, ChatMessageTool, ModelOutput, execute_tools
from inspect_ai.scorer import (
    CORRECT,
    INCORRECT,
    Score,
    Scorer,
    Target,
    accuracy,
    grouped,
    mean,
    scorer,
    stderr,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import MCPServer, Tool, ToolCall, mcp_connection, mcp_server_http, mcp_server_stdio
from inspect_ai.util import apply_limits, time_limit

Transport = Literal["stdio", "http"]

# A server lists the groups that building an app takes; some scenarios need the others, too.
EVERY_GROUP = (
    "projects,lifecycle,branches,database,recovery,functions,config,keys,advisors,storage,debugging,claim"
)

# Where a sample's workspace and its verdict are kept between set-up, solver, scorers and clean-up.
WORKSPACE = "drydock_workspace"
VERDICT = "drydock_verdict"


class ControlPlane(NamedTuple):
    """Drydock's control plane. Everything is asked of it over loopback, past any proxy."""

    url: str
    token: str

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        # The first workspace of a scenario builds the state that the others are copied from. The solver's time
        # is bounded elsewhere, so there is no bound here.
        async with httpx.AsyncClient(trust_env=False, timeout=None) as client:
            answer = await client.request(method, self.url + path, json=body, headers=self.headers)
        return understood(answer)

    def scenarios(self) -> list[dict[str, Any]]:
        answer = httpx.get(self.url + "/scenarios", headers=self.headers, trust_env=False, timeout=None)
        return understood(answer)["scenarios"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def understood(answer: httpx.Response) -> dict[str, Any]:
    """The body of an answer, or the control plane's own words on why there is none."""
    body = answer.json()
    if answer.is_error:
        raise RuntimeError(f"{answer.request.method} {answer.request.url.path}: {body['error']['message']}")
    return body


@cache
def control_plane(scenarios: str | None) -> ControlPlane:
    """The control plane that the environment names, or one that lives as long as this process."""
    if url := os.environ.get("DRYDOCK_CONTROL_URL"):
        return ControlPlane(url, os.environ["DRYDOCK_CONTROL_TOKEN"])
    # Worlds that are started ahead are for states that are used again and again; a scenario is mostly played once.
    command = [os.environ.get("DRYDOCK_BIN", "drydock"), "eval", "serve", "--spares", "0"]
    if scenarios:
        command += ["--scenarios", scenarios]
    # A session of its own: Ctrl-C is for Inspect, which still has workspaces to remove through the server.
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    atexit.register(end, server)
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line:
        raise RuntimeError(f"{' '.join(command)} ended with {server.wait()} before it was ready")
    ready = json.loads(line)
    return ControlPlane(ready["control_url"], ready["control_token"])


def end(server: subprocess.Popen[str]) -> None:
    server.terminate()
    server.wait()


@task
def drydock(
    scenarios: str | None = None,
    families: str | list[str] | None = None,
    names: str | list[str] | None = None,
    first: int | None = None,
    transport: Transport = "http",
    solver: Literal["model", "scripted"] = "model",
) -> Task:
    """Drydock's scenarios.

    Args:
        scenarios: The folder of the scenarios; DRYDOCK_SCENARIOS without.
        families: Only these families, as `launch,recover`.
        names: Only these scenarios.
        first: Only so many, spread evenly over what is chosen.
        transport: How the model's tools are reached. Over `stdio` only the groups are seen that a server lists by
            default, so that scenarios about settings, secrets, backups and hand-over cannot be solved.
        solver: `model`, or `scripted` for the scenario's own script, which needs no model.
    """
    folder = scenarios or os.environ.get("DRYDOCK_SCENARIOS")
    control = control_plane(folder)
    chosen = [
        scenario
        for scenario in control.scenarios()
        if is_among(scenario["family"], families) and is_among(scenario["name"], names)
    ]
    if first is not None and first < len(chosen):
        # The list is sorted by name: its beginning alone would be of two or three families.
        chosen = [chosen[place * len(chosen) // first] for place in range(first)]
    if solver == "scripted" and not folder:
        raise ValueError("the scripted solver reads the scenarios' files: give scenarios or DRYDOCK_SCENARIOS")
    return Task(
        # The task's text is known when the workspace is: it names the project that is in there.
        dataset=MemoryDataset(
            [
                Sample(
                    id=scenario["name"],
                    input=scenario["title"],
                    metadata={"family": scenario["family"], "limits": scenario["limits"]},
                )
                for scenario in chosen
            ],
            name="drydock",
        ),
        setup=enter_workspace(control),
        solver=scripted(control, folder, transport) if solver == "scripted" else converse(transport),
        scorer=[utility(control), safety(control)],
        cleanup=leaving(control),
        # A sample whose solver failed leaves a state to be judged all the same.
        fail_on_error=False,
        score_on_error=True,
    )


def is_among(word: str, wanted: str | list[str] | None) -> bool:
    if wanted is None:
        return True
    return word in (wanted.split(",") if isinstance(wanted, str) else wanted)


@solver
def enter_workspace(control: ControlPlane) -> Solver:
    """Makes the sample's workspace and gives the model its task."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        workspace = await control.ask("POST", "/workspaces", {"scenario": str(state.sample_id)})
        state.store.set(WORKSPACE, workspace)
        state.user_prompt.text = workspace["task"]
        return state

    return solve


def leaving(control: ControlPlane):
    """Removes the sample's workspace, whatever became of the sample."""

    async def leave(state: TaskState) -> None:
        if workspace := state.store.get(WORKSPACE):
            await control.ask("DELETE", f"/workspaces/{workspace['id']}")

    return leave


def mcp_server(state: TaskState, transport: Transport = "http") -> MCPServer:
    """The MCP server of a sample's workspace; for solvers of your own, as `react(tools=[mcp_server(state)])`."""
    workspace = state.store.get(WORKSPACE)
    if transport == "http":
        # A merge may take longer than the five seconds that Inspect gives a request.
        url = f"{workspace['mcp_url']}?features={EVERY_GROUP}"
        return mcp_server_http(name="drydock", url=url, timeout=workspace["limits"]["seconds"])
    command, *args = workspace["mcp_command"]
    return mcp_server_stdio(name="drydock", command=command, args=args)


@asynccontextmanager
async def mcp_tools(state: TaskState, transport: Transport) -> AsyncIterator[list[Tool]]:
    """The tools over one connection; without it Inspect opens one for each call."""
    server = mcp_server(state, transport)
    async with mcp_connection(server):
        yield await server.tools()


@solver
def converse(transport: Transport) -> Solver:
    """The model with Drydock's tools, until it calls none any more or a limit ends it."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        limits = state.metadata["limits"]
        # The task, a call and its result each time, and the last words.
        state.message_limit = 2 * limits["calls"] + 2
        # Drydock counts what is read of each result once and ends the episode by that; Inspect counts the whole
        # conversation again at every turn.
        state.token_limit = limits["tokens"] * limits["calls"]
        with apply_limits([time_limit(limits["seconds"])], catch_errors=True) as scope:
            async with mcp_tools(state, transport) as tools:
                state.tools = tools
                state = await generate(state)
        if scope.limit_error:
            transcript().info({"ended by": scope.limit_error.message})
        return state

    return solve


@solver
def scripted(control: ControlPlane, folder: str, transport: Transport) -> Solver:
    """The reference agent of the scenario's file: proves scenario, server and harness without a model."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        text = Path(folder, f"{state.sample_id}.toml").read_text(encoding="utf-8")
        reference = tomllib.loads(text)["reference"]
        steps = reference.get("step", [])
        values = await saved_by_setup(control, state, steps, reference["answer"])
        async with mcp_tools(state, transport) as tools:
            for step in steps:
                values |= await take(state, tools, step, values)
        answer = fill(reference["answer"], values)
        state.output = ModelOutput.from_content("scripted", answer)
        state.messages.append(state.output.message)
        return state

    return solve


async def take(state: TaskState, tools: list[Tool], step: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Takes one step of a script. Gives the values that it saves."""
    while True:
        call = ToolCall(
            id=f"call_{len(state.messages)}",
            function=step["tool"],
            arguments=fill(step.get("arguments", {}), values),
        )
        state.messages.append(ChatMessageAssistant(content="", tool_calls=[call]))
        # 0 for no bound: a result that is cut is no JSON any more.
        messages, _ = await execute_tools(state.messages, tools, max_output=0)
        state.messages.extend(messages)
        message = next(message for message in messages if isinstance(message, ChatMessageTool))
        text = message.error.message if message.error else message.text
        # A refusal begins with its code.
        code = text.partition(":")[0] if message.error else None
        # A call that is made again follows the work that is still going on.
        if code != "in_progress":
            break
    if code != step.get("expect"):
        raise RuntimeError(f"{step['tool']}: {step.get('expect', 'success')} was expected, not: {text}")
    result = structured(text)
    return {name: reach(result, path) for name, path in step.get("save", {}).items()}


def structured(text: str) -> dict[str, Any]:
    """The structured result, which Inspect's tools give as the model reads it: a line among the words."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    return {}


def reach(result: Any, path: str) -> Any:
    """What stands at a path of names and places, as `branches.0.id`."""
    for key in path.split("."):
        result = result[int(key)] if isinstance(result, list) else result[key]
    return result


PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def fill(value: Any, values: dict[str, Any]) -> Any:
    """Fills saved values in; a text that is one placeholder alone becomes its value."""
    if isinstance(value, dict):
        return {name: fill(one, values) for name, one in value.items()}
    if isinstance(value, list):
        return [fill(one, values) for one in value]
    if not isinstance(value, str):
        return value
    if whole := PLACEHOLDER.fullmatch(value):
        return values[whole[1]]
    return PLACEHOLDER.sub(lambda found: as_text(values[found[1]]), value)


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


async def saved_by_setup(
    control: ControlPlane, state: TaskState, steps: list[dict[str, Any]], answer: str
) -> dict[str, Any]:
    """The values that a script takes from the scenario's set-up.

    Only checks are filled with them, so a query asks for each.
    """
    used = set(PLACEHOLDER.findall(json.dumps([step.get("arguments", {}) for step in steps]) + answer))
    names = sorted(used.difference(*(step.get("save", {}) for step in steps)))
    if not names:
        return {}
    checks = [
        {"why": name, "check": "sql", "query": f"select $value${{{{{name}}}}}$value$ as value", "equals": []}
        for name in names
    ]
    path = f"/workspaces/{state.store.get(WORKSPACE)['id']}/assert"
    judged = await control.ask("POST", path, {"assertions": checks})
    return {one["why"]: json.loads(one["found"])[0]["value"] for one in judged["results"]}


async def verdict(control: ControlPlane, state: TaskState) -> dict[str, Any]:
    """What the sample has come to; judged once for both scorers."""
    if VERDICT not in state.store.keys():
        path = f"/workspaces/{state.store.get(WORKSPACE)['id']}/score"
        state.store.set(VERDICT, await control.ask("POST", path, {"answer": state.output.completion}))
    return state.store.get(VERDICT)


def explain(rulings: list[dict[str, Any]], otherwise: str) -> str:
    """What does not hold, and what was found instead."""
    missed = [f"missed: {one['why']} (found: {one['found']})" for one in rulings if not one["holds"]]
    return "\n".join(missed) or otherwise


@scorer(metrics=[mean(), stderr(), grouped(mean(), "family", all=False)])
def utility(control: ControlPlane) -> Scorer:
    """The share of the scenario's goals that hold."""

    async def score(state: TaskState, target: Target) -> Score:
        judged = await verdict(control, state)
        return Score(
            value=judged["utility"],
            answer=state.output.completion,
            explanation=explain(judged["goals"], "every goal holds"),
            metadata={key: judged[key] for key in ("calls", "tokens", "state_hash", "production_unchanged")},
        )

    return score


@scorer(metrics=[accuracy(), grouped(accuracy(), "family", all=False)])
def safety(control: ControlPlane) -> Scorer:
    """Whether nothing happened that must never happen."""

    async def score(state: TaskState, target: Target) -> Score:
        judged = await verdict(control, state)
        return Score(
            value=CORRECT if judged["safe"] else INCORRECT,
            explanation=explain(judged["never"], "nothing happened that must not"),
        )

    return score
