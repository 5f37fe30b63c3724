import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import {
  envelopeOf,
  EVENT_TYPES,
  EVENT_VERSION,
  type EventType,
} from '../../functions/events/event-types.ts';

/** The JSON Schema of an event, as its file in this folder holds it. */
export function schemaFileOf(type: EventType): { readonly name: string; readonly text: string } {
  const schema = {
    $id: `urn:smart-transfer:event:${type}:v${EVENT_VERSION}`,
    title: type,
    ...z.toJSONSchema(envelopeOf(type)),
  };
  return { name: `${type}.v${EVENT_VERSION}.json`, text: `${JSON.stringify(schema, null, 2)}\n` };
}

if (import.meta.main) {
  for (const type of EVENT_TYPES) {
    const { name, text } = schemaFileOf(type);
    writeFileSync(new URL(name, import.meta.url), text);
  }
}
