import type { MutantResult } from '@stryker-mutator/api/core'
import { declareFactoryPlugin, declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin'

/** A node of Babel's tree, as far as it is looked at here. */
type Node = {
  type: string
  name?: string
  callee?: Node
  object?: Node
  property?: Node
  expression?: Node
}
type Path = { node: Node; key: string | number | null; listKey?: string; parentPath?: Path | null }

/** What mutants are not planted in: what is said for people to read, which no promise rests on. */
export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'words', {
    shouldIgnore(path) {
      const { node, listKey, parentPath } = path as unknown as Path
      const called = node.type === 'ExpressionStatement' ? node.expression! : node
      if (isCall(called) && isTelemetry(called.callee!)) return 'a line of the log, or a metric'
      const isText = node.type === 'StringLiteral' || node.type === 'TemplateLiteral'
      if (isText && listKey === 'arguments' && parentPath?.node.type === 'NewExpression') return 'the text of an error'
      if (isText && parentPath?.node.type === 'ClassProperty') return 'the name of an error'
      return undefined
    },
  }),
  declareFactoryPlugin(PluginKind.Reporter, 'survivors', () => ({
    onMutantTested({ status, fileName, location, replacement }: MutantResult) {
      if (status === 'Survived' || status === 'NoCoverage')
        console.log(`${status} ${fileName}:${location.start.line}:${location.start.column} → ${replacement}`)
    },
  })),
]

const isCall = ({ type }: Node) => type === 'CallExpression' || type === 'OptionalCallExpression'

/** `telemetry.info`, `consumer.telemetry?.count`, `report.told`, `logAndCount`, … */
function isTelemetry({ name, object, property }: Node): boolean {
  return [name, object?.name, object?.property?.name, property?.name].some((one) => one !== undefined && tells.has(one))
}

const tells = new Set(['telemetry', 'report', 'logAndCount'])
