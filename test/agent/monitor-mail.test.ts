import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { until, withBed } from '../bed.ts';
import { makeCertificates } from '../checks/endpoint-servers.ts';
import { smtpServer } from '../checks/smtp-server.ts';
import { eventsOf, type RunningAgent, withAgent } from './agent-process.ts';
import { cli, scratch, statesOf, tcpServer, token, toldTo, waitMs } from './monitor-world.ts';

const user = 'unitwatch@example.org';
const password = 'g3heim-und-lang';

/** Everything that a person could read. */
async function everything(agent: RunningAgent, folder: string): Promise<string> {
  const pages = ['/', '/metrics', '/api/status', '/api/checks', '/api/monitor/callers'];
  const texts = [JSON.stringify(agent.events()), agent.log()];
  for (const path of pages) texts.push((await agent.page(path)).body);
  for (const name of (await readdir(folder)).filter((one) => one.startsWith('monitor.sqlite')))
    texts.push(await readFile(join(folder, name), 'latin1'));
  return texts.join('\n');
}

test('a caller is told by mail over STARTTLS; a wrong password is told of, and is nowhere', async (t) => {
  const folder = await scratch(t);
  const { ca, good } = await makeCertificates();
  for (const [name, text] of Object.entries({ ca, certificate: good.cert, key: good.key }))
    await writeFile(join(folder, `${name}.pem`), text);
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  const options = {
    tls: 'starttls',
    mechanism: 'PLAIN',
    user,
    password,
    certificate,
    key,
  } as const;
  const mails = await smtpServer(options);
  t.after(() => mails.close());
  const server = await tcpServer(t);
  await withBed({}, async (bed) => {
    const settings = (own: string) => ({
      bus: bed.busAddress,
      config: `monitor:
  enabled: true
  path: ${join(folder, 'monitor.sqlite')}
  smtp: { host: 127.0.0.1, port: ${mails.port}, ca_file: ${folder}/ca.pem, user: ${user} }
`,
      env: { UNITWATCH_PAGE_TOKEN: token, UNITWATCH_MONITOR_SMTP_PASSWORD: own },
    });
    const wrong = 'vertippt-s3cret';
    await withAgent(settings(wrong), async (agent) => {
      for (const words of [
        `services add db --kind tcp --set host=127.0.0.1 --set port=${server.port}`,
        'callers add anna --kind email --set to=anna@example.org',
        'subscriptions add anna db --polling-frequency 1s',
      ])
        await cli(folder, agent, words);
      await until('it is up', () => statesOf(agent, 'db').includes('up'), waitMs);
      await server.die();
      const failures = () =>
        eventsOf(agent.events(), 'notification', 'db').map(({ data }) => data.failure);
      await until('it is refused', () => failures().length > 0, waitMs);
      assert.equal(failures()[0], 'reply 535 5.7.8 to AUTH PLAIN');
      const text = await everything(agent, folder);
      const plain = Buffer.from(`\0${user}\0${wrong}`).toString('base64');
      for (const secret of [wrong, plain, Buffer.from(wrong).toString('base64')])
        assert.ok(!text.includes(secret), secret);
      assert.ok(text.includes('anna@example.org'), 'what is no secret is found so');
      assert.deepEqual(await mails.mails(), []);
    });
    await withAgent(settings(password), async (agent) => {
      await until('the mail is sent', () => toldTo(agent, 'anna', 'db').length > 0, waitMs);
      const [told] = toldTo(agent, 'anna', 'db');
      const [mail, ...more] = await mails.mails();
      assert.deepEqual(more, []);
      assert.deepEqual([mail?.to, mail?.tls], [['anna@example.org'], true]);
      const headers = Object.fromEntries(mail?.headers ?? []);
      assert.equal(headers['Subject'], 'db is down (refused)');
      assert.equal(headers['Message-ID'], `<${told?.delivery_id}@unitwatch>`);
      assert.ok(!(await everything(agent, folder)).includes(password));
    });
  });
});
