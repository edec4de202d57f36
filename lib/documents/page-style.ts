/** The style and the icon of the page at `/docs`. They are files: its policy allows no style inside the page. */

export const STYLE = `:root{color-scheme:light dark;--ink:#1c1e21;--soft:#5a6068;--line:#d5d9de;--ground:#fff;--shade:#f4f6f8;--link:#0550ae}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#a3abb5;--line:#3a4048;--ground:#16181b;--shade:#1f2226;--link:#79b8ff}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:break-word}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999px}
.skip:focus{left:1rem;top:1rem;padding:.5rem;background:var(--ground)}
header,main,nav{padding:0 1rem;max-width:60rem}
nav ul{padding-left:1.2rem;columns:20rem}
h1{font-size:1.6rem}
h2{margin-top:3rem;border-bottom:2px solid var(--line)}
h3{margin-top:2.5rem;font-size:1.05rem}
h4{margin-bottom:.2rem;font-size:1rem}
code,pre{font:14px/1.45 ui-monospace,monospace}
code{background:var(--shade);padding:.05rem .25rem;border-radius:3px}
pre{background:var(--shade);border:1px solid var(--line);border-radius:6px;padding:.7rem;overflow:auto}
pre code{padding:0;background:none}
.method{display:inline-block;min-width:4.2rem;font-weight:700}
.scroll{overflow-x:auto;margin:.8rem 0}
table{border-collapse:collapse;width:100%}
caption{text-align:left;color:var(--soft);padding:.3rem 0}
th,td{text-align:left;vertical-align:top;padding:.35rem .7rem .35rem 0;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--soft)}
tbody th{font-weight:400}
@media(min-width:75rem){body{display:grid;grid-template-columns:20rem minmax(0,60rem);column-gap:1rem}
header{grid-column:2}main{grid-column:2}
nav{grid-column:1;grid-row:1/3;position:sticky;top:0;height:100vh;overflow-y:auto;border-right:1px solid var(--line)}
nav ul{columns:1}}
@media print{nav,.skip{display:none}}
`;

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#3b82f6" d="M2 2h12v9H7l-4 3v-3H2z"/></svg>`;
