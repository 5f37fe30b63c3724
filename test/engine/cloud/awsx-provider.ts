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

type SubnetType = 'Public' | 'Private' | 'Isolated';

interface SubnetSpec {
  readonly type: SubnetType;
  readonly name: string;
  readonly assignIpv6AddressOnCreation?: boolean;
}

interface VpcArgs {
  readonly cidrBlock: string;
  readonly availabilityZoneNames: readonly string[];
  readonly enableDnsHostnames?: boolean;
  readonly assignGeneratedIpv6CidrBlock?: boolean;
  readonly subnetSpecs: readonly SubnetSpec[];
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

/** A subnet, with the table that is its own. */
interface Subnet {
  readonly type: SubnetType;
  /** The place of its zone among the zones. */
  readonly zone: number;
  readonly called: string;
  readonly subnet: Registered;
  readonly table: Registered;
  readonly association: Registered;
}

async function constructVpc(
  engine: Engine,
  name: string,
  args: VpcArgs,
  request: InstanceType<typeof provider.ConstructRequest>,
): Promise<InstanceType<typeof provider.ConstructResponse>> {
  const component = await engine.component(VPC, name, request.getParent());
  const vpc = await engine.register('aws:ec2/vpc:Vpc', name, component, {
    cidrBlock: args.cidrBlock,
    enableDnsHostnames: args.enableDnsHostnames,
    ...(args.assignGeneratedIpv6CidrBlock === true ? { assignGeneratedIpv6CidrBlock: true } : {}),
    tags: { Name: name },
  });
  const gateway = await engine.register(
    'aws:ec2/internetGateway:InternetGateway',
    name,
    vpc.urn,
    { vpcId: vpc.id },
    [vpc],
  );
  const subnets: Subnet[] = [];
  for (const spec of args.subnetSpecs)
    for (const zone of args.availabilityZoneNames.keys())
      subnets.push(await createSubnet(engine, name, args, { spec, zone, number: subnets.length, vpc }));
  const nats = await createNats(engine, name, args, subnets);
  const routes = await createRoutes(engine, subnets, gateway, nats);
  const all = (of: readonly Registered[]) =>
    [of.map(({ urn, id }) => resourceReference(urn, id)), of] as const;
  const idsOf = (type: SubnetType) => {
    const of = subnets.filter((one) => one.type === type).map(({ subnet }) => subnet);
    const ids = of.map(({ id }) => id);
    // The real one's list of ids is unknown as a whole.
    return [ids.includes(UNKNOWN) ? UNKNOWN : ids, of] as const;
  };
  return await engine.constructed(component, {
    vpcId: [vpc.id, [vpc]],
    vpc: [resourceReference(vpc.urn, vpc.id), [vpc]],
    internetGateway: [resourceReference(gateway.urn, gateway.id), [gateway]],
    publicSubnetIds: idsOf('Public'),
    privateSubnetIds: idsOf('Private'),
    isolatedSubnetIds: idsOf('Isolated'),
    subnets: all(subnets.map(({ subnet }) => subnet)),
    routeTables: all(subnets.map(({ table }) => table)),
    routeTableAssociations: all(subnets.map(({ association }) => association)),
    routes: all(routes),
    natGateways: all([...nats.values()]),
    eips: [[], []],
  });
}

async function createSubnet(
  engine: Engine,
  name: string,
  args: VpcArgs,
  { spec, zone, number, vpc }: { spec: SubnetSpec; zone: number; number: number; vpc: Registered },
): Promise<Subnet> {
  const called = `${name}-${spec.name}-${zone + 1}`;
  const ofVpc = { vpcId: vpc.id };
  const subnet = await engine.register(
    'aws:ec2/subnet:Subnet',
    called,
    vpc.urn,
    {
      ...ofVpc,
      cidrBlock: subnetOf(args.cidrBlock, number),
      availabilityZone: args.availabilityZoneNames[zone],
      mapPublicIpOnLaunch: spec.type === 'Public',
      ...(args.assignGeneratedIpv6CidrBlock === true
        ? { ipv6CidrBlock: subnetOfIpv6(vpc.outputs['ipv6CidrBlock'], number) }
        : {}),
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
  return { type: spec.type, zone, called, subnet, table, association };
}

/** By the place of their zone. */
async function createNats(
  engine: Engine,
  name: string,
  { natGateways: { strategy, elasticIpAllocationIds = [] } }: VpcArgs,
  subnets: readonly Subnet[],
): Promise<ReadonlyMap<number, Registered>> {
  const nats = new Map<number, Registered>();
  if (strategy === 'None') return nats;
  const last = strategy === 'Single' ? 0 : Infinity;
  for (const { zone, subnet } of subnets.filter((one) => one.type === 'Public' && one.zone <= last)) {
    const inputs = { subnetId: subnet.id, allocationId: elasticIpAllocationIds[zone] };
    const called = `${name}-${zone + 1}`;
    nats.set(
      zone,
      await engine.register('aws:ec2/natGateway:NatGateway', called, subnet.urn, inputs, [subnet]),
    );
  }
  return nats;
}

/** Public subnets leave by the internet gateway, private ones by their zone's NAT gateway or the only one, isolated ones not at all. */
async function createRoutes(
  engine: Engine,
  subnets: readonly Subnet[],
  gateway: Registered,
  nats: ReadonlyMap<number, Registered>,
): Promise<Registered[]> {
  const routes: Registered[] = [];
  for (const { type, zone, called, table } of subnets) {
    const nat = nats.get(zone) ?? nats.get(0);
    const by = type === 'Public' ? gateway : type === 'Private' ? nat : undefined;
    if (by === undefined) continue;
    const inputs = {
      routeTableId: table.id,
      destinationCidrBlock: '0.0.0.0/0',
      ...(by === gateway ? { gatewayId: by.id } : { natGatewayId: by.id }),
    };
    routes.push(await engine.register('aws:ec2/route:Route', called, table.urn, inputs, [table, by]));
  }
  return routes;
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
