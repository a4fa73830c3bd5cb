import type { Command } from 'commander'
import { endpoint, readGiven } from '../arguments.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import { createAccess } from '../hubspot-access.ts'
import { post, signedWebhook, testEvent } from '../signed-webhook.ts'

/** `sign`: a webhook signed as HubSpot signs, to try the relay out. */
export function addSignCommand(program: Command, { terminal, deployment }: Context) {
  program
    .command('sign')
    .description('signs a webhook as HubSpot does: prints its headers, or sends it')
    .argument('[file]', 'the body; - for the standard input; an event that goes nowhere when absent')
    .option('--send', 'send it, and say what the answer was')
    .option('--url <url>', "the URL to sign for, instead of the relay's", endpoint)
    .option('--secret-stdin', "take the client secret from the standard input, instead of the app's current one")
    .option('--json', 'print the request, or the answer, as JSON')
    .action(async (file: string | undefined, { send, url, secretStdin, json }: Options) => {
      if (file === '-' && secretStdin)
        throw new CommandError('The standard input cannot be both the body and the secret.', 'Give the body as a file.')
      const found = await deployment()
      const body = file === undefined ? testEvent() : await readGiven(terminal, file)
      const given = secretStdin ? (await terminal.readInput()).trim() : undefined
      if (given === '') throw new CommandError('The standard input holds no secret.')
      const secret = given ?? (await createAccess(found).appSecret()).clientSecrets[0]
      const webhook = signedWebhook(url ?? found.outputs.WebhookUrl, body, secret)
      if (!send) {
        if (json) return terminal.print(JSON.stringify({ method: 'POST', ...webhook }, undefined, 2))
        for (const [name, value] of Object.entries(webhook.headers)) terminal.print(`${name}: ${value}`)
        if (file === undefined) terminal.note(`The body: ${body}`)
        return
      }
      const answer = await post(webhook)
      terminal.print(json ? JSON.stringify({ url: webhook.url, answer }, undefined, 2) : `${webhook.url}: ${answer}`)
      if (!answer.startsWith('HTTP 2'))
        throw new CommandError('It was not accepted.', 'The log of hubspot-webhook says why.')
    })
}

type Options = { send?: boolean; url?: string; secretStdin?: boolean; json?: boolean }
