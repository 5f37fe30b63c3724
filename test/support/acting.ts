import { parsePersonId, parseReason, type Acting } from '../../functions/people/person.ts';

/** A person who acts at an instant, with a reason. */
export function actingAs(name: string, at: Date): Acting {
  const by = parsePersonId(name);
  const reason = parseReason(`${name} says so`);
  if (by === undefined || reason === undefined) throw new Error(`${name} cannot act`);
  return { by, reason, at };
}
