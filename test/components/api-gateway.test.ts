import assert from 'node:assert/strict';
import { ApiGateway, type ApiGatewayArgs } from '../../components/api-gateway.ts';
import { checkRoutes, type ApiRoute } from '../../components/api-routes.ts';
import { operatorsRoutes, shopRoutes } from '../../components/route-list.ts';
import { createShopApi, type ShopApiParts } from '../../functions/api/shop-api.ts';
import { allRegistered, mockPulumi, type MockedProgram } from '../support/pulumi-mocks.ts';
import { brokenRules } from '../support/stack-rules.ts';

/** A function's own policy takes no more (Lambda quotas, "Resource-based policy"). */
const FUNCTION_POLICY_BYTES_MAX = 20 * 1024;

/** The shops' document, as their function serves it. */
async function shopDocument(): Promise<{ paths: Record<string, object> }> {
  const parts = { webhooks: { reach: 'public' } } as ShopApiParts;
  const answer = await createShopApi(parts).request('/openapi.json');
  return (await answer.json()) as { paths: Record<string, object> };
}

const functionOf = (functionName: string) => ({
  functionName,
  aliasName: 'live',
  aliasArn: `arn:aws:lambda:ap-northeast-2:123456789012:function:${functionName}:live`,
});

async function made(overrides: Partial<ApiGatewayArgs> = {}): Promise<MockedProgram> {
  const program = await mockPulumi({
    outputs: {
      'aws:apigatewayv2/api:Api': () => ({
        apiEndpoint: 'https://abc.execute-api.ap-northeast-2.amazonaws.com',
        executionArn: 'arn:aws:execute-api:ap-northeast-2:123456789012:abcdefghij',
      }),
    },
  });
  new ApiGateway('api', {
    namePrefix: 'smart-transfer-test',
    routes: [...shopRoutes(), ...operatorsRoutes()],
    functions: { shops: functionOf('api-1a2b3c4'), operators: functionOf('operators-1a2b3c4') },
    throttling: { requestsPerSecond: 50, burst: 100 },
    accessLog: { retentionDays: 30, keyArn: 'arn:mock:log-key' },
    ...overrides,
  });
  await allRegistered();
  return program;
}

const ROUTE = 'aws:apigatewayv2/route:Route';
const PERMISSION = 'aws:lambda/permission:Permission';

