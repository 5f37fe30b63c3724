import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

interface SchemaLike {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly example?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, SchemaLike>>;
  readonly required?: readonly string[];
  readonly items?: SchemaLike;
  readonly anyOf?: readonly SchemaLike[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
}

interface OperationLike {
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema?: SchemaLike;
    readonly description?: string;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: SchemaLike }>> };
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly description: string;
        readonly content?: Readonly<Record<string, { readonly schema?: SchemaLike }>>;
      }
    >
  >;
}

/** The parts of an OpenAPI 3.1 document that the page shows. */
interface DocumentLike {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> };
}

const STYLE = `
  body { font: 16px/1.5 system-ui, 'Apple SD Gothic Neo', 'Noto Sans KR', sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
  h2 { margin-top: 2.5rem; border-top: 1px solid #d0d7de; padding-top: 1rem; } code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
  pre { background: #f6f8fa; padding: 0.8rem; overflow-x: auto; } table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid #eaeef2; }
  .method { text-transform: uppercase; font-weight: 600; } nav a { display: inline-block; margin-right: 1rem; } .muted { color: #57606a; }
`;

/** The API's document as a page to read: no script, nothing fetched from elsewhere. */
export function docsPage(document: unknown): Html {
  const { info, paths = {}, components } = document as DocumentLike;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      method,
      operation: operation as OperationLike,
    })),
  );
  const schemas = Object.entries(components?.schemas ?? {}) as [string, SchemaLike][];
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.title}</title>
        <style>
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <h1>${info.title} <small class="muted">v${info.version}</small></h1>
        <p>${info.description ?? ''}</p>
        <p>
          Send your key with every request: <code>Authorization: Bearer st_…</code>. The same as a document:
          <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).
        </p>
        <nav>
          ${operations.map(({ path, method, operation }) => html`<a href="#${anchor(method, path)}">${operation.summary ?? path}</a>`)}
        </nav>
        ${operations.map(({ path, method, operation }) => operationOf(method, path, operation))}
        <h2>Schemas</h2>
        ${schemas.map(
          ([name, schema]) =>
            html`<h3 id="schema-${name}">${name}</h3>
              <p>${schema.description ?? ''}</p>
              ${propertiesOf(schema)}`,
        )}
      </body>
    </html>`;
}

function operationOf(method: string, path: string, operation: OperationLike): Html {
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
  return html`<h2 id="${anchor(method, path)}">${operation.summary ?? path}</h2>
    <pre><span class="method">${method}</span> ${path}</pre>
    <p>${operation.description ?? ''}</p>
    ${
      operation.parameters === undefined
        ? ''
        : html`<table>
            <tr>
              <th>Parameter</th>
              <th>In</th>
              <th>Value</th>
            </tr>
            ${operation.parameters.map(
              (one) =>
                html`<tr>
                  <td><code>${one.name}</code>${one.required === true ? '' : ' (optional)'}</td>
                  <td>${one.in}</td>
                  <td>${typeOf(one.schema ?? {})} ${one.schema?.description ?? one.description ?? ''}</td>
                </tr>`,
            )}
          </table>`
    }
    ${body === undefined ? '' : html`<p>Body: ${typeOf(body)}</p>`}
    <table>
      <tr>
        <th>Answer</th>
        <th></th>
        <th>Body</th>
      </tr>
      ${Object.entries(operation.responses).map(
        ([status, response]) =>
          html`<tr>
            <td>${status}</td>
            <td>${response.description}</td>
            <td>${typeOf(Object.values(response.content ?? {})[0]?.schema ?? {})}</td>
          </tr>`,
      )}
    </table>`;
}

function propertiesOf(schema: SchemaLike): Html {
  const required = new Set(schema.required ?? []);
  return html`<table>
    <tr>
      <th>Field</th>
      <th>Type</th>
      <th></th>
    </tr>
    ${Object.entries(schema.properties ?? {}).map(
      ([name, property]) =>
        html`<tr>
          <td><code>${name}</code>${required.has(name) ? '' : ' (optional)'}</td>
          <td>${typeOf(property)}</td>
          <td>
            ${property.description ?? ''}
            ${property.example === undefined ? '' : html`<span class="muted">e.g. ${JSON.stringify(property.example)}</span>`}
          </td>
        </tr>`,
    )}
  </table>`;
}

function typeOf(schema: SchemaLike): Html | string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (schema.enum !== undefined) return schema.enum.map(String).join(' | ');
  if (schema.anyOf !== undefined)
    return html`${schema.anyOf.map((one, index) => html`${index === 0 ? '' : ' | '}${typeOf(one)}`)}`;
  if (schema.items !== undefined) return html`list of ${typeOf(schema.items)}`;
  const type = Array.isArray(schema.type)
    ? schema.type.join(' | ')
    : ((schema.type as string | undefined) ?? '');
  const bounds = [
    schema.minimum === undefined ? '' : `from ${schema.minimum}`,
    schema.maximum === undefined ? '' : `to ${schema.maximum}`,
    schema.maxLength === undefined ? '' : `at most ${schema.maxLength} characters`,
  ].filter((bound) => bound !== '');
  return [type, ...bounds].join(' ');
}

function anchor(method: string, path: string): string {
  return `${method}-${path.replaceAll(/[^a-z0-9_]+/gi, '-')}`;
}
