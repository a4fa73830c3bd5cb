import { globSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { bundle } from '../relay/bundle.ts'

// What the package has in place of the functions' sources: their bundles. The construct's own JavaScript is tsc's to write.
const project = join(import.meta.dirname, '../..')
rmSync(join(project, 'dist'), { recursive: true, force: true })
for (const file of globSync('functions/*.lambda.ts', { cwd: project })) {
  const name = basename(file, '.lambda.ts')
  bundle(name, join(project, 'dist/bundles', name))
}
