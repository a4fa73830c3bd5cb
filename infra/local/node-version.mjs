// Loaded before anything else: says what to do on a Node.js that cannot run TypeScript, and must itself run on old ones.
const needed = [22, 18]
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  console.error(
    `This needs Node.js ${needed.join('.')} or newer, and you run ${process.version}: install Node.js 24 from https://nodejs.org, then try again.`,
  )
  process.exit(1)
}
