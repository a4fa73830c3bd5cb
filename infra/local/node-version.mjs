// Loaded before anything else: says what to do on a Node.js that is too old, and must itself run on old ones.
// On Linux and Windows, `npm ci` brings the right one along.
const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  console.error(
    `This needs Node.js 24 or newer, and you run ${process.version}: install Node.js 24 from https://nodejs.org, then try again.`,
  )
  process.exit(1)
}
