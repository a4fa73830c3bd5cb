import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

const project = join(import.meta.dirname, '../..')
const hasHistory = existsSync(join(project, '.git'))

describe.skipIf(!hasHistory)('npm run release', () => {
  mkdirSync(join(project, 'cdk.out'), { recursive: true })
  // Inside the project, whose node_modules it uses.
  const clone = mkdtempSync(join(project, 'cdk.out/clone-'))
  afterAll(() => rmSync(clone, { recursive: true }))
  const git = (...args: string[]) => execFileSync('git', args, { cwd: clone, encoding: 'utf8', env }).trim()
  const read = (file: string) => readFileSync(join(clone, file), 'utf8')
  const release = () =>
    execFileSync(process.execPath, ['infra/package/release.ts', '--tested'], {
      cwd: clone,
      encoding: 'utf8',
      env,
      stdio: 'pipe',
    })

  test('gives what is unreleased its date, its tag and its tarball, and leaves nothing behind', () => {
    git('clone', '--quiet', `file://${project}`, '.')
    writeFileSync(
      join(clone, 'CHANGELOG.md'),
      '# Changelog\n\n## [7.8.9] - unreleased\n\n### Added\n\n- A thing.\n\n## [0.1.0] - 2026-01-01\n',
    )
    git('commit', '--all', '--quiet', '--message', 'docs: what changes')

    const said = release()

    expect(said).toContain('v7.8.9 is tagged')
    expect(git('tag', '--list', '--format=%(contents)', 'v7.8.9')).toBe('v7.8.9\n\n### Added\n\n- A thing.')
    expect(git('log', '-1', '--format=%s')).toBe('chore(release): 7.8.9')
    expect(read('CHANGELOG.md')).toMatch(/^## \[7\.8\.9\] - \d{4}-\d\d-\d\d$/m)
    expect(JSON.parse(read('package.json')).version).toBe('7.8.9')
    expect(read('infra/relay/version.ts')).toContain("'7.8.9'")
    expect(existsSync(join(clone, 'hubspot-status-relay-7.8.9.tgz'))).toBe(true)
    expect(git('status', '--porcelain')).toBe('')
  })

  test('does nothing where nothing is unreleased, or something is not committed', () => {
    expect(release).toThrow(/no heading like/)
    writeFileSync(join(clone, 'CHANGELOG.md'), '# Changelog\n\n## [7.9.0] - unreleased\n')
    expect(release).toThrow(/not committed/)
    git('commit', '--all', '--quiet', '--message', 'docs: what changes')
    git('tag', 'v7.9.0')
    expect(release).toThrow(/v7\.9\.0 is released/)
  })
})

const somebody = { NAME: 'Somebody', EMAIL: 'somebody@example.com' }
const env = {
  ...process.env,
  ...Object.fromEntries(
    ['AUTHOR', 'COMMITTER'].flatMap((role) =>
      Object.entries(somebody).map(([what, value]) => [`GIT_${role}_${what}`, value]),
    ),
  ),
}
