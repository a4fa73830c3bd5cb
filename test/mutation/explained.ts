/** Mutants that nothing notices because they change nothing: the line that they are planted in, what becomes what, and why. */
export const explained: { file: string; line: string; mutant: string; why: string }[] = [
  {
    file: 'functions/messages/status.ts',
    line: 'return known === undefined || statusOrder.indexOf(status) > statusOrder.indexOf(known)',
    mutant: 'known === undefined → false',
    why: 'What is not in the order has the index −1, below everything.',
  },
  {
    file: 'functions/messages/status.ts',
    line: "return b !== undefined && words[a] === words[b] && (words[a] !== 'FAILED' || a === b)",
    mutant: 'b !== undefined → true',
    why: 'There is no word for undefined, so it equals none.',
  },
  {
    file: 'functions/messages/send-once.ts',
    line: `const key = \`send#\${ledgerKey(job)}#\${part.index}\``,
    mutant: `\`send#\${ledgerKey(job)}#\${part.index}\` → \`\``,
    why: 'Powertools asks for a key, and nobody looks for it: each attempt has a store of its own, and nothing is cached.',
  },
  {
    file: 'functions/update-status.ts',
    line: "if (!toTell) throw new Error('Claimed, though nothing is known')",
    mutant: "throw new Error('Claimed, though nothing is known') → ;",
    why: 'Nothing is claimed where nothing is known; and where nothing is to be told, the next line would throw instead.',
  },
  {
    file: 'functions/messages/sending.ts',
    line: 'const isOthers = send !== undefined && send.by !== claim.by && !earlier.includes(send.by)',
    mutant: 'send.by !== claim.by → true',
    why: 'A claim of its own run is recognised before anything is made of this, but where the plan changed; within a run it does not.',
  },
  {
    file: 'functions/messages/sending.ts',
    line: 'if (item.send?.by !== by || item.send.result) return { answer: undefined }',
    mutant: '{ answer: undefined } → {}',
    why: 'An answer that is not there is undefined.',
  },
  {
    file: 'functions/messages/threads.ts',
    line: 'a.createdAt === b.createdAt ? a.messageId < b.messageId : a.createdAt < b.createdAt',
    mutant: 'a.createdAt < b.createdAt → a.createdAt <= b.createdAt',
    why: 'Those that were sent in the same instant are told apart before.',
  },
  {
    file: 'functions/messages/threads.ts',
    line: 'const ThreadItem = z.object({ pk: z.string(), version: z.number(), begun: z.array(Begun).default([]) })',
    mutant: '[] → ["Stryker was here"]',
    why: 'What has no time in which it was begun does not count.',
  },
  {
    file: 'functions/platform/consume.ts',
    line: 'if (job !== undefined) await consumer.queueUnrecorded?.(job, parcel.run).catch(() => {})',
    mutant: 'consumer.queueUnrecorded?.(job, parcel.run) → consumer.queueUnrecorded(job, parcel.run)',
    why: 'Where a consumer has none, another error ends the run in place of the first: SQS redelivers the job either way.',
  },
  {
    file: 'functions/platform/envelope.ts',
    line: 'token: randomUUID().slice(0, 8),',
    mutant: 'randomUUID().slice(0, 8) → randomUUID()',
    why: 'A longer token tells copies apart as well.',
  },
  {
    file: 'functions/platform/redact-numbers.ts',
    line: "for (const { index, 0: whole, 1: group = '' } of text.matchAll(/([\\p{Nd}\\p{No}]+)\\p{M}*/gu)) {",
    mutant: '\'\' → "Stryker was here!"',
    why: 'The group is never missing where the expression matches: only the types ask for what stands in its place.',
  },
  {
    file: 'functions/platform/requeue.ts',
    line: 'const copy = nextCopy((run.latestReceived?.count ?? 0) > (run.copy?.count ?? 0) ? run.latestReceived : run.copy)',
    mutant:
      '(run.latestReceived?.count ?? 0) > (run.copy?.count ?? 0) → (run.latestReceived?.count ?? 0) >= (run.copy?.count ?? 0)',
    why: 'The next copy counts on from the count alone, which is the same for both.',
  },
]
