/** A page for specs of what runs in browsers: the globals that frameworks look for, from happy-dom. */
import { Window } from 'happy-dom';

const GLOBALS = [
  ...['window', 'document', 'navigator', 'location', 'customElements', 'getComputedStyle'],
  ...['Node', 'Text', 'Comment', 'Element', 'HTMLElement', 'SVGElement', 'DocumentFragment'],
  ...['Event', 'CustomEvent', 'InputEvent', 'HTMLInputElement', 'HTMLTemplateElement'],
  ...['HTMLMediaElement', 'HTMLIFrameElement', 'MutationObserver', 'requestAnimationFrame'],
];

/** The globals of this process become those of a page. */
export const becomePage = (): Window => {
  const window = new Window({ url: 'http://localhost/' });
  for (const name of GLOBALS)
    Object.defineProperty(globalThis, name, {
      value: name === 'window' ? window : Reflect.get(window, name),
      configurable: true,
      writable: true,
    });
  return window;
};
