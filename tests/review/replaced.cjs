// What `cdk diff` says happens to each resource: pairs of templates come in as JSON, impacts by logical id go out.
const { fullDiff } = require(process.argv[2])
let text = ''
process.stdin.on('data', (part) => { text += part })
process.stdin.on('end', () => {
  const impacts = JSON.parse(text).map(([before, after]) => {
    const found = {}
    fullDiff(before, after).resources.forEachDifference((name, change) => { found[name] = change.changeImpact })
    return found
  })
  process.stdout.write(JSON.stringify(impacts))
})
