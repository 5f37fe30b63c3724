import assert from 'node:assert/strict';
import { loadWithout, type Rule } from './without.ts';

/** All that a story needs, as one module, so that a copy of it is a copy of the whole system. */
export type System = typeof import('./system.ts');

export interface Proof<Outcome> {
  /** What is so, in the present tense. */
  readonly name: string;
  /** The rule that answers it. Several, where no single one is missed in this story: only all of them, taken out, let it happen. */
  readonly rules: readonly Rule[];
  /** What happens, told by what the bank and the database say in the end. `schema` takes the database's rules out. */
  readonly story: (system: System, schema: readonly string[]) => Promise<Outcome>;
  readonly holds: Outcome;
  /** What happens when the rules are taken out: the very thing that they are there against. */
  readonly otherwise: Outcome;
}

/** Tells a story three times or more: with its rules, with each alone where there are several, and with none of them. */
export function prove<Outcome>({ name, rules, story, holds, otherwise }: Proof<Outcome>) {
  const told = async (takenOut: readonly Rule[]) => {
    const system = await loadWithout<System>('test/proofs/system.ts', takenOut);
    return await story(
      system,
      takenOut.flatMap((rule) => rule.sql ?? []),
    );
  };
  describe(name, () => {
    it('holds', async () => {
      assert.deepEqual(await told([]), holds);
    });
    for (const rule of rules.length > 1 ? rules : []) {
      it(`holds, too, without the rule in ${rule.file}: ${rule.text.trim().split('\n')[0] ?? ''}`, async () => {
        assert.deepEqual(await told([rule]), holds);
      });
    }
    it('fails without the rule, in just this way', async () => {
      assert.deepEqual(await told(rules), otherwise);
    });
  });
}
