/**
 * Why a connection cannot be opened. A browser tells a page only that the connection failed. So the
 * page asks an HTTP endpoint of the service.
 */

export type Ask = (
  url: string,
  init: { readonly headers: Readonly<Record<string, string>> },
) => Promise<{ readonly status: number }>;

export const diagnosis = async (ask: Ask, base: string, token: string): Promise<string> => {
  const headers: Readonly<Record<string, string>> =
    token === '' ? {} : { Authorization: `Bearer ${token}` };
  const status = await ask(`${base}/ws/stats`, { headers }).then(
    (answer) => answer.status,
    () => undefined,
  );
  if (status === undefined) return 'The service does not answer. The client goes on trying.';
  if (status === 401)
    return 'The service refuses the token: it has ended, or another key has signed it. The log of the service has the reason. Paste a new token.';
  if (status === 200)
    return 'The service answers over HTTP, but the WebSocket fails. Is the service full? Does the proxy in front of it pass Host, Upgrade and Connection on?';
  return `The service answers with HTTP ${status}. The client goes on trying.`;
};
