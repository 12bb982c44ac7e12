import { humanDuration, type RealtimeUs, rfc3339 } from '../../model/time.ts';
import { printable } from '../terminal-text.ts';

/** Markup that is safe to send as it is. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template: text is escaped, markup stays, nothing and `false` are left out. */
type Part = string | number | Html | readonly Html[] | undefined | false;

/**
 * Markup in which every text that is put in is escaped, for elements and for quoted attributes
 * alike; what steers a terminal, turns the direction of text or cannot be seen is written as its
 * number, so that one name cannot look like another.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0] ?? '';
  for (const [i, part] of parts.entries()) text += partText(part) + (strings[i + 1] ?? '');
  return new Html(text);
}

function partText(part: Part): string {
  if (part === undefined || part === false) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') return escapeMarkup(printable(part));
  let text = '';
  for (const one of part) text += one.text;
  return text;
}

function escapeMarkup(text: string): string {
  return text.replace(/[&<>"'`]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Where a unit or a check has its page. Half characters, which no URL can hold, become U+FFFD. */
export function servicePath(name: string): string {
  return `/service/${encodeURIComponent(name.replace(/\p{Cs}/gu, '\ufffd'))}`;
}

export function serviceLink(name: string): Html {
  return html`<a href="${servicePath(name)}">${name}</a>`;
}

/** `3 min 20 s ago`, with the exact time for machines and under the pointer. */
export function ago(timeUs: RealtimeUs, nowUs: RealtimeUs): Html {
  if (timeUs === 0) return html`<span class="quiet">never</span>`;
  const exact = rfc3339(timeUs);
  return html`<time datetime="${exact}" title="${readable(timeUs)}">${rough(nowUs - timeUs)} ago</time>`;
}

/** `2026-01-31 09:26:53 UTC` */
export function exactTime(timeUs: RealtimeUs): Html {
  return html`<time datetime="${rfc3339(timeUs)}">${readable(timeUs)}</time>`;
}

export function readable(timeUs: RealtimeUs): string {
  return `${rfc3339(timeUs).slice(0, 19).replace('T', ' ')} UTC`;
}

/** A length of time to the second: nobody reads milliseconds in a table. */
export function rough(us: number): string {
  return us < 1e6 ? '0 s' : humanDuration(Math.floor(us / 1e6) * 1e6);
}

/** `1.5 GB`, in powers of 1000 as findings are told. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(1, Math.abs(bytes))) / 3)));
  const value = bytes / 1000 ** power;
  return `${Number(value.toPrecision(3))} ${units[power]}`;
}

/** `1 unit`, `2 units` */
export function plural(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}
