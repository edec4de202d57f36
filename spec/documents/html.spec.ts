/** HTML as values. */
import t from 'tap';
import { html, prose } from '../../lib/documents/html.js';

t.test('when a text is put into HTML, then it is escaped; HTML is not', async (t) => {
  t.equal(html`<p>${'<b a="1">&\''}</p>`.text, '<p>&#60;b a=&#34;1&#34;&#62;&#38;&#39;</p>');
  t.equal(html`<p>${html`<b>${1}</b>`}</p>`.text, '<p><b>1</b></p>');
  t.equal(html`${['<', html`<i>`]}${undefined}${[]}${true}`.text, '&#60;<i>true');
  t.equal(html`plain`.text, 'plain');
});

t.test('when a text has backticks, then what is between them is code', async (t) => {
  t.equal(prose('a `<b>` c').text, 'a <code>&#60;b&#62;</code> c');
});
