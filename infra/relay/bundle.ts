import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { AssetHashType, DockerImage } from 'aws-cdk-lib'
import { Code } from 'aws-cdk-lib/aws-lambda'
import type { Metafile } from 'esbuild'

const projectRoot = fileURLToPath(new URL('../..', import.meta.url))

/** Modules of libraries that a request never comes past, or that serve an option which is never left at its default: unbundled.ts. */
const unbundled = [
  '@aws-lambda-powertools/jmespath',
  '@aws-lambda-powertools/jmespath/functions',
  '@aws-sdk/core/client',
  '@aws-sdk/core/httpAuthSchemes',
  '@aws-sdk/core/protocols',
  '@smithy/core/checksum',
  '@smithy/core/config',
  '@smithy/core/endpoints',
  '@smithy/core/protocols',
  '@smithy/core/retry',
  '@smithy/core/schema',
  '@smithy/core/serde',
  '@smithy/node-http-handler',
  '@smithy/signature-v4',
]

/** Bundles `functions/{name}.lambda.ts` into a folder as `index.mjs` and its chunks. Answers esbuild's metafile. */
export function bundle(name: string, outdir: string, root = projectRoot): Metafile {
  // Loaded only here: an app that has the bundles already needs no esbuild.
  const { buildSync }: typeof import('esbuild') = createRequire(import.meta.url)('esbuild')
  return buildSync({
    absWorkingDir: root,
    entryPoints: { index: `functions/${name}.lambda.ts` },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // Chunks are read when they are first needed; in one file, every import of every chunk would be paid at the start.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    alias: {
      '@aws-sdk/credential-provider-node': './functions/platform/environment-credentials.ts',
      ...Object.fromEntries(unbundled.map((name) => [name, `${projectRoot}infra/relay/unbundled.ts`])),
    },
    // CommonJS packages call `require`, which ES modules do not have.
    banner: { js: `import{createRequire}from'node:module';const require=createRequire(import.meta.url);` },
    minify: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  }).metafile
}

/**
 * The code of a Lambda: the package brings it along, and in this repository it is bundled while the stack is synthesized,
 * but not where CDK needs no bundles.
 */
export function bundledCode(name: string) {
  const ready = fileURLToPath(new URL(`../../bundles/${name}`, import.meta.url))
  if (existsSync(ready)) return Code.fromAsset(ready)
  return Code.fromAsset(`${projectRoot}functions`, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      local: {
        tryBundle(outdir) {
          bundle(name, outdir)
          return true
        },
      },
      // Never used, since `local` always succeeds; the command only keeps CDK from taking two functions for one asset.
      image: DockerImage.fromRegistry('none'),
      command: [name],
    },
  })
}
