"""Fixtures: `drydock` is the control plane, `workspace` a world that is as new for every test."""

from collections.abc import Iterator

import anyio
import pytest
from mcp import Client

from drydock import Drydock, Workspace

START = "with-a-project"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def drydock() -> Iterator[Drydock]:
    control = Drydock()
    yield control
    control.close()


@pytest.fixture(scope="session")
def one_workspace(drydock: Drydock) -> Iterator[Workspace]:
    """A workspace with a project in it, kept as the snapshot that every test starts from."""
    made = drydock.workspace()

    async def prepare() -> None:
        async with Client(made.mcp_url) as client:
            created = await client.call_tool("create_project", {"name": "Todo App"})
            assert not created.is_error, created.content

    anyio.run(prepare)
    made.snapshot(START)
    yield made
    made.remove()


@pytest.fixture
def workspace(one_workspace: Workspace) -> Workspace:
    """Resetting costs less than another workspace, and its addresses stay."""
    one_workspace.reset(START)
    one_workspace.begin()
    return one_workspace
