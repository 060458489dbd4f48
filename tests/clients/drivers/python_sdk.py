"""Drydock as a server for the Python SDK, in both of its eras."""

import json
import os
import subprocess
import sys
import tempfile

import anyio
from mcp import Client, StdioServerParameters
from mcp.types import ElicitResult

DRYDOCK = os.environ["CLIENTS_DRYDOCK"]
OWN = tempfile.mkdtemp(prefix="python-", dir=os.environ["CLIENTS_FOLDER"])
POLICY = os.path.join(OWN, "policy.toml")
with open(POLICY, "w") as file:
    # The user behind the client is asked before a project is made.
    file.write('[approvals]\ncreate_project = "client"\n')
SERVE = ["serve", "--data-dir", os.environ["CLIENTS_DATA_DIR"], "--policy", POLICY]


class Report:
    """One line of JSON for each operation."""

    def __init__(self, place):
        self.place = place

    async def of(self, operation, act):
        """Runs one operation and says whether it worked."""
        why = None
        try:
            with anyio.fail_after(120):
                await act()
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
        line = {"client": "mcp", "operation": f"{operation}, {self.place}", "works": why is None, "why": why}
        print(json.dumps(line), flush=True)


async def drive(place, server, mode):
    """Everything that a client does, over one transport in one era."""
    report = Report(place)
    answers = []

    async def answer(_, request):
        if answers.pop(0) == "decline":
            return ElicitResult(action="decline")
        fields = request.requested_schema["properties"]
        return ElicitResult(action="accept", content={field: True for field in fields})

    async with Client(server, mode=mode, elicitation_callback=answer) as client:
        project = None

        async def call(name, arguments, **more):
            return await client.call_tool(name, arguments, **more)

        async def tools():
            listed = (await client.list_tools()).tools
            assert any(tool.name == "apply_migration" and tool.output_schema for tool in listed)

        async def question():
            nonlocal project
            answers.append("accept")
            made = (await call("create_project", {"name": "Python"})).structured_content
            project = made["project"]["id"]
            assert made["project"]["status"] == "ACTIVE_HEALTHY" and not answers

        async def declined():
            answers.append("decline")
            refused = await call("create_project", {"name": "Declined"})
            assert refused.is_error and refused.structured_content["error"]["code"] == "approval_denied"

        async def progress():
            steps = []

            async def step(_, __, message):
                steps.append(message)

            query = "create table public.notes (id int primary key)"
            arguments = {"project_id": project, "name": "notes", "query": query}
            applied = await call("apply_migration", arguments, progress_callback=step)
            assert applied.structured_content["restore_point"]["status"] == "available"
            assert steps and all(steps), steps

        async def structured():
            listed = await call("list_tables", {"project_id": project})
            assert listed.structured_content["tables"][0]["name"] == "notes"
            assert "notes" in listed.content[0].text

        async def refusal():
            refused = await call("execute_sql", {"project_id": project, "query": "do $$ begin end $$"})
            assert refused.is_error and refused.structured_content["error"]["message"]

        async def cancellation():
            with anyio.CancelScope() as scope:

                async def step(_, __, ___):
                    scope.cancel()

                arguments = {"project_id": project, "name": "SLOW"}
                await call("create_branch", arguments, progress_callback=step)
            assert scope.cancelled_caught
            listed = await call("list_projects", {})
            assert listed.structured_content["projects"]

        async def resources():
            assert (await client.list_resources()).resources
            assert (await client.list_resource_templates()).resource_templates
            schema = await client.read_resource(f"drydock://projects/{project}/schema")
            assert "notes" in schema.contents[0].text

        async def prompts():
            listed = (await client.list_prompts()).prompts
            assert any(prompt.name == "launch_project" for prompt in listed)
            filled = await client.get_prompt("launch_project", {"name": "Shop"})
            assert "Shop" in filled.messages[0].content.text

        await report.of("list tools", tools)
        await report.of("call, with a question to the user", question)
        await report.of("a question that is declined", declined)
        await report.of("progress", progress)
        await report.of("structured content", structured)
        await report.of("a refusal", refusal)
        await report.of("cancellation", cancellation)
        await report.of("resources", resources)
        await report.of("prompts", prompts)


async def main():
    """Both transports in both eras."""
    http = subprocess.Popen([DRYDOCK, *SERVE, "--http", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        url = json.loads(http.stdout.readline())["url"]
        for era in ["legacy", "2026-07-28"]:
            await drive(f"stdio, {era}", StdioServerParameters(command=DRYDOCK, args=SERVE), era)
            await drive(f"HTTP, {era}", url, era)
    finally:
        http.terminate()


if __name__ == "__main__":
    sys.exit(anyio.run(main))
