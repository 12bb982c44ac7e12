import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { ensureInstalled } from './debian.ts';

export interface Chromium {
  readonly browser: Browser;
  /** Ends it and removes what it has written. */
  close(): Promise<void>;
}

/**
 * Debian's chromium, headless. Root may not use its sandbox; all it is shown are pages of ours.
 * The fonts are for the eyes of whoever looks at a picture: without them letters are boxes.
 */
export async function startChromium(): Promise<Chromium> {
  await ensureInstalled(['chromium', 'fonts-dejavu-core']);
  const home = mkdtempSync(join(tmpdir(), 'unitwatch-chromium-'));
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
    timeout: 120_000,
  });
  return {
    browser,
    close: async () => {
      await browser.close();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
