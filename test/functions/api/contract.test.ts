import assert from 'node:assert/strict';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { sql } from 'kysely';
import { insertDeliveries } from '../../../functions/webhooks/webhook.repository.ts';
import {
  MORNING,
  openApiWorld,
  orderBody,
  payOrderOf,
  reviewFor,
  type Answer,
  type ApiWorld,
} from './api-world.ts';
import { besideBody, besideText, fitting, type Schema, type Surroundings } from './openapi-arbitraries.ts';

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required?: boolean;
  readonly schema: Schema;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** A request that was made of an operation's description. */
interface Tried {
  readonly parameters: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Requests of each kind, for each operation; `CONTRACT_RUNS` sets more. */
const RUNS = Number(process.env['CONTRACT_RUNS'] ?? '12');

const DAY_MS = 24 * 60 * 60_000;

/** What the document's examples name is there, so that requests reach further than the door. */
const SELLER = 'haneul-flowers';
const ORDER = '2026-0317';
const ID = '1';

const document = await describedApi();
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method} ${path}`,
    method,
    path,
    operation,
  })),
);
const around: Surroundings = {
  schemas: document.components.schemas,
  from: MORNING,
  to: new Date(MORNING.getTime() + 35 * DAY_MS),
};

async function describedApi(): Promise<OpenApi> {
  const world = await openApiWorld();
  try {
    return (await (await world.api.request('/openapi.json')).json()) as OpenApi;
  } finally {
    await world.close();
  }
}

const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true })).addSchema(document, 'api');
const validators = new Map<Schema, ValidateFunction>();

/** What of a value does not fit a schema of the document. */
function misfits(schema: Schema, value: unknown): string[] {
  const { $ref } = schema;
  const validate =
    validators.get(schema) ?? ajv.compile($ref === undefined ? schema : { $ref: `api${$ref}` });
  validators.set(schema, validate);
  return validate(value)
    ? []
    : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`);
}

