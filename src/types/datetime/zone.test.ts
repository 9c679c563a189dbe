import { expect, test } from 'vitest';
import { abbreviationsOf, canonicalZoneName, findZone, offsetOfLocal, offsetText } from './zone.ts';
import { daysFromCivil } from './civil.ts';

const at = (year: number, month: number, day: number, hour = 0): number =>
  daysFromCivil(year, month, day) * 86_400 + hour * 3600;

test('names in any case, POSIX specifications, and nothing else', () => {
  expect(findZone('europe/BERLIN')!.offsetAt(at(2024, 7, 1))).toBe(7200);
  expect(findZone('<+02>-02')!.fixedOffset).toBe(7200);
  expect(findZone('UTC+3')!.fixedOffset).toBe(-10_800);
  expect(findZone('+05:30')!.fixedOffset).toBe(-19_800);
  expect(findZone('Nowhere/City')).toBeUndefined();
  expect(findZone('')).toBeUndefined();
});

test('offsets change to the second', () => {
  const berlin = findZone('Europe/Berlin')!;
  const change = at(2024, 3, 31, 1);
  expect(berlin.offsetAt(change - 1)).toBe(3600);
  expect(berlin.offsetAt(change)).toBe(7200);
  expect(berlin.offsetAt(at(1700, 1, 1))).toBe(3208);
  expect(berlin.offsetAt(at(294_000, 7, 1))).toBe(7200);
});

test('gaps take the earlier offset, overlaps the later', () => {
  const newYork = findZone('America/New_York')!;
  expect(offsetOfLocal(newYork, at(2024, 3, 10, 2))).toBe(-18_000);
  expect(offsetOfLocal(newYork, at(2024, 11, 3, 1))).toBe(-18_000);
  expect(offsetOfLocal(newYork, at(2024, 7, 1))).toBe(-14_400);
});

test('what SET TimeZone stores', () => {
  expect(canonicalZoneName('america/new_york')).toBe('America/New_York');
  expect(canonicalZoneName('utc')).toBe('UTC');
  expect(canonicalZoneName('2')).toBe('<+02>-02');
  expect(canonicalZoneName('-7')).toBe('<-07>+07');
  expect(canonicalZoneName('5.5')).toBe('<+05:30>-05:30');
  expect(canonicalZoneName('nowhere')).toBeUndefined();
  expect(findZone(canonicalZoneName('5.5')!)!.fixedOffset).toBe(19_800);
});

test('abbreviations and offsets as text', () => {
  expect(abbreviationsOf(findZone('Asia/Kolkata')!).get('ist')).toBe(19_800);
  expect(findZone('America/Los_Angeles')!.abbreviationAt(at(2024, 7, 1))).toBe('PDT');
  expect(offsetText(0)).toBe('+00');
  expect(offsetText(-12_600)).toBe('-03:30');
  expect(offsetText(3208)).toBe('+00:53:28');
});
