// Drydock's control plane for tests: workspaces with real PostgreSQL, their state, time and faults.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export type Json = Record<string, unknown>

interface Ruling {
  why: string
  holds: boolean
  found: string
}

export interface TracedCall {
  tool: string
  arguments: Json
  is_error: boolean
  code?: string
}

interface Address {
  id: string
  mcp_url: string
  mcp_command: string[]
}

/** The control plane: one that the environment names, or one of its own. */
export class Drydock {
  private constructor(
    private readonly url: string,
    private readonly token: string,
    private readonly server?: ChildProcess,
  ) {}

  static async start(): Promise<Drydock> {
    const { DRYDOCK_BIN = 'drydock', DRYDOCK_CONTROL_URL, DRYDOCK_CONTROL_TOKEN = '' } = process.env
    if (DRYDOCK_CONTROL_URL) return new Drydock(DRYDOCK_CONTROL_URL, DRYDOCK_CONTROL_TOKEN)
    const server = spawn(DRYDOCK_BIN, ['eval', 'serve', '--spares', '1'], { stdio: ['ignore', 'pipe', 'inherit'] })
    // It says one line when it can be asked, and none if it cannot start.
    for await (const line of createInterface(server.stdout)) {
      const { control_url, control_token } = JSON.parse(line)
      return new Drydock(control_url, control_token, server)
    }
    throw new Error(`${DRYDOCK_BIN} eval serve ended before it was ready`)
  }

  async ask<Answer>(method: string, path: string, body?: Json): Promise<Answer> {
    const answer = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    })
    const said = (await answer.json()) as Answer & { error?: { message: string } }
    if (!answer.ok) throw new Error(`${method} ${path}: ${said.error?.message}`)
    return said
  }

  /** A workspace: empty, or of a snapshot or a scenario. */
  async workspace(start: { snapshot?: string; scenario?: string } = {}): Promise<Workspace> {
    return new Workspace(this, await this.ask<Address>('POST', '/workspaces', start))
  }

  async close(): Promise<void> {
    if (!this.server || this.server.exitCode !== null) return
    const ended = once(this.server, 'exit')
    this.server.kill('SIGTERM')
    await ended
  }
}

/** A world with a platform and an MCP server. The addresses stay through resets. */
export class Workspace {
  readonly mcpUrl: string
  readonly mcpCommand: string[]
  private readonly path: string

  constructor(
    private readonly drydock: Drydock,
    address: Address,
  ) {
    this.mcpUrl = address.mcp_url
    this.mcpCommand = address.mcp_command
    this.path = `/workspaces/${address.id}`
  }

  async reset(snapshot?: string): Promise<void> {
    await this.post('reset', snapshot ? { snapshot } : {})
  }

  async snapshot(name: string): Promise<void> {
    await this.post('snapshot', { name })
  }

  /** Begins an episode: an empty trace, with limits and approvals. */
  async begin(episode: Json = {}): Promise<void> {
    await this.post('begin', episode)
  }

  /** Checks as in scenario files. Gives what does not hold, with what was found. */
  async check(assertions: Json[], answer = ''): Promise<string[]> {
    const { results } = await this.post<{ results: Ruling[] }>('assert', { assertions, answer })
    return results.filter((one) => !one.holds).map((one) => `${one.why}: ${one.found}`)
  }

  async stateHash(): Promise<string> {
    return (await this.get<{ state_hash: string }>('state_hash')).state_hash
  }

  async trace(): Promise<TracedCall[]> {
    return (await this.get<{ calls: TracedCall[] }>('trace')).calls
  }

  async advanceClock(seconds: number): Promise<void> {
    await this.post('clock', { advance_s: seconds })
  }

  async planFaults(...faults: Json[]): Promise<void> {
    await this.post('faults', { faults })
  }

  async faultHits(): Promise<{ kind: string }[]> {
    return (await this.get<{ hits: { kind: string }[] }>('faults')).hits
  }

  async remove(): Promise<void> {
    await this.drydock.ask('DELETE', this.path)
  }

  private post<Answer = Json>(what: string, body: Json): Promise<Answer> {
    return this.drydock.ask<Answer>('POST', `${this.path}/${what}`, body)
  }

  private get<Answer>(what: string): Promise<Answer> {
    return this.drydock.ask<Answer>('GET', `${this.path}/${what}`)
  }
}
