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
  readonly user?: string;
  readonly password?: { readonly reveal: () => string };
  /** Address of the sender. */
  readonly from: string;
}

/** Each step of the conversation with the server. */
const stepMs = 10_000;

/** One plain address, RFC 5321: no list, no name, no comment, nothing that could end a header. */
const address =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/;

/** Mail over SMTP. @param smtp undefined where no server is configured: then nothing can be sent */
export function emailChannel(smtp: SmtpSettings | undefined): Channel {
  return {
    fault: (settings) => {
      const unknown = unknownSetting(settings, ['to']);
      if (unknown) return unknown;
      const { to } = settings;
      if (typeof to === 'string' && address.test(to)) return undefined;
      return 'to must be one plain address such as anna@example.org.';
    },
    send: async (message, { to }) => {
      if (!smtp) return { ok: false, reason: 'no mail server is configured', again: true };
      if (typeof to !== 'string' || !address.test(to)) {
        return { ok: false, reason: 'it has no address', again: false };
      }
      return mail(smtp, to, message);
    },
  };
}

async function mail(smtp: SmtpSettings, to: string, message: Message): Promise<Sent> {
  const { createTransport } = await import('nodemailer');
  const { host, port, tls, user, password, from } = smtp;
  const transport = createTransport({
    host,
    port,
    secure: tls === 'tls',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'off',
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
      // Names have no line ends; a reason comes from outside.
      subject: sentenceOf(message)
        .replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
        .slice(0, 200),
      text: textOf(message),
      messageId: `<${message.id}@unitwatch>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
    });
    return ok;
  } catch (error) {
    return refused(error);
  } finally {
    transport.close();
  }
}

function textOf(message: Message): string {
  const lines = Object.entries(message).map(([name, value]) => `${name}: ${value}`);
  return `${sentenceOf(message)}.\n\n${lines.join('\n')}\n`;
}

/** A reply of 5yz to the recipient will not change; RFC 5321, section 4.2.1. */
function refused(error: unknown): Sent {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
  const status = error instanceof Error && 'responseCode' in error ? Number(error.responseCode) : 0;
  const reason = status > 0 ? `${code}, reply ${status}` : code;
  return { ok: false, reason, again: !(code === 'EENVELOPE' && status >= 500) };
}
