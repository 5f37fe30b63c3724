import assert from 'node:assert/strict';
import { Network } from '../../components/network.ts';
import type { NetworkSettings } from '../../components/settings.ts';
import { allRegistered, mockPulumi, valueOf, type MockedProgram } from '../support/pulumi-mocks.ts';

const EIP = 'aws:ec2/eip:Eip';
const VPC = 'awsx:ec2:Vpc';
const EGRESS = 'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule';
const INGRESS = 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule';
const ENDPOINT = 'aws:ec2/vpcEndpoint:VpcEndpoint';

const SETTINGS: NetworkSettings = {
  cidr: '10.20.0.0/16',
  zones: ['ap-northeast-2a', 'ap-northeast-2c'],
  egress: 'nat',
  natStrategy: 'one',
  interfaceEndpoints: [],
};

/** As EC2 has it (API reference, SecurityGroupRuleRequest): without an apostrophe, among others. */
const DESCRIPTION = /^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{0,255}$/;

async function networkOf(
  change: Partial<NetworkSettings> = {},
): Promise<{ mocked: MockedProgram; network: Network }> {
  const mocked = await mockPulumi({
    outputs: {
      [VPC]: () => ({
        vpcId: 'vpc-1',
        privateSubnetIds: ['private-a', 'private-c'],
        isolatedSubnetIds: ['isolated-a', 'isolated-c'],
        routeTables: [{ id: 'rtb-public' }, { id: 'rtb-private-c' }, { id: 'rtb-private-a' }],
        // In no order that could be relied on.
        routeTableAssociations: [
          { subnetId: 'private-c', routeTableId: 'rtb-private-c' },
          { subnetId: 'public-a', routeTableId: 'rtb-public' },
          { subnetId: 'private-a', routeTableId: 'rtb-private-a' },
        ],
      }),
      [EIP]: ({ name }) => ({ publicIp: `ip-${name}`, allocationId: `allocation-${name}` }),
      [ENDPOINT]: ({ name }) => ({ prefixListId: `pl-${name}` }),
    },
  });
  const network = new Network('network', {
    settings: { ...SETTINGS, ...change },
    region: 'ap-northeast-2',
    protect: true,
  });
  await allRegistered();
  return { mocked, network };
}

const byNames = (a: object, b: object): number =>
  Object.keys(a).sort().join().localeCompare(Object.keys(b).sort().join());

const inputsOf = ({ resources }: MockedProgram, type: string) =>
  resources.filter((one) => one.type === type).map(({ inputs }) => inputs);