describe('the contract of the API', function () {
  this.timeout(120_000);
  let world: ApiWorld;
  let key: string;
  beforeEach(async () => {
    world = await openApiWorld();
    key = await world.addShop('flowers');
    await world.addSeller('flowers', SELLER);
    await world.request(key, 'POST', '/v1/webhooks', { url: 'https://shop.example/first' });
    await payOrderOf(world, key, { shopId: 'flowers', sellerId: SELLER, shopOrderId: 'paid', amount: 9000 });
    await world.request(key, 'POST', '/v1/orders', orderBody({ shop_order_id: ORDER, seller_id: SELLER }));
    await reviewFor(world, [ORDER]);
    const events = await world.test.db.selectFrom('event').select('id').execute();
    for (const { id } of events) await insertDeliveries(world.test.db, id, world.clock.now());
    await world.test.owner
      .updateTable('webhook_delivery')
      .set({ state: 'parked', attempts: 9 })
      .where('delivery_id', '=', 1n)
      .execute();
  });
  afterEach(() => world.close());

  for (const { name, method, path, operation } of operations) {
    const schema = operation.requestBody?.content['application/json']?.schema;
    const parameters = operation.parameters ?? [];

    it(`is kept by ${name}, and what is refused changes nothing`, async () => {
      const statuses = new Set<number>();
      let before = await everything();
      const tryOut = async (tried: Tried): Promise<void> => {
        const answer = await send(key, tried);
        statuses.add(answer.status);
        assertDescribed(answer);
        const after = await everything();
        if (method === 'get' || answer.status >= 400)
          assert.deepEqual(after, before, `${answer.status} changed something`);
        before = after;
        if (!fits(tried)) assert.equal(answer.status, 400, 'it does not fit the document');
      };
      await fc.assert(fc.asyncProperty(good(), tryOut), { numRuns: RUNS, examples: [[example()]] });
      if (schema !== undefined || parameters.length > 0)
        await fc.assert(fc.asyncProperty(beside(), tryOut), { numRuns: RUNS, examples: [[misfit()]] });
      assert.ok(
        [...statuses].some((status) => status < 300),
        `never done, only ${[...statuses].join()}`,
      );
      assert.equal(statuses.has(400), schema !== undefined || parameters.length > 0, [...statuses].join());
      await refuseAtTheDoor();
      assert.deepEqual(await everything(), before);
      assert.deepEqual(world.errors, []);
    });

    /** Without a key, with a body of another type, with one too large, with half a one. */
    async function refuseAtTheDoor(): Promise<void> {
      const refused: [number, Promise<Answer>][] = [[401, send('st_none', example())]];
      if (schema !== undefined) {
        const large = JSON.stringify({ pad: 'x'.repeat(20_000) });
        refused.push([413, send(key, { ...example(), body: large })]);
        refused.push([415, send(key, example(), { 'content-type': 'text/plain' })]);
        refused.push([400, send(key, { ...example(), body: '{"amount":' })]);
      }
      for (const [status, answering] of refused) {
        const answer = await answering;
        assert.equal(answer.status, status);
        assertDescribed(answer);
      }
    }

    /** What the document shows as its example, of what is there. */
    function example(): Tried {
      const exemplary = parameters.filter((one) => one.required === true);
      return {
        parameters: Object.fromEntries(exemplary.map((one) => [one.name, exampleOf(one)])),
        ...(schema === undefined ? {} : { body: exampleBody(schema) }),
      };
    }

    /** What surely fits nothing. */
    function misfit(): Tried {
      const [first] = parameters;
      if (schema !== undefined || first === undefined) return { ...example(), body: {} };
      return { parameters: { ...example().parameters, [first.name]: '\u0000' } };
    }

    function good(): fc.Arbitrary<Tried> {
      return tried(
        (one) => fc.oneof(fc.constant(exampleOf(one)), fitting(one.schema, around).map(String)),
        schema === undefined ? undefined : fitting(schema, around),
      );
    }

    function beside(): fc.Arbitrary<Tried> {
      return tried(
        (one) =>
          fc.oneof(
            { weight: schema === undefined ? 1 : 9, arbitrary: fc.constant(exampleOf(one)) },
            { weight: 2, arbitrary: besideText },
          ),
        schema === undefined ? undefined : besideBody(schema, around),
      );
    }

    function tried(
      textOf: (one: Parameter) => fc.Arbitrary<string>,
      bodies: fc.Arbitrary<unknown> | undefined,
    ): fc.Arbitrary<Tried> {
      const texts = Object.fromEntries(parameters.map((one) => [one.name, textOf(one)]));
      const requiredKeys = parameters.filter((one) => one.required === true).map((one) => one.name);
      return fc
        .record({
          parameters: fc.record(texts, { requiredKeys, noNullPrototype: true }),
          ...(bodies === undefined ? {} : { body: bodies }),
        })
        .filter(({ parameters: values }) => parameters.every((one) => isOfThePath(one, values[one.name])));
    }

    function fits(request: Tried): boolean {
      const wrong = parameters.flatMap((one) => {
        const value = request.parameters[one.name];
        if (value === undefined) return [];
        const read = one.schema.type === 'integer' && /^-?\d+$/.test(value) ? Number(value) : value;
        return misfits(one.schema, read);
      });
      return wrong.length === 0 && (schema === undefined || misfits(schema, request.body).length === 0);
    }

    async function send(as: string, request: Tried, headers?: Record<string, string>): Promise<Answer> {
      let url = path;
      const query = new URLSearchParams();
      for (const one of parameters) {
        const value = request.parameters[one.name];
        if (value === undefined) continue;
        if (one.in === 'path') url = url.replace(`{${one.name}}`, encodeURIComponent(value.toWellFormed()));
        else query.set(one.name, value);
      }
      const whole = query.size === 0 ? url : `${url}?${query.toString()}`;
      const { body } = request;
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
      return await world.request(as, method.toUpperCase(), whole, text, headers);
    }

    /** The status is one of the document's, and the body fits what stands beside it. */
    function assertDescribed(answer: Answer): void {
      const described = operation.responses[answer.status.toString()];
      assert.ok(described !== undefined, `${answer.status} ${JSON.stringify(answer.body)} is not described`);
      assert.ok(answer.status < 500, JSON.stringify(answer.body));
      const [media] = Object.entries(described.content ?? {});
      if (media === undefined) {
        assert.deepEqual(answer.body, {});
        return;
      }
      assert.match(answer.headers.get('content-type') ?? '', new RegExp(`^${media[0].replace('+', '\\+')}`));
      assert.deepEqual(misfits(media[1].schema, answer.body), [], JSON.stringify(answer.body));
    }
  }

  function exampleOf({ name, schema }: Parameter): string {
    if (name === 'seller_id') return SELLER;
    if (name.endsWith('_id') && name !== 'shop_order_id') return ID;
    const { example = schema.enum?.[0] ?? 'eA' } = schema;
    return typeof example === 'string' ? example : JSON.stringify(example);
  }

  /** A body of the examples of its fields, those that may be left out left out. */
  function exampleBody(schema: Schema): unknown {
    const { properties = {}, required = [] } =
      schema.$ref === undefined
        ? schema
        : (document.components.schemas[schema.$ref.replace('#/components/schemas/', '')] ?? {});
    return Object.fromEntries(required.map((name) => [name, properties[name]?.example ?? '하늘꽃집']));
  }

  /** An empty part of a path, and one that a client takes out, are another path. */
  function isOfThePath(parameter: Parameter, value: string | undefined): boolean {
    return parameter.in !== 'path' || !['', '.', '..', undefined].includes(value);
  }

  let tables: readonly string[] | undefined;

  /** A hash of every table's rows, but for how often each key was used. */
  async function everything(): Promise<unknown> {
    if (tables === undefined) {
      const { rows } = await sql<{ name: string }>`
        select table_name as name from information_schema.tables
        where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> 'api_rate' order by 1`.execute(
        world.test.owner,
      );
      tables = rows.map(({ name }) => name);
    }
    const parts = tables.map(
      (table) =>
        sql`select ${table} as name, count(*) as rows, md5(coalesce(string_agg(r::text, '|' order by r::text), '')) as hash from ${sql.table(table)} r`,
    );
    const { rows } = await sql`${sql.join(parts, sql` union all `)} order by 1`.execute(world.test.owner);
    return rows;
  }
});
