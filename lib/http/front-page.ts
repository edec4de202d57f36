/** The page at `/` where there is no demo page: what the service is, and where its endpoints are. */
import { VERSION } from '../version.js';

export const frontPage = (basePath: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>chat-api</title>
<link rel="icon" href="data:,">
<h1>chat-api ${VERSION}</h1>
<p>A chat service: rooms, presence and messages over WebSocket. To try it, open this page in two windows, and run this in the console of each:</p>
<pre>const ws = new WebSocket(location.origin.replace('http', 'ws') + '${basePath}/ws/general');
ws.onmessage = ({ data }) =&gt; console.log(JSON.parse(data));
ws.onopen = () =&gt; ws.send(JSON.stringify({ type: 'chat', data: { content: 'hi' } }));</pre>
<ul>
<li>WebSocket: <code>${basePath}/ws/{room}</code></li>
<li>publish: <code>POST ${basePath}/messages</code></li>
<li>a room's last messages: <code>${basePath}/rooms/{room}/messages</code></li>
<li><a href="${basePath}/ws/stats">${basePath}/ws/stats</a></li>
<li><a href="/docs">/docs</a>: the HTTP API and the messages</li>
<li><a href="/health">/health</a>, <a href="/ready">/ready</a>, <a href="/metrics">/metrics</a></li>
</ul>
</html>
`;
