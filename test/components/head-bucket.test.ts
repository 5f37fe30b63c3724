import assert from 'node:assert/strict';
import { HeadBucket, type HeadBucketArgs } from '../../components/head-bucket.ts';
import { allRegistered, mockPulumi, type MockedProgram } from '../support/pulumi-mocks.ts';
import { brokenRules, statementsOf } from '../support/stack-rules.ts';

async function made(args: HeadBucketArgs): Promise<MockedProgram> {
  const program = await mockPulumi({
    outputs: { 'aws:s3/bucket:Bucket': ({ name }) => ({ bucket: `${name}-1a2b3c4` }) },
  });
  new HeadBucket('heads', args);
  await allRegistered();
  return program;
}

describe("the bucket of the ledger's heads", () => {
  it('locks each object for the time that it is told, in a mode that nobody can undo', async () => {
    const program = await made({ retention: { mode: 'COMPLIANCE', days: 1826 }, protection: true });
    assert.equal(program.resource('aws:s3/bucket:Bucket').inputs['objectLockEnabled'], true);
    const lock = program.resource('aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration');
    assert.deepEqual(lock.inputs['rule'], { defaultRetention: { mode: 'COMPLIANCE', days: 1826 } });
    assert.deepEqual(
      brokenRules(program.resources, () => false),
      [],
    );
  });

  it('refuses a second object under a name, and plain HTTP', async () => {
    const program = await made({ retention: { mode: 'COMPLIANCE', days: 1 }, protection: true });
    const { inputs } = program.resource('aws:s3/bucketPolicy:BucketPolicy');
    const [plainHttp, overwriting] = statementsOf(inputs['policy']);
    const arn = 'arn:mock:aws:s3/bucket:Bucket:heads';
    assert.deepEqual(plainHttp?.resources, [arn, `${arn}/*`]);
    assert.deepEqual(plainHttp.condition, { Bool: { 'aws:SecureTransport': 'false' } });
    assert.deepEqual(overwriting, {
      effect: 'Deny',
      principal: '*',
      actions: ['s3:PutObject'],
      resources: [`${arn}/*`],
      condition: { Null: { 's3:if-none-match': 'true' } },
    });
  });

  it('is nobody else’s: all public access is blocked, and no object belongs to another account', async () => {
    const program = await made({ retention: { mode: 'GOVERNANCE', days: 1 }, protection: false });
    const { bucket, ...blocks } = program.resource(
      'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock',
    ).inputs;
    assert.equal(bucket, 'heads-1a2b3c4');
    assert.deepEqual(blocks, {
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    });
    const { inputs } = program.resource('aws:s3/bucketOwnershipControls:BucketOwnershipControls');
    assert.deepEqual(inputs['rule'], { objectOwnership: 'BucketOwnerEnforced' });
  });

  it('is protected where the stack is, and emptied with the stack only where its objects may be deleted', async () => {
    const kept = await made({ retention: { mode: 'COMPLIANCE', days: 1 }, protection: true });
    const tried = await made({ retention: { mode: 'GOVERNANCE', days: 1 }, protection: false });
    const locked = await made({ retention: { mode: 'COMPLIANCE', days: 1 }, protection: false });
    const summary = [kept, tried, locked].map((program) => {
      const { protect, inputs } = program.resource('aws:s3/bucket:Bucket');
      return [protect, inputs['forceDestroy']];
    });
    assert.deepEqual(summary, [
      [true, false],
      [false, true],
      [false, false],
    ]);
  });
});
