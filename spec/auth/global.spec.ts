/**
 * Who may publish to everybody: each policy of `GLOBAL_PUBLISH`, each kind of client, each claim about it, on
 * a socket and over HTTP. The policy is about clients. Over HTTP every program that may publish may publish
 * to everybody, unless its token forbids it.
 */
import t from 'tap';
import { BASE, startPod } from '../support/pod.js';
import { SECRET, tokenOf } from '../support/tokens.js';

const KEY = 'a-key-of-thirty-two-characters-0';
const POLICIES = ['any', 'users', 'server'] as const;
type Policy = (typeof POLICIES)[number];

interface Row {
  readonly who: string;
  readonly isAuthOn: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** The policies under which it may on a socket. */
  readonly socket: readonly Policy[];
  /** Over HTTP, under whichever. */
  readonly http: 202 | 401 | 403;
}

const bearer = (claims: object): Row['headers'] => ({ Authorization: `Bearer ${tokenOf(claims)}` });

/** The claim `rooms`, and whether it allows a user to publish to everybody where the policy allows users. */
const CLAIMS: readonly (readonly [what: string, claims: object, may: boolean])[] = [
  ['no rooms', {}, true],
  ['rooms, global true', { rooms: { join: true, global: true } }, true],
  ['rooms, global true and nothing else', { rooms: { global: true } }, true],
  ['rooms, global false', { rooms: { join: true, global: false } }, false],
  ['rooms, global absent', { rooms: { join: true, publish: [] } }, false],
  ['rooms, all of them, global absent', { rooms: { join: true, publish: true } }, false],
];

let refs = 0;

const USERS: readonly Policy[] = ['any', 'users'];

const ROWS: readonly Row[] = [
  { who: 'any client, no tokens', isAuthOn: false, headers: {}, socket: ['any'], http: 202 },
  {
    who: 'a token, no tokens required',
    isAuthOn: false,
    headers: bearer({ rooms: { global: false } }),
    socket: ['any'],
    http: 202,
  },
  { who: 'nobody known', isAuthOn: true, headers: {}, socket: [], http: 401 },
  { who: 'a key', isAuthOn: true, headers: { 'X-API-Key': KEY }, socket: ['any'], http: 202 },
  ...CLAIMS.flatMap(([what, claims, may]): readonly Row[] => {
    const socket = may ? USERS : [];
    return [
      { who: `a user, ${what}`, isAuthOn: true, headers: bearer(claims), socket, http: 403 },
      {
        who: `an admin, ${what}`,
        isAuthOn: true,
        headers: bearer({ ...claims, scope: 'admin' }),
        socket,
        http: may ? 202 : 403,
      },
      {
        who: `a key beside a token, ${what}`,
        isAuthOn: true,
        headers: { ...bearer(claims), 'X-API-Key': KEY },
        // the key's rights, the user's name
        socket: USERS,
        http: 202,
      },
    ];
  }),
];

for (const policy of POLICIES)
  for (const isAuthOn of [true, false])
    t.test(
      `when GLOBAL_PUBLISH is ${policy} ${isAuthOn ? 'with' : 'without'} tokens, then it decides who may publish`,
      async (t) => {
        const pod = await startPod(t, {
          access: {
            globalPublish: policy,
            authEnabled: isAuthOn,
            ...(isAuthOn ? { jwtSecret: SECRET, apiKeys: [KEY] } : {}),
          },
        });
        const everybody = await pod.connect('/ws', { headers: isAuthOn ? bearer({}) : {} });
        const received = (): readonly unknown[] =>
          everybody.all({ type: 'chat', room: undefined }).map(({ data }) => data);
        const due: unknown[] = [];
        for (const row of ROWS.filter((one) => one.isAuthOn === isAuthOn)) {
          const { who, headers, socket, http } = row;
          if (http !== 401) {
            const client = await pod.connect('/ws', { headers });
            for (const [room, data] of [
              ['', `${who}: ''`],
              [null, `${who}: null`],
              [undefined, `${who}: no room`],
            ] as const) {
              const ref = `m${++refs}`;
              client.send({ type: 'chat', room, data, id: ref });
              const { type, data: answer } = await client.received({ data: { ref } });
              const result = type === 'error' ? (answer as { readonly code: string }).code : 'ack';
              const may = socket.includes(policy);
              t.equal(result, may ? 'ack' : 'forbidden', data);
              if (may) due.push(data);
            }
            await client.close();
          }
          for (const body of [{ room: null, data: who }, [{ room: '', data: who }]]) {
            const { status } = await fetch(`http://127.0.0.1:${pod.port}${BASE}/messages`, {
              method: 'POST',
              headers: { 'Content-Type': 'application/json', Connection: 'close', ...headers },
              body: JSON.stringify(body),
            });
            t.equal(status, http, `${who} over HTTP`);
            if (http === 202) due.push(who);
          }
        }
        await everybody.caughtUp();
        t.strictSame(received(), due, 'everybody heard them, and nobody else');
      },
    );
