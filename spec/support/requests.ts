/** Requests as the parser of Node makes them, without a socket. */
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';

export interface RequestParts {
  readonly method?: string;
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const requestOf = (
  url: string,
  { method = 'GET', version = '1.1', headers = {} }: RequestParts = {},
): IncomingMessage => {
  const request = new IncomingMessage(new Socket());
  const [major = 1, minor = 1] = version.split('.').map(Number);
  const sent = { host: 'chat.example', ...headers };
  return Object.assign(request, {
    method,
    url,
    httpVersion: version,
    httpVersionMajor: major,
    httpVersionMinor: minor,
    headers: sent,
    rawHeaders: Object.entries(sent).flat(),
  });
};

/** A request to upgrade, as a browser sends it. */
export const upgradeOf = (
  url: string,
  { headers = {}, ...parts }: RequestParts = {},
): IncomingMessage =>
  requestOf(url, {
    ...parts,
    headers: {
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
    },
  });