describe('the API gateway', () => {
  let program: MockedProgram;

  before(async () => {
    program = await made();
  });

  const routes = () => program.resources.filter(({ type }) => type === ROUTE).map(({ inputs }) => inputs);

  it("has a route for each operation of the shops' document, and no other that leads to their function", async () => {
    const document = await shopDocument();
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    assert.ok(described.length > 15, described.join(', '));
    assert.deepEqual(
      routes()
        .filter(({ authorizationType }) => authorizationType === 'NONE')
        .map(({ routeKey }) => routeKey)
        .sort(),
      [...described, 'GET /docs', 'GET /openapi.json'].sort(),
    );
  });

  it('has no route that takes whatever comes', () => {
    for (const { routeKey } of routes()) assert.doesNotMatch(String(routeKey), /\$default|ANY|\+\}/);
    assert.throws(
      () => checkRoutes([{ method: 'GET', path: '/{proxy+}', to: 'shops' }]),
      /more than one path/,
    );
    assert.throws(() => checkRoutes([{ method: 'ANY', path: '/v1', to: 'shops' }]), /more than one path/);
  });

  it('refuses two routes that one request could mean', () => {
    const both: ApiRoute[] = [
      { method: 'GET', path: '/v1/orders', to: 'shops' },
      { method: 'GET', path: '/v1/orders', to: 'operators' },
    ];
    assert.throws(() => checkRoutes(both), /GET \/v1\/orders \(shops\) and .* \(operators\)/);
  });

  it("lets operators' routes through only when they are signed, to a function of their own", () => {
    const integrations = new Map(
      program.resources
        .filter(({ type }) => type === 'aws:apigatewayv2/integration:Integration')
        .map(({ name, inputs }) => [`integrations/${name}-id`, inputs['integrationUri']]),
    );
    for (const { routeKey, authorizationType, target } of routes()) {
      const isOperators = String(routeKey).includes(' /operators/');
      assert.equal(authorizationType, isOperators ? 'AWS_IAM' : 'NONE', String(routeKey));
      assert.match(
        String(integrations.get(String(target))),
        isOperators ? /function:operators-.*:live$/ : /function:api-.*:live$/,
      );
    }
  });

  it('may call the alias for each of its routes, and for nothing else', () => {
    const permissions = program.resources
      .filter(({ type }) => type === PERMISSION)
      .map(({ inputs }) => inputs);
    assert.equal(permissions.length, routes().length);
    for (const { qualifier, principal, sourceArn } of permissions) {
      assert.deepEqual([qualifier, principal], ['live', 'apigateway.amazonaws.com']);
      assert.match(
        String(sourceArn),
        /^arn:aws:execute-api:ap-northeast-2:123456789012:abcdefghij\/\*\/(GET|POST|PUT|DELETE|PATCH)\/[^$]/,
      );
    }
    assert.ok(
      permissions.some(({ sourceArn }) =>
        String(sourceArn).endsWith('abcdefghij/*/POST/operators/v1/rules/*/remove'),
      ),
    );
  });

  it("leaves room in the function's own policy for the permissions of its routes", () => {
    const bytes = new Map<string, number>();
    for (const { inputs } of program.resources.filter(({ type }) => type === PERMISSION)) {
      const statement = {
        Sid: 'terraform-20260101000000000000000001',
        Effect: 'Allow',
        Principal: { Service: inputs['principal'] },
        Action: inputs['action'],
        Resource: `arn:aws:lambda:ap-northeast-2:123456789012:function:${String(inputs['function'])}:live`,
        Condition: { ArnLike: { 'AWS:SourceArn': inputs['sourceArn'] } },
      };
      const name = String(inputs['function']);
      bytes.set(name, (bytes.get(name) ?? 0) + JSON.stringify(statement).length + 1);
    }
    for (const [name, size] of bytes)
      assert.ok(size < FUNCTION_POLICY_BYTES_MAX, `${name}: ${size} of ${FUNCTION_POLICY_BYTES_MAX} bytes`);
  });

  it('throttles, and writes an access log that holds routes and no paths', () => {
    const { inputs } = program.resource('aws:apigatewayv2/stage:Stage');
    assert.deepEqual(inputs['defaultRouteSettings'], {
      throttlingRateLimit: 50,
      throttlingBurstLimit: 100,
    });
    const { format, destinationArn } = inputs['accessLogSettings'] as Record<string, string>;
    assert.equal(destinationArn, 'arn:mock:aws:cloudwatch/logGroup:LogGroup:api-access');
    assert.match(format ?? '', /\$context\.routeKey/);
    assert.doesNotMatch(format ?? '', /context\.path|authorization"/i);
    assert.deepEqual(
      brokenRules(program.resources, () => false),
      [],
    );
  });

  it('answers at its own address where there is no domain', () => {
    assert.equal(program.resource('aws:apigatewayv2/api:Api').inputs['disableExecuteApiEndpoint'], false);
  });

  it('answers at the domain alone where there is one', async () => {
    const withDomain = await made({ domain: { name: 'api.example.kr', certificateArn: 'arn:mock:cert' } });
    assert.equal(withDomain.resource('aws:apigatewayv2/api:Api').inputs['disableExecuteApiEndpoint'], true);
    const { inputs } = withDomain.resource('aws:apigatewayv2/domainName:DomainName');
    assert.equal((inputs['domainNameConfiguration'] as Record<string, unknown>)['securityPolicy'], 'TLS_1_2');
    withDomain.resource('aws:apigatewayv2/apiMapping:ApiMapping');
  });
});
