import { deployStack, stackConfig } from '../support/deployed-stack.ts';
for (const stack of ['dev', 'prod'] as const)
  it('tries ' + stack, async () => {
    const p = await deployStack(stack, stackConfig(stack));
    console.log(p.resources.length);
    const byType: Record<string, number> = {};
    for (const r of p.resources) byType[r.type] = (byType[r.type] ?? 0) + 1;
    console.log(byType);
  });
