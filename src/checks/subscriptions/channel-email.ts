import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import {
  type Channel,
  type Message,
  ok,
  type Sent,
  sentenceOf,
  unknownSetting,
} from './channel.ts';

/** The mail server; its password is shown nowhere. */
export interface SmtpSettings {
  readonly host: string;
  readonly port: number;
  /** `tls`: from the first byte; `starttls`: required before anything else; `off`: in the clear. */
  readonly tls: 'tls' | 'starttls' | 'off';
  /** Certificates of the authorities that are trusted, PEM; otherwise those of Node. */
  readonly caFile?: string;
  readonly user?: string;
  readonly password?: { readonly reveal: () => string };
  /** Address of the sender. */
  readonly from: string;
}

/** Each step of the conversation with the server. */
const stepMs = 10_000;
/** All of it: a server that says a byte now and then would hold a place for ever. */
const wholeMs = 60_000;

/** What a subject is read by; programs cut it earlier. */
const subjectChars = 200;

/** One plain address, RFC 5321: no list, no name, no comment, nothing that could end a header. */
const address =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/;

/** Who is told by mail is not entered before mail can be sent. */
const noMailServer =
  'Nobody can be told by mail, because no mail server is configured: set monitor.smtp.host.';

/**
 * Mail over SMTP.
 * @param smtp undefined where no server is configured: then nothing can be sent
 * @param limitMs how long one conversation with the server may take
 */
export function emailChannel(smtp: SmtpSettings | undefined, limitMs: number = wholeMs): Channel {
  return {
    fault: (settings) => {
      const unknown = unknownSetting(settings, ['to']);
      if (unknown) return unknown;
      if (!smtp) return noMailServer;
      const { to } = settings;
      if (typeof to === 'string' && address.test(to)) return undefined;
      return 'to must be one plain address such as anna@example.org.';
    },
    send: async (message, { to }) => {
      if (!smtp) return { ok: false, reason: 'no mail server is configured', again: true };
      if (typeof to !== 'string' || !address.test(to)) {
        return { ok: false, reason: 'it has no address', again: false };
      }
      return mail(smtp, to, message, limitMs);
    },
  };
}

async function mail(
  smtp: SmtpSettings,
  to: string,
  message: Message,
  limitMs: number,
): Promise<Sent> {
  const { createTransport } = await import('nodemailer');
  const { host, port, tls, user, password, from, caFile } = smtp;
  const ca = caFile === undefined ? undefined : await readFile(caFile).catch(() => caFault);
  if (ca === caFault) return { ok: false, reason: ca, again: true };
  const socket = new Socket();
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    socket.destroy(new Error('too late'));
  }, limitMs);
  const transport = createTransport({
    ...{ host, port, socket },
    secure: tls === 'tls',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'off',
    ...(ca !== undefined && { tls: { ca } }),
    ...(user !== undefined && { auth: { user, pass: password?.reveal() ?? '' } }),
    connectionTimeout: stepMs,
    greetingTimeout: stepMs,
    socketTimeout: stepMs,
    dnsTimeout: stepMs,
    // What a message says is never taken for the name of a file or an address to be fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail({
      from: { name: 'unitwatch', address: from },
      to: { name: '', address: to },
      subject: [...oneLine(sentenceOf(message))].slice(0, subjectChars).join(''),
      text: textOf(message),
      messageId: `<${message.id}@unitwatch>`,
      date: new Date(message.told),
      headers: { 'Auto-Submitted': 'auto-generated' },
    });
    return ok;
  } catch (error) {
    if (!isLate) return refused(error);
    const reason = `the conversation was not over after ${limitMs / 1_000} s`;
    return { ok: false, reason, again: true };
  } finally {
    clearTimeout(limit);
    transport.close();
    socket.destroy();
  }
}

const caFault = 'monitor.smtp.ca_file cannot be read';

/** Names have no line ends; a reason comes from outside. */
function oneLine(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ');
}

function textOf(message: Message): string {
  const lines = Object.entries(message).map(([name, value]) => `${name}: ${oneLine(`${value}`)}`);
  return `${oneLine(sentenceOf(message))}.\n\n${lines.join('\n')}\n`;
}

/** Who wants to be signed in with, or with something else: that can be mended, RFC 4954, section 6. */
const signIn: ReadonlySet<number> = new Set([530, 534, 535, 538]);

/**
 * A reply of 5yz to the recipient or to the mail itself will not change, RFC 5321, section 4.2.1. To
 * anything else (the greeting, the sender, the password) it speaks of how the server is used, and a
 * person can mend that. Words of the server are not repeated: they come from outside.
 */
function refused(error: unknown): Sent {
  const { code, originalCode, command, response = '' } = toldBy(error);
  const [, status = '', enhanced = ''] =
    /^(\d{3})[ -](?:(\d\.\d{1,3}\.\d{1,3})\b)?/.exec(response) ?? [];
  if (status === '') return { ok: false, reason: reasonOf(originalCode ?? code), again: true };
  const isFinal =
    status.startsWith('5') &&
    (code === 'EMESSAGE' || (code === 'EENVELOPE' && command === 'RCPT TO')) &&
    !signIn.has(Number(status));
  const words = enhanced === '' ? status : `${status} ${enhanced}`;
  return { ok: false, reason: `reply ${words} to ${command}`, again: !isFinal };
}

interface MailFault {
  readonly code: string;
  readonly originalCode?: string;
  readonly command: string;
  readonly response?: string;
}

function toldBy(error: unknown): MailFault {
  const text = (name: string): string | undefined => {
    const value: unknown = error instanceof Error ? Reflect.get(error, name) : undefined;
    return typeof value === 'string' ? value : undefined;
  };
  const [originalCode, response] = [text('originalCode'), text('response')];
  return {
    code: text('code') ?? 'no answer',
    command: text('command') ?? 'the connection',
    ...(originalCode !== undefined && { originalCode }),
    ...(response !== undefined && { response }),
  };
}

/** By its code only: messages may name what is nobody's business. */
function reasonOf(code: string): string {
  return /CERT|SIGNATURE|ISSUER|ALTNAME/.test(code)
    ? `its certificate is not trusted (${code})`
    : code;
}
