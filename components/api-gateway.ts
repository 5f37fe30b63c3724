import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import {
  checkRoutes,
  routeKey,
  routeName,
  routeSource,
  type ApiFunction,
  type ApiRoute,
} from './api-routes.ts';
import type { InvokedFunction } from './event-bus.ts';

/** The functions end after 29 s; API Gateway waits for 30 s at the most. */
const INTEGRATION_TIMEOUT_MS = 30_000;

/**
 * What a line of the access log says. The route and not the path: paths hold shops' own ids. `principal` is who signed an operator's request.
 */
const ACCESS_LOG_FORMAT = {
  request_id: '$context.requestId',
  time: '$context.requestTime',
  route: '$context.routeKey',
  status: '$context.status',
  ms: '$context.responseLatency',
  integration_status: '$context.integrationStatus',
  integration_error: '$context.integrationErrorMessage',
  authorizer_error: '$context.authorizer.error',
  source_ip: '$context.identity.sourceIp',
  principal: '$context.identity.userArn',
} as const;

export interface ApiGatewayArgs {
  readonly namePrefix: string;
  readonly routes: readonly ApiRoute[];
  readonly functions: Readonly<Record<ApiFunction, InvokedFunction>>;
  /** Of all requests together. A shop's own rate is the function's to limit. */
  readonly throttling: { readonly requestsPerSecond: number; readonly burst: number };
  readonly accessLog: { readonly retentionDays: number; readonly keyArn: pulumi.Input<string> };
  /** A name of ours, with its certificate in this region. The address of API Gateway's own is off then. */
  readonly domain?: { readonly name: string; readonly certificateArn: pulumi.Input<string> };
}

/**
 * One HTTP API for shops and operators. Each route is explicit and names its function; there is no `$default`. Operators' routes are let through only when
 * signed by IAM; shops' carry a key that their function looks at.
 */
export class ApiGateway extends pulumi.ComponentResource {
  readonly api: aws.apigatewayv2.Api;
  readonly accessLog: aws.cloudwatch.LogGroup;
  /** Without a slash at its end. */
  readonly url: pulumi.Output<string>;
  /** What the domain's DNS record must lead to; nothing without a domain. */
  readonly domainTarget: pulumi.Output<string> | undefined;

  /** @throws when two routes cannot be told apart, or one lets any path through. */
  constructor(name: string, args: ApiGatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:ApiGateway', name, {}, opts);
    checkRoutes(args.routes);
    this.api = this.#createApi(name, args);
    this.accessLog = this.#createAccessLog(name, args);
    const integrations = {
      shops: this.#createIntegration(name, 'shops', args),
      operators: this.#createIntegration(name, 'operators', args),
    };
    for (const route of args.routes) this.#createRoute(name, route, integrations[route.to], args);
    const stage = this.#createStage(name, args);
    const domain = args.domain === undefined ? undefined : this.#createDomain(name, args.domain, stage);
    this.url = domain === undefined ? this.api.apiEndpoint : pulumi.interpolate`https://${domain.domainName}`;
    this.domainTarget = domain?.domainNameConfiguration.targetDomainName;
    this.registerOutputs({ url: this.url });
  }

  #createApi(name: string, { namePrefix, domain }: ApiGatewayArgs): aws.apigatewayv2.Api {
    return new aws.apigatewayv2.Api(
      name,
      {
        name: `${namePrefix}-${name}`,
        protocolType: 'HTTP',
        ipAddressType: 'dualstack',
        disableExecuteApiEndpoint: domain !== undefined,
      },
      { parent: this },
    );
  }

  #createAccessLog(name: string, { namePrefix, accessLog }: ApiGatewayArgs): aws.cloudwatch.LogGroup {
    return new aws.cloudwatch.LogGroup(
      `${name}-access`,
      {
        // Log deliveries to groups below /aws/vendedlogs/ do not use up the one policy that an account has for them.
        name: `/aws/vendedlogs/${namePrefix}/${name}-access`,
        retentionInDays: accessLog.retentionDays,
        kmsKeyId: accessLog.keyArn,
      },
      { parent: this },
    );
  }

  #createIntegration(name: string, to: ApiFunction, { functions }: ApiGatewayArgs) {
    return new aws.apigatewayv2.Integration(
      `${name}-${to}`,
      {
        apiId: this.api.id,
        integrationType: 'AWS_PROXY',
        integrationUri: functions[to].aliasArn,
        payloadFormatVersion: '2.0',
        timeoutMilliseconds: INTEGRATION_TIMEOUT_MS,
      },
      { parent: this },
    );
  }

  #createRoute(
    name: string,
    route: ApiRoute,
    integration: aws.apigatewayv2.Integration,
    { functions }: ApiGatewayArgs,
  ): void {
    const { functionName, aliasName } = functions[route.to];
    new aws.lambda.Permission(
      `${name}-${routeName(route)}`,
      {
        action: 'lambda:InvokeFunction',
        function: functionName,
        qualifier: aliasName,
        principal: 'apigateway.amazonaws.com',
        sourceArn: pulumi.interpolate`${this.api.executionArn}/*/${routeSource(route)}`,
      },
      { parent: this },
    );
    new aws.apigatewayv2.Route(
      `${name}-${routeName(route)}`,
      {
        apiId: this.api.id,
        routeKey: routeKey(route),
        target: pulumi.interpolate`integrations/${integration.id}`,
        authorizationType: route.to === 'operators' ? 'AWS_IAM' : 'NONE',
      },
      { parent: this },
    );
  }

  #createStage(name: string, { throttling }: ApiGatewayArgs): aws.apigatewayv2.Stage {
    return new aws.apigatewayv2.Stage(
      name,
      {
        apiId: this.api.id,
        name: '$default',
        autoDeploy: true,
        defaultRouteSettings: {
          throttlingRateLimit: throttling.requestsPerSecond,
          throttlingBurstLimit: throttling.burst,
        },
        accessLogSettings: {
          destinationArn: this.accessLog.arn,
          format: JSON.stringify(ACCESS_LOG_FORMAT),
        },
      },
      { parent: this },
    );
  }

  #createDomain(
    name: string,
    domain: NonNullable<ApiGatewayArgs['domain']>,
    stage: aws.apigatewayv2.Stage,
  ): aws.apigatewayv2.DomainName {
    const domainName = new aws.apigatewayv2.DomainName(
      name,
      {
        domainName: domain.name,
        domainNameConfiguration: {
          certificateArn: domain.certificateArn,
          endpointType: 'REGIONAL',
          securityPolicy: 'TLS_1_2',
          ipAddressType: 'dualstack',
        },
      },
      { parent: this },
    );
    new aws.apigatewayv2.ApiMapping(
      name,
      { apiId: this.api.id, domainName: domainName.id, stage: stage.id },
      { parent: this },
    );
    return domainName;
  }
}
