// The MCP Inspector's command line: Drydock's list held against what clients reject, and calls.

import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Report, assert, project } from './report.mjs'
import { command, http, stdio } from './servers.mjs'

const report = new Report('@modelcontextprotocol/inspector')
const require = createRequire(import.meta.url)
const manifest = join(dirname(require.resolve('typescript/package.json')), '..', '@modelcontextprotocol', 'inspector', 'package.json')
const main = join(dirname(manifest), require(manifest).bin['mcp-inspector'])

function inspect(target, args) {
  return new Promise((resolve, reject) => {
    const options = { timeout: 100_000, maxBuffer: 1 << 24 }
    const child = execFile(process.execPath, [main, '--cli', ...args, ...target], options, (error, stdout, stderr) => {
      if (error) reject(new Error((stderr || stdout || error.message).trim()))
      else resolve(stdout)
    })
    child.stdin.end()
  })
}

const server = await http()
const ref = await project('Inspector')
const places = [
  ['stdio', ['--', command, ...stdio]],
  ['HTTP', ['--transport', 'http', '--server-url', server.url]],
]
for (const [over, target] of places) {
  for (const era of ['legacy', 'modern']) {
    const of = (operation, args, holds) =>
      report.of(`${operation}, ${over}, ${era}`, async () => {
        const printed = await inspect(target, ['--protocol-era', era, '--connect-timeout', '60000', '--format', 'json', ...args])
        assert.ok(holds(printed), `unexpected: ${printed.slice(0, 300)}`)
      })
    await of('tools/list --strict', ['--method', 'tools/list', '--strict'], (printed) => printed.includes('apply_migration'))
    await of('tools/call', ['--method', 'tools/call', '--tool-name', 'get_project', '--tool-arg', `project_id=${ref}`], (printed) => printed.includes('ACTIVE_HEALTHY'))
    await of('resources/list', ['--method', 'resources/list'], (printed) => printed.includes('drydock://policy'))
    await of('resources/read', ['--method', 'resources/read', '--uri', 'drydock://policy'], (printed) => printed.includes('read_only'))
    await of('prompts/get', ['--method', 'prompts/get', '--prompt-name', 'launch_project', '--prompt-args', 'name=Shop'], (printed) => printed.includes('Shop'))
  }
}
server.end()
