import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PULUMI_VERSION } from '../engine/find-engine.ts';

describe('the engine that CI builds', () => {
  it("is of the version that package.json's `pulumi` stands for", () => {
    const goModule = readFileSync(join(import.meta.dirname, '..', 'engine', 'tools', 'go.mod'), 'utf8');
    const [, built] = /github\.com\/pulumi\/pulumi\/pkg\/v3 v(\S+)/.exec(goModule) ?? [];
    assert.equal(built, PULUMI_VERSION);
    assert.match(goModule, /^tool github\.com\/pulumi\/pulumi\/pkg\/v3\/cmd\/pulumi$/m);
  });
});
