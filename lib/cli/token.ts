/** `chat-api token`: prints a token for development. Only the token goes to standard output. */
import { isLeft } from 'fp-ts/lib/Either.js';
import { firstValueFrom } from 'rxjs';
import { type Claimed, developmentToken } from '../auth/development-token.js';
import { jwtVerifier } from '../auth/jwt.js';
import { systemClock } from '../clock.js';
import { configOfProcess, EX_CONFIG } from '../config/of-process.js';
import { isRoomName } from '../protocol/position.js';
import { misconfigured, misused, optionsIn, type Terminal } from './terminal.js';

const OPTIONS = {
  sub: { type: 'string' },
  rooms: { type: 'string', multiple: true },
  publish: { type: 'string', multiple: true },
  global: { type: 'boolean' },
  admin: { type: 'boolean' },
  expires: { type: 'string' },
} as const;

const NO_SECRET =
  'JWT_SECRET is not set: set it in the environment or in .env, as for the service; 32 random bytes or more, ' +
  'such as the output of: openssl rand -hex 32';

export const token = async (args: readonly string[], terminal: Terminal): Promise<number> => {
  const options = optionsIn(args, OPTIONS);
  if (isLeft(options)) return misused(options.left, terminal);
  const { values, positionals } = options.right;
  const { sub, rooms, publish, global, admin, expires = '1h' } = values;
  if (sub === undefined) return misused('write --sub with the id of the user', terminal);
  if (positionals.length > 0)
    return misused(`write several patterns as one text: --rooms 'team-*,lobby'`, terminal);
  const unusable = [...(patternsIn(rooms) ?? []), ...(patternsIn(publish) ?? [])].find(
    (pattern) => !isPattern(pattern),
  );
  if (unusable !== undefined)
    return misused(
      `${JSON.stringify(unusable)}: write the name of a room, or its beginning with a * at the end`,
      terminal,
    );
  const seconds = secondsIn(expires);
  if (seconds === undefined)
    return misused(`--expires ${expires}: write a time such as 30s, 15m, 1h or 7d`, terminal);

  const { config } = configOfProcess(terminal.env, terminal.directory);
  if (isLeft(config)) return misconfigured(config.left, terminal);
  const { access } = config.right;
  if (access.jwtSecret === '') {
    terminal.complain(NO_SECRET);
    return EX_CONFIG;
  }
  const claimed: Claimed = {
    sub,
    ...roomsClaim(patternsIn(rooms), patternsIn(publish), global === true),
    ...(admin === true ? { scope: 'admin' } : {}),
  };
  const now = Math.floor(systemClock.wall() / 1000);
  const text = await developmentToken(access, claimed, now, seconds);
  // the service's own check: what it would refuse is not printed
  const verifier = jwtVerifier({
    config: config.right,
    clock: systemClock,
    publicKeys: [],
    published: undefined,
  });
  const judged = await firstValueFrom(verifier.authenticate({ token: text, apiKey: undefined }));
  if (isLeft(judged)) {
    const { left: denial } = judged;
    return misused(
      `the service would refuse the token: expected ${'expected' in denial ? denial.expected : denial._tag}`,
      terminal,
    );
  }
  if (!access.authEnabled)
    terminal.complain(
      'AUTH_ENABLED is false: the service asks for no token; set AUTH_ENABLED=true',
    );
  terminal.print(text);
  return 0;
};

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

const secondsIn = (text: string): number | undefined => {
  const [, count, unit = ''] = /^([1-9]\d{0,6})([smhd])$/.exec(text) ?? [];
  const unitS = UNITS[unit];
  return unitS === undefined ? undefined : Number(count) * unitS;
};

/** A pattern that matches no room would grant nothing, without a word. */
const isPattern = (text: string): boolean =>
  text === '*' || isRoomName(text.endsWith('*') ? text.slice(0, -1) : text);

const patternsIn = (given: readonly string[] | undefined): readonly string[] | undefined =>
  given?.flatMap((text) => text.split(',')).map((pattern) => pattern.trim());

/** Without any of the three there is no claim, and the token is for all rooms. */
const roomsClaim = (
  join: readonly string[] | undefined,
  publish: readonly string[] | undefined,
  isGlobal: boolean,
): Pick<Claimed, 'rooms'> =>
  join === undefined && publish === undefined && !isGlobal
    ? {}
    : {
        rooms: {
          join: join ?? true,
          ...(publish === undefined ? {} : { publish }),
          ...(isGlobal ? { global: true } : {}),
        },
      };
