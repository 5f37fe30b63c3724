import type { AwsType } from '../aws-type.ts';
import { ACCOUNT, arn, hex, REGION, type Cloud, type CloudResource } from '../cloud.ts';
import type { Reading } from '../reading.ts';
import { charactersMax, json, matches, oneOf, within } from '../rules.ts';

const VPC = 'aws:ec2/vpc:Vpc';
const SUBNET = 'aws:ec2/subnet:Subnet';
const GROUP = 'aws:ec2/securityGroup:SecurityGroup';
const TABLE = 'aws:ec2/routeTable:RouteTable';
const ALIAS = 'aws:lambda/alias:Alias';
const API = 'aws:apigatewayv2/api:Api';
const OF_VPC = { input: 'vpcId', type: VPC, by: 'id', holds: true };
const OF_API = { input: 'apiId', type: API, by: 'id' };

/** API Gateway quotas: routes of one API. */
const ROUTES_MAX = 300;

/** EC2 takes no other characters in a description. */
const DESCRIPTION = /^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{0,255}$/;

/** The network, with what `awsx.ec2.Vpc` makes inside, and the HTTP API. */
export const NETWORK_TYPES: Readonly<Record<string, AwsType>> = {
  [VPC]: {
    required: ['cidrBlock'],
    fixed: ['cidrBlock'],
    rules: [matches('cidrBlock', /^\d+\.\d+\.\d+\.\d+\/(1[6-9]|2[0-8])$/)],
    id: () => `vpc-${hex(17)}`,
    outputs: {
      id: ({ id }) => id,
      arn: ({ id }) => arn('ec2', `vpc/${id}`),
      ipv6CidrBlock: ({ inputs }) =>
        inputs.value('assignGeneratedIpv6CidrBlock') === true ? '2406:da12:46c:a000::/56' : '',
      mainRouteTableId: () => `rtb-${hex(17)}`,
      ownerId: () => ACCOUNT,
    },
  },
  [SUBNET]: {
    required: ['vpcId', 'cidrBlock'],
    fixed: ['vpcId', 'cidrBlock', 'availabilityZone'],
    unique: ['cidrBlock'],
    rules: [
      matches('cidrBlock', /^\d+\.\d+\.\d+\.\d+\/(1[6-9]|2[0-8])$/),
      matches('ipv6CidrBlock', /::\/64$/),
    ],
    names: [OF_VPC],
    id: () => `subnet-${hex(17)}`,
    outputs: { id: ({ id }) => id, arn: ({ id }) => arn('ec2', `subnet/${id}`) },
  },
  [TABLE]: {
    required: ['vpcId'],
    fixed: ['vpcId'],
    names: [OF_VPC],
    id: () => `rtb-${hex(17)}`,
    outputs: { id: ({ id }) => id, arn: ({ id }) => arn('ec2', `route-table/${id}`) },
  },
  'aws:ec2/routeTableAssociation:RouteTableAssociation': {
    required: ['routeTableId'],
    fixed: ['subnetId'],
    unique: ['subnetId'],
    names: [
      { input: 'routeTableId', type: TABLE, by: 'id', holds: true },
      { input: 'subnetId', type: SUBNET, by: 'id' },
    ],
    id: () => `rtbassoc-${hex(17)}`,
  },
  'aws:ec2/route:Route': {
    required: ['routeTableId'],
    fixed: ['routeTableId', 'destinationCidrBlock', 'destinationIpv6CidrBlock'],
    rules: [
      (inputs) =>
        ['destinationCidrBlock', 'destinationIpv6CidrBlock', 'destinationPrefixListId'].filter((one) =>
          inputs.has(one),
        ).length === 1
          ? undefined
          : 'a route has exactly one destination',
      (inputs) =>
        ['gatewayId', 'natGatewayId', 'egressOnlyGatewayId'].filter((one) => inputs.has(one)).length === 1
          ? undefined
          : 'a route has exactly one target',
    ],
    names: [
      { input: 'routeTableId', type: TABLE, by: 'id' },
      { input: 'gatewayId', type: 'aws:ec2/internetGateway:InternetGateway', by: 'id' },
      { input: 'natGatewayId', type: 'aws:ec2/natGateway:NatGateway', by: 'id' },
      {
        input: 'egressOnlyGatewayId',
        type: 'aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway',
        by: 'id',
      },
    ],
    demands: [oneRouteThere],
    id: ({ inputs }) => `r-${inputs.text('routeTableId')}${hex(10)}`,
    outputs: { origin: () => 'CreateRoute', state: () => 'active' },
  },
  'aws:ec2/internetGateway:InternetGateway': gateway('igw'),
  'aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway': gateway('eigw'),
  'aws:ec2/natGateway:NatGateway': {
    required: ['subnetId', 'allocationId'],
    fixed: ['subnetId', 'allocationId'],
    names: [
      { input: 'subnetId', type: SUBNET, by: 'id', holds: true },
      { input: 'allocationId', type: 'aws:ec2/eip:Eip', by: 'allocationId', holds: true },
    ],
    id: () => `nat-${hex(17)}`,
    outputs: { id: ({ id }) => id },
  },
  'aws:ec2/eip:Eip': {
    required: [],
    fixed: ['domain'],
    rules: [oneOf('domain', 'vpc')],
    id: () => `eipalloc-${hex(17)}`,
    outputs: {
      allocationId: ({ id }) => id,
      arn: ({ id }) => arn('ec2', `elastic-ip/${id}`),
      publicIp: () => '203.0.113.10',
    },
  },
  'aws:ec2/vpcEndpoint:VpcEndpoint': {
    required: ['vpcId', 'serviceName'],
    fixed: ['vpcId', 'serviceName', 'vpcEndpointType'],
    rules: [
      oneOf('vpcEndpointType', 'Gateway', 'Interface'),
      matches('serviceName', new RegExp(`^com\\.amazonaws\\.${REGION}\\.`)),
    ],
    names: [
      OF_VPC,
      { input: 'routeTableIds', type: TABLE, by: 'id' },
      { input: 'subnetIds', type: SUBNET, by: 'id', holds: true },
      { input: 'securityGroupIds', type: GROUP, by: 'id', holds: true },
    ],
    id: () => `vpce-${hex(17)}`,
    outputs: {
      arn: ({ id }) => arn('ec2', `vpc-endpoint/${id}`),
      prefixListId: () => `pl-${hex(8)}`,
      state: () => 'available',
    },
  },
  [GROUP]: {
    required: [],
    autoName: { input: 'name', charactersMax: 255 },
    fixed: ['name', 'description', 'vpcId'],
    unique: ['name'],
    rules: [matches('description', DESCRIPTION)],
    names: [OF_VPC],
    id: () => `sg-${hex(17)}`,
    outputs: {
      id: ({ id }) => id,
      arn: ({ id }) => arn('ec2', `security-group/${id}`),
      ownerId: () => ACCOUNT,
    },
  },
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': groupRule(),
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': groupRule(),

  [API]: {
    required: ['protocolType'],
    autoName: { input: 'name', charactersMax: 128 },
    fixed: ['protocolType'],
    rules: [
      oneOf('protocolType', 'HTTP', 'WEBSOCKET'),
      oneOf('ipAddressType', 'ipv4', 'dualstack'),
      charactersMax('name', 128),
    ],
    id: () => hex(10),
    outputs: {
      id: ({ id }) => id,
      arn: ({ id }) => `arn:aws:apigateway:${REGION}::/apis/${id}`,
      apiEndpoint: ({ id }) => `https://${id}.execute-api.${REGION}.amazonaws.com`,
      executionArn: ({ id }) => arn('execute-api', id),
    },
  },
  'aws:apigatewayv2/integration:Integration': {
    required: ['apiId', 'integrationType'],
    fixed: ['apiId', 'integrationType'],
    rules: [
      oneOf('integrationType', 'AWS_PROXY', 'HTTP_PROXY'),
      oneOf('payloadFormatVersion', '1.0', '2.0'),
      within('timeoutMilliseconds', 50, 30_000),
    ],
    names: [OF_API, { input: 'integrationUri', type: ALIAS, by: 'arn' }],
    id: () => hex(7),
    outputs: { id: ({ id }) => id, target: ({ id }) => `integrations/${id}` },
  },
  'aws:apigatewayv2/route:Route': {
    required: ['apiId', 'routeKey'],
    fixed: ['apiId'],
    unique: ['routeKey'],
    rules: [
      matches('routeKey', /^(\$default|(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|ANY) \/\S*)$/),
      oneOf('authorizationType', 'NONE', 'AWS_IAM', 'JWT', 'CUSTOM'),
    ],
    names: [
      OF_API,
      { input: 'target', type: 'aws:apigatewayv2/integration:Integration', by: 'target', holds: true },
    ],
    demands: [
      (_, cloud) =>
        cloud.all('aws:apigatewayv2/route:Route').length < ROUTES_MAX
          ? undefined
          : `an API has ${ROUTES_MAX} routes at the most`,
    ],
    id: () => hex(7),
  },
  'aws:apigatewayv2/stage:Stage': {
    required: ['apiId'],
    autoName: { input: 'name', charactersMax: 128 },
    fixed: ['apiId', 'name'],
    unique: ['name'],
    rules: [matches('name', /^(\$default|[a-zA-Z0-9_-]{1,128})$/), json('accessLogSettings.format')],
    names: [
      OF_API,
      { input: 'accessLogSettings.destinationArn', type: 'aws:cloudwatch/logGroup:LogGroup', by: 'arn' },
    ],
    id: ({ inputs }) => inputs.text('name'),
    outputs: {
      arn: ({ inputs, id }) => `arn:aws:apigateway:${REGION}::/apis/${inputs.text('apiId')}/stages/${id}`,
      invokeUrl: ({ inputs }) => `https://${inputs.text('apiId')}.execute-api.${REGION}.amazonaws.com/`,
      executionArn: ({ inputs, id }) => arn('execute-api', `${inputs.text('apiId')}/${id}`),
    },
  },
};

