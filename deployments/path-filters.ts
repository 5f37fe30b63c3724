/**
 * What a stack is made of, as Pulumi Deployments' path filters: globs over whole paths from the repository's root. A push that changes none of it deploys nothing.
 */
export function pathFilters(stack: string): string[] {
  return [...PROGRAM, `Pulumi.${stack}.yaml`];
}

const PROGRAM = [
  'index.ts',
  'components/**',
  'functions/**',
  // The bank that a stack without one runs as a function, and what it shares with the local system.
  'local/**',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  '.node-version',
  'Pulumi.yaml',
] as const;
