import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, rmdir } from 'node:fs/promises'
import { join, resolve as resolvePath } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import * as z from 'zod'

/** A resource of the template. `name` is its construct path below the stack: `Relay/deliver-message`. */
type Resource = { logicalId: string; name: string; type: string; properties: unknown }

/** What one stack of a cloud assembly says, intrinsic functions still unresolved. */
export type Template = {
  stackName: string
  resources: Resource[]
  outputs: Record<string, unknown>
  /** The folder of an asset, by the S3 key under which a deployment would upload it. */
  assetFolder(s3Key: string): string
}

const project = join(import.meta.dirname, '../../..')

/** A folder with what a CDK app was synthesized to. `remove` when it is no longer needed. */
export type Assembly = { folder: string; remove(): Promise<void> }

/**
 * Synthesizes a CDK app below `cdk.out/`. `context` is CDK's context, as `-c` sets it. Inside the project, so that what a
 * bundle leaves to Node's module resolution is found there.
 *
 * Where `SHARED_ASSEMBLIES` names a folder, as the tests do, each app is synthesized there once with each context, for
 * every process; whoever made the folder removes it.
 */
export async function synthesize({
  app = join(project, 'infra/app.ts'),
  context = {} as object,
} = {}): Promise<Assembly> {
  const shared = process.env['SHARED_ASSEMBLIES']
  if (!shared) return synthesizeAnew(app, context)
  const folder = join(shared, hash('sha256', JSON.stringify([app, context])).slice(0, 16))
  while (!existsSync(folder)) {
    // Whoever made this folder is working; all others wait.
    const isOurs = await mkdir(`${folder}.making`).then(
      () => true,
      () => false,
    )
    if (!isOurs) {
      await sleep(50)
      continue
    }
    try {
      const assembly = await synthesizeAnew(app, context)
      await rename(assembly.folder, folder)
      await assembly.remove()
    } finally {
      await rmdir(`${folder}.making`)
    }
  }
  return { folder, async remove() {} }
}

async function synthesizeAnew(app: string, context: object): Promise<Assembly> {
  await mkdir(join(project, 'cdk.out'), { recursive: true })
  const folder = await mkdtemp(join(project, 'cdk.out/local-'))
  const env = { ...process.env, CDK_OUTDIR: folder, CDK_CONTEXT_JSON: JSON.stringify(context) }
  const synthesis = promisify(execFile)(process.execPath, [app], { cwd: project, env })
  function removeNow() {
    synthesis.child.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', removeNow)
  async function remove() {
    process.off('exit', removeNow)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await synthesis
    return { folder, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

const Manifest = z.object({
  artifacts: z.record(
    z.string(),
    z.object({
      type: z.string(),
      properties: z.object({ templateFile: z.string().optional(), file: z.string().optional() }).optional(),
      metadata: z.record(z.string(), z.unknown()).optional(),
      additionalMetadataFile: z.string().optional(),
    }),
  ),
})
const Metadata = z.record(z.string(), z.array(z.object({ type: z.string(), data: z.unknown() })))
const TemplateFile = z.object({
  Resources: z.record(z.string(), z.object({ Type: z.string(), Properties: z.unknown().default({}) })),
  Outputs: z.record(z.string(), z.object({ Value: z.unknown() })).default({}),
})
const Assets = z.object({
  files: z.record(
    z.string(),
    z.object({
      source: z.object({ path: z.string() }),
      destinations: z.record(z.string(), z.object({ objectKey: z.string() })),
    }),
  ),
})

/** Reads the only stack of a cloud assembly. */
export function readTemplate(assembly: string): Template {
  const read = <T extends z.ZodType>(file: string, schema: T): z.infer<T> =>
    schema.parse(JSON.parse(readFileSync(join(assembly, file), 'utf8')))

  const artifacts = Object.entries(read('manifest.json', Manifest).artifacts)
  const stacks = artifacts.filter(([, { type }]) => type === 'aws:cloudformation:stack')
  const [stackName, stack] = stacks[0] ?? []
  if (stackName === undefined || stack === undefined || stacks.length > 1)
    throw new Error(`A local stack runs one stack, and the cloud assembly has ${stacks.length}.`)

  const metadata = stack.additionalMetadataFile
    ? read(stack.additionalMetadataFile, Metadata)
    : Metadata.parse(stack.metadata)
  const names = new Map(
    Object.entries(metadata).flatMap(([path, entries]) =>
      entries.filter(({ type }) => type === 'aws:cdk:logicalId').map(({ data }) => [data, belowStack(path)] as const),
    ),
  )
  const template = read(stack.properties?.templateFile ?? '', TemplateFile)
  const assets = new Map(
    artifacts
      .filter(([, { type }]) => type === 'cdk:asset-manifest')
      .flatMap(([, { properties }]) => Object.values(read(properties?.file ?? '', Assets).files))
      .flatMap(({ source, destinations }) =>
        Object.values(destinations).map(({ objectKey }) => [objectKey, source.path]),
      ),
  )

  return {
    stackName,
    resources: Object.entries(template.Resources).map(([logicalId, { Type, Properties }]) => ({
      logicalId,
      name: names.get(logicalId) ?? logicalId,
      type: Type,
      properties: Properties,
    })),
    outputs: Object.fromEntries(Object.entries(template.Outputs).map(([name, { Value }]) => [name, Value])),
    assetFolder(s3Key) {
      const folder = assets.get(s3Key)
      if (folder === undefined) throw new Error(`The cloud assembly has no asset ${s3Key}.`)
      return resolvePath(assembly, folder)
    },
  }
}

/** `/Stack/Relay/deliver-message/Function/Resource` → `Relay/deliver-message`: what only repeats the kind is left out. */
const belowStack = (path: string) =>
  path.replace(/^\/[^/]+\//, '').replace(/(\/(Resource|Default|Function|Queue|Table|Secret))+$/, '')
