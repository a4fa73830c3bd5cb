import { readFileSync } from 'node:fs'

/** A payload as its sender sends it, from `test/examples`. */
export const example = (name: string) => readFileSync(new URL(`../examples/${name}.json`, import.meta.url), 'utf8')
