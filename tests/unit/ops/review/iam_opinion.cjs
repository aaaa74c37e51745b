// What the CDK's own comparison says about IAM, of pairs of templates: JSON in, JSON out.
const { fullDiff } = require("@aws-cdk/cloudformation-diff");

const pairs = JSON.parse(require("fs").readFileSync(0, "utf8"));
const opinions = pairs.map(([before, after]) => {
  const found = fullDiff(before, after).iamChanges;
  return {
    added: found.statements.additions.length + found.managedPolicies.additions.length,
    removed: found.statements.removals.length + found.managedPolicies.removals.length,
    broadened: found.permissionsBroadened,
  };
});
process.stdout.write(JSON.stringify(opinions));
