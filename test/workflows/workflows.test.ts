import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { parse } from 'yaml';
import { SESSION_MINUTES_MAX } from '../../deployments/session-length.ts';

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly if?: string;
  readonly needs?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string>>;
  readonly secrets?: unknown;
  readonly steps?: readonly Step[];
  readonly concurrency?: Readonly<Record<string, unknown>>;
  readonly 'timeout-minutes'?: number;
}

interface Workflow {
  readonly on: Readonly<Record<string, { branches?: string[] } | null>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const root = join(import.meta.dirname, '..', '..');
const texts = Object.fromEntries(
  globSync('.github/workflows/*.yml', { cwd: root }).map((file) => [
    basename(file, '.yml'),
    readFileSync(join(root, file), 'utf8'),
  ]),
);
const workflows = Object.fromEntries(
  Object.entries(texts).map(([name, text]) => [name, parse(text) as Workflow]),
);
const { check, deploy, stack } = workflows as Record<'check' | 'deploy' | 'stack', Workflow>;
const steps = Object.values(workflows).flatMap(({ jobs }) =>
  Object.values(jobs).flatMap((job) => job.steps ?? []),
);

/** What a condition says of an event: what it uses of GitHub's expressions means the same in JavaScript. */
function holds(condition: string, event: Readonly<Record<string, unknown>>): boolean {
  return runInNewContext(condition, event) === true;
}

const VARIABLES = {
  DEPLOYED_BY: 'github_actions',
  DEV_PREVIEW_ROLE: 'arn:dev-preview',
  PROD_PREVIEW_ROLE: 'arn:prod-preview',
};

function push(branch: string, vars: Readonly<Record<string, string>> = VARIABLES) {
  return {
    vars,
    github: {
      event_name: 'push',
      ref: `refs/heads/${branch}`,
      base_ref: '',
      repository: 'shop/st',
      event: {},
    },
  };
}

function pullRequest(base: string, from = 'shop/st', vars: Readonly<Record<string, string>> = VARIABLES) {
  return {
    vars,
    github: {
      event_name: 'pull_request',
      ref: 'refs/pull/7/merge',
      base_ref: base,
      repository: 'shop/st',
      event: { pull_request: { head: { repo: { full_name: from } } } },
    },
  };
}

/** The jobs of the deploying workflow that an event starts. */
function started(event: ReturnType<typeof push> | ReturnType<typeof pullRequest>): string[] {
  return Object.entries(deploy.jobs)
    .filter(([, job]) => holds(job.if ?? 'true', event))
    .map(([name]) => name);
}

describe('the workflows', () => {
  it('deploy develop to dev and main to prod, once everything is checked', () => {
    assert.deepEqual(started(push('develop')), ['check', 'dev']);
    assert.deepEqual(started(push('main')), ['check', 'prod']);
    assert.deepEqual(deploy.on['push']?.branches, ['develop', 'main']);
    for (const name of ['dev', 'prod']) {
      const job = deploy.jobs[name];
      assert.equal(job?.needs, 'check');
      assert.deepEqual([job.with?.['command'], job.with?.['stack']], ['up', name]);
      assert.equal(job.with?.['role'], `\${{ vars.${name.toUpperCase()}_DEPLOY_ROLE }}`);
      assert.equal(job.with['state'], `\${{ vars.${name.toUpperCase()}_STATE }}`);
    }
  });

  it('preview pull requests, each on the stack of its base, with the role that reads', () => {
    assert.deepEqual(started(pullRequest('develop')), ['preview-dev']);
    assert.deepEqual(started(pullRequest('main')), ['preview-prod']);
    for (const name of ['dev', 'prod']) {
      const job = deploy.jobs[`preview-${name}`];
      assert.deepEqual([job?.with?.['command'], job?.with?.['stack']], ['preview', name]);
      assert.equal(job?.with?.['role'], `\${{ vars.${name.toUpperCase()}_PREVIEW_ROLE }}`);
    }
  });

  it('preview no stack that has no role for it', () => {
    const { DEPLOYED_BY, DEV_PREVIEW_ROLE } = VARIABLES;
    const vars = { DEPLOYED_BY, DEV_PREVIEW_ROLE, PROD_PREVIEW_ROLE: '' };
    assert.deepEqual(started(pullRequest('main', 'shop/st', vars)), []);
  });

  it('run nothing of a fork but the checks, which have rights nowhere', () => {
    for (const base of ['develop', 'main']) assert.deepEqual(started(pullRequest(base, 'stranger/st')), []);
    assert.deepEqual(check.permissions, { contents: 'read' });
    assert.ok('pull_request' in check.on);
    for (const [name, { on }] of Object.entries(workflows))
      assert.ok(!('pull_request_target' in on) && !('workflow_run' in on), name);
  });

  it('deploy nothing where something else deploys', () => {
    for (const vars of [{}, { ...VARIABLES, DEPLOYED_BY: 'pulumi_deployments' }] as Record<
      string,
      string
    >[]) {
      assert.deepEqual(started(push('develop', vars)), ['check']);
      assert.deepEqual(started(push('main', vars)), ['check']);
      assert.deepEqual(started(pullRequest('develop', 'shop/st', vars)), []);
    }
  });

  it('run a stack once at a time, each push in its turn, and cut none off', () => {
    const { pulumi } = stack.jobs;
    assert.deepEqual(pulumi?.concurrency, {
      group: '${{ inputs.command }}-${{ inputs.stack }}',
      'cancel-in-progress': false,
      queue: 'max',
    });
  });

  it("hold no key: the job's own token is exchanged for a role, for as long as the job may take", () => {
    const exchange = stack.jobs['pulumi']?.steps?.find(({ uses }) => uses?.startsWith('aws-actions/'));
    assert.equal(exchange?.with?.['role-to-assume'], '${{ inputs.role }}');
    const minutes = SESSION_MINUTES_MAX.github_actions;
    assert.equal(stack.jobs['pulumi']?.['timeout-minutes'], minutes);
    assert.equal(
      exchange.with['role-duration-seconds'],
      `\${{ inputs.command == 'up' && ${minutes * 60} || 3600 }}`,
    );
    for (const [name, text] of Object.entries(texts)) assert.doesNotMatch(text, /secrets\.|access-key/, name);
    for (const { secrets } of Object.values(deploy.jobs)) assert.equal(secrets, undefined);
  });

  it('install packages before they have rights, and leave no token in the checkout', () => {
    const { steps: all = [] } = stack.jobs['pulumi'] ?? {};
    const at = (what: RegExp) => all.findIndex(({ uses, run }) => what.test(uses ?? run ?? ''));
    assert.ok(at(/^npm ci/) >= 0 && at(/^npm ci/) < at(/^aws-actions/));
    assert.ok(at(/^aws-actions/) < at(/^pulumi\/actions/));
    for (const { uses, with: given } of steps)
      if (uses?.startsWith('actions/checkout@')) assert.equal(given?.['persist-credentials'], false);
  });

  it('have no right that they do not need', () => {
    assert.deepEqual(deploy.permissions, {});
    // A workflow that is called could only take away what its caller gives: a preview could not comment.
    assert.equal(stack.permissions, undefined);
    const rights = Object.fromEntries(
      Object.entries(deploy.jobs).map(([name, { permissions }]) => [name, permissions]),
    );
    const deploying = { contents: 'read', 'id-token': 'write' };
    const previewing = { ...deploying, 'pull-requests': 'write' };
    assert.deepEqual(rights, {
      check: { contents: 'read' },
      dev: deploying,
      prod: deploying,
      'preview-dev': previewing,
      'preview-prod': previewing,
    });
  });

  it('comment on pull requests what a preview says', () => {
    const pulumi = stack.jobs['pulumi']?.steps?.find(({ uses }) => uses?.startsWith('pulumi/actions@'));
    assert.equal(pulumi?.with?.['comment-on-pr'], "${{ inputs.command == 'preview' }}");
  });

  it("use the repository's own versions of Pulumi and Node", () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      devDependencies: { pulumi: string };
    };
    const pulumi = stack.jobs['pulumi']?.steps?.find(({ uses }) => uses?.startsWith('pulumi/actions@'));
    assert.equal(pulumi?.with?.['pulumi-version'], devDependencies.pulumi);
    for (const { uses, with: given } of steps)
      if (uses?.startsWith('actions/setup-node@'))
        assert.equal(given?.['node-version-file'], '.node-version');
  });

  it('use these actions and no others', () => {
    const used = [...new Set(steps.flatMap(({ uses }) => uses ?? []))].sort();
    assert.deepEqual(used, [
      'actions/checkout@v6',
      'actions/setup-node@v6',
      'aws-actions/configure-aws-credentials@v6',
      'pulumi/actions@v7',
    ]);
  });

  it('put nothing of an event into a shell', () => {
    for (const { run } of steps) assert.doesNotMatch(run ?? '', /\$\{\{/);
  });
});
