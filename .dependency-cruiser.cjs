// Layers: a file imports its own layer and lower ones. `docs/architecture.md` says what stands where; a new file of lib/
// belongs to no layer until it is named here, and then fails `every file has a layer`.
const LAYERS = [
  [
    'words',
    '(close|codec|control|position|clock|config|token-bucket|version|resume|problem|backlog|origin)\\.ts$|config/|codec/|operators/',
  ],
  [
    'ports',
    '(outbox|events|hooks|command|moderation)\\.ts$|(access|broker|log)/(index|bus|page|keys|backoff|word|pod-only)\\.ts$',
  ],
  [
    'parts',
    '(connection|catch-ups|heartbeat|room|fan-out|recovery|handshake|upgrades|drain|operator|asker)\\.ts$|access/|broker/|log/|archive/',
  ],
  ['whole', '(accept|hub)\\.ts$'],
  ['edges', 'http/|(folds|journal|pretty)\\.ts$'],
  ['root', '(app|daemon|signals|main|index|service)\\.ts$'],
];

const lib = (pattern) => `^lib/(${pattern})`;
const upTo = (count) =>
  LAYERS.slice(0, count)
    .map(([, pattern]) => pattern)
    .join('|');

const above = LAYERS.slice(0, -1).map(([name], at) => ({
  name: `${name} import nothing higher`,
  severity: 'error',
  // what an earlier layer claims is not this one's
  from: { path: lib(LAYERS[at][1]), pathNot: at === 0 ? [] : [lib(upTo(at))] },
  to: { path: '^lib/', pathNot: [lib(upTo(at + 1))] },
}));

const only = (name, importers, imported) => ({
  name: `${name} only where it belongs`,
  severity: 'error',
  from: { path: '^lib/', pathNot: [importers] },
  to: { path: imported },
});

module.exports = {
  forbidden: [
    { name: 'no cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'every file has a layer',
      severity: 'error',
      from: { path: '^lib/', pathNot: [lib(upTo(LAYERS.length))] },
      to: {},
    },
    ...above,
    only('ws', '^lib/(accept|connection|outbox)\\.ts$', '(^|/)node_modules/(@types/)?ws/'),
    only('jose', '^lib/access/tokens\\.ts$', '(^|/)node_modules/jose/'),
    only('ioredis', '^lib/broker/redis[a-z-]*\\.ts$', '(^|/)node_modules/ioredis/'),
    {
      name: 'the stream files import nothing of Node',
      severity: 'error',
      from: { path: '^lib/(hub|room|fan-out|broker/(pods|outage|repair))\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'lib does not know its specs',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^(spec|bench|examples)/' },
    },
    {
      name: 'what lib imports is installed in production',
      severity: 'error',
      from: { path: '^lib/' },
      to: { dependencyTypes: ['npm-dev'], pathNot: ['node_modules/@types/'] },
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
