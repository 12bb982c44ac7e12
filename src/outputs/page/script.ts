/**
 * The page's script, as it is sent. It hears events, and then takes the new state of the page from
 * the server, which alone knows how to draw it: so there is one place that makes markup of names.
 * The token lies in sessionStorage: until the tab is closed, for this address and port only, and it
 * never goes anywhere by itself, as a cookie would (a cookie goes to every port of the host).
 */
export const script = `'use strict';
(() => {
  const byId = (id) => document.getElementById(id);
  const news = byId('news');
  const connection = byId('connection');
  const betweenMs = 1000;
  let newest = 0;
  let timer;
  let lastMs = 0;

  async function take(keepsFolds) {
    timer = undefined;
    lastMs = Date.now();
    const turn = ++newest;
    try {
      const answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
      const text = await answer.text();
      const fresh = new DOMParser().parseFromString(text, 'text/html');
      if (turn !== newest) return;
      for (const part of document.querySelectorAll('.live')) {
        const now = fresh.getElementById(part.id);
        if (now) show(part, now, keepsFolds);
      }
    } catch {
      connection.textContent = 'No answer from unitwatch; trying again.';
    }
  }

  // Folded parts stay as they are, and so does the place of the keyboard.
  function show(live, fresh, keepsFolds) {
    const at = document.activeElement;
    const place = live.contains(at) ? [...live.querySelectorAll(focusable)].indexOf(at) : -1;
    const isSame = (one) => one.getAttribute('href') === at.getAttribute('href') && one.dataset.name === at.dataset.name && one.dataset.action === at.dataset.action && one.tagName === at.tagName;
    const old = [...live.querySelectorAll('details')];
    if (keepsFolds) for (const part of fresh.querySelectorAll('details')) {
      const title = part.querySelector('summary').firstChild.textContent;
      const before = old.find((one) => one.querySelector('summary').firstChild.textContent === title);
      if (before) part.open = before.open;
    }
    const left = live.querySelector('.wide') ? live.querySelector('.wide').scrollLeft : 0;
    live.replaceChildren(...fresh.childNodes);
    if (live.querySelector('.wide')) live.querySelector('.wide').scrollLeft = left;
    if (place < 0) return;
    const all = [...live.querySelectorAll(focusable)];
    const same = all.filter(isSame);
    (same.includes(all[place]) ? all[place] : same[0] || all[place] || byId('main')).focus({ preventScroll: true });
  }
  const focusable = 'a, button, summary, [tabindex]';

  function soon(waitMs) {
    if (timer !== undefined || document.hidden) return;
    timer = setTimeout(() => take(true), Math.max(waitMs, lastMs + betweenMs - Date.now()));
  }

  function say(text) {
    news.textContent = text;
  }

  const told = { started: 'is up', exited: 'ended and will be started again', restarting: 'is being restarted', restarted: 'was restarted', stopped: 'stopped', failed: 'failed', missing: 'is missing' };
  let lastSaid = 0;
  function hear(event) {
    soon(300);
    // A voice that reads every line of a storm helps nobody.
    const isBad = event.severity === 'error' || event.severity === 'critical';
    if (Date.now() - lastSaid < (isBad ? 500 : 2000)) return;
    lastSaid = Date.now();
    say(shown(event.message || event.service + ' ' + (told[event.event_type] || event.event_type.replaceAll('_', ' ') + ' ' + (event.data.state || event.data.phase || event.data.step || ''))));
  }
  // What turns the direction of text or cannot be seen is shown by its number, as on the server.
  function shown(text) {
    return text.replace(/[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}\\p{Co}\\p{Cn}]/gu, (one) => '\\\\u{' + one.codePointAt(0).toString(16) + '}');
  }

  // A picture that is wider than the window is shown from its middle, where the unit is.
  const wide = document.querySelector('.wide');
  if (wide) wide.scrollLeft = (wide.scrollWidth - wide.clientWidth) / 2;

  let source;
  function listen() {
    source = new EventSource('/api/events');
    source.onopen = () => {
      connection.textContent = 'Live: changes appear by themselves.';
      soon(0);
    };
    source.onmessage = (message) => hear(JSON.parse(message.data));
    source.addEventListener('gap', () => soon(300));
    source.onerror = () => {
      connection.textContent = 'Not live at the moment; trying again.';
      if (source.readyState === EventSource.CLOSED) {
        source.close();
        setTimeout(listen, 15000);
      }
    };
  }
  listen();
  // Times on the page grow older, and without a stream this is all there is.
  setInterval(() => soon(0), 15000);
  document.addEventListener('visibilitychange', () => soon(0));

  const filter = byId('filter');
  if (filter) {
    let typing;
    const send = () => {
      const wanted = new URLSearchParams(new FormData(filter));
      if (!wanted.get('filter')) wanted.delete('filter');
      const query = wanted.toString();
      history.replaceState(null, '', query ? '/?' + query : '/');
      // What is searched for comes unfolded.
      take(false);
    };
    filter.addEventListener('submit', (event) => {
      event.preventDefault();
      send();
    });
    filter.addEventListener('input', () => {
      clearTimeout(typing);
      typing = setTimeout(send, 250);
    });
  }

  const unlock = byId('unlock');
  const stored = () => sessionStorage.getItem('unitwatch-token');
  function unlocked() {
    const has = stored() !== null;
    document.body.classList.toggle('unlocked', has);
    byId('lock').hidden = !has;
    for (const one of unlock.querySelectorAll('label, input, [type=submit]')) one.hidden = has;
  }
  if (unlock) {
    unlock.hidden = false;
    unlocked();
    unlock.addEventListener('submit', (event) => {
      event.preventDefault();
      sessionStorage.setItem('unitwatch-token', byId('token').value.trim());
      byId('token').value = '';
      unlocked();
    });
    byId('lock').addEventListener('click', () => {
      sessionStorage.removeItem('unitwatch-token');
      unlocked();
    });
  }

  document.addEventListener('click', async (event) => {
    const button = event.target.closest('button[data-action]');
    if (!button || stored() === null) return;
    const { action } = button.dataset;
    const name = decodeURIComponent(button.dataset.name);
    if (action !== 'acknowledge' && !confirm(button.getAttribute('aria-label') + '?')) return;
    say(button.getAttribute('aria-label') + ' …');
    try {
      const answer = await fetch('/api/actions', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: 'Bearer ' + stored() },
        body: JSON.stringify({ action, name }),
      });
      const result = await answer.json();
      if (answer.status === 401) {
        sessionStorage.removeItem('unitwatch-token');
        unlocked();
      }
      say(shown(result.sentence));
      soon(0);
    } catch {
      say('No answer from unitwatch.');
    }
  });
})();
`;