function gateway(prefix: string): AwsType {
  return {
    required: ['vpcId'],
    fixed: ['vpcId'],
    unique: ['vpcId'],
    names: [OF_VPC],
    id: () => `${prefix}-${hex(17)}`,
    outputs: { id: ({ id }) => id },
  };
}

function groupRule(): AwsType {
  return {
    required: ['securityGroupId', 'ipProtocol'],
    fixed: ['securityGroupId'],
    rules: [
      within('fromPort', -1, 65_535),
      within('toPort', -1, 65_535),
      matches('description', DESCRIPTION),
      (inputs) =>
        ['cidrIpv4', 'cidrIpv6', 'prefixListId', 'referencedSecurityGroupId'].filter((one) => inputs.has(one))
          .length === 1
          ? undefined
          : 'a rule has exactly one source or destination',
    ],
    names: [
      { input: 'securityGroupId', type: GROUP, by: 'id' },
      { input: 'referencedSecurityGroupId', type: GROUP, by: 'id', holds: true },
      { input: 'prefixListId', type: 'aws:ec2/vpcEndpoint:VpcEndpoint', by: 'prefixListId' },
    ],
    id: () => `sgr-${hex(17)}`,
    outputs: {
      securityGroupRuleId: ({ id }) => id,
      arn: ({ id }) => arn('ec2', `security-group-rule/${id}`),
    },
  };
}

function oneRouteThere(inputs: Reading, cloud: Cloud, self: CloudResource | undefined): string | undefined {
  const destination = (one: Readonly<Record<string, unknown>>) =>
    `${String(one['routeTableId'])} ${String(one['destinationCidrBlock'] ?? one['destinationIpv6CidrBlock'])}`;
  const taken = cloud
    .all('aws:ec2/route:Route')
    .some((other) => other !== self && destination(other.inputs) === destination(inputs.properties));
  return taken ? 'RouteAlreadyExists: the route table has a route with that destination' : undefined;
}
