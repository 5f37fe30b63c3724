import * as grpc from '@grpc/grpc-js';
import provider from '@pulumi/pulumi/proto/provider_pb.js';
import resourceGrpc from '@pulumi/pulumi/proto/resource_grpc_pb.js';
import resource from '@pulumi/pulumi/proto/resource_pb.js';
import awsPackage from '@pulumi/aws/package.json' with { type: 'json' };
import type { Cloud } from './cloud.ts';
import type { ProviderCalls } from './serve-provider.ts';
import { decode, encode, resourceReference, UNKNOWN, type Properties } from './values.ts';

const VPC = 'awsx:ec2:Vpc';

/**
 * Pulumi's `awsx` provider, with its one component that the program uses. It makes the same resources in the same places as the real one (subnets, tables, routes,
 * gateways, by the specs and zones that it is given); the sizes of subnets are its own.
 */
export function awsxProvider(cloud: Cloud): ProviderCalls {
  return {
    async construct(request: InstanceType<typeof provider.ConstructRequest>) {
      const [type, name] = [request.getType(), request.getName()];
      cloud.calls.push({ operation: 'construct', type, name, preview: request.getDryrun() });
      if (type !== VPC) throw new Error(`${type} is no component that the stacks have`);
      const engine = new Engine(request);
      try {
        return await constructVpc(engine, name, decode(request.getInputs()) as unknown as VpcArgs, request);
      } finally {
        engine.close();
      }
    },
  };
}

interface VpcArgs {
  readonly cidrBlock: string;
  readonly availabilityZoneNames: readonly string[];
  readonly enableDnsHostnames?: boolean;
  readonly assignGeneratedIpv6CidrBlock?: boolean;
  readonly subnetSpecs: readonly {
    readonly type: 'Public' | 'Private' | 'Isolated';
    readonly name: string;
    readonly assignIpv6AddressOnCreation?: boolean;
  }[];
  readonly natGateways: {
    readonly strategy: 'None' | 'Single' | 'OnePerAz';
    readonly elasticIpAllocationIds?: readonly unknown[];
  };
}

interface Registered {
  readonly urn: string;
  /** Unknown in the preview that makes it. */
  readonly id: unknown;
  readonly outputs: Properties;
}

async function constructVpc(
  engine: Engine,
  name: string,
  args: VpcArgs,
  request: InstanceType<typeof provider.ConstructRequest>,
): Promise<InstanceType<typeof provider.ConstructResponse>> {
  const component = await engine.component(VPC, name, request.getParent());
  const ipv6 = args.assignGeneratedIpv6CidrBlock === true;
  const vpc = await engine.register('aws:ec2/vpc:Vpc', name, component, {
    cidrBlock: args.cidrBlock,
    enableDnsHostnames: args.enableDnsHostnames,
    ...(ipv6 ? { assignGeneratedIpv6CidrBlock: true } : {}),
    tags: { Name: name },
  });
  const ofVpc = { vpcId: vpc.id };
  const gateway = await engine.register('aws:ec2/internetGateway:InternetGateway', name, vpc.urn, ofVpc, [
    vpc,
  ]);
  const made: Record<string, Registered[]> = {
    subnets: [],
    tables: [],
    associations: [],
    routes: [],
    nats: [],
  };
  const ids: Record<string, unknown[]> = { Public: [], Private: [], Isolated: [] };
  const subnetsOf: Record<string, Registered[]> = { Public: [], Private: [], Isolated: [] };
  const natsOfZone = new Map<number, Registered>();
  for (const [specIndex, spec] of args.subnetSpecs.entries()) {
    for (const [zoneIndex, zone] of args.availabilityZoneNames.entries()) {
      const number = specIndex * args.availabilityZoneNames.length + zoneIndex;
      const called = `${name}-${spec.name}-${zoneIndex + 1}`;
      const subnet = await engine.register(
        'aws:ec2/subnet:Subnet',
        called,
        vpc.urn,
        {
          ...ofVpc,
          cidrBlock: subnetOf(args.cidrBlock, number),
          availabilityZone: zone,
          mapPublicIpOnLaunch: spec.type === 'Public',
          ...(ipv6 ? { ipv6CidrBlock: subnetOfIpv6(vpc.outputs['ipv6CidrBlock'], number) } : {}),
          ...(spec.assignIpv6AddressOnCreation === true ? { assignIpv6AddressOnCreation: true } : {}),
          tags: { Name: called, SubnetType: spec.type },
        },
        [vpc],
      );
      const table = await engine.register('aws:ec2/routeTable:RouteTable', called, subnet.urn, ofVpc, [vpc]);
      const association = await engine.register(
        'aws:ec2/routeTableAssociation:RouteTableAssociation',
        called,
        table.urn,
        { subnetId: subnet.id, routeTableId: table.id },
        [subnet, table],
      );
      made['subnets']?.push(subnet);
      made['tables']?.push(table);
      made['associations']?.push(association);
      ids[spec.type]?.push(subnet.id);
      subnetsOf[spec.type]?.push(subnet);
      const everywhere = { routeTableId: table.id, destinationCidrBlock: '0.0.0.0/0' };
      if (spec.type === 'Public') {
        const route = await engine.register(
          'aws:ec2/route:Route',
          called,
          table.urn,
          { ...everywhere, gatewayId: gateway.id },
          [table, gateway],
        );
        made['routes']?.push(route);
        if (
          args.natGateways.strategy === 'OnePerAz' ||
          (args.natGateways.strategy === 'Single' && zoneIndex === 0)
        ) {
          const nat = await engine.register(
            'aws:ec2/natGateway:NatGateway',
            `${name}-${zoneIndex + 1}`,
            subnet.urn,
            { subnetId: subnet.id, allocationId: args.natGateways.elasticIpAllocationIds?.[zoneIndex] },
            [subnet],
          );
          natsOfZone.set(zoneIndex, nat);
          made['nats']?.push(nat);
        }
      }
      const nat = natsOfZone.get(zoneIndex) ?? natsOfZone.get(0);
      if (spec.type === 'Private' && nat !== undefined)
        made['routes']?.push(
          await engine.register(
            'aws:ec2/route:Route',
            called,
            table.urn,
            { ...everywhere, natGatewayId: nat.id },
            [table, nat],
          ),
        );
    }
  }
  const references = (of: readonly Registered[] = []) => of.map(({ urn, id }) => resourceReference(urn, id));
  return await engine.constructed(component, {
    vpcId: [vpc.id, [vpc]],
    vpc: [resourceReference(vpc.urn, vpc.id), [vpc]],
    internetGateway: [resourceReference(gateway.urn, gateway.id), [gateway]],
    subnets: [references(made['subnets']), made['subnets'] ?? []],
    publicSubnetIds: [idsOf(ids['Public']), subnetsOf['Public'] ?? []],
    privateSubnetIds: [idsOf(ids['Private']), subnetsOf['Private'] ?? []],
    isolatedSubnetIds: [idsOf(ids['Isolated']), subnetsOf['Isolated'] ?? []],
    routeTables: [references(made['tables']), made['tables'] ?? []],
    routeTableAssociations: [references(made['associations']), made['associations'] ?? []],
    routes: [references(made['routes']), made['routes'] ?? []],
    natGateways: [references(made['nats']), made['nats'] ?? []],
    eips: [[], []],
  });
}

