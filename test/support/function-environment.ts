import type { TestDatabase } from './database.ts';

/** What every function reads, of a test's database and of an endpoint for its secrets; it is silent. */
export function functionEnvironment(test: TestDatabase, secretsEndpoint: string): Record<string, string> {
  return {
    AWS_REGION: 'ap-northeast-2',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsEndpoint,
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
    DATABASE_HOST: test.address.host,
    DATABASE_PORT: test.address.port.toString(),
    DATABASE_NAME: test.address.database,
    DATABASE_TLS: 'off',
    DATABASE_SECRET_ID: 'database',
  };
}

/**
 * Sets variables of this process, for a handler that reads them when it is imported.
 *
 * @returns puts back what was there.
 */
export function setEnvironment(values: Readonly<Record<string, string>>): () => void {
  const replaced = Object.keys(values).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, values);
  return () => {
    for (const [name, value] of replaced) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  };
}
