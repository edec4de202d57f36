/** `npm run archive -- PART`: measures and tests the archive in PostgreSQL. */
const PARTS = ['store', 'million', 'acks', 'resume'] as const;

const [wanted = ''] = process.argv.slice(2);
const part = PARTS.find((name) => name === wanted);
if (part === undefined) {
  console.error(`usage: npm run archive -- ${PARTS.join(' | ')}`);
  process.exit(2);
}
await import(`./archive/${part}.js`);
