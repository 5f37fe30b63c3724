import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { z } from 'zod';
import { transferMessageSchema } from '../../../functions/transfers/transfer-queue.client.ts';
import {
  fanOutEventSchema,
  webhookMessageSchema,
  webhookResultSchema,
} from '../../../functions/webhooks/webhook-message.ts';
import { writeMessages, type Format, type Written } from './what-is-written.ts';

const FOLDER = new URL('releases/', import.meta.url);

/** Each format's reader. What a function hands to another is listed here, or the compiler asks for it. */
const READERS: Readonly<Record<Format, z.ZodType>> = {
  transfer: transferMessageSchema,
  'fan-out-event': fanOutEventSchema,
  'webhook-attempt': webhookMessageSchema,
  'webhook-result': webhookResultSchema,
};

/** A format as a release had it: what its function took, and what its other function wrote. */
interface Release {
  readonly file: string;
  readonly reads: object;
  readonly wrote: readonly unknown[];
}

/** The releases of a format that may serve beside this one, the newest last. A file goes once nothing deployed speaks it any more. */
function releasesOf(format: Format): Release[] {
  return readdirSync(FOLDER)
    .filter((file) => file.startsWith(`${format}.v`))
    .sort((a, b) => numberOf(a) - numberOf(b))
    .map((file) => ({
      file,
      ...(JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Omit<Release, 'file'>),
    }));
}

function numberOf(file: string): number {
  return Number(/\.v(\d+)\.json$/.exec(file)?.[1]);
}

/** A reader as JSON Schema. The pattern that zod gives beside a known format is zod's own affair. */
function descriptionOf(reader: z.ZodType): object {
  return z.toJSONSchema(reader, {
    io: 'input',
    override({ jsonSchema }) {
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
    },
  });
}

/** What a message is made of, whatever its values are. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((one) => JSON.stringify(shapeOf(one))))].sort();
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, shapeOf(inner)]),
  );
}

/** The same message from a later release, which says something more in each of its objects. */
function withMore(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withMore);
  if (typeof value !== 'object' || value === null) return value;
  const more = Object.entries(value).map(([name, inner]) => [name, withMore(inner)] as const);
  return { ...Object.fromEntries(more), said_by_a_later_release: 1 };
}

describe('what one function hands to another', function () {
  this.timeout(60_000);
  const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
  let written: Written;
  before(async () => {
    written = await writeMessages();
  });

  for (const format of Object.keys(READERS) as Format[])
    describe(format, () => {
      const reader = READERS[format];

      it('is written at all', () => {
        assert.ok(written[format].length > 0);
      });

      it('is taken as releases before this one wrote it', () => {
        for (const { file, wrote } of releasesOf(format))
          for (const message of wrote)
            assert.deepEqual(reader.safeParse(message).error?.issues ?? [], [], file);
      });

      it('is written as releases before this one take it', () => {
        for (const { file, reads } of releasesOf(format)) {
          const takes = ajv.compile(reads);
          for (const message of written[format])
            assert.ok(takes(message), `${file}: ${ajv.errorsText(takes.errors)}`);
        }
      });

      it('may say more in a later release', () => {
        const takes = ajv.compile(descriptionOf(reader));
        for (const message of written[format].map(withMore)) {
          assert.deepEqual(reader.safeParse(message).error?.issues ?? [], []);
          assert.ok(takes(message), ajv.errorsText(takes.errors));
        }
      });

      it('is what the newest of its files says', () => {
        const releases = releasesOf(format);
        const newest = releases.at(-1);
        const now = { reads: descriptionOf(reader), wrote: written[format] };
        const file = `${format}.v${newest === undefined ? 1 : numberOf(newest.file) + 1}.json`;
        const same =
          newest !== undefined &&
          JSON.stringify(newest.reads) === JSON.stringify(now.reads) &&
          JSON.stringify(shapeOf(newest.wrote)) === JSON.stringify(shapeOf(now.wrote));
        if (!same && process.env['UPDATE_MESSAGES'] === '1')
          writeFileSync(new URL(file, FOLDER), `${JSON.stringify(now, null, 2)}\n`);
        else
          assert.ok(
            same,
            `the format ${format} has changed: keep its files, which functions still speak while versions change, and write ${file} by UPDATE_MESSAGES=1`,
          );
      });
    });
});
