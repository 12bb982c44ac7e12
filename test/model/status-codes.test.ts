import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStatusCodes, statusCodesText } from '../../src/model/status-codes.ts';

for (const { given, want } of [
  { given: 204, want: '204' },
  { given: '204', want: '204' },
  { given: '2xx', want: '200-299' },
  { given: '5XX', want: '500-599' },
  { given: '200-399', want: '200-399' },
  { given: ' 200 - 204 , 3xx,404 ', want: '200-204, 300-399, 404' },
  { given: [200, '3xx', '404,410'], want: '200, 300-399, 404, 410' },
  { given: '100-599', want: '100-599' },
  { given: Array(64).fill(200), want: Array(64).fill('200').join(', ') },
]) {
  test(`${JSON.stringify(given).slice(0, 40)} is ${want.slice(0, 40)}, and is read back as it is written`, () => {
    const spans = readStatusCodes(given);
    assert.ok(spans);
    assert.equal(statusCodesText(spans), want);
    assert.deepEqual(readStatusCodes(want), spans);
  });
}

for (const given of [
  ...['', ' ', ',', '200,', '2x', 'xx', '0xx', '6xx', '2xx-3xx', '299-200', '99', '600', '2e2'],
  ...['200-', '-200', '200--204', 'ok'],
  ...[2, 200.5, -200, Number.NaN, null, undefined, true, {}, [], [[200]], [null], ['200', '']],
  ...[Array(65).fill(200), Array(65).fill('200').join(',')],
]) {
  test(`no status codes: ${JSON.stringify(given)?.slice(0, 40)}`, () => {
    assert.equal(readStatusCodes(given), undefined);
  });
}
