import assert from 'node:assert/strict';
import { readSettings, settingsShape } from '../../deployments/settings.ts';
import { assertDescribed, keysOf } from '../support/config-keys.ts';
import { asTexts } from '../support/deployed-stack.ts';
import {
  deploymentsConfig,
  fileConfig,
  githubConfig,
  withStack,
  type Configuration,
} from './deployed-settings.ts';

const OWN = 'smart-transfer-deployments';
const read = (config: Configuration) => readSettings(asTexts(config));

const forkable = (config: Configuration): Configuration => ({
  ...config,
  [`${OWN}:repository`]: { name: 'shop/smart-transfer', forks: 'possible' },
});

describe('what deploys', () => {
  it('is read for each stack: its branch, its pull requests, and what its role may be taken on for', () => {
    assert.deepEqual(read(deploymentsConfig('dev')).stacks, {
      dev: { branch: 'develop', pullRequests: 'preview', operations: ['update', 'refresh', 'destroy'] },
    });
    assert.deepEqual(read(deploymentsConfig('prod')).stacks, {
      prod: { branch: 'main', pullRequests: 'none', operations: ['update'] },
    });
  });

  it('is described key by key, each with an example that it takes itself', () => {
    assert.ok(keysOf(settingsShape).length > 10);
    assertDescribed(settingsShape);
  });

  it('lacks what only a person knows, and the error names each with what to type', () => {
    for (const stack of ['dev', 'prod'])
      assert.throws(
        () => read(fileConfig(stack)),
        (error: Error) => {
          for (const line of [
            `${OWN}:deployedBy.organization is missing; for example: pulumi config set --path '${OWN}:deployedBy.organization' "shop"`,
            `${OWN}:repository.name is missing`,
            `${OWN}:repository.forks is missing`,
          ])
            assert.ok(error.message.includes(line), `${line}\n\nis not in\n\n${error.message}`);
          return true;
        },
      );
  });

  it('runs no code of a stranger: pull requests of forks are not told from others by Pulumi Deployments', () => {
    assert.throws(
      () => read(forkable(deploymentsConfig('dev'))),
      /stacks\.dev\.pullRequests: is preview, and whoever forks the repository could run code/,
    );
    assert.equal(
      read(forkable(withStack(deploymentsConfig('dev'), 'dev', { pullRequests: 'none' }))).repository.forks,
      'possible',
    );
    // GitHub gives a fork's pull request no token, and so no role.
    assert.equal(read(forkable(githubConfig('dev'))).stacks['dev']?.pullRequests, 'preview');
  });

  const refused: readonly [string, Configuration, RegExp][] = [
    [
      'an organisation in capitals, which AWS would not recognise',
      {
        ...deploymentsConfig('dev'),
        [`${OWN}:deployedBy`]: { kind: 'pulumi_deployments', organization: 'Shop' },
      },
      /deployedBy\.organization: write it as in its address/,
    ],
    [
      'a subject that is a pattern',
      withDeployedBy({ subject: 'repo:shop/*' }),
      /deployedBy\.subject: write all of it/,
    ],
    [
      'a subject that names a branch already',
      withDeployedBy({ subject: 'repo:shop/smart-transfer:ref:refs/heads/main' }),
      /deployedBy\.subject: write all of it up to the second colon/,
    ],
    [
      'an unknown operation',
      withStack(deploymentsConfig('prod'), 'prod', { operations: ['preview'] }),
      /operations/,
    ],
    ['an unknown key', withStack(deploymentsConfig('prod'), 'prod', { brnach: 'main' }), /brnach is unknown/],
  ];
  for (const [what, config, message] of refused)
    it(`is refused with ${what}`, () => {
      assert.throws(() => read(config), message);
    });
});

function withDeployedBy(change: Readonly<Record<string, string>>): Configuration {
  const config = githubConfig('dev');
  return { ...config, [`${OWN}:deployedBy`]: { ...(config[`${OWN}:deployedBy`] as object), ...change } };
}
