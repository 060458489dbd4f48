"""The agent under test: asks a model what to do, does it over MCP, and gives the model's last words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcp import Client, StdioServerParameters


@dataclass(frozen=True)
class Call:
    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Turn:
    call: Call
    result: dict[str, Any]
    is_error: bool


# What a model is here: from the task and what was done so far to the next call, or to its last words.
Model = Callable[[str, list[Turn]], Call | str]


async def run_agent(task: str, mcp_command: list[str], model: Model) -> str:
    command, *args = mcp_command
    turns: list[Turn] = []
    async with Client(StdioServerParameters(command=command, args=args)) as client:
        while isinstance(said := model(task, turns), Call):
            answer = await client.call_tool(said.tool, said.arguments)
            turns.append(Turn(said, answer.structured_content or {}, bool(answer.is_error)))
    return said
