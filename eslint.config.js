import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const edges = {
  group: ['@aws-sdk/*', '@aws-lambda-powertools/*', '@pulumi/*', 'kysely', 'pg'],
  message: 'A pure rule takes what it needs as arguments.',
};
const hosts = {
  group: ['**/components/**', '**/local/**', '**/cli/**', '@pulumi/*'],
  message: 'A function knows nothing of what deploys or hosts it.',
};

/** Files that hold pure rules: no suffix such as `.handler` or `.repository`, and none of the edges below. */
const pureRules = [
  'functions/{orders,deposits,transfers,ledger,people,logins,reviews,shops,events,webhooks}/!(*.*).ts',
  'functions/shared/money.ts',
  'components/{alarms,dashboard,name-prefix,queue-times,api-routes}.ts',
  'deployments/{path-filters,role-policies,subjects}.ts',
  'cli/cost/{prices,usage,schedule,model,peers,report}.ts',
  'components/rollout/{alias-note,lines,old-versions,plan,strategy}.ts',
];

export default tseslint.config(
  { ignores: ['node_modules/', '.smart-transfer/', '.bundles/', 'coverage/'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js', 'components/check-node.cjs'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      eqeqeq: 'error',
    },
  },
  {
    files: ['functions/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [hosts] }] },
  },
  {
    // Whoever shifts traffic knows its ports alone; AWS is behind `.client` and open-aws.ts, Pulumi in the component.
    files: ['components/rollout/{alias-hold,on-call,ports,run,shift,waiting}.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [edges] }] },
  },
  {
    files: pureRules,
    rules: {
      'no-restricted-imports': ['error', { patterns: [edges, hosts] }],
      'no-restricted-globals': [
        'error',
        { name: 'process', message: 'A pure rule reads no environment: pass the value in.' },
        { name: 'setTimeout', message: 'A pure rule does not wait.' },
        { name: 'fetch', message: 'A pure rule calls nobody.' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
          message: 'Time is an argument of a pure rule.',
        },
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'Time is an argument of a pure rule.',
        },
        {
          selector: "CallExpression[callee.object.name='Math'][callee.property.name='random']",
          message: 'Chance is an argument of a pure rule.',
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-floating-promises': 'error',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    ...tseslint.configs.disableTypeChecked,
    languageOptions: {
      ...tseslint.configs.disableTypeChecked.languageOptions,
      globals: { process: 'readonly', fetch: 'readonly', console: 'readonly' },
    },
  },
);
