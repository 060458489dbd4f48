"""Drydock's control plane for tests: workspaces with real PostgreSQL, their state, time and faults."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

# The control plane is on loopback, where no proxy leads.
OPENER = build_opener(ProxyHandler({}))


class Drydock:
    """The control plane: one that the environment names, or one of its own."""

    def __init__(self) -> None:
        self.server: subprocess.Popen[str] | None = None
        if url := os.environ.get("DRYDOCK_CONTROL_URL"):
            self.url, self.token = url, os.environ["DRYDOCK_CONTROL_TOKEN"]
            return
        command = [os.environ.get("DRYDOCK_BIN", "drydock"), "eval", "serve", "--spares", "1"]
        self.server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.server.stdout is not None
        # It says one line when it can be asked, and none if it cannot start.
        line = self.server.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(command)} ended with {self.server.wait()} before it was ready")
        ready = json.loads(line)
        self.url, self.token = ready["control_url"], ready["control_token"]

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with OPENER.open(request) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise RuntimeError(f"{method} {path}: {json.load(error)['error']['message']}") from None

    def workspace(self, **start: str) -> Workspace:
        """A workspace: empty, or with `snapshot=` or `scenario=`."""
        made = self.ask("POST", "/workspaces", start)
        return Workspace(self, made["id"], made["mcp_url"], made["mcp_command"])

    def close(self) -> None:
        if self.server:
            self.server.terminate()
            self.server.wait()


@dataclass(frozen=True)
class Workspace:
    """A world with a platform and an MCP server. The addresses stay through resets."""

    drydock: Drydock
    id: str
    mcp_url: str
    mcp_command: list[str]

    def reset(self, snapshot: str | None = None) -> None:
        self.post("reset", {"snapshot": snapshot} if snapshot else {})

    def snapshot(self, name: str) -> None:
        self.post("snapshot", {"name": name})

    def begin(self, **episode: Any) -> None:
        """Begins an episode: an empty trace, with `limits=` and `approvals=`."""
        self.post("begin", episode)

    def check(self, *assertions: dict[str, Any], answer: str = "") -> list[str]:
        """Checks as in scenario files. Gives what does not hold, with what was found: `assert not …` shows it."""
        judged = self.post("assert", {"assertions": list(assertions), "answer": answer})
        return [f"{one['why']}: {one['found']}" for one in judged["results"] if not one["holds"]]

    def state_hash(self) -> str:
        return self.get("state_hash")["state_hash"]

    def trace(self) -> list[dict[str, Any]]:
        return self.get("trace")["calls"]

    def advance_clock(self, seconds: int) -> None:
        self.post("clock", {"advance_s": seconds})

    def plan_faults(self, *faults: dict[str, Any]) -> None:
        self.post("faults", {"faults": list(faults)})

    def fault_hits(self) -> list[dict[str, Any]]:
        return self.get("faults")["hits"]

    def remove(self) -> None:
        self.drydock.ask("DELETE", f"/workspaces/{self.id}")

    def post(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        return self.drydock.ask("POST", f"/workspaces/{self.id}/{what}", body)

    def get(self, what: str) -> dict[str, Any]:
        return self.drydock.ask("GET", f"/workspaces/{self.id}/{what}")
