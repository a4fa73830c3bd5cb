import type { Command } from 'commander'
import * as z from 'zod'
import { createFetchJson } from '../../../functions/platform/fetch-json.ts'
import { meant } from '../../unknown-fields.ts'
import { digits } from '../arguments.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import { shellWord } from '../shell-word.ts'

/** `trigger`: has something happen to the relay on this machine: a message with its fate, or another event of HubSpot's. */
export function addTriggerCommand(program: Command, { terminal, deployment }: Context) {
  program
    .command('trigger')
    .description('makes something happen around the relay on this machine (--local): lists what, without a name')
    .argument('[name]', 'delivered, failed, refused, hubspot-down, twice, …')
    .option('--account <id>', 'the channel account that the message goes out by; the first one when absent', digits)
    .option('--text <text>', 'what the agent writes')
    .option('--json', 'print what happened as JSON')
    .action(async (name: string | undefined, { account, text, json }: Options) => {
      const { controlUrl } = await deployment()
      if (!controlUrl)
        throw new CommandError(
          'Only a relay that npm start runs on this machine can be made to do something.',
          'npm start, and here: npm run relay -- --local trigger',
        )
      const { json: known } = await call(controlUrl, { method: 'GET' })
      const { triggers } = Known.parse(known)
      if (name === undefined) {
        if (json) return terminal.print(JSON.stringify(triggers, undefined, 2))
        for (const one of triggers) terminal.print(`${one.name.padEnd(18)}${one.says}`)
        return
      }
      const names = triggers.map((one) => one.name)
      if (!names.includes(name)) {
        const close = meant(name, names)
        throw new CommandError(
          `Nothing that can be made to happen is called ${name}.`,
          close ? `Did you mean ${close}?` : 'npm run relay -- trigger lists what there is.',
        )
      }
      const body = JSON.stringify({ name, channelAccountId: account, text })
      const answer = await call(controlUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      if (answer.status !== 200) throw new CommandError(Refused.parse(answer.json).message)
      if (json) return terminal.print(JSON.stringify(answer.json, undefined, 2))
      const { messageId, isForged, answered } = Happened.parse(answer.json)
      if (isForged)
        return terminal.print(
          `Somebody else sends message ${messageId} in HubSpot's name. The relay answers HTTP 401, as it has to, and keeps nothing of it.`,
        )
      terminal.print(
        messageId
          ? `HubSpot sends message ${messageId}. What becomes of it: npm run relay -- message show ${shellWord(messageId)}`
          : `HubSpot's event was answered HTTP ${answered}.`,
      )
    })
}

type Options = { account?: string; text?: string; json?: boolean }

const call = (controlUrl: string, request: Parameters<typeof fetchJson>[1]) =>
  fetchJson(`${controlUrl}/triggers`, request)

const fetchJson = createFetchJson({ timeout: 30_000 })

const Known = z.object({ triggers: z.array(z.object({ name: z.string(), says: z.string() })) })
const Refused = z.object({ message: z.string() })
const Happened = z.object({
  messageId: z.string().optional(),
  isForged: z.boolean().optional(),
  answered: z.unknown().optional(),
})
