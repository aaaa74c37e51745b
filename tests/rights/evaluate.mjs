// Reads a JSON list of requests from stdin, writes the list of verdicts: "Allowed", "ImplicitlyDenied", "ExplicitlyDenied" or an error.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const verdicts = []
for (const request of JSON.parse(readFileSync(0, 'utf8'))) {
  const { principal, action, resource, account, context, policies, resourcePolicy } = request
  const outcome = await runSimulation(
    {
      request: { principal, action, resource: { resource, accountId: account }, contextVariables: context },
      identityPolicies: policies.map((policy, index) => ({ name: `policy${index}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: resourcePolicy ?? undefined
    },
    {}
  )
  verdicts.push(outcome.overallResult ?? `error: ${JSON.stringify(outcome.errors)}`)
}
process.stdout.write(JSON.stringify(verdicts))
