// Rules of types and streams. How code is laid out is biome's business; which file may import which, dependency-cruiser's.
import rxjs from 'eslint-plugin-rxjs-x';
import tseslint from 'typescript-eslint';
import { finnish } from './eslint.finnish.js';
import { names } from './eslint.names.js';
import { sources } from './eslint.sources.js';

/** The rules that are written here. */
const own = { rules: { finnish, names, sources } };

const TIME =
  'take it from the Clock that is passed in: the whole cluster runs in virtual time in specs';

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.tap/', 'bench/build/', '**/*.cjs'] },
  {
    files: ['**/*.ts'],
    plugins: { own },
    extends: [tseslint.configs.strictTypeChecked, rxjs.configs.recommended],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'prefer-const': 'error',
      'no-param-reassign': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'exports are named' },
        {
          selector: 'TSEnumDeclaration',
          message: 'a union of texts says the same and costs nothing',
        },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // a number or a truth in a template reads as it should; an object does not, and stays forbidden
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // Observer<void> and Answer<void> are how streams say "done"
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      'own/finnish': 'error',
    },
  },
  {
    files: ['lib/**/*.ts'],
    rules: {
      '@typescript-eslint/consistent-type-assertions': [
        'error',
        { assertionStyle: 'as', objectLiteralTypeAssertions: 'never' },
      ],
      '@typescript-eslint/no-unsafe-type-assertion': 'error',
      'rxjs-x/no-ignored-subscription': 'error',
      'rxjs-x/no-floating-observables': 'error',
      'rxjs-x/no-misused-observables': 'error',
      'no-console': 'error',
      'own/names': 'error',
    },
  },
  {
    files: ['lib/**/*.ts'],
    ignores: ['lib/app.ts', 'lib/rx/**'],
    rules: { 'own/sources': 'error' },
  },
  {
    files: ['lib/**/*.ts'],
    ignores: ['lib/clock.ts', 'lib/main.ts', 'lib/client/platform-clock.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'process', message: 'only main.ts reads the process' },
        ...['setTimeout', 'setInterval', 'setImmediate', 'performance'].map((name) => ({
          name,
          message: TIME,
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: TIME },
        { object: 'Math', property: 'random', message: TIME },
        { object: 'globalThis', property: 'process', message: 'only main.ts reads the process' },
      ],
    },
  },
  {
    files: ['lib/**/*.ts'],
    // settings/server.ts: the process' id is in the default of SERVER_ID
    ignores: ['lib/clock.ts', 'lib/main.ts', 'lib/config/settings/server.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            'process',
            'node:process',
            'timers',
            'node:timers',
            'node:timers/promises',
            'node:perf_hooks',
          ].map((name) => ({ name, message: TIME })),
        },
      ],
    },
  },
  {
    // the process' clock is made of rxjs' own scheduler with another `now`, and that is not exported at its root
    files: ['lib/clock.ts'],
    rules: { 'rxjs-x/no-internal': 'off' },
  },
  {
    files: ['spec/**/*.{ts,mjs}', 'bench/**/*.{ts,mjs}'],
    plugins: { own },
    rules: { 'own/names': 'error' },
  },
  {
    // it exports the functions whole; what is deprecated is a signature of each that nobody here uses
    files: ['lib/client/rx.ts'],
    rules: { '@typescript-eslint/no-deprecated': 'off' },
  },
  {
    files: ['spec/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts'],
    rules: {
      // tap runs subtests in order whether their promises are awaited or not, and wants an async function for those that end by themselves
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-shadow': 'off',
      // a module of Nest is an empty class
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      'no-control-regex': 'off',
    },
  },
  { files: ['**/*.js', '**/*.mjs'], extends: [tseslint.configs.disableTypeChecked] },
);
