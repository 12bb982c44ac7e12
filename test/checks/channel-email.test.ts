import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import type { Message } from '../../src/checks/subscriptions/channel.ts';
import { emailChannel, type SmtpSettings } from '../../src/checks/subscriptions/channel-email.ts';
import { makeCertificates, Servers } from './endpoint-servers.ts';
import { type SmtpOptions, smtpServer } from './smtp-server.ts';

const time = '2026-01-31T09:26:53.000000Z';
const message: Message = {
  ...{ id: '6b1b3c0e', caller: 'anna', service: 'web', state: 'down', since: time, told: time },
  ...{ reason: 'refused', left_out: 0 },
};
const to = { to: 'anna@example.org' };
const password = 'Gänse s3cret';
const account = { user: 'u@example.org', password };
const secret = { user: account.user, password: { reveal: () => password } };

let folder = '';
const at = (name: string): string => join(folder, name);
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'unitwatch-mail-'));
  const { ca, good, expired, wrongName, selfSigned } = await makeCertificates();
  writeFileSync(at('ca.pem'), ca);
  for (const [name, pair] of Object.entries({ good, expired, wrongName, selfSigned })) {
    writeFileSync(at(`${name}.pem`), pair.cert);
    writeFileSync(at(`${name}.key`), pair.key);
  }
});
after(() => rmSync(folder, { recursive: true }));

const certificate = (name: string) => ({ certificate: at(`${name}.pem`), key: at(`${name}.key`) });

/** A real server, and a channel to it. */
async function mailing(t: TestContext, options: SmtpOptions, more: Partial<SmtpSettings> = {}) {
  const server = await smtpServer(options);
  t.after(() => server.close());
  const { port } = server;
  const common = { host: '127.0.0.1', port, tls: options.tls, from: 'unitwatch@example.org' };
  const send = (what: Message = message, now: Partial<SmtpSettings> = {}) =>
    emailChannel({ ...common, ...more, ...now }).send(what, to);
  return { server, send };
}

test('one recipient, a subject of one line in any language, no header out of a name', async (t) => {
  const { server, send } = await mailing(t, { tls: 'off' });
  const hostile = {
    ...message,
    service: 'Zählerstände 🚰\u2028Bcc: evil@example.org',
    reason: 'x\r\nBcc: evil@example.org\r\n\r\nhello\r\n.\r\nQUIT\r\n\u202ekcab',
    caller: 'anna"\\ <evil@example.org>, =?utf-8?q?Bcc=3A_x?=',
  };
  assert.deepEqual(await send(hostile), { ok: true });
  const [mail] = await server.mails();
  assert.ok(mail);
  assert.deepEqual([mail.sender, mail.to], ['unitwatch@example.org', ['anna@example.org']]);
  const names = mail.headers.map(([name]) => name).sort();
  assert.deepEqual(names, [
    ...['Auto-Submitted', 'Content-Transfer-Encoding', 'Content-Type', 'Date', 'From'],
    ...['MIME-Version', 'Message-ID', 'Subject', 'To'],
  ]);
  const header = Object.fromEntries(mail.headers);
  assert.equal(
    header['Subject'],
    'Zählerstände 🚰 Bcc: evil@example.org is down (x Bcc: evil@example.org hello . QUIT kcab)',
  );
  assert.equal(header['To'], 'anna@example.org');
  assert.equal(header['From'], 'unitwatch <unitwatch@example.org>');
  assert.equal(header['Message-ID'], '<6b1b3c0e@unitwatch>');
  assert.equal(header['Date'], 'Sat, 31 Jan 2026 09:26:53 +0000');
  assert.deepEqual(mail.defects, []);
  assert.match(mail.raw, /^[\x20-\x7e\r\n]+$/, 'ASCII on the wire');
  assert.ok(mail.raw.split('\r\n').every((line) => line.length <= 998));
  const lines = mail.body
    .trim()
    .split('\n')
    .map((line) => line.replace(/\r$/, ''));
  assert.equal(lines[0], `${header['Subject']}.`);
  assert.equal(lines.length, 2 + Object.keys(message).length, 'one line for each field');
  assert.ok(lines.includes('reason: x Bcc: evil@example.org hello . QUIT kcab'));
});

test('a long subject is cut between characters', async (t) => {
  const { server, send } = await mailing(t, { tls: 'off' });
  assert.deepEqual(await send({ ...message, service: '🚰'.repeat(128), reason: '𝄞'.repeat(300) }), {
    ok: true,
  });
  const subject = Object.fromEntries((await server.mails())[0]?.headers ?? [])['Subject'] ?? '';
  assert.equal([...subject].length, 200);
  assert.equal(subject, `${'🚰'.repeat(128)} is down (${'𝄞'.repeat(62)}`);
});

