import * as aws from '@pulumi/aws';
import * as awsx from '@pulumi/awsx';
import * as pulumi from '@pulumi/pulumi';
import type { FunctionNetwork } from './lambda-function.ts';
import type { NetworkSettings } from './settings.ts';

export interface NetworkArgs {
  readonly settings: NetworkSettings;
  readonly region: string;
  /** Refuses to delete the addresses that banks allow-list. */
  readonly protect: boolean;
}

/** HTTPS, by which functions reach AWS, the bank and nothing else. */
const HTTPS = 443;

const POSTGRES = 5432;

/**
 * The network: public subnets for gateways, private ones for functions, isolated ones for the database, in each zone.
 *
 * Functions leave by one of two ways: NAT gateways with addresses of ours, or IPv6 alone.
 */
export class Network extends pulumi.ComponentResource {
  /** The addresses that a bank sees, to be allow-listed. They are made apart from the gateways, so that they outlive them. */
  readonly egressAddresses: pulumi.Output<string[]>;
  /** Where functions run. */
  readonly functions: FunctionNetwork;
  readonly databaseSubnetIds: pulumi.Output<string[]>;
  readonly databaseSecurityGroupId: pulumi.Output<string>;
  /** What must be there before a function can reach the database and AWS. */
  readonly ready: readonly pulumi.Resource[];
  readonly #vpc: awsx.ec2.Vpc;

  constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:Network', name, {}, opts);
    const addresses = this.#createAddresses(args);
    this.#vpc = this.#createVpc(name, args, addresses);
    const egressRoutes = args.settings.egress === 'none' ? this.#createIpv6Egress(name, args) : [];
    const s3 = this.#createS3Endpoint(args.region);
    const functions = this.#createSecurityGroup('functions', 'Functions that reach the database');
    const database = this.#createSecurityGroup('database', 'The database, reached by functions alone');
    const rules = [
      ...this.#allowDatabase(functions.id, database.id),
      this.#allowHttpsOut('functions-https-out', functions.id, {
        description: 'Functions call AWS and the bank',
        ...(args.settings.egress === 'none' ? { cidrIpv6: '::/0' } : { cidrIpv4: '0.0.0.0/0' }),
      }),
      this.#allowHttpsOut('functions-to-s3', functions.id, {
        description: 'Functions archive the heads of the ledger',
        prefixListId: s3.prefixListId,
      }),
    ];
    this.#createInterfaceEndpoints(args, functions.id);
    this.egressAddresses = pulumi.all(addresses.map(({ publicIp }) => publicIp));
    this.functions = {
      subnetIds: this.#vpc.privateSubnetIds,
      securityGroupIds: [functions.id],
      ipv6: args.settings.egress === 'none',
    };
    this.databaseSubnetIds = this.#vpc.isolatedSubnetIds;
    this.databaseSecurityGroupId = database.id;
    this.ready = [this.#vpc, ...egressRoutes, ...rules];
    this.registerOutputs({ egressAddresses: this.egressAddresses });
  }

  #createAddresses({ settings, protect }: NetworkArgs): aws.ec2.Eip[] {
    if (settings.egress === 'none') return [];
    const zones = settings.natStrategy === 'one' ? settings.zones.slice(0, 1) : settings.zones;
    return zones.map(
      (zone) =>
        new aws.ec2.Eip(
          `egress-${zone}`,
          { domain: 'vpc', tags: { Name: `smart-transfer egress ${zone}` } },
          { parent: this, protect },
        ),
    );
  }

  #createVpc(name: string, { settings }: NetworkArgs, addresses: readonly aws.ec2.Eip[]): awsx.ec2.Vpc {
    const ipv6 = settings.egress === 'none';
    return new awsx.ec2.Vpc(
      name,
      {
        cidrBlock: settings.cidr,
        availabilityZoneNames: settings.zones,
        enableDnsHostnames: true,
        assignGeneratedIpv6CidrBlock: ipv6,
        subnetStrategy: 'Auto',
        subnetSpecs: [
          { type: 'Public', name: 'public' },
          { type: 'Private', name: 'private', ...(ipv6 ? { assignIpv6AddressOnCreation: true } : {}) },
          { type: 'Isolated', name: 'isolated' },
        ],
        natGateways: {
          strategy: natStrategy(settings),
          ...(addresses.length === 0
            ? {}
            : { elasticIpAllocationIds: addresses.map(({ allocationId }) => allocationId) }),
        },
      },
      { parent: this },
    );
  }

  /** awsx makes no route for IPv6: one gateway that lets nobody in, and a route to it for each private subnet. */
  #createIpv6Egress(name: string, { settings }: NetworkArgs): pulumi.Resource[] {
    const gateway = new aws.ec2.EgressOnlyInternetGateway(name, { vpcId: this.#vpc.vpcId }, { parent: this });
    return settings.zones.map(
      (zone, index) =>
        new aws.ec2.Route(
          `ipv6-egress-${zone}`,
          {
            routeTableId: this.#routeTableOf(this.#vpc.privateSubnetIds.apply((ids) => ids[index] ?? '')),
            destinationIpv6CidrBlock: '::/0',
            egressOnlyGatewayId: gateway.id,
          },
          { parent: this },
        ),
    );
  }

  /** The route table of a subnet: awsx names associations, not tables, by their subnet. */
  #routeTableOf(subnetId: pulumi.Output<string>): pulumi.Output<string> {
    return pulumi
      .all([subnetId, this.#vpc.routeTableAssociations])
      .apply(([wanted, associations]) =>
        pulumi
          .all(associations.map(({ subnetId: of, routeTableId }) => pulumi.all([of, routeTableId])))
          .apply((pairs) => pairs.find(([of]) => of === wanted)?.[1] ?? ''),
      );
  }

  /** Free, and no detour for the archive of the ledger's heads. */
  #createS3Endpoint(region: string): aws.ec2.VpcEndpoint {
    return new aws.ec2.VpcEndpoint(
      's3',
      {
        vpcId: this.#vpc.vpcId,
        serviceName: `com.amazonaws.${region}.s3`,
        vpcEndpointType: 'Gateway',
        routeTableIds: this.#vpc.routeTables.apply((tables) => pulumi.all(tables.map(({ id }) => id))),
      },
      { parent: this },
    );
  }

  #createInterfaceEndpoints({ settings, region }: NetworkArgs, functionsId: pulumi.Output<string>): void {
    if (settings.interfaceEndpoints.length === 0) return;
    const group = this.#createSecurityGroup('endpoints', 'AWS services inside the network');
    new aws.vpc.SecurityGroupIngressRule(
      'endpoints-from-functions',
      {
        securityGroupId: group.id,
        referencedSecurityGroupId: functionsId,
        ipProtocol: 'tcp',
        fromPort: HTTPS,
        toPort: HTTPS,
        description: 'Functions call AWS',
      },
      { parent: this },
    );
    for (const service of settings.interfaceEndpoints)
      new aws.ec2.VpcEndpoint(
        service,
        {
          vpcId: this.#vpc.vpcId,
          serviceName: `com.amazonaws.${region}.${service}`,
          vpcEndpointType: 'Interface',
          privateDnsEnabled: true,
          subnetIds: this.#vpc.privateSubnetIds,
          securityGroupIds: [group.id],
        },
        { parent: this },
      );
  }

  #createSecurityGroup(name: string, description: string): aws.ec2.SecurityGroup {
    return new aws.ec2.SecurityGroup(name, { description, vpcId: this.#vpc.vpcId }, { parent: this });
  }

  #allowDatabase(functionsId: pulumi.Output<string>, databaseId: pulumi.Output<string>): pulumi.Resource[] {
    const port = { ipProtocol: 'tcp', fromPort: POSTGRES, toPort: POSTGRES };
    return [
      new aws.vpc.SecurityGroupEgressRule(
        'functions-to-database',
        {
          securityGroupId: functionsId,
          referencedSecurityGroupId: databaseId,
          description: 'Functions query the database',
          ...port,
        },
        { parent: this },
      ),
      new aws.vpc.SecurityGroupIngressRule(
        'database-from-functions',
        {
          securityGroupId: databaseId,
          referencedSecurityGroupId: functionsId,
          description: 'Functions query the database',
          ...port,
        },
        { parent: this },
      ),
    ];
  }

  #allowHttpsOut(
    name: string,
    securityGroupId: pulumi.Output<string>,
    to: Pick<aws.vpc.SecurityGroupEgressRuleArgs, 'description' | 'cidrIpv4' | 'cidrIpv6' | 'prefixListId'>,
  ): pulumi.Resource {
    return new aws.vpc.SecurityGroupEgressRule(
      name,
      { securityGroupId, ipProtocol: 'tcp', fromPort: HTTPS, toPort: HTTPS, ...to },
      { parent: this },
    );
  }
}

function natStrategy({
  egress,
  natStrategy: strategy,
}: NetworkSettings): awsx.types.enums.ec2.NatGatewayStrategy {
  if (egress === 'none') return 'None';
  return strategy === 'one_a_zone' ? 'OnePerAz' : 'Single';
}
