// One comment on a pull request with the reviews of all environments: posted, updated in place, removed when nothing changes.
const fs = require('node:fs')
const path = require('node:path')

const MARK = '<!-- container-services review -->'
const LONGEST = 60000 // characters; GitHub allows 65,536

/** The text of an environment's review; empty if it has nothing to say. */
function text(folder, environment) {
  const file = path.join(folder, `review-${environment}`, environment)
  try {
    if (JSON.parse(fs.readFileSync(`${file}.json`, 'utf8')).empty === true) return ''
    return fs.readFileSync(`${file}.md`, 'utf8').replaceAll('<!--', '&lt;!--').slice(0, LONGEST / 4)
  } catch {
    return ''
  }
}

/** The comment's whole text; empty if no environment has anything to say. */
function body(folder, page) {
  const found = fs.existsSync(folder) ? fs.readdirSync(folder).sort() : []
  const environments = found.map((name) => /^review-([a-z][a-z0-9-]{0,30})$/.exec(name)?.[1]).filter(Boolean)
  const texts = environments.map((environment) => text(folder, environment)).filter(Boolean)
  if (texts.length === 0) return ''
  const note = `The pages are among the artifacts of [this run](${page}). All of this is written by the code of the pull request.`
  return [MARK, ...texts, note].join('\n\n').slice(0, LONGEST)
}

/** The open pull request whose head the run was of. A fork's run names none, so it is looked up by branch and commit. */
async function pullRequest(github, repo, run) {
  const head = `${run.head_repository.owner.login}:${run.head_branch}`
  const found = await github.paginate(github.rest.pulls.list, { ...repo, state: 'open', head, per_page: 100 })
  return found.find((one) => one.head.sha === run.head_sha && one.head.repo?.full_name === run.head_repository.full_name)
}

module.exports = async ({ github, context, core, folder }) => {
  const run = context.payload.workflow_run
  const found = await pullRequest(github, context.repo, run)
  if (!found) {
    core.info('no open pull request has this commit as its head: a newer push has a run of its own')
    return
  }
  const issue = { ...context.repo, issue_number: found.number }
  const comments = await github.paginate(github.rest.issues.listComments, { ...issue, per_page: 100 })
  const ours = comments.filter((one) => one.user?.type === 'Bot' && one.body?.startsWith(MARK))
  const wanted = body(folder, run.html_url)
  for (const extra of wanted ? ours.slice(1) : ours) {
    await github.rest.issues.deleteComment({ ...context.repo, comment_id: extra.id })
  }
  if (wanted && ours.length > 0) {
    if (ours[0].body !== wanted) {
      await github.rest.issues.updateComment({ ...context.repo, comment_id: ours[0].id, body: wanted })
    }
  } else if (wanted) {
    await github.rest.issues.createComment({ ...issue, body: wanted })
  }
}
