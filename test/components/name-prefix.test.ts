import assert from 'node:assert/strict';
import { namePrefixOf } from '../../components/name-prefix.ts';
import { deployStack, stackConfig } from '../support/deployed-stack.ts';

/** The longest names that AWS takes, of the types that have a limit of less than 100 characters (its API references). */
const LIMITS: Readonly<Record<string, readonly [property: string, max: number]>> = {
  'aws:cloudwatch/eventArchive:EventArchive': ['name', 48],
  'aws:cloudwatch/eventRule:EventRule': ['name', 64],
  'aws:rds/cluster:Cluster': ['clusterIdentifier', 63],
  'aws:rds/clusterInstance:ClusterInstance': ['identifier', 63],
  'aws:scheduler/scheduleGroup:ScheduleGroup': ['name', 64],
  'aws:scheduler/schedule:Schedule': ['name', 64],
  'aws:sqs/queue:Queue': ['name', 80],
};

const LONGEST = 'a'.repeat(26);

describe("a stack's name", () => {
  it('of 26 characters fits into every name that AWS limits', async function () {
    this.timeout(300_000);
    const { resources } = await deployStack(LONGEST, stackConfig('dev'));
    for (const [type, [property, max]] of Object.entries(LIMITS)) {
      const names = resources
        .filter((one) => one.type === type)
        .map(({ inputs }) => String(inputs[property]));
      assert.ok(names.length > 0, type);
      for (const name of names)
        assert.ok(name.length <= max, `${type}: ${name} has ${name.length}, not ${max}`);
    }
  });

  it('of one more is refused before anything is asked of AWS', async () => {
    assert.equal(namePrefixOf('smart-transfer', LONGEST), `smart-transfer-${LONGEST}`);
    await assert.rejects(
      deployStack(`${LONGEST}b`, stackConfig('dev')),
      /"a{26}b" has 27 characters, and AWS leaves room for 26/,
    );
  });
});
