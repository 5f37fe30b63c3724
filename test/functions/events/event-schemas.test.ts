import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { schemaFileOf } from '../../../docs/events/generate.ts';
import { EVENT_TYPES } from '../../../functions/events/event-types.ts';

const FOLDER = new URL('../../../docs/events/', import.meta.url);

describe('the JSON Schemas of events', () => {
  it('are those of the code: npm run event-schemas writes them anew', () => {
    for (const type of EVENT_TYPES) {
      const { name, text } = schemaFileOf(type);
      assert.equal(readFileSync(new URL(name, FOLDER), 'utf8'), text, name);
    }
    const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
    assert.equal(files.length, EVENT_TYPES.length);
  });
});
