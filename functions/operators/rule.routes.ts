import { z } from '@hono/zod-openapi';
import { listRules } from '../deposits/rules.repository.ts';
import { addRule, removeRule, RULE_TARGETS } from '../deposits/rules.step.ts';
import { command, reading } from './operation.ts';
import { flagSchema, idSchema, instantSchema, listOf, reasonSchema, wholeSchema } from './schemas.ts';

const ruleSchema = z
  .object({
    rule_id: idSchema,
    account: z.string(),
    direction: z.enum(['in', 'out']),
    text_equals: z.string().nullable(),
    kind_equals: z.string().nullable(),
    ledger_account: z.string(),
    added_by: z.string(),
    added_at: instantSchema,
    reason: z.string(),
    removed_at: instantSchema.nullable(),
  })
  .openapi('Rule');

const addedSchema = z
  .object({
    outcome: z.literal('added'),
    rule_id: idSchema,
    fitting: listOf(z.object({ state: z.string(), rows: z.int(), won: wholeSchema })),
    applied: z.int(),
  })
  .openapi('RuleAdded');

export type Rule = z.output<typeof ruleSchema>;
export type AddedRule = z.output<typeof addedSchema>;

export const listTheRules = reading({
  name: 'rules list',
  path: '/rules',
  summary: 'the rules in force',
  input: z.object({ all: flagSchema.openapi({ description: 'And those that were removed.' }) }),
  answer: z.object({ rules: listOf(ruleSchema) }).openapi('RuleList'),
  read: async ({ db }, { all }) => ({ rules: await listRules(db, all) }),
});

export const add = command({
  name: 'rules add',
  path: '/rules',
  summary: 'say what such rows are from now on',
  input: z.object({
    account: z.string().openapi({ description: 'The account whose statement shows them.' }),
    direction: z.enum(['in', 'out']),
    text: z.string().max(200).optional().openapi({ description: 'Their whole text.' }),
    kind: z.string().max(200).optional().openapi({ description: 'Their whole kind, as the bank calls it.' }),
    to: z.enum(RULE_TARGETS),
    apply: z
      .boolean()
      .default(false)
      .openapi({ description: 'Explain such rows that stand in suspense already, too.' }),
    reason: reasonSchema,
  }),
  answer: addedSchema,
  async act({ db }, acting, { account, direction, text, kind, to, apply }) {
    const outcome = await addRule(db, acting, { account, direction, text, kind, to, apply });
    if (outcome.outcome === 'refused') return outcome;
    const { ruleId, fitting, applied } = outcome.result;
    return { outcome: 'added', rule_id: ruleId, fitting, applied };
  },
});

export const remove = command({
  name: 'rules remove',
  path: '/rules/{rule_id}/remove',
  summary: 'end a rule; what it has classified stays as it is booked',
  input: z.object({ rule_id: idSchema, reason: reasonSchema }),
  answer: z.object({ outcome: z.literal('removed'), rule_id: idSchema }).openapi('RuleRemoved'),
  async act({ db }, acting, { rule_id }) {
    const outcome = await removeRule(db, acting, rule_id);
    return outcome.outcome === 'refused' ? outcome : { outcome: 'removed', rule_id };
  },
});

export const ruleOperations = [listTheRules, add, remove] as const;
