// Layers: a folder (or a file at the top of lib) imports its own layer and lower ones. docs/architecture.md draws them.
const LAYERS = [
  ['base', ['rx/', 'bounded-map', 'clock', 'first-error', 'version', 'signals']],
  ['protocol', ['protocol/']],
  // nothing of the service imports the two: see below
  ['client', ['client/']],
  ['testing', ['testing/']],
  ['config', ['config/']],
  ['documents', ['documents/']],
  ['history', ['history/']],
  ['broker', ['broker/']],
  ['auth', ['auth/']],
  ['hooks', ['hub-event', 'hooks', 'hook-answer', 'hook-verdict', 'hook-moderation']],
  ['connection', ['connection/']],
  ['room', ['room/']],
  ['hub', ['hub']],
  ['telemetry', ['telemetry/']],
  ['http', ['http/']],
  // the commands beside the service
  ['commands', ['cli/']],
  [
    'process',
    [
      'composition',
      'pod-streams',
      'moderated-publish',
      'program-publish',
      'row-publish',
      'not-published',
      'notice',
      'shutdown',
      'app-options',
      'app',
      'workers/',
      'daemon',
      'main',
      'index',
    ],
  ],
];

const pathOf = (names) =>
  `^lib/(${names.map((name) => (name.endsWith('/') ? name : `${name}\\.ts$`)).join('|')})`;
const upTo = (count) => pathOf(LAYERS.slice(0, count).flatMap(([, names]) => names));

const layers = LAYERS.slice(0, -1).map(([name, names], at) => ({
  name: `${name} imports no higher layer`,
  severity: 'error',
  from: { path: pathOf(names) },
  to: { path: '^lib/', pathNot: [upTo(at + 1)] },
}));

const only = (name, importers, imported) => ({
  name: `${name} is imported in one place`,
  severity: 'error',
  from: { path: '^lib/', pathNot: [importers] },
  to: { path: `(^|/)node_modules/${imported}/` },
});

module.exports = {
  forbidden: [
    { name: 'no cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'every file has a layer',
      severity: 'error',
      from: { path: '^lib/', pathNot: [upTo(LAYERS.length)] },
      to: {},
    },
    ...layers,
    {
      name: 'the policy of many pods knows Redis by its port',
      severity: 'error',
      from: { path: '^lib/broker/cluster/' },
      to: { path: '^lib/broker/redis/', pathNot: ['^lib/broker/redis/port\\.ts$'] },
    },
    only('ws', '^lib/(connection/|cli/watch\\.ts$)', '(@types/)?ws'),
    only('jose', '^lib/auth/', 'jose'),
    only('ioredis', '^lib/broker/redis/', 'ioredis'),
    only('pg', '^lib/history/archive/', '(@types/)?pg'),
    only('node-pg-migrate', '^lib/history/archive/', 'node-pg-migrate'),
    only('OpenTelemetry', '^lib/telemetry/otel/', '@opentelemetry/[^/]+'),
    {
      name: 'the optional spans are loaded in one place',
      severity: 'error',
      from: { path: '^lib/', pathNot: ['^lib/telemetry/(otel/|optional-tracing\\.ts$)'] },
      to: { path: '^lib/telemetry/otel/' },
    },
    {
      name: 'streams import nothing of Node',
      severity: 'error',
      from: {
        path: '^lib/(hub\\.ts$|rx/|room/|broker/cluster/)',
        pathNot: ['(bloom|fallback-dedup)\\.ts$'],
      },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'the protocol writes to no socket',
      severity: 'error',
      from: { path: '^lib/protocol/' },
      to: { path: '^(node:)?(net|tls|https?)$' },
    },
    {
      name: 'the client is small: of the service it has the words of the wire alone',
      severity: 'error',
      from: { path: '^lib/client/' },
      to: {
        path: '^lib/',
        pathNot: ['^lib/client/', '^lib/protocol/(message-id|close-codes|system-event)\\.ts$'],
      },
    },
    {
      name: 'the client runs in browsers, with rxjs alone',
      severity: 'error',
      from: { path: '^lib/client/' },
      to: { path: ['^node:', 'node_modules/'], pathNot: ['node_modules/rxjs/'] },
    },
    {
      name: 'the words of the wire that the client has import nothing',
      severity: 'error',
      from: { path: '^lib/protocol/(message-id|close-codes|system-event)\\.ts$' },
      to: {},
    },
    {
      name: 'the server in memory runs in browsers',
      severity: 'error',
      from: { path: '^lib/testing/' },
      to: { path: '^lib/', pathNot: ['^lib/(testing|client|protocol)/'] },
    },
    {
      name: 'the service does not import the client',
      severity: 'error',
      from: { path: '^lib/', pathNot: ['^lib/(client|testing|cli)/'] },
      to: { path: '^lib/(client|testing)/' },
    },
    {
      name: 'lib does not know its specs',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^(spec|bench|examples|demo)/' },
    },
    {
      name: 'what lib imports is installed in production',
      severity: 'error',
      from: { path: '^lib/' },
      // OpenTelemetry is optional: see docs/tracing.md
      to: {
        dependencyTypes: ['npm-dev'],
        pathNot: ['node_modules/@types/', 'node_modules/@opentelemetry/'],
      },
    },
    { name: 'imports resolve', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      mainFields: ['main', 'types'],
    },
  },
};
