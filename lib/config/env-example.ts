/** The text of `.env.example`. */
import { GROUPS } from './sources.js';

/** Every variable with its description and its default. */
export const envExample = (): string => {
  const groups = Object.entries(GROUPS).map(([name, settings]) => {
    const lines = Object.values(settings).map(
      ({ doc, env, default: fallback }) => `# ${doc}\n${env}=${String(fallback)}\n`,
    );
    return `# --- ${name} ---\n\n${lines.join('\n')}`;
  });
  return `${HEADER}\n${groups.join('\n')}`;
};

const HEADER = `# Every variable with its default, as NAME=value on a line of its own. Times are in milliseconds.
# An empty variable counts as not set. NODE_ENV=production reads config/production.json too.
# Written by \`npm run env-example\` from lib/config/settings/.
`;