/** The real one's list of ids is unknown as a whole. */
function idsOf(ids: readonly unknown[] = []): unknown {
  return ids.includes(UNKNOWN) ? UNKNOWN : ids;
}

/** The n-th range of a /16 to /22, four bits longer. */
function subnetOf(cidr: string, number: number): string {
  const [address = '', length = '16'] = cidr.split('/');
  const base = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const bits = Number(length) + 4;
  const start = base + number * 2 ** (32 - bits);
  return `${[24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256).join('.')}/${bits}`;
}

/** The n-th /64 of a /56, such as `2406:da12:46c:a000::/56`. */
function subnetOfIpv6(block: unknown, number: number): unknown {
  if (typeof block !== 'string') return UNKNOWN;
  return `${block.replace(/00::\/56$/, '')}${number.toString(16).padStart(2, '0')}::/64`;
}

/** The engine, as a component provider registers resources with it. */
class Engine {
  readonly #request: InstanceType<typeof provider.ConstructRequest>;
  readonly #monitor: resourceGrpc.ResourceMonitorClient;

  constructor(request: InstanceType<typeof provider.ConstructRequest>) {
    this.#request = request;
    this.#monitor = new resourceGrpc.ResourceMonitorClient(
      request.getMonitorendpoint(),
      grpc.credentials.createInsecure(),
    );
  }

  close(): void {
    this.#monitor.close();
  }

  async component(type: string, name: string, parent: string): Promise<string> {
    const request = new resource.RegisterResourceRequest()
      .setType(type)
      .setName(name)
      .setParent(parent)
      .setCustom(false)
      .setAcceptsecrets(true)
      .setAcceptresources(true)
      .setDependenciesList(this.#request.getDependenciesList());
    return (await this.#send(request)).getUrn();
  }

  async register(
    type: string,
    name: string,
    parent: string,
    inputs: Properties,
    dependsOn: readonly Registered[] = [],
  ): Promise<Registered> {
    const request = new resource.RegisterResourceRequest()
      .setType(type)
      .setName(name)
      .setParent(parent)
      .setCustom(true)
      .setObject(encode(inputs))
      .setVersion(awsPackage.version)
      .setAcceptresources(true)
      .setSupportspartialvalues(true)
      .setDependenciesList([
        ...this.#request.getDependenciesList(),
        ...inputUrns(this.#request),
        ...dependsOn.map(({ urn }) => urn),
      ]);
    const answer = await this.#send(request);
    const id = answer.getId();
    return { urn: answer.getUrn(), id: id === '' ? UNKNOWN : id, outputs: decode(answer.getObject()) };
  }

  /** Ends the component: its outputs, each with what it depends on. */
  async constructed(
    urn: string,
    outputs: Readonly<Record<string, readonly [value: unknown, of: readonly Registered[]]>>,
  ): Promise<InstanceType<typeof provider.ConstructResponse>> {
    const state = encode(Object.fromEntries(Object.entries(outputs).map(([name, [value]]) => [name, value])));
    const request = new resource.RegisterResourceOutputsRequest().setUrn(urn).setOutputs(state);
    await new Promise<void>((resolve, reject) => {
      this.#monitor.registerResourceOutputs(request, (error) => (error === null ? resolve() : reject(error)));
    });
    const response = new provider.ConstructResponse().setUrn(urn).setState(state);
    for (const [name, [, of]] of Object.entries(outputs)) {
      const dependencies = new provider.ConstructResponse.PropertyDependencies();
      dependencies.setUrnsList(of.map((one) => one.urn));
      response.getStatedependenciesMap().set(name, dependencies);
    }
    return response;
  }

  #send(request: InstanceType<typeof resource.RegisterResourceRequest>) {
    return new Promise<InstanceType<typeof resource.RegisterResourceResponse>>((resolve, reject) => {
      this.#monitor.registerResource(request, (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
  }
}

/** What the component's inputs depend on: its children may not be made before. */
function inputUrns(request: InstanceType<typeof provider.ConstructRequest>): string[] {
  const urns: string[] = [];
  request.getInputdependenciesMap().forEach((dependencies) => urns.push(...dependencies.getUrnsList()));
  return urns;
}
