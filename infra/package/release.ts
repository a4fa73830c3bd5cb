import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

// A release in one command: the version that CHANGELOG.md calls unreleased gets its date, its tag and its tarball.
// Nothing leaves this machine.

const project = join(import.meta.dirname, '../..')
const isTested = process.argv.includes('--tested')
const changelog = read('CHANGELOG.md')
const [heading = '', version = ''] = /^## \[(\d+\.\d+\.\d+)\] - unreleased$/m.exec(changelog) ?? []
const tag = `v${version}`

if (!version)
  stop('CHANGELOG.md has no heading like "## [1.2.3] - unreleased": say there what changes, and in which version.')
if (git('status', '--porcelain')) stop('There are changes that are not committed.')
if (git('tag', '--list', tag)) stop(`${tag} is released. Give what is unreleased the next version in CHANGELOG.md.`)

if (!isTested) {
  run('npm', 'run', 'check')
  run('npm', 'test')
}
try {
  write('CHANGELOG.md', changelog.replace(heading, `## [${version}] - ${new Date().toISOString().slice(0, 10)}`))
  run('npm', 'version', version, '--no-git-tag-version', '--allow-same-version')
  write('infra/relay/version.ts', read('infra/relay/version.ts').replace(/'\d+\.\d+\.\d+'/, `'${version}'`))
  run('npm', 'pack')
} catch (error) {
  git('checkout', '--', '.')
  throw error
}
git('commit', '--all', '--message', `chore(release): ${version}`)
git('tag', '--annotate', tag, '--cleanup=verbatim', '--message', `${tag}\n\n${changesIn(version)}`)
console.log(`
${tag} is tagged, and packed as hubspot-status-relay-${version}.tgz. To hand it out:
  git push --follow-tags
  npm publish hubspot-status-relay-${version}.tgz`)

/** What CHANGELOG.md says of a version. */
function changesIn(version: string) {
  const [, after = ''] = read('CHANGELOG.md').split(`\n## [${version}]`)
  return after.split('\n').slice(1).join('\n').split('\n## [')[0]!.trim()
}

function read(file: string) {
  return readFileSync(join(project, file), 'utf8')
}

function write(file: string, text: string) {
  writeFileSync(join(project, file), text)
}

function git(...args: string[]) {
  return execFileSync('git', args, { cwd: project, encoding: 'utf8' }).trim()
}

function run(command: string, ...args: string[]) {
  execFileSync(command, args, { cwd: project, stdio: 'inherit', shell: process.platform === 'win32' })
}

function stop(sentence: string): never {
  console.error(sentence)
  process.exit(1)
}