for (const tls of ['tls', 'starttls'] as const) {
  for (const mechanism of ['PLAIN', 'LOGIN'] as const) {
    test(`${tls}, signed in with ${mechanism}; a wrong password is tried again, and not repeated`, async (t) => {
      const options = { tls, mechanism, ...account, ...certificate('good') };
      const { server, send } = await mailing(t, options, { ...secret, caFile: at('ca.pem') });
      assert.deepEqual(await send(), { ok: true });
      assert.deepEqual(await server.signedIn(), [`${mechanism} right tls`]);
      assert.equal((await server.mails())[0]?.tls, true);
      const wrong = { password: { reveal: () => 'not the s3cret' } };
      const reason = `reply 535 5.7.8 to AUTH ${mechanism}`;
      assert.deepEqual(await send(message, wrong), { ok: false, reason, again: true });
      assert.deepEqual((await server.signedIn()).slice(1), [`${mechanism} wrong tls`]);
      assert.equal((await server.mails()).length, 1);
    });
  }

  for (const [name, reason] of [
    ['selfSigned', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['expired', 'CERT_HAS_EXPIRED'],
    ['wrongName', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] as const) {
    test(`${tls}: nothing is said to a server whose certificate is not trusted: ${name}`, async (t) => {
      const options = { tls, mechanism: 'PLAIN', ...account, ...certificate(name) } as const;
      const { server, send } = await mailing(t, options, { ...secret, caFile: at('ca.pem') });
      const words = `its certificate is not trusted (${reason})`;
      assert.deepEqual(await send(), { ok: false, reason: words, again: true });
      assert.deepEqual([await server.signedIn(), await server.mails()], [[], []]);
    });
  }
}

test('without ca_file the authority of the test is not trusted; a file that is not there is named', async (t) => {
  const { send } = await mailing(t, { tls: 'tls', ...certificate('good') });
  const words = 'its certificate is not trusted (UNABLE_TO_VERIFY_LEAF_SIGNATURE)';
  assert.deepEqual(await send(), { ok: false, reason: words, again: true });
  assert.deepEqual(await send(message, { caFile: at('none.pem') }), {
    ...{ ok: false, reason: 'monitor.smtp.ca_file cannot be read', again: true },
  });
});

test('a server without STARTTLS gets neither the password nor the mail', async (t) => {
  const options = { tls: 'off', mechanism: 'PLAIN', ...account } as const;
  const { server, send } = await mailing(t, options, { ...secret, tls: 'starttls' });
  const sent = await send();
  assert.deepEqual(sent, { ok: false, reason: 'reply 454 to STARTTLS', again: true });
  assert.deepEqual([await server.signedIn(), await server.mails()], [[], []]);
});

for (const { orders, reason, again } of [
  { orders: { rcpt: '451 4.7.1 Greylisted' }, reason: 'reply 451 4.7.1 to RCPT TO', again: true },
  { orders: { rcpt: '550 no such user' }, reason: 'reply 550 to RCPT TO', again: false },
  { orders: { rcpt: '530 5.7.0 sign in' }, reason: 'reply 530 5.7.0 to RCPT TO', again: true },
  { orders: { mail: '553 5.1.8 who?' }, reason: 'reply 553 5.1.8 to MAIL FROM', again: true },
  { orders: { data: '452 4.2.2 full' }, reason: 'reply 452 4.2.2 to DATA', again: true },
  { orders: { data: '554 5.7.1 spam' }, reason: 'reply 554 5.7.1 to DATA', again: false },
]) {
  const word = again ? 'is tried again' : 'is given up';
  test(`${JSON.stringify(orders)}: ${word}`, async (t) => {
    const { server, send } = await mailing(t, { tls: 'off' });
    await server.order(orders);
    assert.deepEqual(await send(), { ok: false, reason, again });
    await server.order({});
    assert.deepEqual(await send(), { ok: true }, 'and taken when it is right');
  });
}

test('a connection that is cut behind the mail: the second attempt has the same Message-ID and text', async (t) => {
  const { server, send } = await mailing(t, { tls: 'off' });
  await server.order({ data: 'drop' });
  const sent = await send();
  assert.ok(!sent.ok && sent.again, JSON.stringify(sent));
  await server.order({});
  assert.deepEqual(await send(), { ok: true });
  const [first, second] = await server.mails();
  assert.ok(first && second);
  assert.deepEqual(second, first, 'nothing of it differs');
});

test('nobody there, a server that hangs before its greeting, those that go on for ever', async () => {
  const servers = new Servers();
  const settings = (port: number) =>
    ({ host: '127.0.0.1', port, tls: 'off', from: 'u@example.org' }) as const;
  const none = createServer();
  await new Promise<void>((resolve) => none.listen(0, '127.0.0.1', resolve));
  const { port: free } = none.address() as AddressInfo;
  await new Promise((resolve) => none.close(resolve));
  const mute = await servers.tcp((socket) => socket.resume());
  const drip = await servers.tcp((socket) => {
    const timer = setInterval(() => socket.write('2'), 3_000);
    socket.on('close', () => clearInterval(timer)).resume();
  });
  const talker = await servers.tcp((socket) => {
    socket.write('220 hello\r\n');
    const timer = setInterval(() => socket.write('250-and\r\n'), 100);
    socket.on('close', () => clearInterval(timer)).resume();
  });
  try {
    const late = await emailChannel(settings(talker), 2_000).send(message, to);
    const reason = 'the conversation was not over after 2 s';
    assert.deepEqual(late, { ok: false, reason, again: true });
    const began = Date.now();
    const ends = await Promise.all(
      [free, mute, drip].map((port) => emailChannel(settings(port)).send(message, to)),
    );
    assert.deepEqual(ends, [
      { ok: false, reason: 'ECONNREFUSED', again: true },
      { ok: false, reason: 'ETIMEDOUT', again: true },
      { ok: false, reason: 'ETIMEDOUT', again: true },
    ]);
    assert.ok(Date.now() - began < 20_000, `${Date.now() - began} ms`);
  } finally {
    servers.close();
  }
});
