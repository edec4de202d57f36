/** A pod with the hooks of an application. */
import { NEVER } from 'rxjs';
import { type Test } from 'tap';
import { type Hooks, type Incoming, reject, type Sender } from '../../lib/index.js';
import { asProgram } from './credentials.js';
import { ask, BASE, type HttpAnswer, type Pod, startPod } from './pod.js';

export const podWith = (t: Test, hooks: Hooks): Promise<Pod> => startPod(t, {}, { hooks });

export const text = ({ data }: Incoming): string => (typeof data === 'string' ? data : '');

export const post = (pod: Pod, body: unknown): Promise<HttpAnswer> =>
  ask(
    {
      port: pod.port,
      path: `${BASE}/messages`,
      method: 'POST',
      headers: asProgram({ 'Content-Type': 'application/json' }),
    },
    JSON.stringify(body),
  );

/** A hook that does with a chat what the data of the chat says. */
export const obedient =
  (asked: (readonly [Incoming, Sender])[] = []): NonNullable<Hooks['onMessage']> =>
  (message, from) => {
    asked.push([message, from]);
    switch (text(message)) {
      case 'change':
        return { ...message, data: 'changed' };
      case 'drop':
        return null;
      case 'refuse':
        return reject('not here');
      case 'move':
        return Promise.resolve({ ...message, room: 'other' });
      case 'throw':
        throw new Error('hunter2');
      case 'never':
        return NEVER;
      case 'no JSON':
        return { ...message, data: () => undefined };
      default:
        return message;
    }
  };
