// Drydock as a server, for drivers of MCP clients.

import { spawn } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { drydock, folder } from './report.mjs'

const own = mkdtempSync(join(folder, 'server-'))
const policy = join(own, 'policy.toml')
// The user behind the client is asked before a project is made.
writeFileSync(policy, '[approvals]\ncreate_project = "client"\n')

export const command = drydock
export const stdio = ['serve', '--data-dir', process.env.CLIENTS_DATA_DIR, '--policy', policy]

// A server over streamable HTTP. Answers its address, and how to end it.
export async function http() {
  const child = spawn(drydock, [...stdio, '--http', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'ignore'] })
  // Whatever becomes of the driver.
  process.on('exit', () => child.kill())
  const [line] = await new Promise((resolve) => createInterface(child.stdout).once('line', (...lines) => resolve(lines)))
  return { url: JSON.parse(line).url, end: () => child.kill() }
}
