import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusal } from '../../src/collector/actions.ts';

const dbus = 'org.freedesktop.DBus.Error';
const systemd = 'org.freedesktop.systemd1';

for (const [code, want] of [
  // The answer without a polkit, with one that could ask, and with one that said no.
  [
    `${dbus}.AccessDenied`,
    /does not permit this user to restart a\.service: name a\.service .* polkit rule/,
  ],
  [`${dbus}.InteractiveAuthorizationRequired`, /does not permit this user to restart a\.service/],
  [`${dbus}.AuthFailed`, /does not permit this user to restart a\.service/],
  [`${systemd}.UnitMasked`, /^a\.service is masked: systemctl unmask a\.service\.$/],
  [`${systemd}.NoSuchUnit`, /^systemd knows no unit a\.service\.$/],
  [`${systemd}.OnlyByDependency`, /through other units/],
  [`${systemd}.JobTypeNotApplicable`, /^RestartUnit failed: words of systemd$/],
] as const) {
  test(`refused as ${code}`, () =>
    assert.match(
      refusal(code, 'RestartUnit failed: words of systemd', 'restart', 'a.service'),
      want,
    ));
}
