import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

const project = join(import.meta.dirname, '../..')

/** The newest release before these sources, by its tag; undefined where there is none, or no git. */
export function lastTag() {
  try {
    return git('tag', '--list', 'v*', '--merged', 'HEAD', '--sort=-v:refname').trim().split('\n')[0] || undefined
  } catch {
    // Sources may be here without git, or without their history.
    return undefined
  }
}

/** Writes some paths of a release into a folder. */
export function checkOut(tag: string, folder: string, paths: string[]) {
  mkdirSync(folder, { recursive: true })
  git('archive', `--output=${folder}.tar`, tag, ...paths)
  execFileSync('tar', ['-xf', `${folder}.tar`, '-C', folder])
}

function git(...args: string[]) {
  return execFileSync('git', args, { cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
}