describe('the network', () => {
  for (const [strategy, gateways, zones] of [
    ['one', 'Single', ['ap-northeast-2a']],
    ['one_a_zone', 'OnePerAz', ['ap-northeast-2a', 'ap-northeast-2c']],
  ] as const)
    it(`leaves by protected addresses of its own, with natStrategy ${strategy}, and says which`, async () => {
      const { mocked, network } = await networkOf({ natStrategy: strategy });
      const addresses = mocked.resources.filter(({ type }) => type === EIP);
      assert.deepEqual(
        addresses.map(({ name, protect }) => [name, protect]),
        zones.map((zone) => [`egress-${zone}`, true]),
      );
      assert.deepEqual(mocked.resource(VPC).inputs['natGateways'], {
        strategy: gateways,
        elasticIpAllocationIds: zones.map((zone) => `allocation-egress-${zone}`),
      });
      assert.deepEqual(
        await valueOf(network.egressAddresses),
        zones.map((zone) => `ip-egress-${zone}`),
      );
      assert.equal(network.functions.ipv6, false);
      assert.equal(mocked.resource(VPC).inputs['assignGeneratedIpv6CidrBlock'], false);
    });

  it('leaves by IPv6 alone where no bank allow-lists anybody: a route for each private subnet, and no address', async () => {
    const { mocked, network } = await networkOf({ egress: 'none', natStrategy: undefined });
    const { inputs } = mocked.resource(VPC);
    assert.deepEqual(inputs['natGateways'], { strategy: 'None' });
    assert.equal(inputs['assignGeneratedIpv6CidrBlock'], true);
    const specs = inputs['subnetSpecs'] as { type: string; assignIpv6AddressOnCreation?: boolean }[];
    assert.equal(specs.find(({ type }) => type === 'Private')?.assignIpv6AddressOnCreation, true);
    assert.deepEqual(inputsOf(mocked, EIP), []);
    assert.deepEqual(
      inputsOf(mocked, 'aws:ec2/route:Route').map((route) => [
        route['routeTableId'],
        route['destinationIpv6CidrBlock'],
        route['egressOnlyGatewayId'],
      ]),
      [
        ['rtb-private-a', '::/0', 'network-id'],
        ['rtb-private-c', '::/0', 'network-id'],
      ],
    );
    assert.equal(network.functions.ipv6, true);
    assert.deepEqual(await valueOf(network.egressAddresses), []);
  });

  it('is ready once its routes and its rules are there', async () => {
    const { mocked, network } = await networkOf({ egress: 'none', natStrategy: undefined });
    const ready = await Promise.all(network.ready.map(({ urn }) => valueOf(urn)));
    for (const { type, urn } of mocked.resources)
      if ([VPC, 'aws:ec2/route:Route', EGRESS, INGRESS].includes(type)) assert.ok(ready.includes(urn), urn);
  });

  it('asks AWS for no zones, and puts each tier into each of its own', async () => {
    const { mocked } = await networkOf();
    const { inputs } = mocked.resource(VPC);
    assert.deepEqual(inputs['availabilityZoneNames'], SETTINGS.zones);
    assert.deepEqual(
      (inputs['subnetSpecs'] as { type: string }[]).map(({ type }) => type),
      ['Public', 'Private', 'Isolated'],
    );
    assert.deepEqual(mocked.calls, []);
  });

  for (const [egress, everywhere] of [
    ['nat', { cidrIpv4: '0.0.0.0/0' }],
    ['none', { cidrIpv6: '::/0' }],
  ] as const)
    it(`lets functions out by HTTPS and to the database, and nothing in but them, with egress ${egress}`, async () => {
      const { mocked } = await networkOf({ egress, natStrategy: egress === 'nat' ? 'one' : undefined });
      const https = {
        securityGroupId: 'functions-id',
        ipProtocol: 'tcp',
        fromPort: 443,
        toPort: 443,
      };
      const postgres = { ipProtocol: 'tcp', fromPort: 5432, toPort: 5432 };
      const rules = (type: string) =>
        inputsOf(mocked, type)
          .map(({ description, ...rule }) => {
            assert.match(String(description), DESCRIPTION);
            return rule;
          })
          // They are made in no order.
          .sort(byNames);
      for (const { description } of inputsOf(mocked, 'aws:ec2/securityGroup:SecurityGroup'))
        assert.match(String(description), DESCRIPTION);
      assert.deepEqual(
        rules(EGRESS),
        [
          { securityGroupId: 'functions-id', referencedSecurityGroupId: 'database-id', ...postgres },
          { ...https, ...everywhere },
          { ...https, prefixListId: 'pl-s3' },
        ].sort(byNames),
      );
      assert.deepEqual(rules(INGRESS), [
        { securityGroupId: 'database-id', referencedSecurityGroupId: 'functions-id', ...postgres },
      ]);
    });

  it('reaches S3 without a detour, from every subnet', async () => {
    const { mocked } = await networkOf();
    const { inputs } = mocked.resource(ENDPOINT);
    assert.equal(inputs['vpcEndpointType'], 'Gateway');
    assert.equal(inputs['serviceName'], 'com.amazonaws.ap-northeast-2.s3');
    assert.deepEqual(inputs['routeTableIds'], ['rtb-public', 'rtb-private-c', 'rtb-private-a']);
  });

  it('makes interface endpoints by configuration, for functions alone', async () => {
    const { mocked } = await networkOf({ interfaceEndpoints: ['secretsmanager', 'kms'] });
    const endpoints = inputsOf(mocked, ENDPOINT).filter(
      ({ vpcEndpointType }) => vpcEndpointType === 'Interface',
    );
    assert.deepEqual(
      endpoints.map(({ serviceName, subnetIds }) => [serviceName, subnetIds]),
      ['secretsmanager', 'kms'].map((service) => [
        `com.amazonaws.ap-northeast-2.${service}`,
        ['private-a', 'private-c'],
      ]),
    );
    const { inputs } = mocked.resource(INGRESS, 'endpoints-from-functions');
    assert.deepEqual([inputs['referencedSecurityGroupId'], inputs['fromPort']], ['functions-id', 443]);
  });
});
