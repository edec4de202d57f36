/** The archive that a configuration asks for. */
import { isLeft } from 'fp-ts/lib/Either.js';
import t from 'tap';
import { configOf, type Config } from '../../../lib/config/index.js';
import { archiveOf } from '../../../lib/history/archive/from-config.js';
import { virtualClock } from '../../support/virtual-clock.js';

const config = (databaseUrl: string): Config => {
  const made = configOf({ log: { databaseUrl } });
  if (isLeft(made)) throw new Error(JSON.stringify(made.left));
  return made.right;
};

t.test('when there is no DATABASE_URL, then there is no archive', async (t) => {
  t.equal(await archiveOf(config(''), virtualClock()), undefined);
});

t.test(
  'when there is a DATABASE_URL, then the archive refuses until PostgreSQL answers',
  async (t) => {
    const archive = await archiveOf(config('postgres://user@127.0.0.1:1/chat'), virtualClock());
    t.match(archive?.refusal(), { _tag: 'Unavailable' });
    await new Promise<void>((resolve) => archive?.close().subscribe({ complete: resolve }));
  },
);
