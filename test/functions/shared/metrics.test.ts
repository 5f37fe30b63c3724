import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

interface EmbeddedMetrics {
  readonly service: string;
  readonly DriftWon: number;
  readonly CycleDuration: number;
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
}

/** Writes metrics in a process of its own, since they go to its standard output, and reads what CloudWatch would. */
async function written(environment: Record<string, string> = {}): Promise<EmbeddedMetrics> {
  const module = fileURLToPath(new URL('../../../functions/shared/metrics.ts', import.meta.url));
  const program = `
    import { createMetricsLog } from ${JSON.stringify(module)};
    createMetricsLog('matcher')({ DriftWon: 9900, CycleDuration: 15 });`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, ...environment },
  });
  return JSON.parse(stdout) as EmbeddedMetrics;
}

describe('metrics', () => {
  it("are written in CloudWatch's embedded format, with their units, by the function that says them", async () => {
    const { service, DriftWon, CycleDuration, _aws } = await written();
    assert.deepEqual([service, DriftWon, CycleDuration], ['matcher', 9900, 15]);
    const [directive] = _aws.CloudWatchMetrics;
    assert.deepEqual(directive?.Dimensions, [['service']]);
    assert.equal(directive.Namespace, 'smart-transfer');
    assert.deepEqual(directive.Metrics, [
      { Name: 'DriftWon', Unit: 'Count' },
      { Name: 'CycleDuration', Unit: 'Milliseconds' },
    ]);
  });

  it('go to the namespace that the function is told', async () => {
    const { _aws } = await written({ POWERTOOLS_METRICS_NAMESPACE: 'smart-transfer-two' });
    assert.equal(_aws.CloudWatchMetrics[0]?.Namespace, 'smart-transfer-two');
  });
});
