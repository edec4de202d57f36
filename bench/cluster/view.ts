/** The table of the pods that `npm run cluster` shows, and shows anew. */
import { http } from '../../spec/support/pod.js';
import type { NamedPod } from '../../spec/support/nginx-pods.js';

export type Sample = ReadonlyMap<string, number>;

/** A pod at one moment. */
export interface Look {
  readonly pod: NamedPod;
  /** Of `/ready`, or `down`. */
  readonly state: string;
  readonly sample: Sample;
  /** ms */
  readonly at: number;
}

const COLUMNS = [
  'pod',
  'address',
  'pid',
  'state',
  'sockets',
  'rooms',
  'in/s',
  'out/s',
  'CPU %',
  'MB',
] as const;

export const lookAt = async (pod: NamedPod): Promise<Look> => {
  const state = (await pod.readiness()) ?? 'down';
  const text = await http(pod.port, '/metrics').then(
    ({ body }) => body,
    () => '',
  );
  const sample = new Map(
    [...text.matchAll(/^([a-z_]+) (\S+)$/gm)].map(
      ([, name = '', value]) => [name, Number(value)] as const,
    ),
  );
  return { pod, state, sample, at: performance.now() };
};

const rowOf = ({ pod, state, sample, at }: Look, before: Look | undefined): readonly string[] => {
  const of = (name: string): number => sample.get(name) ?? 0;
  const perSecond = (name: string): number =>
    before === undefined
      ? 0
      : Math.max(0, ((of(name) - (before.sample.get(name) ?? 0)) * 1_000) / (at - before.at));
  return [
    pod.name,
    `http://127.0.0.1:${pod.port}`,
    String(pod.running().pid),
    state,
    String(of('realtime_connections_total')),
    String(of('realtime_rooms_total')),
    perSecond('realtime_messages_received').toFixed(0),
    perSecond('realtime_messages_sent').toFixed(0),
    (perSecond('process_cpu_seconds_total') * 100).toFixed(0),
    (of('process_resident_memory_bytes') / 1e6).toFixed(0),
  ];
};

export const table = (looks: readonly Look[], before: readonly Look[]): readonly string[] => {
  const rows = [COLUMNS, ...looks.map((look, i) => rowOf(look, before[i]))];
  const widths = COLUMNS.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        // words on the left, numbers on the right
        column < 4 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
};
