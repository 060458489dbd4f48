// The agent under test: asks a model what to do, does it over MCP, and gives the model's last words.

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Json } from './drydock.js'

export interface Call {
  tool: string
  arguments: Json
}

export interface Turn extends Call {
  // Whatever the tool's output schema says.
  result: any
  isError: boolean
}

/** What a model is here: from the task and what was done so far to the next call, or to its last words. */
export type Model = (task: string, turns: Turn[]) => Call | string

export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ name: 'my-agent', version: '1.0.0' })
  await client.connect(new StreamableHTTPClientTransport(new URL(url)))
  try {
    return await use(client)
  } finally {
    await client.close()
  }
}

export async function runAgent(task: string, mcpUrl: string, model: Model): Promise<string> {
  return withClient(mcpUrl, async (client) => {
    const turns: Turn[] = []
    for (;;) {
      const said = model(task, turns)
      if (typeof said === 'string') return said
      const answer = await client.callTool({ name: said.tool, arguments: said.arguments })
      turns.push({ ...said, result: answer.structuredContent, isError: answer.isError === true })
    }
  })
}
